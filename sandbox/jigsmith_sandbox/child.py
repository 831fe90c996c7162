"""The host's end of one child: two connections, one call, bounds on everything that comes back.

A call is over when its first process is dead, and with it all others of its pid namespace. One that has answered and has no
other process is measured and killed from here, and that is its end; for every other one the kernel's report is waited for. What
it answered is opaque here: lengths are checked, the content is `outcomes`' to distrust.
"""

import _socket
import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from jigsmith_worker import frames, wire, work
from jigsmith_worker.outcome import End

from jigsmith_sandbox.call_groups import CallGroup
from jigsmith_sandbox.peer import CREDENTIALS_SPACE, Peer, Usage, speaker
from jigsmith_sandbox.readers import Readers

Connection = _socket.socket
"""What a socket.socket is made of, without what it adds: each child has four of them."""

_READ_BYTES: Final = 1 << 18
_LAST_WORDS_BYTES: Final = 65_536
"""How much of what a child writes before it has a call is kept, to explain a failed start."""
_PROCESSORS: Final = os.cpu_count() or 1
_LOST_GRACE_S: Final = 2.0
"""How long a killed child may take to end, before its sandbox is considered lost."""
_MEASURE_AGAIN_S: Final = 0.02
_KILL_AFTER_ALARM_S: Final = 0.02
"""How long the kernel takes at most from telling that memory ran out to killing for it."""


class Zygote(Protocol):
    """What a child needs of the sandbox that it is in."""

    def order(self, what: bytes, token: int) -> None:
        """Tell the zygote to kill or to measure a child."""

    def offer(self, child: "Child") -> None:
        """Hear that a child is ready for a call."""

    def lose(self, reason: str) -> None:
        """Give the sandbox up."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one exchange may take."""

    wall_ms: int
    cpu_ms: int
    memory_bytes: int
    temp_bytes: int
    processes: int
    answer_bytes: int
    """Of the answer's body."""
    output_bytes: int


@dataclass(slots=True)
class Finished:
    """How an exchange ended, all of it measured outside of the child."""

    end: End
    answer: bytes | None
    """The whole frame, if one came."""
    output: bytes
    output_truncated: bool
    exit_code: int
    """Of the first process; negative for a signal."""
    wall_us: int
    usage: Usage
    gone: "asyncio.Future[None]"
    """Done when no process of the call can run any more, or its sandbox is lost."""


@dataclass(slots=True)
class _Exchange:
    bounds: Bounds
    began_ns: int
    done: "asyncio.Future[Finished]"
    gone: "asyncio.Future[None]"
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    end: End | None = None
    ended_ns: int = 0


class Child:
    """One process, from the order to fork it until its end is reported."""

    def __init__(
        self, token: int, temp: tuple[int, int], zygote: Zygote, readers: Readers, group: CallGroup | None
    ) -> None:
        """`temp` is the size of its /tmp: bytes and files. `group` is its own until it has exited."""
        self.token = token
        self.temp = temp
        self.ready = False
        self.group = group
        self._zygote = zygote
        self._readers = readers
        self._loop = asyncio.get_running_loop()
        self._answers: Connection | None = None
        self._peer: Peer | None = None
        self._output: Connection | None = None
        self._answer = bytearray()
        self._answer_whole: int | None = None
        self._printed = bytearray()
        self._truncated = False
        self._exchange: _Exchange | None = None
        self._sent_ahead = 0
        self._cpu_us_before = 0
        """What the process had used when its work was handed over, to become ready for it."""
        self._cpu_us_measured = 0
        """What all its processes had used when the zygote looked last, which is before it kills: no other figure has those that
        the end of the first one takes along."""
        self._closed = False
        self._sending: asyncio.Task[None] | None = None

    # --- its connections

    def connect(self) -> tuple[Connection, Connection]:
        """Make its two connections. Returns the ends that are to be handed over: for its answers, for its output."""
        if self.group is not None and self.group.alarm is not None:
            self._readers.add(self.group.alarm, self._hear_alarm)
        self._answers, answers = _socket.socketpair()
        self._output, output = _socket.socketpair()
        for connection in (self._answers, self._output):
            connection.setblocking(False)
        self._answers.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # the kernel will say who speaks
        self._readers.add(self._answers.fileno(), self._read_answers)
        self._readers.add(self._output.fileno(), self._read_output)
        return answers, output

    def _meet(self) -> None:
        """Hear that it is confined, and by the kernel's word which process that is."""
        assert self._answers is not None
        try:
            hello, said, _, _ = self._answers.recvmsg(wire.HELLO.size, CREDENTIALS_SPACE)
        except BlockingIOError:
            return
        except OSError:
            hello = b""
        if len(hello) == wire.HELLO.size:
            self._peer = Peer.of(speaker(said), with_family=not self._group_tells_all)
            self._answers.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
            self._be_ready()
        else:  # it has ended, which its zygote will report
            self._readers.remove(self._answers.fileno())

    def attach(self, who: bytes, connection: Connection) -> None:
        """Take over one of the two connections that it has made itself."""
        if who == wire.OUTPUT and self._output is None:
            self._output = connection
            self._readers.add(connection.fileno(), self._read_output)
        elif who == wire.ANSWERS and self._answers is None:
            self._answers = connection
            self._readers.add(connection.fileno(), self._read_answers)
            self._be_ready()
        else:
            connection.close()

    def _be_ready(self) -> None:
        self.ready = True
        self._zygote.offer(self)

    def _read_answers(self) -> None:
        if self.ready:
            self._read_answer()
        else:
            self._meet()

    @property
    def last_words(self) -> str:
        """What it wrote, if it was never ready."""
        return self._printed.decode("utf-8", "replace").strip()

    # --- one call

    def prepare(self, message: bytes, bounds: Bounds) -> None:
        """Send all of its work but the end: it prepares, and begins when `exchange` is called with the same."""
        assert self._answers is not None
        self._limit(bounds)
        with contextlib.suppress(OSError):  # if it is gone or its buffer is full, `exchange` will see
            self._sent_ahead = self._answers.send(memoryview(message)[: -len(work.GO)])

    def exchange(self, message: bytes, bounds: Bounds) -> "asyncio.Future[Finished]":
        """Have it do a piece of work; the future tells how it ended. To be called once, while `unused`."""
        assert self._answers is not None
        done: asyncio.Future[Finished] = self._loop.create_future()
        if not self._sent_ahead:
            self._limit(bounds)
        exchange = self._exchange = _Exchange(bounds, time.monotonic_ns(), done, self._loop.create_future())
        self._send(self._answers, memoryview(message)[self._sent_ahead :])
        exchange.timers.append(self._loop.call_later(bounds.wall_ms / 1_000, self.finish, End.WALL))
        if bounds.cpu_ms < bounds.wall_ms * min(_PROCESSORS, bounds.processes):
            self._watch_cpu(bounds.cpu_ms * 1_000)
        return done

    @property
    def unused(self) -> bool:
        """Whether it can still have its one exchange."""
        return self._exchange is None and not self._closed

    def discard(self) -> None:
        """Have it killed, if nothing was begun."""
        if self.unused:
            self._zygote.order(wire.KILL, self.token)

    def _limit(self, bounds: Bounds) -> None:
        if self.group is not None:
            self.group.begin(bounds.memory_bytes, bounds.temp_bytes, bounds.processes)
        if self._peer is not None:
            self._cpu_us_before = self._peer.cpu_us()

    def _send(self, connection: Connection, message: memoryview) -> None:
        try:
            sent = connection.send(message)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.finish(End.BROKEN)
            return
        if sent < len(message):
            self._sending = self._loop.create_task(self._send_rest(connection, message[sent:]))

    async def _send_rest(self, connection: Connection, rest: memoryview) -> None:
        with contextlib.suppress(OSError):  # it is gone, or did not want to listen: its end will be reported
            await self._loop.sock_sendall(connection, rest)  # type: ignore[arg-type]  # it uses nothing that is added

    def _watch_cpu(self, left_us: int) -> None:
        """Ask for the CPU time when it could be used up at the earliest: on all processors at once."""
        assert self._exchange is not None
        wait_s = max(left_us / 1e6 / min(_PROCESSORS, self._exchange.bounds.processes), _MEASURE_AGAIN_S)
        self._exchange.timers.append(self._loop.call_later(wait_s, self._measure))

    def _measure(self) -> None:
        if self.group is not None:
            self._judge(self.group.cpu_us())
        else:
            self._zygote.order(wire.MEASURE, self.token)

    def measured(self, cpu_us: int) -> None:
        """Take note of the CPU time that the call used so far."""
        self._cpu_us_measured = cpu_us
        self._judge(cpu_us - self._cpu_us_before)

    def _judge(self, cpu_us: int) -> None:
        if self._exchange is not None and self._exchange.end is None:
            left_us = self._exchange.bounds.cpu_ms * 1_000 - cpu_us
            if left_us > 0:
                self._watch_cpu(left_us)
            else:
                self.finish(End.CPU)

    def finish(self, end: End) -> None:
        """Settle why the exchange ends, and have the process killed unless it is ending. The first reason counts."""
        exchange = self._exchange
        if exchange is None or exchange.end is not None or self._closed:
            return
        exchange.end, exchange.ended_ns = end, time.monotonic_ns()
        for timer in exchange.timers:
            timer.cancel()
        exchange.timers.clear()
        alone = end is End.ANSWERED and self._is_alone()
        used = self._peer.usage() if self._peer is not None and alone else None
        killed = self._peer is not None and (alone or self.group is not None) and self._peer.kill()
        if not killed:
            self._zygote.order(wire.KILL, self.token)
        exchange.timers.append(self._loop.call_later(_LOST_GRACE_S, self._zygote.lose, "a killed child did not end"))
        if killed and used is not None and self._is_alone():  # still: the kill has ended a fork that was under way
            self._drain(self._output, self._read_output)
            self._settle(exchange, 0, used)
            exchange.gone.set_result(None)

    @property
    def _group_tells_all(self) -> bool:
        """Whether its group measures the whole call; else something is known only of processes that were waited for."""
        return self.group is not None and self.group.measures_memory

    def _is_alone(self) -> bool:
        """Return whether nothing of the call is left beside its first process, nor anything that only its end will measure.

        One thread in the group is the process itself, as long as nobody has waited for that.
        """
        if self._peer is None:
            return False
        if self.group is not None and self._group_tells_all:
            return self.group.has_one_thread() and self._peer.is_there()
        return self._peer.is_alone()

    def _read_answer(self) -> None:
        assert self._answers is not None
        try:
            data = self._answers.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        exchange = self._exchange
        if data and exchange is not None and exchange.end is None:
            self._answer += data
            self._check_answer(exchange)
        else:  # it closed its end, or speaks when nobody asked: whatever comes now, nobody will read it
            self._readers.remove(self._answers.fileno())

    def _check_answer(self, exchange: _Exchange) -> None:
        if self._answer_whole is None and len(self._answer) >= frames.PREFIX.size:
            header_bytes, body_bytes = frames.PREFIX.unpack_from(self._answer)
            self._answer_whole = frames.PREFIX.size + header_bytes + body_bytes
            if header_bytes > frames.HEADER_BYTES_MAX or body_bytes > exchange.bounds.answer_bytes:
                self.finish(End.ANSWER_SIZE)
                return
        if self._answer_whole is not None and len(self._answer) >= self._answer_whole:
            # A call of several processes may answer although one of them was killed.
            self.finish(End.MEMORY if self.group is not None and self.group.ran_out() else End.ANSWERED)

    def _hear_alarm(self) -> None:
        assert self.group is not None
        self.group.hear()
        self._loop.call_later(_KILL_AFTER_ALARM_S, self._ran_out)

    def _ran_out(self) -> None:
        if self.group is not None and not self._closed and self.group.ran_out():
            self.finish(End.MEMORY)

    def _read_output(self) -> None:
        assert self._output is not None
        try:
            data = self._output.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._readers.remove(self._output.fileno())
            return
        room = (self._exchange.bounds.output_bytes if self._exchange else _LAST_WORDS_BYTES) - len(self._printed)
        self._printed += data[:room]
        if len(data) > room:
            self._truncated = True
            self._readers.remove(self._output.fileno())
            self.finish(End.OUTPUT)

    # --- its end

    async def gone(self) -> None:
        """Wait until no process of its call can run any more. Bounded: a child that does not end costs the sandbox."""
        if self._exchange is not None:
            await asyncio.shield(self._exchange.gone)

    def exited(self, exit_code: int, cpu_us: int, memory_peak_bytes: int) -> None:
        """Take note that the process and its namespace are gone; read what it left in its sockets, within the bounds."""
        exchange = self._exchange
        if exchange is None or not exchange.done.done():
            self._drain(self._answers, self._read_answers)
            self._drain(self._output, self._read_output)
        self.close()
        if exchange is not None:
            self._settle(exchange, exit_code, Usage(cpu_us, memory_peak_bytes))

    def _settle(self, exchange: _Exchange, exit_code: int, used: Usage) -> None:
        if exchange.done.done():
            return
        end = exchange.end or End.EXITED
        answered = end is End.ANSWERED and self._answer_whole is not None
        exchange.done.set_result(
            Finished(
                end=end,
                answer=bytes(self._answer[: self._answer_whole]) if answered else None,
                output=bytes(self._printed),
                output_truncated=self._truncated,
                exit_code=0 if answered else exit_code,
                wall_us=((exchange.ended_ns or time.monotonic_ns()) - exchange.began_ns) // 1_000,
                usage=self._of_call(used),
                gone=exchange.gone,
            )
        )

    def _of_call(self, used: Usage) -> Usage:
        """Return what the call used, given what is known of its first process and of those that were waited for.

        That is exact for a process that runs at this moment, whose group hears of it a little later.
        """
        cpu_us = max(used.cpu_us, self._cpu_us_measured) - self._cpu_us_before
        cpu_us, peak_bytes = max(cpu_us, 0), used.memory_peak_bytes
        if self.group is None:
            return Usage(cpu_us, peak_bytes)
        return Usage(max(cpu_us, self.group.cpu_us()), max(peak_bytes, self.group.peak_bytes()))

    def _drain(self, connection: Connection | None, read: Callable[[], None]) -> None:
        if connection is None:
            return
        with contextlib.suppress(OSError):
            while connection.recv(1, socket.MSG_PEEK) and self._is_read(connection):
                read()

    def _is_read(self, connection: Connection) -> bool:
        if connection is self._output:
            return not self._truncated
        return self._exchange is not None and self._exchange.end is None

    def fail(self, error: Exception) -> None:
        """Let whoever waits know that the sandbox is lost."""
        exchange = self._exchange
        self.close()
        if exchange is not None and not exchange.done.done():
            exchange.done.set_exception(error)
            exchange.done.exception()  # seen, even if nobody waits any more

    def close(self) -> None:
        """Give back its connections and timers. Whoever waits for it to be gone waits no longer."""
        self._closed = True
        for connection in (self._answers, self._output):
            if connection is not None:
                self._readers.remove(connection.fileno())
                connection.close()
        if self._peer is not None:
            self._peer.close()
        if self.group is not None and self.group.alarm is not None:
            self._readers.remove(self.group.alarm)
        if self._sending is not None:
            self._sending.cancel()
        if self._exchange is not None:
            for timer in self._exchange.timers:
                timer.cancel()
            if not self._exchange.gone.done():
                self._exchange.gone.set_result(None)
