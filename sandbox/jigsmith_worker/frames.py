"""What carries a child's answer, and a zygote's configuration: length-prefixed frames on a stream socket.

A frame is two big-endian unsigned 32-bit lengths, then a header (a JSON object, UTF-8) and a body (raw bytes). Lengths are
checked against the receiver's bounds before memory is taken, because whatever comes out of a sandbox is hostile.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

PREFIX: Final = struct.Struct("!II")

HEADER_BYTES_MAX: Final = 65_536
"""Headers carry names, numbers and bounded texts; everything large travels in the body."""

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""A result (8 MiB at the ceiling) or compiled code fits with room to spare."""

Header = dict[str, Any]
"""A decoded header. `Any`: its fields differ by operation and are checked where they are read."""


class FrameError(Exception):
    """The peer sent something that is not a frame, or a frame that is too large."""


def encode(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Return the frame as bytes. Raises FrameError if a part exceeds its bound."""
    return encode_raw(json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode(), body)


def encode_raw(head: bytes, body: bytes) -> bytes:
    """Return the frame of a header that is encoded already. Raises FrameError if a part exceeds its bound."""
    check_lengths(len(head), len(body))
    return b"".join((PREFIX.pack(len(head), len(body)), head, body))


def check_lengths(header_bytes: int, body_bytes: int, body_bytes_max: int = BODY_BYTES_MAX) -> None:
    """Raise FrameError if announced lengths exceed the bounds."""
    if header_bytes > HEADER_BYTES_MAX or body_bytes > body_bytes_max:
        raise FrameError(f"frame of {header_bytes} + {body_bytes} bytes exceeds {HEADER_BYTES_MAX} + {body_bytes_max}")


def decode_header(data: bytes | memoryview) -> Header:
    """Return the header as a dict. Raises FrameError for anything that is not a JSON object."""
    try:
        header = json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"header is not JSON: {type(error).__name__}") from None
    if not isinstance(header, dict):
        raise FrameError("header is not a JSON object")
    return header


class FrameBuffer:
    """Cuts a byte stream into frames, holding at most one unfinished frame."""

    def __init__(self, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._data = bytearray()
        self._body_bytes_max = body_bytes_max

    def feed(self, data: bytes) -> None:
        """Add what was received."""
        self._data += data

    def next_raw(self) -> tuple[bytes, bytes] | None:
        """Return header and body of the next whole frame, undecoded, or None. Raises FrameError on excessive lengths."""
        if len(self._data) < PREFIX.size:
            return None
        header_bytes, body_bytes = PREFIX.unpack_from(self._data)
        check_lengths(header_bytes, body_bytes, self._body_bytes_max)
        end = PREFIX.size + header_bytes + body_bytes
        if len(self._data) < end:
            return None
        split = PREFIX.size + header_bytes
        with memoryview(self._data) as view:
            head, body = bytes(view[PREFIX.size : split]), bytes(view[split:end])
        del self._data[:end]
        return head, body

    def next(self) -> tuple[Header, bytes] | None:
        """Return header and body of the next whole frame, or None. Raises FrameError on anything malformed."""
        raw = self.next_raw()
        return None if raw is None else (decode_header(raw[0]), raw[1])
