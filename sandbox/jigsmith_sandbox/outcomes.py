"""What came of a run: what was measured outside of the child, joined with what the child claims.

A claim (kind, texts, result) is believed only where it can harm nobody but its own call. Nothing here raises on hostile input.
"""

import contextlib
from typing import Any, Final

from jigsmith_worker import frames
from jigsmith_worker.outcome import MESSAGE_CHARS_MAX, TRACEBACK_CHARS_MAX, End, OutcomeKind

from jigsmith_sandbox.backend import Outcome, PolicyVerdict, Refusal
from jigsmith_sandbox.child import Finished
from jigsmith_sandbox.errors import SandboxUnavailableError

_ENDS: Final = {
    End.WALL: OutcomeKind.TIME_LIMIT,
    End.CPU: OutcomeKind.TIME_LIMIT,
    End.MEMORY: OutcomeKind.MEMORY_LIMIT,
    End.OUTPUT: OutcomeKind.OUTPUT_LIMIT,
    End.ANSWER_SIZE: OutcomeKind.RESULT_LIMIT,
    End.CANCELLED: OutcomeKind.CANCELLED,
}
_SIGKILL: Final = 9

_EXPLANATIONS: Final = {
    OutcomeKind.MEMORY_LIMIT: "the kernel killed for memory: the call used more than its limit",
    OutcomeKind.DIED: "the process ended without an answer",
    OutcomeKind.CANCELLED: "the caller went away",
}
_TOO_COMPLEX: Final = Refusal(0, 0, "source that cannot be compiled within its limits", "simplify it")


def of_run(finished: Finished, cpu_ms_max: int) -> Outcome:
    """Return the outcome of a run. Raises SandboxUnavailableError if the call never began."""
    measured = _measured(finished)
    if finished.end is End.ANSWERED and finished.answer is not None:
        return _answered(finished.answer, measured)
    kind = _ENDS.get(finished.end) or _kind_of_exit(finished, cpu_ms_max)
    return Outcome(kind, message=_EXPLANATIONS.get(kind, ""), **measured)


def of_compilation(finished: Finished) -> tuple[Outcome, bytes | None]:
    """Return (refusal, None) or (any, code): the code that a compiling child made, which only other children may read."""
    measured = _measured(finished)
    if finished.end is End.ANSWERED and finished.answer is not None:
        outcome = _answered(finished.answer, measured, binary=True)
        if outcome.kind is OutcomeKind.RETURNED:
            with contextlib.suppress(frames.FrameError):
                return outcome, _frame(finished.answer)[1]
        if outcome.kind is OutcomeKind.REFUSED:
            return outcome, None
    message = "the source could not be compiled within its limits"
    return Outcome(OutcomeKind.REFUSED, message=message, refusals=(_TOO_COMPLEX,), **measured), None


def verdict(outcome: Outcome, *, accepted: bool) -> PolicyVerdict:
    """Return what the gate says, given how a compilation ended."""
    return PolicyVerdict(accepted=accepted, refusals=() if accepted else outcome.refusals or (_TOO_COMPLEX,))


def _measured(finished: Finished) -> dict[str, Any]:
    if finished.end is End.BROKEN:
        raise SandboxUnavailableError("a child of the sandbox broke before its call began")
    return {
        "output": finished.output.decode("utf-8", "replace"),
        "output_truncated": finished.output_truncated,
        "exit_code": finished.exit_code,
        "wall_us": finished.wall_us,
        "cpu_us": finished.usage.cpu_us,
        "memory_peak_bytes": finished.usage.memory_peak_bytes,
        "gone": finished.gone,
    }


def _kind_of_exit(finished: Finished, cpu_ms_max: int) -> OutcomeKind:
    """Explain an end that nobody here caused: the kernel's SIGKILL means CPU or memory, the rest is the function's doing.

    The kernel counts CPU time for the limit by ticks and for the report exactly, so the two differ by a few per cent.
    """
    if finished.exit_code != -_SIGKILL:
        return OutcomeKind.DIED
    return OutcomeKind.TIME_LIMIT if finished.usage.cpu_us >= cpu_ms_max * 900 else OutcomeKind.MEMORY_LIMIT


def _answered(data: bytes, measured: dict[str, Any], *, binary: bool = False) -> Outcome:
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
            return Outcome(kind, result_json=None if binary else body.decode(), **measured)
        except UnicodeDecodeError:
            return Outcome(OutcomeKind.NOT_SERIALIZABLE, message="the result is not UTF-8", **measured)
    message = "; ".join(f"line {one.line}: {one.construct}" for one in refusals) or claims.get("message", "")
    return Outcome(
        kind,
        exception_type=_text(claims.get("exception_type", ""), _NAME_CHARS_MAX),
        message=_text(message, MESSAGE_CHARS_MAX),
        traceback=_text(claims.get("traceback", ""), TRACEBACK_CHARS_MAX),
        refusals=refusals,
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
