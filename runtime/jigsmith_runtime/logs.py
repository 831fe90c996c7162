"""The logs that people and machines read: structlog on stderr, JSON on a pipe, readable on a terminal."""

import sys

import structlog

from jigsmith_runtime.settings import LogFormat


def configure(log_format: LogFormat) -> None:
    """Set structlog up for the process."""
    as_json = not sys.stderr.isatty() if log_format == "auto" else log_format == "json"
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Rendered without local variables: those hold arguments and tokens.
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
