"""The host's end of one sandbox: launch, hand calls over, take answers apart without trusting them.

An answer has two parts from two authors. The supervisor's header (why the call ended, time, CPU, memory, exit) is measured
outside of the child. The child's frame (kind, texts, result) is a claim, believed only where it can harm nobody but itself.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from jigsmith_worker import frames
from jigsmith_worker.outcome import MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX, End, OutcomeKind

from jigsmith_sandbox import seccomp
from jigsmith_sandbox.backend import Backend, Call, Outcome, PolicyVerdict, Refusal, SandboxSpec
from jigsmith_sandbox.errors import ProtocolError, SandboxUnavailableError
from jigsmith_sandbox.limits import Limits

SANDBOX_UID: Final = 65_534
_LAUNCH_TIMEOUT_S: Final = 30.0
_ALIVE_POLL_S: Final = 0.5
_GRACE_S: Final = 2.0
"""How long after its wall limit a call may stay unanswered before its sandbox is considered lost and killed."""
_COMPILE_GRACE_S: Final = 10.0


class Connection:
    """One launched sandbox that answers. Made by `launch`."""

    def __init__(self, spec: SandboxSpec, backend: Backend, on_lost: Callable[["Connection"], None]) -> None:
        self.spec = spec
        self._backend = backend
        self._on_lost = on_lost
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[tuple[frames.Header, bytes]]] = {}
        self._ids = itertools.count(1)
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.lost = False

    @property
    def running(self) -> int:
        """How many calls wait for an answer."""
        return len(self._waiting)

    async def open(self, default: Limits, spares: int) -> None:
        """Launch the sandbox and wait until its first child is confined. Raises SandboxUnavailableError."""
        directory = self.spec.socket_directory
        directory.mkdir(mode=0o711)
        path = directory / "worker.sock"
        connected: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        server = await asyncio.start_unix_server(lambda r, w: connected.put_nowait((r, w)), path, limit=1 << 18)
        try:
            # The sandbox's user is not ours. Others cannot guess the folder's name, and could only pose as a sandbox.
            os.chmod(path, 0o666)  # noqa: PTH101, S103
            await self._backend.launch(self.spec)
            async with asyncio.timeout(_LAUNCH_TIMEOUT_S):
                reader, self._writer = await self._connected(connected)
                self._configure(default, spares)
                self._reader = asyncio.create_task(self._read(reader))
                await asyncio.shield(self._ready)
        except TimeoutError:
            await self.close()
            raise SandboxUnavailableError(
                f"a {self._backend.name} sandbox did not start within {_LAUNCH_TIMEOUT_S:.0f} s"
            ) from None
        except (SandboxUnavailableError, asyncio.CancelledError):
            await self.close()
            raise
        finally:
            server.close()  # one sandbox, one connection
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    async def _connected(
        self, connected: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ALIVE_POLL_S):
                    return await connected.get()
            if not await self._backend.alive(self.spec.sandbox_id):
                text = await self._backend.diagnose(self.spec.sandbox_id)
                raise SandboxUnavailableError(f"a {self._backend.name} sandbox ended before it was ready: {text}")

    def _configure(self, default: Limits, spares: int) -> None:
        program = seccomp.call_filter(seccomp.load())
        header = {
            "op": "configure",
            "uid": SANDBOX_UID,
            "gid": SANDBOX_UID,
            "spares": spares,
            "temp_bytes": default.temp_bytes,
        }
        self._write(header, program)

    def _write(self, header: frames.Header, body: bytes = b"") -> None:
        if self._writer is None or self.lost:
            raise SandboxUnavailableError("the sandbox was lost")
        self._writer.write(frames.encode(header, body))

    async def run(self, call: Call) -> Outcome:
        """Run a call. Cancelling this coroutine ends the run and waits for its end."""
        source = call.source.encode()
        header = {
            "op": "run",
            "entry_point": call.entry_point,
            "policy": call.policy,
            "profile": call.profile,
            "digest": call.version_digest,
            "source_bytes": len(source),
            "limits": call.limits.as_dict(),
        }
        timeout_s = call.limits.wall_ms / 1_000 + _COMPILE_GRACE_S + _GRACE_S
        answer = await self._ask(header, source + call.arguments_json.encode(), timeout_s)
        return _outcome(*answer, call.limits.cpu_ms)

    async def check(self, source: str, entry_point: str, limits: Limits) -> PolicyVerdict:
        """Run the policy gate over a source, in a child that runs nothing of it."""
        encoded = source.encode()
        header = {
            "op": "check",
            "entry_point": entry_point,
            "policy": "restricted",
            "source_bytes": len(encoded),
            "limits": limits.as_dict(),
        }
        return _verdict(*await self._ask(header, encoded, _COMPILE_GRACE_S + _GRACE_S))

    async def _ask(self, header: frames.Header, body: bytes, timeout_s: float) -> tuple[frames.Header, bytes]:
        identity = next(self._ids)
        answer: asyncio.Future[tuple[frames.Header, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[identity] = answer
        try:
            self._write(header | {"id": identity}, body)
            try:
                async with asyncio.timeout(timeout_s):
                    return await asyncio.shield(answer)
            except TimeoutError:
                self._lose("it did not answer in time")
                raise SandboxUnavailableError("the sandbox did not answer in time and was killed") from None
            except asyncio.CancelledError:
                await self._cancel(identity, answer)
                raise
        finally:
            self._waiting.pop(identity, None)

    async def _cancel(self, identity: int, answer: asyncio.Future[tuple[frames.Header, bytes]]) -> None:
        with contextlib.suppress(SandboxUnavailableError, TimeoutError):
            self._write({"op": "cancel", "id": identity})
            async with asyncio.timeout(_GRACE_S):
                await answer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        buffer = frames.FrameBuffer()
        reason = "it ended"
        try:
            while data := await reader.read(1 << 18):
                buffer.feed(data)
                while (frame := buffer.next()) is not None:
                    self._receive(*frame)
        except (frames.FrameError, ProtocolError, OSError) as error:
            reason = str(error)
        self._lose(reason)

    def _receive(self, header: frames.Header, body: bytes) -> None:
        match header.get("op"):
            case "ready" if not self._ready.done():
                self._ready.set_result(None)
            case "done":
                waiting = self._waiting.get(header.get("id", 0))
                if waiting is not None and not waiting.done():
                    waiting.set_result((header, body))
            case "failed":
                raise ProtocolError(f"it failed: {str(header.get('message'))[:MESSAGE_CHARS_MAX]}")
            case _:
                raise ProtocolError("it sent an unknown message")

    def _lose(self, reason: str) -> None:
        if self.lost:
            return
        self.lost = True
        error = SandboxUnavailableError(f"the sandbox was lost: {reason}")
        unanswered: list[asyncio.Future[Any]] = [self._ready, *self._waiting.values()]
        for waiting in unanswered:
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # seen, even if nobody waits any more
        self._on_lost(self)

    async def close(self) -> None:
        """Kill the sandbox and remove its socket folder."""
        self._lose("it was closed")
        if self._writer is not None:
            self._writer.close()
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        await self._backend.kill(self.spec.sandbox_id)
        remove_socket_directory(self.spec.socket_directory)


def remove_socket_directory(directory: Path) -> None:
    """Remove a sandbox's socket folder. Nothing but the host ever wrote to it: sandboxes mount it read-only."""
    shutil.rmtree(directory, ignore_errors=True)


_ENDS: Final = {
    End.WALL: OutcomeKind.TIME_LIMIT,
    End.OUTPUT: OutcomeKind.OUTPUT_LIMIT,
    End.ANSWER_SIZE: OutcomeKind.RESULT_LIMIT,
    End.CANCELLED: OutcomeKind.CANCELLED,
}
_SIGKILL, _SIGXCPU = 9, 24


def _outcome(header: frames.Header, body: bytes, cpu_ms_max: int) -> Outcome:
    """Join what the supervisor measured with what the child claims."""
    end = End(header["end"])
    if end is End.CANCELLED and "wall_us" not in header:
        return Outcome(OutcomeKind.CANCELLED)
    output_bytes = header["output_bytes"]
    measured: dict[str, Any] = {
        "output": body[:output_bytes].decode("utf-8", "replace"),
        "output_truncated": header["output_truncated"],
        "exit_code": header["exit_code"],
        "wall_us": header["wall_us"],
        "cpu_us": header["cpu_us"],
        "memory_peak_bytes": header["memory_peak_bytes"],
    }
    if end is End.BROKEN:
        raise SandboxUnavailableError("a child of the sandbox broke before its call began")
    if end is End.ANSWERED:
        return _answered(body[output_bytes:], measured | {"exit_code": 0})
    if end in _ENDS:
        kind = _ENDS[end]
        return Outcome(kind, message=_EXPLANATIONS.get(kind, ""), **measured)
    kind = _kind_of_exit(header, cpu_ms_max)
    return Outcome(kind, message=_EXPLANATIONS.get(kind, ""), **measured)


_EXPLANATIONS: Final = {
    OutcomeKind.MEMORY_LIMIT: "the kernel killed the process for its memory",
    OutcomeKind.DIED: "the process ended without an answer",
    OutcomeKind.CANCELLED: "the caller went away",
    OutcomeKind.REFUSED: "the source could not be compiled within its limits",
}


def _kind_of_exit(header: frames.Header, cpu_ms_max: int) -> OutcomeKind:
    """Explain an end that nobody here caused: the kernel's SIGKILL means CPU or memory, the rest is the function's doing.

    The kernel counts CPU time for the limit by ticks and for the report exactly, so the two differ by a few per cent.
    """
    if header["phase"] == "compile":
        return OutcomeKind.REFUSED
    code = header["exit_code"]
    if code == -_SIGXCPU or (code == -_SIGKILL and header["cpu_us"] >= cpu_ms_max * 900):
        return OutcomeKind.TIME_LIMIT
    return OutcomeKind.MEMORY_LIMIT if code == -_SIGKILL else OutcomeKind.DIED


def _answered(data: bytes, measured: dict[str, Any]) -> Outcome:
    try:
        claims, body = _frame(data)
        kind = OutcomeKind(claims["kind"])
        refusals = _refusals(claims)
    except (frames.FrameError, KeyError, ValueError, TypeError):
        kind = OutcomeKind.DIED
    if kind in (OutcomeKind.CANCELLED, OutcomeKind.DIED):  # neither is the child's to say
        return Outcome(OutcomeKind.DIED, message="the process answered with something that is no answer", **measured)
    if kind is OutcomeKind.RETURNED:
        try:
            return Outcome(kind, result_json=body.decode(), **measured)
        except UnicodeDecodeError:
            return Outcome(OutcomeKind.NOT_SERIALIZABLE, message="the result is not UTF-8", **measured)
    message = "; ".join(f"line {one.line}: {one.construct}" for one in refusals) or claims.get("message", "")
    return Outcome(
        kind,
        exception_type=_text(claims.get("exception_type", ""), _NAME_CHARS_MAX),
        message=_text(message, MESSAGE_CHARS_MAX),
        traceback=_text(claims.get("traceback", ""), TRACEBACK_CHARS_MAX),
        **measured,
    )


_NAME_CHARS_MAX: Final = 200
_REFUSALS_MAX: Final = 32
_POSITION_MAX: Final = 1 << 20


def _frame(data: bytes) -> tuple[frames.Header, bytes]:
    buffer = frames.FrameBuffer()
    buffer.feed(data)
    frame = buffer.next()
    if frame is None:
        raise frames.FrameError("half a frame")
    return frame


def _text(claimed: object, chars_max: int) -> str:
    """Return what a child claims as bounded text that can be written as UTF-8: JSON may carry lone surrogates."""
    return str(claimed)[:chars_max].encode("utf-8", "replace").decode()


def _refusals(claims: frames.Header) -> tuple[Refusal, ...]:
    """Return the refusals that a child claims. Raises TypeError or ValueError if they are none."""
    return tuple(
        Refusal(_position(line), _position(column), _text(what, MESSAGE_CHARS_MAX), _text(advice, MESSAGE_CHARS_MAX))
        for line, column, what, advice in claims.get("refusals", [])[:_REFUSALS_MAX]
    )


def _position(claimed: object) -> int:
    if type(claimed) is not int or not 0 <= claimed <= _POSITION_MAX:
        raise ValueError("a position in a source is a small number")
    return claimed


def _verdict(header: frames.Header, body: bytes) -> PolicyVerdict:
    outcome = _outcome(header, body, 0)
    if outcome.kind is OutcomeKind.RETURNED:
        return PolicyVerdict(accepted=True)
    refusals: tuple[Refusal, ...] = ()
    if header["end"] == End.ANSWERED.value:
        with contextlib.suppress(frames.FrameError, TypeError, ValueError):
            refusals = _refusals(_frame(body[header["output_bytes"] :])[0])
    if not refusals:
        refusals = (Refusal(0, 0, "source that cannot be compiled within its limits", "simplify it"),)
    return PolicyVerdict(accepted=False, refusals=refusals)
