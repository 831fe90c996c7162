"""Canonical JSON: one value, one text, so that a digest means something.

RFC 8785 in the subset that Jigsmith hashes: no floats. Numbers are integers of any size in plain decimal; keys are sorted
by their UTF-16 code units; text is UTF-8 with the escapes of RFC 8785, section 3.2.2.2.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring as _quoted  # the interpreter's C function, where there is one

JsonValue = None | bool | int | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
"""What has a canonical form here."""

DEPTH_MAX = 64

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


class CanonicalError(ValueError):
    """A value has no canonical form, or a text is not canonical."""


def encode(value: JsonValue) -> bytes:
    """Return the canonical text as UTF-8. Raises CanonicalError for floats, foreign types, lone surrogates, depth > 64."""
    parts: list[str] = []
    _write(value, parts, DEPTH_MAX)
    try:
        return "".join(parts).encode()
    except UnicodeEncodeError as error:
        raise CanonicalError(f"text with a lone surrogate: {error.object[error.start : error.end]!r}") from error


def digest(value: JsonValue) -> str:
    """Return the sha256 of the canonical text, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(encode(value)).hexdigest()


def decode(data: bytes) -> JsonValue:
    """Return the value of a canonical text. Raises CanonicalError if the text is not exactly what `encode` would write."""
    try:
        value: JsonValue = json.loads(data, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"not JSON of the canonical subset: {error}") from error
    if not _is_plainly_canonical(value, data) and encode(value) != data:
        raise CanonicalError("JSON, but not in its canonical form")
    return value


def _is_plainly_canonical(value: JsonValue, data: bytes) -> bool:
    """Return whether a parsed text is canonical, where the interpreter's own encoder can tell; it writes the same form.

    It does so for ASCII, where its order of keys is that of UTF-16, and for what cannot be nested too deeply.
    """
    if not data.isascii() or data.count(b"{") + data.count(b"[") > DEPTH_MAX:
        return False
    return _ENCODER.encode(value).encode() == data


def _refuse(text: str) -> JsonValue:
    raise CanonicalError(f"{text} is not an integer")


_CONSTANTS = {None: "null", True: "true", False: "false"}


def _write(value: JsonValue, parts: list[str], depth: int) -> None:
    if depth == 0:
        raise CanonicalError(f"nested deeper than {DEPTH_MAX}")
    if isinstance(value, str):
        parts.append(_quoted(str(value)))
    elif value is None or value is True or value is False:
        parts.append(_CONSTANTS[value])
    elif isinstance(value, int):
        parts.append(int.__repr__(value))
    elif isinstance(value, Mapping):
        _write_object(value, parts, depth)
    elif isinstance(value, list | tuple):
        parts.append("[")
        for index, item in enumerate(value):
            parts.append("," if index else "")
            _write(item, parts, depth - 1)
        parts.append("]")
    else:
        raise CanonicalError(f"{type(value).__name__} has no canonical form")


def _write_object(value: Mapping[str, JsonValue], parts: list[str], depth: int) -> None:
    parts.append("{")
    comma = ""
    for key in _sorted(value):
        inner = value[key]
        if type(inner) is str and depth > 1:  # most of what is written here
            parts.append(f"{comma}{_quoted(str(key))}:{_quoted(inner)}")
        else:
            parts.append(f"{comma}{_quoted(str(key))}:")
            _write(inner, parts, depth - 1)
        comma = ","
    parts.append("}")


def _sorted(keys: Iterable[str]) -> list[str]:
    """Sort by UTF-16 code units, which is the order of ASCII text anyway."""
    try:
        if "".join(keys).isascii():
            return sorted(keys)
    except TypeError:  # a key that is no text; `_utf16` says which
        pass
    return sorted(keys, key=_utf16)


def _utf16(key: str) -> bytes:
    if not isinstance(key, str):
        raise CanonicalError(f"a key of type {type(key).__name__}")
    return key.encode("utf-16-be", "surrogatepass")
