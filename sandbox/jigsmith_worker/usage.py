"""What a process and its descendants have used so far, by the kernel's account in /proc (proc(5), stat)."""

import os
from collections.abc import Container
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _TIMES = 1, slice(11, 15)  # fields after the command's closing bracket: ppid; utime stime cutime cstime


def any_but(known: Container[int]) -> bool:
    """Return whether this process sees one that is neither known nor itself. That takes a tenth of looking at one."""
    names = os.listdir("/proc")  # noqa: PTH208 - pathlib is not imported in a sandbox
    return any(int(name) not in known and int(name) != os.getpid() for name in names if name.isdecimal())


def tree_cpu_us(root: int, others: Container[int]) -> int:
    """Return the CPU time of a process and all that descend from it, in µs; the kernel counts it in ticks of 10 ms.

    `others` are known not to descend from it, and not looked at: gVisor takes half a millisecond for each. Orphans stay in the
    tree: the first process of a pid namespace adopts them.
    """
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is not imported in a sandbox
        if not name.isdecimal() or (int(name) in others and int(name) != root):
            continue
        try:
            with open(f"/proc/{name}/stat") as file:  # noqa: PTH123
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        parents[int(name)] = int(fields[_PARENT])
        ticks[int(name)] = sum(map(int, fields[_TIMES]))
    return sum(used for pid, used in ticks.items() if _descends(pid, root, parents)) * 1_000_000 // _TICKS_PER_S


def _descends(pid: int, root: int, parents: dict[int, int]) -> bool:
    seen = 0
    while pid != root and pid in parents and seen <= len(parents):
        pid, seen = parents[pid], seen + 1
    return pid == root
