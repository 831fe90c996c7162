"""Stands between the host and the children of one sandbox: hands calls over, measures them, ends them.

One thread, one epoll. Data of calls passes through here and never through the zygote. What a child answers is opaque
here: its length is checked, its content is the host's to distrust. A call counts as finished only when the kernel has
reported the end of its first process, and with it of its pid namespace.
"""

import os
import select
import signal
import socket
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from jigsmith_worker import child, frames, zygote
from jigsmith_worker.outcome import End

_READ_BYTES: Final = 1 << 18
_CODE_CACHE_ENTRIES_MAX: Final = 1_024
_ANSWER_OVERHEAD_BYTES: Final = 1_024
_COMPILE_LIMITS: Final = {"memory_bytes": 1 << 29, "cpu_ms": 5_000, "processes": 1, "temp_bytes": 1 << 16}
_COMPILE_WALL_MS: Final = 5_000
_COMPILE_OUTPUT_BYTES: Final = 4_096
_CODE_BYTES_MAX: Final = 4 * 1024 * 1024
_REFILL_DELAY_NS: Final = 4_000_000


@dataclass(slots=True)
class _Job:
    """What the host asked for. A `run` whose code is not cached is a compilation first."""

    identity: int
    header: frames.Header
    source: bytes
    arguments: bytes

    @property
    def temp_bytes(self) -> int:
        return int(self.header["limits"]["temp_bytes"])


@dataclass(slots=True)
class _Child:
    """One forked process, from the order to fork it until its end was reported and its output read."""

    token: int
    temp_bytes: int
    channel: socket.socket
    output_fd: int
    ready: bool = False
    job: _Job | None = None
    compiling: bool = False
    answer: bytearray = field(default_factory=bytearray)
    answer_bytes_max: int = 0
    answered: bytes | None = None
    output: bytearray = field(default_factory=bytearray)
    output_bytes_max: int = 65_536
    truncated: bool = False
    end: End | None = None
    began_ns: int = 0
    deadline_ns: int = 0
    exit: tuple[int, int, int] | None = None  # wait status, cpu_us, peak_bytes


class Supervisor:
    """The loop of the process that the host talks to."""

    def __init__(self, host: socket.socket, orders: socket.socket, *, spares: int, temp_bytes: int) -> None:
        self._host, self._orders = host, orders
        self._spares, self._temp_bytes = spares, temp_bytes
        self._inbox = frames.FrameBuffer()
        self._outbox = bytearray()
        self._waiting: deque[_Job] = deque()
        self._children: dict[int, _Child] = {}
        self._code: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._next_token = 1
        self._greeted = False
        self._refill_ns: int | None = None
        """When to fork ahead again. Not at once: whoever got the answer has work to do first, on the same processors."""
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._read(host.fileno(), self._from_host)
        self._read(orders.fileno(), self._from_zygote)

    def serve(self) -> None:
        """Work until the host is gone."""
        self._refill()
        while True:
            for descriptor, event in self._epoll.poll(self._timeout_s()):
                if event & select.EPOLLOUT and descriptor == self._host.fileno():
                    self._flush()
                if event & ~select.EPOLLOUT and descriptor in self._readers:
                    self._readers[descriptor]()
            self._end_overdue()
            self._refill_if_due()

    def _read(self, descriptor: int, reader: Callable[[], None]) -> None:
        self._readers[descriptor] = reader
        self._epoll.register(descriptor, select.EPOLLIN)

    def _unread(self, descriptor: int) -> None:
        if self._readers.pop(descriptor, None):
            self._epoll.unregister(descriptor)

    # --- the host's side

    def _from_host(self) -> None:
        data = self._host.recv(_READ_BYTES)
        if not data:
            raise SystemExit(0)  # the host is gone: pid 1 ends, and the kernel ends everything else
        self._inbox.feed(data)
        while (frame := self._inbox.next()) is not None:
            self._obey(*frame)

    def _obey(self, header: frames.Header, body: bytes) -> None:
        if header["op"] == "cancel":
            self._cancel(header["id"])
            return
        split = header["source_bytes"]
        self._waiting.append(_Job(header["id"], header, body[:split], body[split:]))
        self._dispatch()

    def _cancel(self, identity: int) -> None:
        for one in list(self._children.values()):
            if one.job and one.job.identity == identity:
                self._finish(one, End.CANCELLED)
        for job in [job for job in self._waiting if job.identity == identity]:
            self._waiting.remove(job)
            self._send({"op": "done", "id": identity, "end": End.CANCELLED.value})

    def _send(self, header: frames.Header, body: bytes = b"") -> None:
        self._outbox += frames.encode(header, body)
        self._flush()

    def _flush(self) -> None:
        if self._outbox:
            try:
                sent = self._host.send(self._outbox, socket.MSG_DONTWAIT)
                del self._outbox[:sent]
            except BlockingIOError:
                pass
        events = select.EPOLLIN | (select.EPOLLOUT if self._outbox else 0)
        self._epoll.modify(self._host.fileno(), events)

    # --- children: forking ahead, handing over

    def _fork(self, temp_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        output_read, output_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(output_write, True)
        token, self._next_token = self._next_token, self._next_token + 1
        order = zygote.ORDER.pack(zygote.FORK, token, temp_bytes)
        socket.send_fds(self._orders, [order], [theirs.fileno(), output_write])
        theirs.close()
        os.close(output_write)
        ours.setblocking(False)
        one = _Child(token, temp_bytes, ours, output_read)
        self._children[token] = one
        self._read(ours.fileno(), lambda: self._from_child(one))
        self._read(output_read, lambda: self._from_output(one))

    def _refill(self) -> None:
        idle = sum(1 for one in self._children.values() if one.job is None and one.temp_bytes == self._temp_bytes)
        for _ in range(idle, self._spares):
            self._fork(self._temp_bytes)

    def _refill_if_due(self) -> None:
        """Fork ahead when the delay is over, or as soon as less than half of the spares are left."""
        if self._refill_ns is None:
            return
        idle = sum(one.job is None and one.exit is None for one in self._children.values())
        if 2 * idle < self._spares or self._waiting or time.monotonic_ns() >= self._refill_ns:
            self._refill_ns = None
            self._refill()

    def _dispatch(self) -> None:
        idle = [one for one in self._children.values() if one.job is None and one.exit is None and one.end is None]
        postponed: deque[_Job] = deque()
        while self._waiting:
            job = self._waiting.popleft()
            fitting = [one for one in idle if one.temp_bytes == job.temp_bytes]
            ready = next((one for one in fitting if one.ready), None)
            if ready:
                idle.remove(ready)
                self._hand_over(ready, job)
                continue
            postponed.append(job)
            if fitting:
                idle.remove(fitting[0])  # on its way; it will take this job when it is ready
            else:
                self._fork(job.temp_bytes)
        self._waiting = postponed

    def _hand_over(self, one: _Child, job: _Job) -> None:
        code = self._cached_code(job)
        header = {"entry_point": job.header["entry_point"], "policy": job.header["policy"]}
        if code is None:
            one.compiling, one.answer_bytes_max = True, _CODE_BYTES_MAX
            one.output_bytes_max, wall_ms = _COMPILE_OUTPUT_BYTES, _COMPILE_WALL_MS
            body = job.source
            header |= {"op": "check" if job.header["op"] == "check" else "compile", "limits": _COMPILE_LIMITS}
        else:
            limits = job.header["limits"]
            one.answer_bytes_max = limits["result_bytes"] + frames.HEADER_BYTES_MAX + _ANSWER_OVERHEAD_BYTES
            one.output_bytes_max, wall_ms = limits["output_bytes"], limits["wall_ms"]
            body = code + job.arguments
            header |= {"op": "run", "profile": job.header["profile"], "result_bytes": limits["result_bytes"]}
            header["limits"] = {name: limits[name] for name in _COMPILE_LIMITS}
        header["source_bytes"] = len(job.source if code is None else code)
        one.job = job
        one.began_ns = time.monotonic_ns()
        one.deadline_ns = one.began_ns + wall_ms * 1_000_000
        one.channel.setblocking(True)  # the child reads at once, and nothing else
        try:
            one.channel.sendall(frames.encode(header, body))
        except OSError:
            self._finish(one, End.BROKEN)
        one.channel.setblocking(False)

    def _cached_code(self, job: _Job) -> bytes | None:
        if job.header["op"] == "check":
            return None
        key = (job.header["digest"], job.header["policy"])
        code = self._code.get(key)
        if code is not None:
            self._code.move_to_end(key)
        return code

    # --- children: listening, ending

    def _from_child(self, one: _Child) -> None:
        try:
            data = one.channel.recv(_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._unread(one.channel.fileno())
            return  # its exit will be reported
        if not one.ready:
            one.ready = True
            self._greet()
            data = data[len(child.READY) :]
            self._dispatch()
            if not data:
                return
        one.answer += data
        self._check_answer(one)

    def _check_answer(self, one: _Child) -> None:
        if one.end is not None or len(one.answer) < frames.PREFIX.size:
            return
        header_bytes, body_bytes = frames.PREFIX.unpack_from(one.answer)
        whole = frames.PREFIX.size + header_bytes + body_bytes
        if header_bytes > frames.HEADER_BYTES_MAX or header_bytes + body_bytes > one.answer_bytes_max:
            self._finish(one, End.ANSWER_SIZE)
        elif len(one.answer) >= whole:
            one.answered = bytes(one.answer[:whole])
            self._finish(one, End.ANSWERED)

    def _from_output(self, one: _Child) -> None:
        try:
            data = os.read(one.output_fd, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._unread(one.output_fd)
            return
        room = one.output_bytes_max - len(one.output)
        one.output += data[:room]
        if len(data) > room:
            one.truncated = True
            self._finish(one, End.OUTPUT)

    def _finish(self, one: _Child, end: End) -> None:
        """Settle why a child ends, and have it killed. The first reason counts."""
        if one.end is None and one.exit is None:
            one.end = end
            self._orders.send(zygote.ORDER.pack(zygote.KILL, one.token, 0))

    def _from_zygote(self) -> None:
        message = self._orders.recv(zygote.REPORT.size)
        if not message:
            raise SystemExit("the zygote ended")
        what, token, status, cpu_us, peak_bytes = zygote.REPORT.unpack(message)
        one = self._children[token]
        if what == zygote.FAILED:
            raise SystemExit(f"cannot make namespaces: {os.strerror(status)}")
        self._drain(one)
        one.exit = (status, cpu_us, peak_bytes)
        self._retire(one)

    def _drain(self, one: _Child) -> None:
        """Read what the dead child left in its pipe and its socket, within the bounds."""
        while one.channel.fileno() in self._readers:
            try:
                data = one.channel.recv(_READ_BYTES, socket.MSG_DONTWAIT)
            except OSError:
                break
            if not data:
                break
            if one.end is None:
                one.answer += data[0 if one.ready else len(child.READY) :]
                self._check_answer(one)
        while one.output_fd in self._readers and not one.truncated:
            try:
                data = os.read(one.output_fd, _READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                break
            room = one.output_bytes_max - len(one.output)
            one.output += data[:room]
            one.truncated = len(data) > room

    def _retire(self, one: _Child) -> None:
        del self._children[one.token]
        self._unread(one.channel.fileno())
        self._unread(one.output_fd)
        one.channel.close()
        os.close(one.output_fd)
        if one.exit and os.waitstatus_to_exitcode(one.exit[0]) == child.NOT_CONFINED and not one.ready:
            raise SystemExit(one.output.decode("utf-8", "replace"))
        if one.job is None:
            self._refill()
        elif one.compiling:
            self._compiled(one, one.job)
        else:
            self._done(one, one.job)
        self._dispatch()
        if self._refill_ns is None:
            self._refill_ns = time.monotonic_ns() + _REFILL_DELAY_NS

    def _compiled(self, one: _Child, job: _Job) -> None:
        """Keep the code and run it, or pass the refusal on. A child that runs user code never gets here."""
        if one.end is End.ANSWERED and one.answered and job.header["op"] == "run":
            buffer = frames.FrameBuffer()
            buffer.feed(one.answered)
            answer = buffer.next()
            if answer and answer[0].get("kind") == "RETURNED":
                self._code[(job.header["digest"], job.header["policy"])] = answer[1]
                while len(self._code) > _CODE_CACHE_ENTRIES_MAX:
                    self._code.popitem(last=False)
                self._waiting.appendleft(job)
                return
        self._done(one, job)

    def _done(self, one: _Child, job: _Job) -> None:
        status, cpu_us, peak_bytes = one.exit or (0, 0, 0)
        answered = one.answered or b""
        header = {
            "op": "done",
            "id": job.identity,
            "phase": "compile" if one.compiling else "run",
            "end": (one.end or End.EXITED).value,
            "exit_code": os.waitstatus_to_exitcode(status),
            "wall_us": (time.monotonic_ns() - one.began_ns) // 1_000,
            "cpu_us": cpu_us,
            "memory_peak_bytes": peak_bytes,
            "output_bytes": len(one.output),
            "output_truncated": one.truncated,
        }
        self._send(header, bytes(one.output) + answered)

    def _greet(self) -> None:
        if not self._greeted:
            self._greeted = True
            version = ".".join(map(str, sys.version_info[:3]))
            self._send({"op": "ready", "python": version})

    # --- time

    def _timeout_s(self) -> float | None:
        running = [one.deadline_ns for one in self._children.values() if one.job and one.end is None]
        if self._refill_ns is not None:
            running.append(self._refill_ns)
        return max(0.0, (min(running) - time.monotonic_ns()) / 1e9 + 0.0005) if running else None

    def _end_overdue(self) -> None:
        now = time.monotonic_ns()
        for one in list(self._children.values()):
            if one.job and one.end is None and one.deadline_ns <= now:
                self._finish(one, End.WALL)


def ignore_signals() -> None:
    """Leave the end of this process to its host and to SIGKILL."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
