"""What a child is handed: one piece of work, and the bounds that the host holds it to meanwhile."""

from typing import Final

from jigsmith_worker import work

from jigsmith_sandbox.backend import Call
from jigsmith_sandbox.child import Bounds
from jigsmith_sandbox.limits import Limits

_COMPILE_RLIMITS: Final = work.Limits(memory_bytes=1 << 29, cpu_ms=5_000, processes=1, open_files=8, temp_bytes=1 << 16)
_COMPILE_BOUNDS: Final = Bounds(
    wall_ms=5_000,
    cpu_ms=5_000,
    memory_bytes=1 << 29,
    temp_bytes=1 << 16,
    processes=1,
    answer_bytes=1 << 22,
    output_bytes=4_096,
)


def of_compilation(source: str, entry_point: str, policy: str) -> tuple[bytes, Bounds]:
    """Return what makes a child compile a source under a policy, and run nothing of it."""
    todo = work.Work(
        work.COMPILE,
        restricted=policy != "none",
        entry_point=entry_point,
        code=source.encode("utf-8", "replace"),
        arguments=b"",
        result_bytes=0,
        limits=_COMPILE_RLIMITS,
    )
    return work.encode(todo), _COMPILE_BOUNDS


def of_run(call: Call, code: bytes) -> tuple[bytes, Bounds]:
    """Return what makes a child run a call, given its code as another child compiled it."""
    limits = call.limits
    todo = work.Work(
        work.RUN,
        restricted=call.policy != "none",
        entry_point=call.entry_point,
        code=code,
        arguments=call.arguments_json.encode(),
        result_bytes=limits.result_bytes,
        limits=rlimits(limits),
    )
    bounds = Bounds(
        wall_ms=limits.wall_ms,
        cpu_ms=limits.cpu_ms,
        memory_bytes=limits.memory_bytes,
        temp_bytes=limits.temp_bytes,
        processes=limits.processes,
        answer_bytes=limits.result_bytes,
        output_bytes=limits.output_bytes,
    )
    return work.encode(todo), bounds


def rlimits(limits: Limits) -> work.Limits:
    """Return what a child sets for itself: the innermost of the layers that limit it."""
    return work.Limits(limits.memory_bytes, limits.cpu_ms, limits.processes, limits.open_files, limits.temp_bytes)
