"""What a backend guarantees on this machine, tried and not guessed: one short call per promise, without the policy layer.

The conformance and attack suites try far more; this is what an operator can run where the product is installed.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from jigsmith_sandbox.backend import Call, Outcome, Policy
from jigsmith_sandbox.call_groups import MemoryScope
from jigsmith_sandbox.limits import shipped
from jigsmith_sandbox.pool import Pool

Judge = Callable[[Outcome], bool]


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a promise."""

    promise: str
    kept: bool | None
    """None: not promised here, because the isolation or the memory scope is of a weaker kind."""
    said: str
    """What the call got, if that was not what it should."""


MEANINGS: Final[Mapping[Isolation, str]] = MappingProxyType(
    {
        Isolation.NAMESPACES: "each call is a process in namespaces of its own, with a /tmp of its own",
        Isolation.NAMESPACES_WITHOUT_FILES: (
            "each call is a process in namespaces of its own, without mounts: it has no /tmp and sees the sandbox's /proc, "
            "and nothing in the sandbox can be written"
        ),
        Isolation.SANDBOX: "namespaces are refused here, so each call has a whole sandbox, which ends with it: slow",
    }
)
"""What each kind of isolation amounts to, for people."""


def memory_scope_meaning(pool: Pool) -> str:
    """Say for people what a call's memory limit holds for here, and if less than it could, why."""
    for sandbox in pool.sandboxes:
        if sandbox.groups is None:
            why = sandbox.no_groups_because or "the backend's processes are not processes of this kernel"
            return f"a limit holds for each process of a call alone, because {why}"
        return (
            f"a limit holds for all processes of a call and its /tmp together (cgroup version {sandbox.groups.version})"
        )
    return "no sandbox runs"


def _returns(value: Any) -> Judge:  # Any: JSON
    return lambda outcome: outcome.kind is OutcomeKind.RETURNED and json.loads(outcome.result_json or "null") == value


def _ends_as(kind: OutcomeKind) -> Judge:
    return lambda outcome: outcome.kind is kind


def _promise(
    text: str,
    source: str,
    kept: Judge,
    *,
    policy: Policy = "none",
    needs_mounts: bool = False,
    needs_groups: bool = False,
    **limits: int,
) -> Promise:
    return Promise(text, source, kept, limits, policy, needs_mounts, needs_groups)


_SOCKETS: Final = """
import socket
def f(path):
    made = []
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET, 40):
        try: socket.socket(family, socket.SOCK_DGRAM); made.append(int(family))
        except OSError: pass
    return made"""
_WRITES: Final = """
import os
def f(path):
    written = []
    for folder in ('/', '/dev', '/dev/shm', '/etc', '/run', '/usr', '/var/tmp', os.path.dirname(os.__file__)):
        try: open(folder + '/mark', 'w').close(); written.append(folder)
        except OSError: pass
    return written"""
_PROCESSES: Final = """
import os
def f(path):
    seen = [name for name in os.listdir('/proc') if name.isdecimal()]
    for pid in range(2, 2_000):
        try: os.kill(pid, 0); seen.append(pid)
        except OSError: pass
    return [os.getpid(), seen]"""
_MARK: Final = "import os\ndef f(path):\n    open('/tmp/mark', 'w').close(); os.environ['MARK'] = '1'; return True"
_SEEN: Final = "import os\ndef f(path):\n    return os.path.exists('/tmp/mark') or 'MARK' in os.environ"
_FILE: Final = "import os\ndef f(path):\n    return os.path.exists(path)"
_ROOT: Final = "import os\ndef f(path):\n    os.setuid(0)"
_TRACE: Final = "import ctypes\ndef f(path):\n    return ctypes.CDLL(None).ptrace(0, 0, 0, 0)"
_LOOP: Final = "def f(path):\n    while True: pass"
_SLEEP: Final = "import time\ndef f(path):\n    time.sleep(60)"
_MEMORY: Final = "def f(path):\n    return len(bytearray(1 << 30))"
_MEMORY_OF_MANY: Final = """
import os, time
def f(path):
    children = [pid for pid in (os.fork() for _ in range(3)) if pid] if os.getpid() == 1 else []
    mine = bytearray(40 << 20)
    for at in range(0, len(mine), 4_096): mine[at] = 1
    if os.getpid() != 1: time.sleep(2); os._exit(0)
    return [os.waitpid(pid, 0)[1] for pid in children]"""
_FORKS: Final = "import os\ndef f(path):\n    while True: os.fork()"
_OUTPUT: Final = "def f(path):\n    while True: print('x' * 1000)"
_RESULT: Final = "def f(path):\n    return 'x' * 100_000"
_DISK: Final = "def f(path):\n    with open('/tmp/big', 'wb') as file: file.write(bytes(64 << 20))"

PROMISES: Final = (
    _promise("a call runs and returns", "def f(path):\n    return 2 ** 70", _returns(2**70)),
    _promise("no socket of any family", _SOCKETS, _returns([])),
    _promise("no file of the host", _FILE, _returns(False)),
    _promise("nothing but its own /tmp can be written", _WRITES, _returns([])),
    _promise("no other process is seen or reached", _PROCESSES, _returns([1, []]), needs_mounts=True),
    _promise("a call may leave marks", _MARK, _returns(True), needs_mounts=True),
    _promise("and the next one finds none of them", _SEEN, _returns(False)),
    _promise("becoming root ends the call", _ROOT, _ends_as(OutcomeKind.DIED)),
    _promise("a forbidden system call ends the call", _TRACE, _ends_as(OutcomeKind.DIED)),
    _promise("wall-clock time is limited", _SLEEP, _ends_as(OutcomeKind.TIME_LIMIT), wall_ms=500),
    _promise("CPU time is limited", _LOOP, _ends_as(OutcomeKind.TIME_LIMIT), cpu_ms=1_000),
    _promise("memory is limited", _MEMORY, _ends_as(OutcomeKind.MEMORY_LIMIT), memory_bytes=64 << 20),
    _promise(
        "and for all processes of a call together",
        _MEMORY_OF_MANY,
        _ends_as(OutcomeKind.MEMORY_LIMIT),
        needs_groups=True,
        memory_bytes=64 << 20,
    ),
    _promise("processes are limited", _FORKS, _ends_as(OutcomeKind.PROCESS_LIMIT), processes=8),
    _promise("output is limited", _OUTPUT, _ends_as(OutcomeKind.OUTPUT_LIMIT), output_bytes=10_000),
    _promise("results are limited", _RESULT, _ends_as(OutcomeKind.RESULT_LIMIT), result_bytes=10_000),
    _promise("temporary files are limited", _DISK, _ends_as(OutcomeKind.RAISED), needs_mounts=True, temp_bytes=8 << 20),
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
            if (promise.needs_mounts and pool.isolation is not Isolation.NAMESPACES) or (
                promise.needs_groups and pool.memory_scope is not MemoryScope.CALL
            ):
                yield Finding(promise.text, None, "")
                continue
            limits = shipped().default.replace(**({"wall_ms": 10_000} | promise.limits))
            call = Call(promise.source, "f", arguments, limits, f"self-check-{number}", policy=promise.policy)
            yield judge(promise, await pool.run(call))


def judge(promise: Promise, outcome: Outcome) -> Finding:
    """Say whether an outcome keeps a promise."""
    kept = promise.kept(outcome)
    parts = (outcome.kind.value, outcome.exception_type, outcome.message, outcome.result_json)
    return Finding(promise.text, kept, "" if kept else ": ".join(part for part in parts if part)[:200])
