"""Stands for `logging`: lines on the standard error, which come back with the answer. There are no files and no hosts."""
# ruff: noqa: N802 - named as in logging

import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from jigsmith_worker.policy import names, own
from jigsmith_worker.policy.stand_ins import traceback
from jigsmith_worker.policy.stand_ins.log_records import (
    BASIC_FORMAT,
    CRITICAL,
    DEBUG,
    ERROR,
    INFO,
    LEVELS,
    NOTSET,
    PLAIN,
    WARNING,
    Formatter,
    LogRecord,
    getLevelName,
    held,
    level_of,
)

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "NOTSET", "WARNING", "Formatter", "LogRecord", "getLevelName"]


@held
class Filter:
    """Lets the records of a logger and those below it pass."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def filter(self, record: LogRecord) -> bool:
        """Return whether a record passes."""
        return not self.name or record.name == self.name or record.name.startswith(f"{self.name}.")


def _pass(filters: Iterable[Any], record: LogRecord) -> bool:
    return all(one.filter(record) if hasattr(one, "filter") else one(record) for one in filters)


@held
class Handler:
    """Does something with records; a class of one's own says what, by its `emit`."""

    def __init__(self, level: Any = NOTSET) -> None:
        self.level, self.name = level_of(level), None
        self.formatter: Formatter | None = None
        self.filters: list[Any] = []

    def setLevel(self, level: Any) -> None:
        """Ignore what is below a level."""
        self.level = level_of(level)

    def setFormatter(self, fmt: Any) -> None:
        """Choose what makes lines."""
        self.formatter = fmt

    def addFilter(self, filter: Any) -> None:  # noqa: A002 - as in logging
        """Add a condition."""
        self.filters.append(filter)

    def format(self, record: LogRecord) -> str:
        """Return the line of a record."""
        formatter = PLAIN if self.formatter is None else self.formatter
        if Formatter not in type(formatter).__mro__:  # a text has a `format`, too, which walks to attributes
            raise TypeError("a formatter must be a logging.Formatter")
        return formatter.format(record)

    def handle(self, record: LogRecord) -> None:
        """Emit a record that passes. An error of that is printed and nobody else's affair."""
        if _pass(self.filters, record):
            try:
                self.emit(record)
            except RecursionError:
                raise
            except Exception:  # noqa: BLE001 - as in logging
                sys.stderr.write(f"--- Logging error ---\n{traceback.format_exc()}")

    def emit(self, record: LogRecord) -> None:
        """Do something with a record."""
        raise NotImplementedError("emit must be implemented by Handler subclasses")

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def close(self) -> None:
        """Do nothing: there is no file."""


@held
class StreamHandler(Handler):
    """Writes lines to a stream, to the standard error if none is named."""

    terminator = "\n"

    def __init__(self, stream: Any = None) -> None:
        Handler.__init__(self)
        self.stream = stream

    def emit(self, record: LogRecord) -> None:
        """Write a record."""
        (sys.stderr if self.stream is None else self.stream).write(self.format(record) + self.terminator)


@held
class NullHandler(Handler):
    """Does nothing with records."""

    def handle(self, record: LogRecord) -> None:
        """Do nothing."""


@held
class Logger:
    """Hands records to its handlers and to those of the loggers above it."""

    def __init__(self, name: str, level: Any = NOTSET) -> None:
        self.name, self.level = name, level_of(level)
        self.handlers: list[Any] = []
        self.filters: list[Any] = []
        self.propagate, self.disabled = True, False

    @property
    def parent(self) -> "Logger | None":
        """The next logger above this one."""
        above = self.name
        while above and self is not _root:
            above = above.rpartition(".")[0]
            if above in _loggers:
                return _loggers[above]
        return None if self is _root else _root

    def setLevel(self, level: Any) -> None:
        """Ignore what is below a level."""
        self.level = level_of(level)

    def getEffectiveLevel(self) -> int:
        """Return the level of this logger, or of the next one above that has any."""
        at: Any = self
        while at is not None:
            if at.level:
                return int(at.level)
            at = at.parent
        return NOTSET

    def isEnabledFor(self, level: Any) -> bool:
        """Return whether something of a level is logged here."""
        return (
            not self.disabled and level_of(level) > _disabled_below[0] and level_of(level) >= self.getEffectiveLevel()
        )

    def getChild(self, suffix: str) -> "Logger":
        """Return a logger below this one."""
        return getLogger(suffix if self is _root else f"{self.name}.{suffix}")

    def addHandler(self, hdlr: Any) -> None:
        """Add a handler."""
        if hdlr not in self.handlers:
            self.handlers.append(hdlr)

    def removeHandler(self, hdlr: Any) -> None:
        """Remove a handler."""
        if hdlr in self.handlers:
            self.handlers.remove(hdlr)

    def hasHandlers(self) -> bool:
        """Return whether there is a handler here or above."""
        return bool(self._all_handlers())

    def addFilter(self, filter: Any) -> None:  # noqa: A002 - as in logging
        """Add a condition."""
        self.filters.append(filter)

    def debug(self, msg: Any, *args: Any, **options: Any) -> None:
        """Log something for whoever looks for a fault."""
        self.log(DEBUG, msg, *args, **options)

    def info(self, msg: Any, *args: Any, **options: Any) -> None:
        """Log something that went as it should."""
        self.log(INFO, msg, *args, **options)

    def warning(self, msg: Any, *args: Any, **options: Any) -> None:
        """Log something odd."""
        self.log(WARNING, msg, *args, **options)

    warn = warning

    def error(self, msg: Any, *args: Any, **options: Any) -> None:
        """Log something that failed."""
        self.log(ERROR, msg, *args, **options)

    def exception(self, msg: Any, *args: Any, exc_info: Any = True, **options: Any) -> None:
        """Log the exception that is being handled."""
        self.log(ERROR, msg, *args, exc_info=exc_info, **options)

    def critical(self, msg: Any, *args: Any, **options: Any) -> None:
        """Log something that nothing can go on after."""
        self.log(CRITICAL, msg, *args, **options)

    fatal = critical

    def log(self, level: int, msg: Any, *args: Any, exc_info: Any = None, extra: Any = None, **where: Any) -> None:
        """Log something of a level."""
        if not isinstance(level, int):
            raise TypeError("level must be an integer")
        if unknown := where.keys() - {"stack_info", "stacklevel"}:
            raise TypeError(f"Logger.log() got an unexpected keyword argument {min(unknown)!r}")
        if not self.isEnabledFor(level):
            return
        record = LogRecord(self.name, level_of(level), msg, args, _text_of(exc_info))
        for name, value in dict(extra or {}).items():
            if type(name) is not str or name in vars(record) or names.is_dunder(name) or names.is_private(name):
                raise KeyError(f"Attempt to overwrite {name!r} in LogRecord")
            vars(record)[name] = value
        self.handle(record)

    def handle(self, record: LogRecord) -> None:
        """Hand a record to all handlers that want it; with none, warnings are printed."""
        if self.disabled or not _pass(self.filters, record):
            return
        handlers = self._all_handlers()
        for one in handlers:
            if record.levelno >= one.level:
                one.handle(record)
        if not handlers and record.levelno >= WARNING:
            _last_resort.handle(record)

    def _all_handlers(self) -> list[Any]:
        found: list[Any] = []
        at: Logger | None = self
        while at is not None:
            found += at.handlers
            at = at.parent if at.propagate else None
        return found

    def __repr__(self) -> str:
        kind = "RootLogger" if self is _root else "Logger"
        return f"<{kind} {self.name} ({getLevelName(self.getEffectiveLevel())})>"


@held
class LoggerAdapter:
    """Logs with something added, as its `process` says."""

    def __init__(self, logger: Any, extra: Any = None) -> None:
        self.logger, self.extra = logger, extra

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return the message and the options to log it with."""
        return msg, {**kwargs, "extra": self.extra}

    def log(self, level: Any, msg: Any, *args: Any, **options: Any) -> None:
        """Log something of a level."""
        msg, options = self.process(msg, options)
        self.logger.log(level, msg, *args, **options)

    def exception(self, msg: Any, *args: Any, exc_info: Any = True, **options: Any) -> None:
        """Log the exception that is being handled."""
        self.log(ERROR, msg, *args, exc_info=exc_info, **options)

    def setLevel(self, level: Any) -> None:
        """Ignore what is below a level."""
        self.logger.setLevel(level)

    def isEnabledFor(self, level: Any) -> Any:
        """Return whether something of a level is logged here."""
        return self.logger.isEnabledFor(level)


def _at(level: int) -> Callable[..., None]:
    def log(self: Any, msg: Any, *args: Any, **options: Any) -> None:
        self.log(level, msg, *args, **options)

    return log


for _name in ("debug", "info", "warning", "error", "critical"):
    setattr(LoggerAdapter, _name, _at(LEVELS[_name.upper()]))


def _text_of(exc_info: Any) -> str | None:
    if not exc_info:
        return None
    if type(exc_info) is tuple and len(exc_info) == 3:
        exc_info = exc_info[1]
    if isinstance(exc_info, BaseException):
        return "".join(traceback.format_exception(exc_info)).rstrip("\n")
    return traceback.format_exc().rstrip("\n")


own.let_write(Logger, "name level propagate disabled handlers filters")
own.let_write(LogRecord, "")
own.let_write(StreamHandler, "level formatter stream terminator name filters")
_root: Final = Logger("root", WARNING)
_last_resort: Final = StreamHandler()
_loggers: Final[dict[str, Logger]] = {}
_disabled_below: Final = [NOTSET]


def getLogger(name: str | None = None) -> Logger:
    """Return the logger of a name, always the same; the root without one."""
    if not name or name == "root":
        return _root
    if type(name) is not str:
        raise TypeError("A logger name must be a string")
    if name not in _loggers:
        _loggers[name] = Logger(name)
    return _loggers[name]


def basicConfig(
    *, level: Any = None, format: str | None = None, datefmt: str | None = None, style: str = "%",  # noqa: A002 - as in logging
    stream: Any = None, handlers: Any = None, force: bool = False, filename: Any = None,
) -> None:  # fmt: skip
    """Give the root a handler, if it has none."""
    if filename is not None:
        raise ValueError("there are no files here: leave filename out, and what is logged comes back with the answer")
    if stream is not None and handlers is not None:
        raise ValueError("'stream' or 'filename' should not be specified together with 'handlers'")
    if force:
        _root.handlers.clear()
    if not _root.handlers:
        formatter = Formatter(format or BASIC_FORMAT.get(style), datefmt, style)
        for one in handlers or [StreamHandler(stream)]:
            if one.formatter is None:
                one.setFormatter(formatter)
            _root.addHandler(one)
    if level is not None:
        _root.setLevel(level)


def disable(level: Any = CRITICAL) -> None:
    """Log nothing up to a level, whoever logs."""
    _disabled_below[0] = level_of(level)


def log(level: Any, msg: Any, *args: Any, **options: Any) -> None:
    """Log something of a level by the root."""
    if not _root.handlers:
        basicConfig()
    _root.log(level, msg, *args, **options)


def debug(msg: Any, *args: Any, **options: Any) -> None:
    """Log by the root, as all of these."""
    log(DEBUG, msg, *args, **options)


def info(msg: Any, *args: Any, **options: Any) -> None:
    """Log by the root."""
    log(INFO, msg, *args, **options)


def warning(msg: Any, *args: Any, **options: Any) -> None:
    """Log by the root."""
    log(WARNING, msg, *args, **options)


def error(msg: Any, *args: Any, **options: Any) -> None:
    """Log by the root."""
    log(ERROR, msg, *args, **options)


def exception(msg: Any, *args: Any, exc_info: Any = True, **options: Any) -> None:
    """Log the exception that is being handled, by the root."""
    log(ERROR, msg, *args, exc_info=exc_info, **options)


def critical(msg: Any, *args: Any, **options: Any) -> None:
    """Log by the root."""
    log(CRITICAL, msg, *args, **options)


warn, fatal = warning, critical
