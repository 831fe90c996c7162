"""Lists in pages: how many at once, and opaque tokens that say where the next page begins."""

import base64
import binascii
import json
from typing import Final, TypeVar

from jigsmith_runtime.errors import RequestInvalidError

SIZE_DEFAULT: Final = 100
SIZE_MAX: Final = 1_000
NEWEST: Final = 2**31 - 1
"""Where lists that run from the newest item down begin: above every number that the database gives out."""

_INDEX_MAX: Final = 2**62
_TOKEN_CHARS_MAX: Final = 1_024

Cursor = TypeVar("Cursor", int, str)


def size(requested: int) -> int:
    """Return how many items a page holds. Raises RequestInvalidError for a negative number."""
    if requested < 0:
        raise RequestInvalidError.of("page_size", "must not be negative")
    return min(requested or SIZE_DEFAULT, SIZE_MAX)


def token(of: str, cursor: int | str | None) -> str:
    """Return the token of the next page of a list, empty if there is none; `of` says which list it belongs to."""
    if cursor is None:
        return ""
    return base64.urlsafe_b64encode(json.dumps([of, cursor]).encode()).decode().rstrip("=")


def cursor(of: str, page_token: str, first: Cursor) -> Cursor:
    """Return where a page begins: `first` without a token. Raises RequestInvalidError for a token of another list."""
    if not page_token:
        return first
    try:
        padded = page_token[:_TOKEN_CHARS_MAX] + "=" * (-len(page_token) % 4)
        belongs, where = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise RequestInvalidError.of("page_token", "is not one that was given out") from None
    if belongs != of or type(where) is not type(first) or not _is_place(where, first):
        raise RequestInvalidError.of("page_token", "belongs to another list")
    return where


def _is_place(where: int | str, first: int | str) -> bool:
    """Return whether a number can stand in the list: whoever makes a token up must not make the database stumble."""
    return isinstance(where, str) or 0 <= where <= (NEWEST if first == NEWEST else _INDEX_MAX)
