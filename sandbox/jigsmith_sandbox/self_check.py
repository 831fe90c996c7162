"""What a backend guarantees on this machine, tried and not guessed: a few short calls per promise, without the policy layer.

The conformance and attack suites try far more; this is what an operator can run where the product is installed. The limits of
arguments and of a result's depth are kept by the runtime before and after a sandbox, on every machine alike: they are not here.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from jigsmith_sandbox import probes
from jigsmith_sandbox.backend import Call, Outcome, Policy
from jigsmith_sandbox.call_groups import MemoryScope
from jigsmith_sandbox.limits import shipped
from jigsmith_sandbox.pool import Pool

Judge = Callable[[Outcome], bool]
Trial = Callable[[Pool, Call], Awaitable[Outcome]]
"""Runs a call in some way. Raises SandboxUnavailableError, and _WeakerError where that cannot be done here."""


class _WeakerError(Exception):
    """A promise cannot be tried here, or is not made; the message says why."""


_UNSEEN: Final = "processes in a sandbox cannot be looked at from here"


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing that a call must not be able to do, or must be able to."""

    text: str
    source: str
    """Defines `f(path)`; `path` names a file of the host."""
    kept: Judge
    limits: dict[str, int]
    policy: Policy = "none"
    needs_mounts: bool = False
    """Whether it holds only where calls have mounts of their own: `Isolation.NAMESPACES`."""
    needs_groups: bool = False
    """Whether it holds only where calls have control groups of their own: `MemoryScope.CALL`."""
    needs_namespaces: bool = False
    """Whether it holds only where calls have namespaces of their own: not with `Isolation.SANDBOX`."""
    trial: Trial = Pool.run
    times: int = 1
    """How many calls are made: more than there are children forked ahead, if it is about what the next ones find."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a promise."""

    promise: str
    kept: bool | None
    """None: not promised here, because the isolation or the memory scope is of a weaker kind, or not to be seen from here."""
    said: str
    """What the call got, if that was not what it should."""


MEANINGS: Final[Mapping[Isolation, str]] = MappingProxyType(
    {
        Isolation.NAMESPACES: (
            "each call is a process in user, pid, mount, ipc and uts namespaces of its own, with a /tmp of its own"
        ),
        Isolation.NAMESPACES_WITHOUT_FILES: (
            "each call is a process in namespaces of its own, without mounts: it has no /tmp and sees the sandbox's /proc, "
            "and nothing in the sandbox can be written"
        ),
        Isolation.SANDBOX: "namespaces are refused here, so each call has a whole sandbox, which ends with it: slow",
    }
)
"""What each kind of isolation amounts to, for people."""


def memory_scope_meaning(pool: Pool) -> str:
    """Say for people what a call's limits of memory and CPU time hold for here, and if less than they could, why."""
    for sandbox in pool.sandboxes:
        if sandbox.groups is None:
            why = sandbox.no_groups_because or "the backend's processes are not processes of this kernel"
            return (
                f"a limit holds for each process of a call alone, because {why}; CPU time is that of processes that live or"
                " were waited for, so that a call can hide some, and only its wall-clock limit bounds that"
            )
        version = sandbox.groups.version
        return (
            f"a limit holds for all processes of a call, its /tmp and its CPU time together (cgroup version {version})"
        )
    return "no sandbox runs"


def _returns(value: Any) -> Judge:  # Any: JSON
    return lambda outcome: outcome.kind is OutcomeKind.RETURNED and json.loads(outcome.result_json or "null") == value


def _ends_as(kind: OutcomeKind) -> Judge:
    return lambda outcome: outcome.kind is kind


def _raises(message: str) -> Judge:
    return lambda outcome: outcome.kind is OutcomeKind.RAISED and message in outcome.message


def _promise(
    text: str,
    source: str,
    kept: Judge,
    *,
    policy: Policy = "none",
    needs_mounts: bool = False,
    needs_groups: bool = False,
    needs_namespaces: bool = False,
    trial: Trial = Pool.run,
    times: int = 1,
    **limits: int,
) -> Promise:
    return Promise(text, source, kept, limits, policy, needs_mounts, needs_groups, needs_namespaces, trial, times)


# --- calls that are looked at from outside while they run

_SEEN_S: Final = 5.0
"""How long the processes that a call starts may take to be seen."""
_GONE_S: Final = 2.0
"""How long they may outlive a call that is cancelled."""
_OWN: Final = ("user", "pid", "mnt", "ipc", "uts")
_ALL: Final = (*_OWN, "net")


class _Watched:
    """A call of `probes.STARTS` that runs. Its processes are known by leading sessions of their own, which no others do."""

    def __init__(self, pool: Pool) -> None:
        """Raises _WeakerError if the sandboxes' processes cannot be seen from here."""
        self._sandboxes = [sandbox.spec.sandbox_id.encode() for sandbox in pool.sandboxes]
        if not pool.backend.shares_kernel or not self.processes():
            raise _WeakerError(_UNSEEN)
        self._before = self._leaders()

    async def started(self) -> set[int]:
        """Return the call's processes, once all are there."""
        seen: set[int] = set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SEEN_S):
                while len(seen := self._leaders() - self._before) < probes.STARTED:  # noqa: ASYNC110 - the kernel sets no event
                    await asyncio.sleep(0.02)
        return seen

    async def left(self, started: set[int]) -> set[int]:
        """Return which of them are still there when they should not be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GONE_S):
                while self._leaders() & started:  # noqa: ASYNC110 - nor here
                    await asyncio.sleep(0.02)
        return self._leaders() & started

    def processes(self) -> list[int]:
        """Return all processes of the sandboxes there are, by their ids on this host."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if set(entry.read_bytes().split(b"\0")) & set(self._sandboxes):
                    found.append(int(entry.parent.name))
        return found

    def _leaders(self) -> set[int]:
        return {pid for pid in self.processes() if _session(pid) == pid}


def _session(pid: int) -> int:
    """Return the session of a process (proc(5), stat), or 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return 0


def _namespaces(pid: int | str) -> dict[str, str]:
    """Return the namespaces of a process by kind; none if it is gone or not ours to look at."""
    try:
        return {kind: str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for kind in _ALL}
    except OSError:
        return {}


async def _on_this_kernel(pool: Pool, call: Call) -> Outcome:
    """Run a call that looks for what this kernel gives. Raises _WeakerError where a sandbox has a kernel of its own."""
    if not pool.backend.shares_kernel:
        raise _WeakerError("a sandbox's kernel has devices of its own, which are not the host's")
    return await pool.run(call)


async def _cancelled(pool: Pool, call: Call) -> Outcome:
    """Cancel a call; return how many processes it had started, and how many are left."""
    watched = _Watched(pool)
    running = asyncio.ensure_future(pool.run(call))
    try:
        started = await watched.started()
        running.cancel()
        left = await watched.left(started)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return Outcome(OutcomeKind.RETURNED, result_json=json.dumps([len(started), len(left)]))


async def _compared(pool: Pool, call: Call) -> Outcome:
    """Return the kinds of namespaces that a call shares with this process, with its zygote or with another call."""
    watched = _Watched(pool)
    running = asyncio.ensure_future(pool.run(call))
    try:
        mine = _namespaces(min(await watched.started(), default=0))
        others = [one for one in map(_namespaces, watched.processes()) if one and one["pid"] != mine.get("pid")]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    if not mine:
        raise _WeakerError(_UNSEEN)
    host = _namespaces("self")
    shared = {f"{kind} with the host" for kind in _ALL if mine[kind] == host[kind]}
    shared |= {f"{kind} with the sandbox" for kind in _OWN for one in others if mine[kind] == one[kind]}
    return Outcome(OutcomeKind.RETURNED, result_json=json.dumps(sorted(shared)))


PROMISES: Final = (
    _promise("a call runs and returns", "def f(path):\n    return 2 ** 70", _returns(2**70)),
    _promise("no socket of any family", probes.SOCKETS, _returns([])),
    _promise("no file of the host", probes.FILE, _returns(False)),
    _promise("nothing but its own /tmp can be written", probes.WRITES, _returns([])),
    _promise("no other process is seen or reached", probes.PROCESSES, _returns([1, []]), needs_mounts=True),
    _promise(
        "no device but null, zero and random, and no terminal", probes.DEVICES, _returns([]), trial=_on_this_kernel
    ),
    _promise(
        "user, pid, mount, ipc, uts and net namespaces are not the host's, the first five not the sandbox's either",
        probes.STARTS,
        _returns([]),
        needs_namespaces=True,
        trial=_compared,
    ),
    _promise("a call is the first process, not root", probes.IDENTITY, _returns([1, 0, False]), needs_namespaces=True),
    _promise("a call may leave marks", probes.MARK, _returns(13)),
    _promise("and the next ones find none of them", probes.SEEN, _returns([]), times=6),
    _promise("a call may leave files", probes.TMP_MARK, _returns(["mark"]), needs_mounts=True),
    _promise("and the next ones find no file", probes.TMP_SEEN, _returns([]), times=6),
    _promise("becoming root ends the call", probes.ROOT, _ends_as(OutcomeKind.DIED)),
    _promise("a forbidden system call ends the call", probes.TRACE, _ends_as(OutcomeKind.DIED)),
    _promise("and so do others, from mount to io_uring, i386 and x32", probes.FORBIDDEN, _returns([]), processes=64),
    _promise(
        "cancelling a call ends all of its processes", probes.STARTS, _returns([probes.STARTED, 0]), trial=_cancelled
    ),
    _promise("wall-clock time is limited", probes.SLEEP, _ends_as(OutcomeKind.TIME_LIMIT), wall_ms=500),
    _promise("CPU time is limited", probes.LOOP, _ends_as(OutcomeKind.TIME_LIMIT), cpu_ms=1_000),
    _promise("memory is limited", probes.MEMORY, _ends_as(OutcomeKind.MEMORY_LIMIT), memory_bytes=64 << 20),
    _promise(
        "and for all processes of a call together",
        probes.MEMORY_OF_MANY,
        _ends_as(OutcomeKind.MEMORY_LIMIT),
        needs_groups=True,
        memory_bytes=64 << 20,
        processes=64,
    ),
    _promise("processes are limited", probes.FORKS, _ends_as(OutcomeKind.PROCESS_LIMIT), processes=8),
    _promise("output is limited", probes.OUTPUT, _ends_as(OutcomeKind.OUTPUT_LIMIT), output_bytes=10_000),
    _promise("errors printed count as output", probes.ERRORS, _ends_as(OutcomeKind.OUTPUT_LIMIT), output_bytes=10_000),
    _promise("open files are limited", probes.DESCRIPTORS, _raises("Too many open files"), open_files=20),
    _promise("results are limited", probes.RESULT, _ends_as(OutcomeKind.RESULT_LIMIT), result_bytes=10_000),
    _promise(
        "temporary files are limited", probes.DISK, _raises("No space left"), needs_mounts=True, temp_bytes=8 << 20
    ),
    _promise("and so is their number", probes.INODES, _raises("No space left"), needs_mounts=True, temp_files=20),
    _promise(
        "the policy gate refuses",
        "import os\ndef f(path):\n    pass",
        _ends_as(OutcomeKind.REFUSED),
        policy="restricted",
    ),
)


async def self_check(pool: Pool) -> AsyncIterator[Finding]:
    """Try every promise in order. Raises SandboxUnavailableError if there is no sandbox to try it in."""
    with tempfile.NamedTemporaryFile(prefix="jigsmith-check-") as file:
        arguments = json.dumps({"path": str(Path(file.name).resolve())})
        for number, promise in enumerate(PROMISES):
            if not _promised(promise, pool):
                yield Finding(promise.text, None, "")
                continue
            limits = shipped().default.replace(**({"wall_ms": 10_000} | promise.limits))
            call = Call(promise.source, "f", arguments, limits, f"self-check-{number}", policy=promise.policy)
            yield await _tried(promise, pool, call)


def _promised(promise: Promise, pool: Pool) -> bool:
    """Return whether a promise is made where calls are as far apart as they are here."""
    return not (
        (promise.needs_mounts and pool.isolation is not Isolation.NAMESPACES)
        or (promise.needs_namespaces and pool.isolation is Isolation.SANDBOX)
        or (promise.needs_groups and pool.memory_scope is not MemoryScope.CALL)
    )


async def _tried(promise: Promise, pool: Pool, call: Call) -> Finding:
    """Try a promise as often as it takes, until it is broken."""
    try:
        for _ in range(promise.times):
            finding = judge(promise, await promise.trial(pool, call))
            if not finding.kept:
                break
    except _WeakerError as why:
        return Finding(promise.text, None, str(why))
    return finding


def judge(promise: Promise, outcome: Outcome) -> Finding:
    """Say whether an outcome keeps a promise."""
    kept = promise.kept(outcome)
    parts = (outcome.kind.value, outcome.exception_type, outcome.message, outcome.result_json)
    return Finding(promise.text, kept, "" if kept else ": ".join(part for part in parts if part)[:200])
