"""One call, in a process that is used once. Runs untrusted code; everything it says is hostile to its host.

Life: forked by the zygote into namespaces of its own → connected to the host → confined → says it is ready → gets one piece of
work → answers with one frame → gone. Host and zygote measure and end it; nothing here is trusted to do so.
"""

import _socket
import errno
import json
import marshal
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn

from jigsmith_worker import confine, frames, policy, randomness, wire, work
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX, OutcomeKind

FILENAME: Final = "<function>"
NOT_CONFINED: Final = 70
"""Exit code of a child that could not be confined: EX_SOFTWARE, and never the code of a call, which was not begun."""

_TRACEBACK_FRAMES_MAX: Final = 20

# Made once, in the zygote: what a child makes, every child pays for. So JSON is read and written by the C functions behind the
# json module, which sets up new ones every time.
_from_json: Final = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # not in typeshed


def _no_json(value: object) -> NoReturn:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_to_json: Final = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # not in typeshed
    {},
    _no_json,
    json.encoder.encode_basestring,
    None,
    ":",
    ",",
    False,
    False,
    False,
)  # what `JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))` makes
_RETURNED: Final = json.dumps({"kind": OutcomeKind.RETURNED.value}).encode()
_REHEARSAL: Final = work.encode(
    work.Work(
        work.RUN,
        restricted=True,
        entry_point="f",
        code=marshal.dumps(policy.compile_restricted("def f(text):\n    return [len(text), text.upper()]")),
        arguments=b'{"text": "a"}',
        result_bytes=100,
        limits=work.Limits(0, 0, 0, 0, 0),
    )
)
_REHEARSALS_OF_A_ZYGOTE: Final = 20
"""More than the interpreter takes to specialize what is run often (PEP 659)."""


@dataclass(frozen=True, slots=True)
class Home:
    """What all children of a sandbox have in common."""

    socket_path: str
    handed_over: int
    """How many descriptors a child is given; with none, it makes its connections to the host itself."""
    secret: bytes
    """What a connection is known by; empty if children make none."""
    filter_program: bytes
    """Of system calls (seccomp(2))."""
    isolation: Isolation
    seeds: tuple[Callable[[], Any], ...]  # Any: what they return says nothing
    """What gives it random numbers of its own."""

    def confinement(self, temp_bytes: int, temp_files: int) -> confine.Plan:
        """Return how a child whose /tmp has that size takes its powers away from itself."""
        plan = confine.Plan()
        confine.close_others(plan)
        if self.isolation is not Isolation.SANDBOX:
            confine.map_identity(plan, os.getuid(), os.getgid())
        if self.isolation is Isolation.NAMESPACES:
            confine.mount_private(plan, temp_bytes, temp_files)
        confine.read_nothing(plan)
        confine.give_up_powers(plan, self.filter_program)
        return plan


class Task(NamedTuple):
    """What one child is forked for: its number, and how it is confined."""

    token: int
    hello: bytes
    """What it says when it is confined."""
    confinement: confine.Plan
    taking_over: confine.Plan | None
    """How it takes what it was handed, if it was."""
    descriptors: list[int]
    """What it was handed."""


def live(home: Home, task: Task) -> NoReturn:
    """Confine this process, do one piece of work, end. Never returns to the zygote's code."""
    code = NOT_CONFINED
    try:
        taking_over = task.taking_over or confine.take_over(*_connect(home, task.token), groups=[])
        taking_over.carry_out()
        task.confinement.carry_out()
        randomness.renew(home.seeds)
        _rehearse()
        os.write(confine.CHANNEL, task.hello)
        code = 1
        code = _serve()
    except OSError as error:
        if code == NOT_CONFINED:  # later, it is a call that has closed its channel
            os.write(confine.STDERR, f"cannot confine: {error}\n".encode())
    finally:
        os._exit(code)


def prepare() -> None:
    """Do in the zygote, many times, what each child will do: what the interpreter learns of it, children inherit."""
    for _ in range(_REHEARSALS_OF_A_ZYGOTE):
        _rehearse()


def _rehearse() -> None:
    """Make a call of no consequence before the real one is waited for: what is slow the first time is slow then."""
    todo = work.decode(_REHEARSAL)
    namespace = policy.rehearsal_namespace()
    _call(todo, namespace, _go_on, _go_on)
    del namespace[todo.entry_point]


def _connect(home: Home, token: int) -> tuple[int, int]:
    answers, output = (_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM) for _ in range(2))
    for connection in (answers, output):
        connection.connect(home.socket_path)
    output.send(wire.HELLO.pack(wire.OUTPUT, home.secret, token))
    return answers.detach(), output.detach()


def _serve() -> int:
    itself = os.getpid()
    data = _receive()
    todo = work.decode(data)
    wait = _go_on if data.endswith(work.GO, work.size(data)) else _wait_for_go
    confine.limit_resources(todo.limits)
    if todo.what == work.COMPILE:
        wait()
        answer = _compile(todo)
    elif todo.restricted:
        answer = _call(todo, policy.namespace(), wait, policy.give_up_powers)
    else:
        module = sys.modules[policy.MODULE_NAME] = types.ModuleType(policy.MODULE_NAME)
        namespace = vars(module)
        namespace.clear()
        namespace |= {"__name__": policy.MODULE_NAME, "__doc__": None, "__builtins__": __builtins__}
        answer = _call(todo, namespace, wait, _go_on)
    if os.getpid() != itself:  # a fork of user code came back here: one call, one answer
        return 1
    _send(answer)
    os.read(confine.CHANNEL, 1)  # for ever: the host measures this process, then kills it
    return 0


def _receive() -> bytes:
    """Return a message; its end may be missing."""
    data = b""
    missing = work.HEAD_BYTES
    while missing > 0:
        more = os.read(confine.CHANNEL, max(missing, _READ_BYTES))
        if not more:
            os._exit(0)  # the host gave this child up
        data = data + more if data else more
        missing = work.size(data) - len(data) if len(data) >= work.HEAD_BYTES else work.HEAD_BYTES - len(data)
    return data


def _wait_for_go() -> None:
    if os.read(confine.CHANNEL, 1) != work.GO:
        os._exit(0)  # the host gave this child up


def _go_on() -> None:
    """Wait for nothing, and give up nothing."""


def _send(answer: bytes) -> None:
    sent = os.write(confine.CHANNEL, answer)
    while sent < len(answer):
        sent += os.write(confine.CHANNEL, memoryview(answer)[sent:])


_READ_BYTES: Final = 16_384
"""As much as most calls are; not so much that a buffer would have to be mapped."""


def _compile(todo: work.Work) -> bytes:
    """Answer with the marshalled code, or with the refusals. No line of the source runs here."""
    source = todo.code.decode()
    try:
        if not todo.restricted:
            code = compile(source, FILENAME, "exec", dont_inherit=True)
        else:
            refusals = policy.check(source, todo.entry_point)
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


def _call(todo: work.Work, namespace: dict[str, Any], wait: Callable[[], None], give_up: Callable[[], None]) -> bytes:
    """Run a function; `wait` returns when it may begin, and `give_up` is the last that is done before its source is run."""
    try:
        try:
            arguments, _ = _from_json(todo.arguments.decode().lstrip(), 0)  # the host knows that it is JSON
        finally:
            wait()  # with an answer, too: nobody would hear it before
        code: types.CodeType = marshal.loads(todo.code)  # noqa: S302 - from a child of ours that compiles and runs nothing
        program = types.FunctionType(code, namespace)  # `exec` would be a power that the source could come by
        give_up()
        text = "".join(_to_json(_run(program, todo.entry_point, arguments), 0)).encode()
    except _UserFailureError as failure:
        return _failed(failure.kind, failure.error)
    except (TypeError, ValueError, RecursionError) as error:
        return _failed(OutcomeKind.NOT_SERIALIZABLE, error)
    except MemoryError as error:
        return _failed(OutcomeKind.MEMORY_LIMIT, error)
    if len(text) > todo.result_bytes:
        message = f"the result has {len(text)} bytes as JSON, the limit is {todo.result_bytes}"
        return frames.encode({"kind": OutcomeKind.RESULT_LIMIT.value, "message": message})
    return frames.encode_raw(_RETURNED, text)


class _UserFailureError(Exception):
    """User code ended with an exception."""

    def __init__(self, kind: OutcomeKind, error: BaseException) -> None:
        super().__init__(kind)
        self.kind = kind
        self.error = error


def _run(program: types.FunctionType, entry_point: str, arguments: dict[str, Any]) -> Any:
    try:
        program()
        function: Callable[..., Any] = program.__globals__[entry_point]
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
