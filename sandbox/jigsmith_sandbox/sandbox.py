"""One launched sandbox: its zygote, the children that wait in it, and the calls that run in it."""

import asyncio
import itertools
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from jigsmith_worker import child as inside
from jigsmith_worker import frames, wire
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import End, OutcomeKind

from jigsmith_sandbox import call_groups, exchanges, outcomes, seccomp
from jigsmith_sandbox.backend import Backend, Call, Outcome, Policy, PolicyVerdict, SandboxSpec
from jigsmith_sandbox.call_groups import CallGroups
from jigsmith_sandbox.child import Bounds, Child, Connection, Finished
from jigsmith_sandbox.code_cache import CodeCache, Key
from jigsmith_sandbox.errors import ProtocolError, SandboxUnavailableError
from jigsmith_sandbox.limits import Limits
from jigsmith_sandbox.listener import Listener, remove_socket_directory
from jigsmith_sandbox.peer import process_of
from jigsmith_sandbox.readers import Readers
from jigsmith_sandbox.stock import Stock, Temp

SANDBOX_UID: Final = 65_534
_LAUNCH_TIMEOUT_S: Final = 60.0
_ALIVE_POLL_S: Final = 0.5
_REPORT_BYTES_MAX: Final = 1 << 16


class Sandbox:
    """A running sandbox. `open` it, use it, `close` it; `on_lost` hears once if it is lost in between."""

    def __init__(
        self, spec: SandboxSpec, backend: Backend, codes: CodeCache, on_lost: Callable[["Sandbox"], None]
    ) -> None:
        self.spec = spec
        self.running = 0
        """How many calls are in it or wait for a child of it."""
        self.lost = False
        self.isolation = Isolation.SANDBOX
        """How far apart its calls are; the weakest kind until it has said so."""
        self.groups: CallGroups | None = None
        """Control groups for its calls, where they can be had."""
        self.no_groups_because = ""
        self._backend = backend
        self._codes = codes
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._secret = secrets.token_bytes(wire.SECRET_BYTES)
        self._python = ""
        self._listener: Listener | None = None
        self._zygote: socket.socket | None = None
        self._reports = bytearray()
        self._tokens = itertools.count(1)
        self._children: dict[int, Child] = {}
        self._readers = Readers()
        self._stock = Stock(self._fork, self._coming)
        self._usual_temp: Temp = (0, 0)

    # --- life

    async def open(self, default: Limits, spares: int) -> None:
        """Launch the sandbox and wait until its first child is confined. Raises SandboxUnavailableError."""
        self._usual_temp = _temp(default)
        try:
            self._listener = Listener(self.spec.socket_directory, self._secret)
            async with asyncio.timeout(_LAUNCH_TIMEOUT_S):
                await self._backend.launch(self.spec)
                await self._meet_zygote()
                self._stock.keep(self._usual_temp, spares)
                self.offer(await self._stock.take(self._usual_temp))
            if self.isolation is Isolation.SANDBOX:  # it ends with its first call: what it has is enough
                self._stock.keep(self._usual_temp, 0)
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                message = f"a {self._backend.name} sandbox did not start within {_LAUNCH_TIMEOUT_S:.0f} s"
                raise SandboxUnavailableError(message) from None
            if isinstance(error, OSError | frames.FrameError):
                raise SandboxUnavailableError(f"a {self._backend.name} sandbox did not start: {error}") from error
            raise

    async def _meet_zygote(self) -> None:
        """Wait for the first connection, configure the zygote, and hear that it is ready."""
        zygote = await self._first_connection()
        hello = await _receive_exactly(zygote, wire.HELLO.size)
        if hello is None or wire.HELLO.unpack(hello)[0] != wire.ZYGOTE:
            raise await self._failed_start("it did not introduce itself")
        if self._backend.shares_kernel:
            await asyncio.to_thread(self._make_groups, zygote)
        handed_over = self._descriptors_of_a_child()
        with_files, without_files = seccomp.call_filters(seccomp.load())
        configuration = {
            "uid": SANDBOX_UID,
            "gid": SANDBOX_UID,
            "secret": "" if handed_over else self._secret.hex(),  # who makes no connection need not know it
            "handed_over": handed_over,
            "filter_with_files_bytes": len(with_files),
            "packages": list(self.spec.profile.packages),
            "warm_up": self.spec.profile.warm_up,
        }
        await self._loop.sock_sendall(zygote, frames.encode(configuration, with_files + without_files))
        buffer = frames.FrameBuffer(0)
        while (frame := buffer.next()) is None:
            data = await self._loop.sock_recv(zygote, frames.HEADER_BYTES_MAX)
            if not data:
                raise await self._failed_start("its zygote ended")
            buffer.feed(data)
        if frame[0].get("protocol") != wire.PROTOCOL:
            raise await self._failed_start(
                "its worker is of another version than this host; build its image again, with `make images`"
            )
        self._python = str(frame[0].get("python"))[:64]
        try:
            self.isolation = Isolation(frame[0].get("isolation"))
        except ValueError:
            raise await self._failed_start("it does not say how it isolates calls") from None
        assert self._listener is not None
        self._loop.add_reader(zygote.fileno(), self._read_reports)
        if self._backend.shares_kernel:  # nobody else connects: children are given their connections
            self._listener.close()
        else:
            self._listener.serve(self._attach)

    def _make_groups(self, zygote: socket.socket) -> None:
        try:
            self.groups = call_groups.below(process_of(zygote), self.spec.sandbox_id, self.spec.limits)
        except call_groups.NoGroupsError as error:
            self.no_groups_because = str(error)

    def _descriptors_of_a_child(self) -> int:
        if not self._backend.shares_kernel:
            return 0
        return wire.CONNECTIONS + (self.groups.descriptors if self.groups is not None else 0)

    async def _accept_zygote(self) -> None:
        assert self._listener is not None
        self._zygote = await self._listener.accept()

    async def _first_connection(self) -> socket.socket:
        accepting = asyncio.create_task(self._accept_zygote())
        try:
            while self._zygote is None:
                await asyncio.wait({accepting}, timeout=_ALIVE_POLL_S)  # which cancels nothing that has just come
                if self._zygote is None and not await self._backend.alive(self.spec.sandbox_id):
                    raise await self._failed_start("it ended")
        finally:
            accepting.cancel()
        return self._zygote

    async def _failed_start(self, what: str) -> SandboxUnavailableError:
        text = await self._backend.diagnose(self.spec.sandbox_id)
        return SandboxUnavailableError(f"a {self._backend.name} sandbox was not ready: {what}: {text}".rstrip(": "))

    async def close(self) -> None:
        """Kill the sandbox and remove its socket folder."""
        self.lose("it was closed")
        await self._backend.kill(self.spec.sandbox_id)
        if self.groups is not None:
            await asyncio.to_thread(self.groups.close)
        remove_socket_directory(self.spec.socket_directory)

    def lose(self, reason: str) -> None:
        """Give the sandbox up: fail what runs in it, and tell the owner, who will close it."""
        if self.lost:
            return
        self.lost = True
        if self._listener is not None:
            self._listener.close()
        if self._zygote is not None:
            self._loop.remove_reader(self._zygote.fileno())
            self._zygote.close()
        error = SandboxUnavailableError(f"the sandbox was lost: {reason}")
        for child in self._children.values():
            child.fail(error)
            self._free(child)
        self._children.clear()
        self._readers.close()
        self._stock.close(error)
        self._on_lost(self)

    # --- calls

    def prepare(self, call: Call) -> "Prepared | None":
        """Hand a call to a child, which begins it when `run` is called; None if none is ready, or there is code to compile."""
        code = None if self.lost else self._codes.get(self._key(call))
        if code is None:
            return None
        message, bounds = exchanges.of_run(call, code)
        child = self._stock.take_at_once(_temp(call.limits))
        if child is None:
            return None
        prepared = Prepared(self, call, child, message, bounds)
        try:
            child.prepare(message, bounds)
        except OSError as error:
            self.lose(f"the limits of a call could not be set: {error}")
        return prepared

    async def run(self, call: Call, prepared: "Prepared | None" = None) -> Outcome:
        """Run a call. Cancelling this coroutine ends the run and waits for its end.

        Raises SandboxUnavailableError; ValueError if it was another call that was prepared.
        """
        if prepared is not None and prepared.call is not call:
            raise ValueError("another call was prepared")
        self.running += 1
        try:
            if prepared is not None and prepared.child.unused:
                finished = await self._exchange(prepared.child, prepared.message, prepared.bounds)
                return outcomes.of_run(finished, call.limits.cpu_ms)
            outcome, code = await self._compiled(call)
            if code is None:
                return outcome
            message, bounds = exchanges.of_run(call, code)
            child = await self._take(_temp(call.limits))
            return outcomes.of_run(await self._exchange(child, message, bounds), call.limits.cpu_ms)
        finally:
            self.running -= 1

    async def check(self, source: str, entry_point: str, policy: Policy, digest: str) -> PolicyVerdict:
        """Compile a source under a policy, in a child that runs nothing of it. With a digest, the code is kept for calls."""
        self.running += 1
        try:
            outcome, code = await self._compile(source, entry_point, policy)
            if code is not None and digest:
                self._codes.put((digest, policy, self._python), code)
            return outcomes.verdict(outcome, accepted=code is not None)
        finally:
            self.running -= 1

    async def _compiled(self, call: Call) -> tuple[Outcome, bytes | None]:
        key = self._key(call)
        code = self._codes.get(key)
        if code is not None:
            return _NOTHING_RAN, code
        outcome, code = await self._compile(call.source, call.entry_point, call.policy)
        if code is not None:
            self._codes.put(key, code)
        return outcome, code

    def _key(self, call: Call) -> Key:
        return call.version_digest, call.policy, self._python

    async def _compile(self, source: str, entry_point: str, policy: str) -> tuple[Outcome, bytes | None]:
        message, bounds = exchanges.of_compilation(source, entry_point, policy)
        return outcomes.of_compilation(await self._exchange(await self._take(self._usual_temp), message, bounds))

    async def _exchange(self, child: Child, message: bytes, bounds: Bounds) -> Finished:
        try:
            finished = child.exchange(message, bounds)
        except OSError as error:
            self.lose(f"the limits of a call could not be set: {error}")
            raise SandboxUnavailableError(f"the sandbox was lost: {error}") from None
        try:
            self._stock.refill_if_short()
            return await finished
        except BaseException:  # above all, that nobody wants it any more
            child.finish(End.CANCELLED)
            await child.gone()
            raise
        finally:
            self._stock.refill_soon()

    # --- children

    async def _take(self, temp: Temp) -> Child:
        """Return a child that is ready, and nobody else's."""
        if self.lost:
            raise SandboxUnavailableError("the sandbox was lost")
        try:
            child = await self._stock.take(temp)
            while not child.unused:  # it died while it was being handed over
                child = await self._stock.take(temp)
        except TimeoutError:
            self.lose("it forked no child in time")
            raise SandboxUnavailableError("the sandbox forked no child in time") from None
        return child

    def offer(self, child: Child) -> None:
        """Hear that a child is ready for a call."""
        self._stock.offer(child)

    def _fork(self, temp: Temp, count: int) -> None:
        """Order children, as many at a time as one message holds."""
        for begin in range(0, count, wire.BATCH_MAX):
            self._fork_in_a_row(temp, min(count - begin, wire.BATCH_MAX))

    def _fork_in_a_row(self, temp: Temp, count: int) -> None:
        """Order children as one message: the zygote forks them one after the other."""
        if self.lost:
            return
        orders: list[bytes] = []
        connections: list[Connection] = []
        handed_over: list[int] = []
        for _ in range(count):
            token = next(self._tokens)
            try:
                group = self.groups.take() if self.groups is not None else None
                child = self._children[token] = Child(token, temp, self, self._readers, group)
                ends = child.connect() if self._backend.shares_kernel else ()
            except OSError as error:
                self.lose(f"a child can have no control group or no connection: {error}")
                break
            orders.append(wire.ORDER.pack(wire.FORK, token, *temp))
            connections += ends
            handed_over += [one.fileno() for one in ends]
            handed_over += group.attach if group is not None else ()
        self._tell(b"".join(orders), handed_over)
        for connection in connections:
            connection.close()  # the sandbox has it now

    def _coming(self, temp: Temp) -> int:
        """Return how many children are on their way."""
        return sum(not child.ready and child.temp == temp for child in self._children.values())

    def _free(self, child: Child) -> None:
        if self.groups is not None and child.group is not None:
            self.groups.give_back(child.group)

    def order(self, what: bytes, token: int) -> None:
        """Tell the zygote to kill or to measure a child."""
        self._tell(wire.ORDER.pack(what, token, 0, 0))

    def _tell(self, order: bytes, handed_over: Sequence[int] = ()) -> None:
        assert self._zygote is not None
        try:
            if not self.lost and _send(self._zygote, order, handed_over) != len(order):
                self.lose("its zygote does not listen")
        except OSError as error:
            self.lose(f"its zygote does not listen: {error}")

    # --- what comes in

    def _attach(self, token: int, who: bytes, connection: socket.socket) -> bool:
        child = self._children.get(token)
        if child is None:
            return False
        child.attach(who, connection)
        return True

    def _read_reports(self) -> None:
        assert self._zygote is not None
        try:
            data = self._zygote.recv(_REPORT_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.lose("it ended")
            return
        self._reports += data
        try:
            while len(self._reports) >= wire.REPORT.size and not self.lost:
                report = wire.REPORT.unpack_from(self._reports)
                del self._reports[: wire.REPORT.size]
                self._hear(*report)
        except ProtocolError as error:
            self.lose(str(error))

    def _hear(self, what: bytes, token: int, status: int, cpu_us: int, memory_peak_bytes: int) -> None:
        child = self._children.get(token)
        if child is None:
            raise ProtocolError("its zygote speaks of a child that there is not")
        if what == wire.MEASURED:
            child.measured(cpu_us)
        elif what == wire.FAILED:
            raise ProtocolError(f"it cannot make namespaces: {os.strerror(status)}")
        elif what == wire.EXITED:
            try:
                exit_code = os.waitstatus_to_exitcode(status)
            except ValueError:
                raise ProtocolError("its zygote reports an end that is none") from None
            self._exited(child, exit_code, cpu_us, memory_peak_bytes)
        else:
            raise ProtocolError("its zygote sent an unknown report")

    def _exited(self, child: Child, exit_code: int, cpu_us: int, memory_peak_bytes: int) -> None:
        del self._children[child.token]
        child.exited(exit_code, cpu_us, memory_peak_bytes)
        self._free(child)
        if not child.ready and exit_code == inside.NOT_CONFINED:
            raise ProtocolError(child.last_words or "a child could not be confined")
        self._stock.forget(child)
        self._stock.refill_soon()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that a child has, and has not begun."""

    sandbox: Sandbox
    call: Call
    child: Child
    message: bytes
    bounds: Bounds

    def discard(self) -> None:
        """Give it up, unless it was begun."""
        self.child.discard()


_NOTHING_RAN: Final = Outcome(OutcomeKind.RETURNED)


def _send(connection: socket.socket, data: bytes, descriptors: Sequence[int]) -> int:
    return connection.sendmsg([data], wire.ancillary(descriptors)) if descriptors else connection.send(data)


def _temp(limits: Limits) -> Temp:
    return limits.temp_bytes, limits.temp_files


async def _receive_exactly(connection: socket.socket, count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        more = await asyncio.get_running_loop().sock_recv(connection, count - len(data))
        if not more:
            return None
        data += more
    return data
