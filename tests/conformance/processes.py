"""What the host's kernel says of a pool's processes: nothing that a sandbox says of itself."""

import contextlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from jigsmith_sandbox.pool import Pool

from tests.conformance.conftest import OWNER


@dataclass(frozen=True)
class Seen:
    """A process as it was seen."""

    pid: int
    parent: int
    started: int
    """In clock ticks: tells it from a later process of the same id."""

    def is_there(self) -> bool:
        """Return whether it is still there, be it as a zombie."""
        now = _seen(self.pid)
        return now is not None and now.started == self.started


def processes_of_calls(pool: Pool) -> set[Seen]:
    """Return the processes of calls that have started others: children of zygotes that have children, and all these.

    Skips where the host cannot see them: gVisor keeps its processes to itself.
    """
    if pool.backend.name.endswith("runsc"):
        pytest.skip("gVisor's processes are none of the host's kernel")
    sandboxes = [one for path in Path("/proc").glob("[0-9]*/cmdline") if (one := _of_a_sandbox(path))]
    children = defaultdict(list)
    for one in sandboxes:
        children[one.parent].append(one)
    zygotes = [one for one in sandboxes if one.parent not in {other.pid for other in sandboxes}]
    calls = [child for zygote in zygotes for child in children[zygote.pid] if children[child.pid]]
    found = set(calls)
    while more := {child for one in found for child in children[one.pid]} - found:
        found |= more
    return found


def _of_a_sandbox(cmdline: Path) -> Seen | None:
    with contextlib.suppress(OSError):
        words = cmdline.read_bytes().split(b"\0")
        if OWNER.encode() in words and b"bwrap" not in words[0]:
            return _seen(int(cmdline.parent.name))
    return None


def _seen(pid: int) -> Seen | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return Seen(pid, int(fields[1]), int(fields[19]))
