"""JSON text from outside, read strictly: what two parsers could read differently is refused, and so is what could hurt one.

Refused: too many bytes or levels, NaN and Infinity, numbers too large for a float, integers of more than 4,300 digits
(the interpreter's own bound), duplicate keys, lone surrogates. Integers stay integers.
"""

import json
import math
import re
from typing import Final, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

DEPTH_MAX: Final = 64
"""Levels of arrays and objects. Python's parser, the schema validator and canonical JSON all recurse."""

_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)
_NO_STRUCTURE: Final = re.compile(r'[^\[\]{}"]+')
_STRING: Final = re.compile(r'"[^"]*"')
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class JsonTextError(ValueError):
    """The text is not acceptable JSON; the message says why in plain words and does not quote the text."""


def parse(text: str, bytes_max: int) -> JsonValue:
    """Return the value that the text describes. Raises JsonTextError."""
    if len(text) > bytes_max or len(text.encode("utf-8", "surrogatepass")) > bytes_max:
        raise JsonTextError(f"is longer than {bytes_max} bytes")
    if nesting(text) > DEPTH_MAX:
        raise JsonTextError(f"is nested deeper than {DEPTH_MAX} levels")
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonTextError(f"is not JSON: {error.msg} at character {error.pos}") from None
    if _SURROGATE.search(text):
        _encodable(value)
    return value


def nesting(text: str, most: int = DEPTH_MAX) -> int:
    """Return how deeply arrays and objects are nested, exact up to `most`; for a text that is no JSON, at least that.

    Takes out strings, then one level after the other from within: a pass of C code each, however long the text is.
    """
    if "\\" in text:
        text = _ESCAPE.sub("", text)
    rest = _STRING.sub("", _NO_STRUCTURE.sub("", text))
    levels = 0
    while rest and levels <= most:
        inner = rest.replace("[]", "").replace("{}", "")
        if inner == rest:  # no JSON: what is never closed counts in full
            return levels + rest.count("[") + rest.count("{")
        rest = inner
        levels += 1
    return levels


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise JsonTextError("has an object with a duplicate key")
    return result


def _no_constant(name: str) -> JsonValue:
    raise JsonTextError(f"contains {name}, which is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise JsonTextError("contains a number too large for a float")
    return value


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise JsonTextError("contains an integer with too many digits") from None


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite, parse_int=_integer
)


def _encodable(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise JsonTextError("contains a lone surrogate, which is not Unicode text") from None
