"""What the stand-in for `logging` logs: levels, records, and the lines that are made of them."""
# ruff: noqa: N802 - named as in logging

import string
import time
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from jigsmith_worker.policy import doors, guards, names

CRITICAL: Final = 50
ERROR: Final = 40
WARNING: Final = 30
INFO: Final = 20
DEBUG: Final = 10
NOTSET: Final = 0

_NAMES: Final = {
    CRITICAL: "CRITICAL",
    ERROR: "ERROR",
    WARNING: "WARNING",
    INFO: "INFO",
    DEBUG: "DEBUG",
    NOTSET: "NOTSET",
}
LEVELS: Final = {name: level for level, name in _NAMES.items()} | {"FATAL": CRITICAL, "WARN": WARNING}
BASIC_FORMAT: Final = {
    "%": "%(levelname)s:%(name)s:%(message)s",
    "{": "{levelname}:{name}:{message}",
    "$": "${levelname}:${name}:${message}",
}

T = TypeVar("T")


def getLevelName(level: Any) -> Any:
    """Return the name of a level, or the level of a name."""
    return _NAMES.get(level) or LEVELS.get(level, f"Level {level}")


def level_of(given: Any) -> int:
    """Return the level of a number or a name. Raises ValueError."""
    if type(given) is int:
        return given
    if given not in LEVELS:
        raise ValueError(f"Unknown level: {given!r}")
    return LEVELS[given]


def held(cls: type[T]) -> type[T]:
    """Decorate a class: its methods write to no object of another."""
    for name, method in list(vars(cls).items()):
        if callable(method) and not names.is_dunder(name):
            setattr(cls, name, doors.held(cls, method))
    cls.__module__ = "logging"
    return cls


@held
class LogRecord:
    """One thing that was logged."""

    def __init__(self, name: str, level: int, msg: Any, args: tuple[Any, ...], exc_text: str | None) -> None:
        self.name, self.levelno, self.levelname = name, level, getLevelName(level)
        self.msg, self.exc_text = msg, exc_text
        is_mapping = len(args) == 1 and isinstance(args[0], Mapping) and args[0]
        self.args = args[0] if is_mapping else args
        self.exc_info = self.stack_info = None
        self.filename = self.pathname = "<function>"
        self.module = self.funcName = "function"
        self.lineno = 0
        self.process = self.thread = 0
        self.processName, self.threadName = "MainProcess", "MainThread"
        self.created = time.time()
        self.msecs = int(self.created * 1_000) % 1_000
        self.message = self.asctime = ""

    def getMessage(self) -> str:
        """Return the message with its arguments in it."""
        return str(self.msg) % self.args if self.args else str(self.msg)

    def __repr__(self) -> str:
        return f'<LogRecord: {self.name}, {self.levelno}, {self.pathname}, {self.lineno}, "{self.msg}">'


@held
class Formatter:
    """Makes a line of a record."""

    def __init__(self, fmt: str | None = None, datefmt: str | None = None, style: str = "%") -> None:
        if style not in BASIC_FORMAT:
            raise ValueError(f"Style must be one of: {','.join(BASIC_FORMAT)}")
        default = {"%": "%(message)s", "{": "{message}", "$": "${message}"}[style]
        # Plain texts: an own class would be handed all attributes of a record by its operators.
        self._fmt, self.datefmt = str.__str__(fmt or default), None if datefmt is None else str.__str__(datefmt)
        self._style = style

    def formatTime(self, record: LogRecord, datefmt: str | None = None) -> str:
        """Return the time of a record."""
        _check_record(record)
        moment = time.localtime(record.created)
        if datefmt:
            return time.strftime(datefmt, moment)
        return f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)},{record.msecs:03d}"

    def format(self, record: LogRecord) -> str:
        """Return the line, and below it the text of the exception."""
        _check_record(record)
        values = dict(vars(record), message=record.getMessage(), asctime=self.formatTime(record, self.datefmt))
        template = str.__str__(self._fmt)
        if self._style == "{":
            line = guards.format_map(template, values)
        elif self._style == "$":
            line = string.Template(template).substitute(values)
        else:
            line = template % values
        return f"{line}\n{record.exc_text}" if record.exc_text else line


def _check_record(record: object) -> None:
    if LogRecord not in type(record).__mro__:  # of anything else all attributes would be read
        raise TypeError("only records can be formatted")


PLAIN: Final = Formatter()
