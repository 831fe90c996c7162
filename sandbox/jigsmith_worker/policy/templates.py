"""Templates of str.format: whether their fields name arguments only, or walk into these (CVE-2023-41039)."""

import functools
from _string import formatter_parser  # type: ignore[import-not-found]  # the parser behind str.format
from typing import Final

_REMEMBERED_MAX: Final = 256
_NESTED_MAX: Final = 2
"""How deep str.format itself looks for fields within a field's format."""


def walking_field(template: str) -> str | None:
    """Return the first field that reads an attribute or an item of an argument. Raises ValueError for a malformed template."""
    return _walking_field(str.__str__(template))


def is_harmless(template: str) -> bool:
    """Return whether a template is well-formed and no field of it walks."""
    try:
        return walking_field(template) is None
    except ValueError:
        return False


@functools.lru_cache(_REMEMBERED_MAX)
def _walking_field(template: str, depth: int = _NESTED_MAX) -> str | None:
    for _, field, specification, _ in formatter_parser(template):
        if field and ("." in field or "[" in field):
            return str(field)
        if specification and depth and (found := _walking_field(specification, depth - 1)):
            return found
    return None
