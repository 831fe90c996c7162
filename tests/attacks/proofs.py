"""Which inner layers a pool's calls are without: asked from inside where a call can tell, seen from outside where it cannot."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any, Final

from jigsmith_sandbox.call_groups import MemoryScope
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.isolation import Isolation

from tests.attacks.layers import ANYTHING
from tests.conformance.conftest import call

_BOTH: Final = 2
_MARKS: Final = range(40, 65)
"""Real-time signals, by whose being ignored a call is known from outside: it needs neither files nor powers."""
_POLL_S: Final = 0.02
_WAIT_S: Final = 5.0

_INSIDE: Final = """
import ctypes, resource
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    return [libc.prctl(21, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_NOFILE)[0]]  # PR_GET_SECCOMP
"""
_MARKED: Final = """
import signal, time
def f(marks):
    for mark in marks:
        signal.signal(mark, signal.SIG_IGN)
    time.sleep(5)
"""


async def layers_off(pool: Pool) -> set[str]:
    """Return the names of the layers that are off, of those that this backend has."""
    seccomp, open_files = await _answer(pool, _INSIDE)
    off = set()
    if seccomp != -1:  # the call's filter refuses the question
        off.add("the call's filter")
    if open_files >= ANYTHING.open_files:
        off.add("rlimits")
    if pool.memory_scope is not MemoryScope.CALL:
        off.add("control groups")
    if pool.isolation is Isolation.SANDBOX:
        off.add("the call's namespaces")
    if pool.backend.shares_kernel and await filters_around_a_call(pool) < _BOTH:
        off.add("the sandbox's filter")
    return off


async def filters_around_a_call(pool: Pool) -> int:
    """Return how many filters the kernel holds for a running call, beyond those that this process has."""
    marks = sorted(secrets.SystemRandom().sample(_MARKS, 12))
    ignored = sum(1 << mark - 1 for mark in marks)
    running = asyncio.create_task(pool.run(call(_MARKED, json.dumps({"marks": marks}), wall_ms=8_000)))
    try:
        async with asyncio.timeout(_WAIT_S):
            while not (found := _ignoring(ignored)):
                assert not running.done(), running.result()
                await asyncio.sleep(_POLL_S)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    (status,) = found
    return int(status["Seccomp_filters"]) - int(_status(Path("/proc/self"))["Seccomp_filters"])


def _ignoring(signals: int) -> list[dict[str, str]]:
    """Return what /proc says of processes that ignore these signals and no other real-time ones."""
    found = []
    among = sum(1 << mark - 1 for mark in _MARKS)
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                status = _status(process)
            except OSError:  # it has ended
                continue
            if int(status["SigIgn"], 16) & among == signals:
                found.append(status)
    return found


def _status(process: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in (process / "status").read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


async def _answer(pool: Pool, source: str) -> Any:  # JSON
    outcome = await pool.run(call(source))
    assert outcome.result_json is not None, outcome
    return json.loads(outcome.result_json)
