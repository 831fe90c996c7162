"""Callers who cost the machine little: one request, made into HTTP/2 frames once (RFC 9113) and sent by a process of its own.

A client of gRPC's spends as much on a refused request as the server does. Where both share two processors, that measures the
client: a real flood comes from elsewhere. Here a request costs some 0.08 ms, whatever becomes of it. Callers heed nothing.
"""

import asyncio
import contextlib
import itertools
import json
import selectors
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_END_STREAM = _ACK = 1
_END_HEADERS = 4
_MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE = 3, 4
_WINDOW_FIRST: Final = 65_535
_WINDOW_MAX: Final = 2**31 - 1
_CANCEL: Final = struct.pack(">I", 8)
_POLL_S: Final = 0.002
_READ_BYTES: Final = 1 << 18


@dataclass(frozen=True)
class Flood:
    """What is asked, how often, and by whom. Either `per_s` requests a second, or so many `callers` that ask again at once."""

    address: str
    path: str
    message_hex: str
    metadata: Sequence[tuple[str, str]]
    seconds: float
    per_s: float | None = None
    callers: int | None = None
    patience_s: float = 2.0
    """A caller gives up then, before or after the request was sent; it is the request's deadline, too."""
    connections: int = 8


@dataclass(frozen=True)
class Answers:
    """What became of the requests."""

    asked: int
    answered: int
    refused: int
    given_up: int
    seconds: float

    @property
    def per_s(self) -> float:
        """How many were answered in each second."""
        return self.answered / self.seconds


async def answers(flood: Flood) -> Answers:
    """Let a process of its own ask. Raises RuntimeError with what it wrote if it fails."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, stdin=-1, stdout=-1, stderr=-1)
    out, errors = await process.communicate(json.dumps(asdict(flood)).encode())
    if process.returncode:
        raise RuntimeError(f"the flood failed: {errors.decode()[-2_000:]}")
    found = Answers(**json.loads(out))
    if found.answered + found.refused + found.given_up != found.asked:
        raise RuntimeError(f"the flood lost requests: {found}")
    return found


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def _header(name: str, value: str) -> bytes:
    """Encode a field that no table has (RFC 7541, 6.2.3: literal, never indexed)."""
    return b"\x10" + b"".join(_text(one.encode()) for one in (name, value))


def _text(data: bytes) -> bytes:
    """Encode a string literal without Huffman's code (RFC 7541, 5.1 and 5.2), of up to 254 bytes."""
    if len(data) < 0x7F:
        return bytes([len(data)]) + data
    return bytes([0x7F, len(data) - 0x7F]) + data


class _Connection:
    """One of several."""

    def __init__(self, flood: Flood) -> None:
        host, _, port = flood.address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.asked: deque[float] = deque()
        """When those were asked that are not sent yet: gRPC's clients wait, too, until the connection has a stream for them."""
        self.under_way: dict[int, float] = {}
        self.answered = self.refused = self.given_up = 0
        self._patience_s = flood.patience_s
        self._headers, self._message = _request(flood)
        self._streams = itertools.count(1, 2)
        self._streams_max = 100
        self._window = _WINDOW_FIRST
        self._with_data: set[int] = set()
        self._read = bytearray()
        settings = struct.pack(">HI", _INITIAL_WINDOW_SIZE, _WINDOW_MAX)
        window = struct.pack(">I", _WINDOW_MAX - _WINDOW_FIRST)
        self._unsent = bytearray(_PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, window))

    def send(self, now: float) -> None:
        """Send what there is to send, and give up what is too late."""
        while self.asked and len(self.under_way) < self._streams_max and self._window >= len(self._message):
            asked = self.asked.popleft()
            if now - asked > self._patience_s:
                self.given_up += 1
                continue
            stream = next(self._streams)
            self._unsent += _frame(_HEADERS, _END_HEADERS, stream, self._headers)
            self._unsent += _frame(_DATA, _END_STREAM, stream, self._message)
            self._window -= len(self._message)
            self.under_way[stream] = asked
        while self.under_way and now - next(iter(self.under_way.values())) > self._patience_s:  # oldest first
            stream = next(iter(self.under_way))
            del self.under_way[stream]
            self._with_data.discard(stream)
            self._unsent += _frame(_RST_STREAM, 0, stream, _CANCEL)
            self.given_up += 1
        if self._unsent:
            with contextlib.suppress(BlockingIOError):
                del self._unsent[: self.socket.send(self._unsent)]

    def receive(self) -> None:
        """Take what has come. Raises ConnectionError if the server closed the connection."""
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._read += data
        position = 0
        while len(self._read) - position >= 9:
            end = position + 9 + int.from_bytes(self._read[position : position + 3], "big")
            if len(self._read) < end:
                break
            kind, flags, stream = struct.unpack_from(">BBI", self._read, position + 3)
            self._take(kind, flags, stream, bytes(self._read[position + 9 : end]))
            position = end
        del self._read[:position]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _DATA and payload and stream in self.under_way:
            self._with_data.add(stream)
        if kind == _RST_STREAM or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            self._end(stream)
        elif kind == _SETTINGS and not flags & _ACK:
            for number, value in struct.iter_unpack(">HI", payload):
                if number == _MAX_CONCURRENT_STREAMS:
                    self._streams_max = value
            self._unsent += _frame(_SETTINGS, _ACK, 0)
        elif kind == _PING and not flags & _ACK:
            self._unsent += _frame(_PING, _ACK, 0, payload)
        elif kind == _WINDOW_UPDATE and not stream:
            self._window += int.from_bytes(payload, "big")

    def _end(self, stream: int) -> None:
        """Count the end of a request: an answer has a message, a refusal has only trailers."""
        if self.under_way.pop(stream, None) is None:
            return
        if stream in self._with_data:
            self._with_data.remove(stream)
            self.answered += 1
        else:
            self.refused += 1


def _request(flood: Flood) -> tuple[bytes, bytes]:
    """Return the header block and the message of a gRPC request; the fields without a name are HPACK's static table's."""
    method, scheme, path, authority = (
        b"\x83",
        b"\x86",
        b"\x04" + _text(flood.path.encode()),
        b"\x01" + _text(flood.address.encode()),
    )
    fields = [
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", f"{flood.patience_s * 1_000:.0f}m"),
        *flood.metadata,
    ]
    message = bytes.fromhex(flood.message_hex)
    headers = method + scheme + path + authority + b"".join(_header(*field) for field in fields)
    return headers, struct.pack(">BI", 0, len(message)) + message


def _ask(flood: Flood) -> Answers:
    connections = [_Connection(flood) for _ in range(flood.connections)]
    turns = itertools.cycle(connections)
    asked = 0
    with selectors.DefaultSelector() as selector:
        for one in connections:
            selector.register(one.socket, selectors.EVENT_READ, one)
        began = time.perf_counter()
        while (elapsed := time.perf_counter() - began) < flood.seconds or any(
            one.under_way or one.asked for one in connections
        ):
            if elapsed < flood.seconds:
                if flood.per_s is not None:
                    missing = int(flood.per_s * elapsed) - asked
                else:
                    missing = (flood.callers or 0) - sum(len(one.under_way) + len(one.asked) for one in connections)
                for one in itertools.islice(turns, max(0, missing)):
                    one.asked.append(began + elapsed)
                asked += max(0, missing)
            for one in connections:
                one.send(began + elapsed)
            for key, _ in selector.select(_POLL_S):
                key.data.receive()
    return Answers(
        asked,
        sum(one.answered for one in connections),
        sum(one.refused for one in connections),
        sum(one.given_up for one in connections),
        time.perf_counter() - began,
    )


if __name__ == "__main__":
    json.dump(asdict(_ask(Flood(**json.load(sys.stdin)))), sys.stdout)
