"""What a child is handed: one message, of numbers at fixed places and three texts. It comes from the host, who is trusted.

Not a frame, whose header would have to be parsed: whatever a child does the first time copies pages of memory that it shares
with its zygote, and a struct(3) takes the fewest.
"""

import struct
from typing import Final, NamedTuple

COMPILE, RUN = b"C", b"R"
GO: Final = b"G"
"""Ends a message. Whoever sends all but this has the work prepared, and begun when this follows."""

_NUMBERS: Final = struct.Struct("!c?HIIQQQQQQ")
HEAD_BYTES: Final = _NUMBERS.size


class Limits(NamedTuple):
    """What a child limits itself to: the innermost of the layers that limit it."""

    memory_bytes: int
    cpu_ms: int
    processes: int
    open_files: int
    temp_bytes: int


class Work(NamedTuple):
    """One piece of work."""

    what: bytes
    """COMPILE or RUN."""
    restricted: bool
    """Whether the policy gate holds, or none."""
    entry_point: str
    code: bytes
    """To compile: the source, UTF-8. To run: what a compiling child answered."""
    arguments: bytes
    """A JSON object."""
    result_bytes: int
    """How large the result may be, as JSON."""
    limits: Limits


def encode(work: Work) -> bytes:
    """Return the message. Raises struct.error if a number does not fit."""
    what, restricted, entry_point, code, arguments, result_bytes, limits = work
    name = entry_point.encode()
    head = _NUMBERS.pack(what, restricted, len(name), len(code), len(arguments), result_bytes, *limits)
    return b"".join((head, name, code, arguments, GO))


def size(head: bytes) -> int:
    """Return how long a message is, but for its end, that begins with these HEAD_BYTES."""
    _, _, name_bytes, code_bytes, argument_bytes, *_ = _NUMBERS.unpack_from(head)
    return HEAD_BYTES + int(name_bytes) + int(code_bytes) + int(argument_bytes)


def decode(data: bytes) -> Work:
    """Return the work of a message that is whole, or lacks its end."""
    what, restricted, name_bytes, code_bytes, argument_bytes, result_bytes, *limits = _NUMBERS.unpack_from(data)
    code_begin = HEAD_BYTES + name_bytes
    code_end = code_begin + code_bytes
    name, code, arguments = (
        data[HEAD_BYTES:code_begin],
        data[code_begin:code_end],
        data[code_end : code_end + argument_bytes],
    )
    return Work(what, restricted, name.decode(), code, arguments, result_bytes, Limits(*limits))
