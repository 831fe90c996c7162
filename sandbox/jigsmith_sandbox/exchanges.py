"""What a child is handed: one frame that says what to do, and the bounds that the host holds it to meanwhile."""

from typing import Final

from jigsmith_worker import frames

from jigsmith_sandbox.backend import Call
from jigsmith_sandbox.child import Bounds
from jigsmith_sandbox.limits import Limits

_COMPILE_RLIMITS: Final = {
    "memory_bytes": 1 << 29,
    "cpu_ms": 5_000,
    "processes": 1,
    "open_files": 8,
    "temp_bytes": 1 << 16,
}
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
    encoded = source.encode("utf-8", "replace")
    header = {
        "op": "compile",
        "entry_point": entry_point,
        "policy": policy,
        "limits": _COMPILE_RLIMITS,
        "source_bytes": len(encoded),
    }
    return frames.encode(header, encoded), _COMPILE_BOUNDS


def of_run(call: Call, code: bytes) -> tuple[bytes, Bounds]:
    """Return what makes a child run a call, given its code as another child compiled it."""
    limits = call.limits
    header = {
        "op": "run",
        "entry_point": call.entry_point,
        "policy": call.policy,
        "result_bytes": limits.result_bytes,
        "source_bytes": len(code),
        "limits": rlimits(limits),
    }
    bounds = Bounds(
        wall_ms=limits.wall_ms,
        cpu_ms=limits.cpu_ms,
        memory_bytes=limits.memory_bytes,
        temp_bytes=limits.temp_bytes,
        processes=limits.processes,
        answer_bytes=limits.result_bytes,
        output_bytes=limits.output_bytes,
    )
    return frames.encode(header, code + call.arguments_json.encode()), bounds


def rlimits(limits: Limits) -> dict[str, int]:
    """Return what a child sets for itself: the innermost of the layers that limit it."""
    every = limits.as_dict()
    return {name: every[name] for name in _COMPILE_RLIMITS}
