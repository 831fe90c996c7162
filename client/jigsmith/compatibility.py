"""What a change of schema means for callers: compatible, or breaking. Where it cannot be told, it counts as breaking.

Arguments may be widened: what was valid stays valid. Results may be narrowed: what comes back is still what was promised.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Side = Literal["parameters", "returns"]

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_WORDS_ONLY: Final = frozenset(
    {"title", "description", "examples", "default", "deprecated", "$comment", "$schema", "$id"}
)
_TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference between two schemas."""

    side: Side
    pointer: str
    """JSON pointer into the schema."""
    what: str
    """For people: what changed."""
    breaking: bool
    """Whether a caller of the old version may fail with the new one."""


def schema_changes(side: Side, old: str, new: str) -> list[SchemaChange]:
    """Compare two schemas, JSON texts; an empty one allows everything. Raises ValueError if one is not JSON."""
    before, after = (json.loads(text) if text else {} for text in (old, new))
    return [
        SchemaChange(side, pointer, what, _breaks(side, effect))
        for pointer, what, effect in _compare("", before, after)
    ]


_Effect = Literal["wider", "narrower", "none", "unknown"]
_Found = Iterator[tuple[str, str, _Effect]]


def _breaks(side: Side, effect: _Effect) -> bool:
    harmless: _Effect = "wider" if side == "parameters" else "narrower"
    return effect not in ("none", harmless)


def _compare(pointer: str, old: Any, new: Any) -> _Found:  # Any, here and below: JSON
    if old == new:
        return
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield pointer, f"{json.dumps(old)} became {json.dumps(new)}", _of_booleans(old, new)
        return
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key) and (key in old) == (key in new):
            continue
        yield from _compare_keyword(f"{pointer}/{key}", key, old, new)


def _of_booleans(old: Any, new: Any) -> _Effect:
    if new is True or new == {}:
        return "wider"
    if new is False or old is True or old == {}:
        return "narrower"
    return "unknown"


def _compare_keyword(pointer: str, key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> _Found:
    was, became = old.get(key), new.get(key)
    if key in _WORDS_ONLY:
        yield pointer, f"{key} changed", "none"
    elif key == "type":
        yield pointer, f"type was {json.dumps(was)}, is {json.dumps(became)}", _of_sets(_types(was), _types(became))
    elif key in ("enum", "const"):
        yield (
            pointer,
            f"{key} was {json.dumps(was)}, is {json.dumps(became)}",
            _of_sets(_values(key, was), _values(key, became)),
        )
    elif key == "required":
        yield from _compare_required(pointer, was or [], became or [])
    elif key in ("properties", "$defs"):
        yield from _compare_properties(pointer, key, old, new)
    elif key in ("items", "additionalProperties"):
        yield from _compare(pointer, old.get(key, {}), new.get(key, {}))
    elif key in _LOWER or key in _UPPER:
        yield (
            pointer,
            f"{key} was {json.dumps(was)}, is {json.dumps(became)}",
            _of_bounds(was, became, lower=key in _LOWER),
        )
    else:
        yield pointer, f"{key} changed", "unknown"


def _types(value: Any) -> frozenset[str]:
    if value is None:
        return _TYPES
    types = frozenset([value] if isinstance(value, str) else value)
    return types | {"integer"} if "number" in types else types


def _values(key: str, value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    return frozenset(json.dumps(one, sort_keys=True) for one in ([value] if key == "const" else value))


def _of_sets(old: frozenset[str] | None, new: frozenset[str] | None) -> _Effect:
    """Compare what is allowed; None allows everything."""
    if new is None or (old is not None and old < new):
        return "wider"
    return "narrower" if old is None or new < old else "unknown"


def _of_bounds(old: Any, new: Any, *, lower: bool) -> _Effect:
    if new is None:
        return "wider"
    if old is None:
        return "narrower"
    return "narrower" if (new > old) == lower else "wider"


def _compare_required(pointer: str, old: list[str], new: list[str]) -> _Found:
    for name in sorted(set(new) - set(old)):
        yield pointer, f"{name} is required now", "narrower"
    for name in sorted(set(old) - set(new)):
        yield pointer, f"{name} is no longer required", "wider"


def _compare_properties(pointer: str, key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> _Found:
    was, became = old.get(key, {}), new.get(key, {})
    for name in sorted(was.keys() | became.keys()):
        place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in was:
            # A property that was not named could hold anything, unless further ones were forbidden.
            effect: _Effect = "wider" if old.get("additionalProperties") is False else _of_booleans({}, became[name])
            yield place, f"{name} was added", "none" if key == "$defs" or effect == "narrower" else effect
        elif name not in became:
            yield place, f"{name} was removed", "narrower" if new.get("additionalProperties") is False else "unknown"
        else:
            yield from _compare(place, was[name], became[name])
