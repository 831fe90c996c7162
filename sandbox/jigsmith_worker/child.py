"""One call, in a process that is used once. Runs untrusted code; everything it says is hostile to its host.

Life: forked by the zygote into namespaces of its own → connected to the host → confined → says it is ready → gets one frame →
answers with one frame → gone. Host and zygote measure and end it; nothing here is trusted to do so.
"""

import _signal  # type: ignore[import-not-found]  # a part of CPython
import _socket
import errno
import json
import marshal
import os
import socket
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from jigsmith_worker import confine, frames, policy, wire
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX, OutcomeKind

CHANNEL: Final = 3
"""The descriptor of the child's answers, beside stdin (/dev/null), stdout and stderr (one socket)."""

FILENAME: Final = "<function>"
NOT_CONFINED: Final = 70
"""Exit code of a child that could not be confined: EX_SOFTWARE, and never the code of a call, which was not begun."""

_TRACEBACK_FRAMES_MAX: Final = 20

# Made once, in the zygote: what a child makes, every child pays for.
_TO_JSON: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode
_RETURNED: Final = json.dumps({"kind": OutcomeKind.RETURNED.value}).encode()
_REHEARSAL: Final = {"entry_point": "f", "policy": "restricted", "result_bytes": 100}
_REHEARSAL_CODE: Final = marshal.dumps(policy.compile_restricted("def f(text):\n    return [len(text), text.upper()]"))


@dataclass(frozen=True, slots=True)
class Home:
    """What all children of a sandbox have in common."""

    socket_path: str
    handed_over: int
    """How many descriptors a child is given; with none, it makes its connections to the host itself."""
    secret: bytes
    uid: int
    gid: int
    filter: confine.Filter
    null: int
    """A descriptor of /dev/null."""
    isolation: Isolation


@dataclass(frozen=True, slots=True)
class Task:
    """What one child is forked for: its number, and the size of its /tmp, which cannot be chosen any later."""

    token: int
    temp_bytes: int
    temp_files: int
    descriptors: list[int]
    """For its answers, its output and its control groups, if it was given any."""


def live(home: Home, task: Task) -> NoReturn:
    """Confine this process, serve one frame, end. Never returns to the zygote's code."""
    code = NOT_CONFINED
    try:
        answers, output, *groups = task.descriptors or _connect(home, task.token)
        confine.enter_groups(groups)
        confine.keep_descriptors(home.null, output, answers)
        _forget_handlers()
        if home.isolation is not Isolation.SANDBOX:
            confine.map_identity(home.uid, home.gid)
        if home.isolation is Isolation.NAMESPACES:
            confine.mount_private(task.temp_bytes, task.temp_files)
        os.umask(0o077)
        confine.drop_capabilities()
        home.filter.install()
        _rehearse()
        channel = socket.socket(fileno=CHANNEL)
        channel.sendall(wire.HELLO.pack(wire.ANSWERS, home.secret, task.token))
        code = 1
        code = _serve(channel)
    except OSError as error:
        os.write(2, f"cannot confine: {error}\n".encode())
    finally:
        os._exit(code)


def _rehearse() -> None:
    """Make a call of no consequence before the real one is waited for: what is slow the first time is slow then."""
    frame = frames.encode(_REHEARSAL, _REHEARSAL_CODE + b'{"text": "a"}')
    buffer = frames.FrameBuffer()
    buffer.feed(frame)
    header, body = buffer.next() or ({}, b"")
    _call(header, body[: len(_REHEARSAL_CODE)], body[len(_REHEARSAL_CODE) :], policy.rehearsal_namespace())


def _connect(home: Home, token: int) -> tuple[int, int]:
    answers, output = (_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM) for _ in range(2))
    for connection in (answers, output):
        connection.connect(home.socket_path)
    output.send(wire.HELLO.pack(wire.OUTPUT, home.secret, token))
    return answers.detach(), output.detach()


def _forget_handlers() -> None:
    # The C module behind `signal`, whose functions turn every number into an enum member first.
    _signal.set_wakeup_fd(-1)
    for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
        _signal.signal(number, _signal.SIG_DFL)


def _serve(connection: socket.socket) -> int:
    itself = os.getpid()
    frame = _receive(connection)
    if frame is None:  # the host gave this child up
        return 0
    header, body = frame
    split = header["source_bytes"]
    if header["op"] == "compile":
        answer = _compile(header, body[:split].decode())
    else:
        confine.limit_resources(**header["limits"])
        unguarded = {"__name__": "function", "__builtins__": __builtins__}
        namespace = unguarded if header["policy"] == "none" else policy.namespace()
        answer = _call(header, body[:split], body[split:], namespace)
    if os.getpid() != itself:  # a fork of user code came back here: one call, one answer
        return 1
    connection.sendall(answer)
    connection.recv(1)  # for ever: the host measures this process, then kills it
    return 0


def _receive(connection: socket.socket) -> tuple[frames.Header, bytes] | None:
    buffer = frames.FrameBuffer()
    while (frame := buffer.next()) is None:
        data = connection.recv(1 << 18)
        if not data:
            return None
        buffer.feed(data)
    return frame


def _compile(header: frames.Header, source: str) -> bytes:
    """Answer with the marshalled code, or with the refusals. No line of the source runs here."""
    confine.limit_resources(**header["limits"])
    try:
        if header["policy"] == "none":
            code = compile(source, FILENAME, "exec", dont_inherit=True)
        else:
            refusals = policy.check(source, header["entry_point"])
            if refusals:
                return _refused([(r.line, r.column, r.construct, r.advice) for r in refusals])
            code = policy.compile_restricted(source)
    except policy.PolicyRefusedError as error:
        return _refused([(r.line, r.column, r.construct, r.advice) for r in error.refusals])
    except SyntaxError as error:
        return _refused([(error.lineno or 0, error.offset or 0, "syntax error", str(error.msg))])
    except (MemoryError, RecursionError, ValueError, OverflowError) as error:
        return _refused([(0, 0, "source too complex to compile", f"simplify it ({type(error).__name__})")])
    return frames.encode({"kind": OutcomeKind.RETURNED.value}, marshal.dumps(code))


_REFUSALS_MAX: Final = 32


def _refused(refusals: list[tuple[int, int, str, str]]) -> bytes:
    bounded = [(line, column, what[:200], advice[:400]) for line, column, what, advice in refusals[:_REFUSALS_MAX]]
    return frames.encode({"kind": OutcomeKind.REFUSED.value, "refusals": bounded})


def _call(header: frames.Header, code: bytes, arguments: bytes, namespace: dict[str, Any]) -> bytes:
    try:
        loaded: types.CodeType = marshal.loads(code)  # noqa: S302 - from a child of ours that compiles and runs nothing
        result = _run(loaded, header["entry_point"], json.loads(arguments), namespace)
        text = _TO_JSON(result).encode()
    except _UserFailureError as failure:
        return _failed(failure.kind, failure.error)
    except (TypeError, ValueError, RecursionError) as error:
        return _failed(OutcomeKind.NOT_SERIALIZABLE, error)
    except MemoryError as error:
        return _failed(OutcomeKind.MEMORY_LIMIT, error)
    if len(text) > header["result_bytes"]:
        message = f"the result has {len(text)} bytes as JSON, the limit is {header['result_bytes']}"
        return frames.encode({"kind": OutcomeKind.RESULT_LIMIT.value, "message": message})
    return frames.encode_raw(_RETURNED, text)


class _UserFailureError(Exception):
    """User code ended with an exception."""

    def __init__(self, kind: OutcomeKind, error: BaseException) -> None:
        super().__init__(kind)
        self.kind = kind
        self.error = error


def _run(code: types.CodeType, entry_point: str, arguments: dict[str, Any], namespace: dict[str, Any]) -> Any:
    try:
        exec(code, namespace)  # noqa: S102 - what this process is for
        function: Callable[..., Any] = namespace[entry_point]
        result = function(**arguments)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt of user code are answers too
        raise _UserFailureError(_kind_of(error), error) from None
    return result


def _kind_of(error: BaseException) -> OutcomeKind:
    if isinstance(error, MemoryError):
        return OutcomeKind.MEMORY_LIMIT
    forking_failed = isinstance(error, BlockingIOError) and error.errno == errno.EAGAIN
    if forking_failed or (isinstance(error, RuntimeError) and error.args == ("can't start new thread",)):
        return OutcomeKind.PROCESS_LIMIT
    return OutcomeKind.RAISED


def _failed(kind: OutcomeKind, error: BaseException) -> bytes:
    header = {
        "kind": kind.value,
        "exception_type": type(error).__name__[:200],
        "message": _message(error),
        "traceback": _traceback(error),
    }
    # Lone surrogates and the like must not turn an exception into a dead process.
    return frames.encode({key: value.encode("utf-8", "replace").decode() for key, value in header.items()})


def _message(error: BaseException) -> str:
    try:
        return str(error)[:MESSAGE_CHARS_MAX]
    except BaseException as broken:  # noqa: BLE001 - user code again
        return f"<str() of the exception raised {type(broken).__name__}>"


def _traceback(error: BaseException) -> str:
    """Return the frames of the user's source, outermost first. No source lines: the caller has the source."""
    lines = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_filename == FILENAME:
            lines.append(f"  line {step.tb_lineno}, in {code.co_name[:200]}")
        step = step.tb_next
    if len(lines) > _TRACEBACK_FRAMES_MAX:
        half = _TRACEBACK_FRAMES_MAX // 2
        lines[half:-half] = [f"  ... {len(lines) - 2 * half} frames more ..."]
    return "\n".join(lines)[:TRACEBACK_CHARS_MAX]
