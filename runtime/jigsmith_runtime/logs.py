"""The logs that people and machines read: structlog on stderr, JSON on a pipe, readable on a terminal."""

import json
import sys
from typing import Final

import structlog

from jigsmith_runtime.interceptors.identity import caller_or_none
from jigsmith_runtime.settings import LogFormat

_encode: Final = json.JSONEncoder(default=repr).encode
"""Made once: json.dumps would set up a new one for every line."""


def _serialize(event: structlog.typing.EventDict, **_: object) -> str:
    return _encode(event)


def _name_caller(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Say for whom a line's work is done, if it is for somebody."""
    principal = caller_or_none()
    if principal is not None:
        event.setdefault("principal", principal.name)
    return event


def configure(log_format: LogFormat) -> None:
    """Set structlog up for the process."""
    as_json = not sys.stderr.isatty() if log_format == "auto" else log_format == "json"
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_serialize)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            _name_caller,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Rendered without local variables: those hold arguments and tokens.
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
