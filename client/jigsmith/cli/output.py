"""What commands print, and with which exit code a failure ends them.

Everything a runtime sends may have been written by a model: control characters are made visible before a terminal sees them.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.text import Text

from jigsmith import errors

FAILED_FUNCTION: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
NOT_FOUND: Final = 4
NOT_PERMITTED: Final = 5
UNAVAILABLE: Final = 6
LIMIT: Final = 7
VERIFICATION_FAILED: Final = 8
INTERNAL: Final = 9

EXIT_CODES: Final = (
    "0 done, 1 the function failed, 2 usage, 3 the request is refused, 4 not found, 5 not permitted, "
    "6 the runtime cannot be reached or cannot serve now, 7 the function reached a limit, 8 verification failed, "
    "9 a fault of the runtime"
)

_BY_KIND: Final[tuple[tuple[type[errors.JigsmithError], int], ...]] = (
    (errors.LimitExceededError, LIMIT),
    (errors.FunctionError, FAILED_FUNCTION),
    (errors.NotFoundError, NOT_FOUND),
    (errors.RequestError, REFUSED),
    (errors.NotAuthorizedError, NOT_PERMITTED),
    (errors.UnavailableError, UNAVAILABLE),
    (errors.DeadlineError, UNAVAILABLE),
)

_console = Console(highlight=False, soft_wrap=True)
_errors = Console(highlight=False, soft_wrap=True, stderr=True)


def printable(text: str) -> str:
    """Return the text with control and format characters (category C) as escapes; newlines and tabs stay."""
    return "".join(
        one if one in "\n\t" or not unicodedata.category(one).startswith("C") else one.encode("unicode_escape").decode()
        for one in text.encode("utf-8", "replace").decode()
    )


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go: to people as tables, to programs as JSON."""

    as_json: bool = False

    def value(self, value: Message | dict[str, Any], text: str) -> None:  # Any: JSON
        """Print one result: as JSON, or as the text meant for people."""
        if self.as_json:
            _print_json(value)
        else:
            _console.print(Text(printable(text)))

    @staticmethod
    def facts(message: Message) -> dict[str, Any]:  # Any: JSON
        """Return a message as `value` would print it, to be part of something larger."""
        return MessageToDict(message, preserving_proto_field_name=True)

    def rows(self, header: Sequence[str], rows: Iterable[tuple[Message, Sequence[str]]]) -> None:
        """Print a list: a JSON object per line, or columns as wide as they must be, so that names can be copied."""
        if self.as_json:
            for message, _ in rows:
                _print_json(message)
            return
        lines = [[printable(cell).replace("\n", " ") for cell in cells] for _, cells in rows]
        widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
        _console.print(Text(_aligned(header, widths), style="bold"))
        for line in lines:
            _console.print(Text(_aligned(line, widths)))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _print_json(value: Message | dict[str, Any]) -> None:
    data = MessageToDict(value, preserving_proto_field_name=True) if isinstance(value, Message) else value
    sys.stdout.write(json.dumps(data) + "\n")  # ASCII: no control character reaches a terminal
    sys.stdout.flush()


def fail(code: int, message: str) -> NoReturn:
    """End the program with a message on stderr."""
    _errors.print(Text(printable(f"jigsmith: {message}")))
    raise SystemExit(code)


def end_with(error: errors.JigsmithError) -> NoReturn:
    """End the program as a failed request demands: what happened, where, and the exit code of its kind."""
    code = next((code for kind, code in _BY_KIND if isinstance(error, kind)), INTERNAL)
    lines = [str(error)]
    if isinstance(error, errors.RequestInvalidError | errors.ResultError):
        lines += [f"  {one.field or '(whole)'}: {one.description}" for one in error.violations]
    if isinstance(error, errors.FunctionError):
        lines += [error.traceback] if error.traceback else []
        lines += [f"it had printed:\n{error.output}"] if error.output else []
        if "invocation" in error.metadata:
            lines.append(f"audit: {error.metadata['invocation']}")
    fail(code, "\n".join(lines))
