"""Control groups of calls (cgroups(7), versions 1 and 2): what all processes of one call may use together, and have used.

Rlimits hold for each process alone; a group holds for the whole call, and for memory that no process maps, such as the files in
its /tmp. It counts the CPU time of processes whose end nobody waits for, which the kernel adds to no other's. A child puts
itself into its group before anything else, through descriptors that the host opened: the kernel looks at who opened them. So
nothing of the hierarchy is reachable, or even visible, from a sandbox.

Groups lie below the one that the sandbox is in, so that the sandbox's own limits hold for all its calls. They are used again:
making one costs more than emptying it.
"""

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from jigsmith_sandbox.errors import SandboxError
from jigsmith_sandbox.limits import SandboxLimits

_OWN_BYTES: Final = 8 << 20
"""What a call uses beside its data and files, and what it cannot help: copied pages of the interpreter, page tables."""
_PERIOD_US: Final = 100_000
"""In which the processors of a sandbox are counted out: the kernel's default."""
_KILLS: Final = re.compile(rb"oom_kill (\d+)")
_READ_BYTES: Final = 1_024
"""More than what is looked for takes in any file here."""
_REMOVAL_TIMEOUT_S: Final = 1.0
_REMOVAL_POLL_S: Final = 0.01
_LEAF: Final = "jigsmith-main"
"""Where version 2 wants the processes of a group whose subgroups have limits."""


class MemoryScope(Enum):
    """What a memory limit holds for."""

    CALL = "call"
    """All processes of a call and its files in /tmp together, by its control group. So does the limit of its CPU time."""
    PROCESS = "process"
    """Each process of a call alone, by an rlimit: a call of n processes may use n times as much.

    Its CPU time is that of processes that live or were waited for. Whoever ignores its children's ends (SIGCHLD, sigaction(2))
    hides what they used: only the wall clock bounds that, times the processors that the sandbox may use.
    """


class NoGroupsError(SandboxError):
    """Calls cannot have groups here; the message says why."""


@dataclass(frozen=True, slots=True)
class _Version:
    """The files of a version, by what they are for."""

    number: int
    memory_limit: str
    memory_peak: str
    cpu_time: str
    """All that was ever used in the group, by processes that have ended as well."""
    cpu_time_at: re.Pattern[bytes]
    cpu_time_per_us: int
    settings: tuple[tuple[str, str], ...]
    """Written once, into the memory controller's folder."""


_V1: Final = _Version(
    1,
    "memory.limit_in_bytes",
    "memory.max_usage_in_bytes",
    "cpuacct.usage",
    re.compile(rb"^(\d+)$", re.MULTILINE),
    1_000,
    (("memory.swappiness", "0"),),
)
_V2: Final = _Version(
    2,
    "memory.max",
    "memory.peak",
    "cpu.stat",
    re.compile(rb"^usage_usec (\d+)$", re.MULTILINE),
    1,
    (("memory.swap.max", "0"), ("memory.oom.group", "1")),
)


class _Folders(NamedTuple):
    """A group's folders, by what they are for. Version 1 has a hierarchy for each or for several, version 2 one for all."""

    memory: Path
    pids: Path
    cpu_time: Path

    def below(self, name: str) -> "_Folders":
        """Return the folders of a subgroup."""
        return _Folders(*(folder / name for folder in self))

    @property
    def distinct(self) -> list[Path]:
        """Each of them once."""
        return list(dict.fromkeys(self))


class CallGroup:
    """The group of one call at a time."""

    def __init__(self, folders: _Folders, version: _Version) -> None:
        """Make it. Raises OSError."""
        self._folders = folders
        self._version = version
        self._limits = (0, 0)
        self._cpu_us_before = 0
        self._descriptors: list[int] = []
        for folder in folders.distinct:
            folder.mkdir(mode=0o700, exist_ok=True)
        self.attach = [self._open(folder / "cgroup.procs", os.O_WRONLY) for folder in folders.distinct]
        """Descriptors: a process that writes "0" to each of them is in the group, and so is all that it starts."""
        self._memory_limit = self._open(folders.memory / version.memory_limit, os.O_WRONLY)
        self._processes_limit = self._open(folders.pids / "pids.max", os.O_WRONLY)
        self._processes = self._open(folders.pids / "pids.current", os.O_RDONLY)
        self._cpu_time = self._open(folders.cpu_time / version.cpu_time, os.O_RDONLY)
        self._peak = self._open_peak(folders.memory / version.memory_peak)
        for name, value in version.settings:
            with contextlib.suppress(FileNotFoundError):  # a kernel that does not swap has no such setting
                (folders.memory / name).write_text(value)
        self._alarmed = False
        self._events = -1
        self.alarm = self._open_alarm(folders.memory) if version is _V1 else None
        """Readable when memory ran out here or above. Version 2 kills the whole group, so nobody need be told."""
        self._kills = self._count_kills()

    def _open(self, path: Path, flags: int) -> int:
        self._descriptors.append(os.open(path, flags | os.O_CLOEXEC))
        return self._descriptors[-1]

    def _open_peak(self, path: Path) -> int | None:
        """Return the file of the highest use, if it can be set back: with version 2 since Linux 6.12."""
        try:
            descriptor = self._open(path, os.O_RDWR)
            os.write(descriptor, b"0")
        except OSError:
            return None
        return descriptor

    def _open_alarm(self, folder: Path) -> int:
        self._descriptors.append(alarm := os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
        self._events = self._open(folder / "memory.oom_control", os.O_RDONLY)
        (folder / "cgroup.event_control").write_text(f"{alarm} {self._events}")
        return alarm

    def _count_kills(self) -> int:
        if self._events < 0:
            return 0
        try:
            counted = _KILLS.search(os.pread(self._events, _READ_BYTES, 0))
        except OSError:  # it was removed: the sandbox is being closed
            return 0
        return int(counted[1]) if counted else 0

    def begin(self, memory_bytes: int, temp_bytes: int, processes: int) -> None:
        """Set the limits of the call that begins now, in bytes and in processes with their threads, and measure it from here.

        Raises OSError.
        """
        limits = (memory_bytes + temp_bytes + _OWN_BYTES, processes)
        if limits != self._limits:
            os.pwrite(self._memory_limit, b"%d" % limits[0], 0)
            os.pwrite(self._processes_limit, b"%d" % processes, 0)
            self._limits = limits
        if self._peak is not None:
            os.pwrite(self._peak, b"0", 0)
        self._cpu_us_before = self._cpu_us_ever()

    @property
    def measures_memory(self) -> bool:
        """Whether `peak_bytes` says anything on this kernel."""
        return self._peak is not None

    def cpu_us(self) -> int:
        """Return the CPU time that all processes together used since `begin`, those that have ended included.

        The kernel adds what a process uses when it stops running, or at the next tick: for one that runs now, up to 10 ms are
        missing.
        """
        try:
            return max(self._cpu_us_ever() - self._cpu_us_before, 0)
        except OSError:  # it was removed: the sandbox is being closed
            return 0

    def _cpu_us_ever(self) -> int:
        found = self._version.cpu_time_at.search(os.pread(self._cpu_time, _READ_BYTES, 0))
        return int(found[1]) // self._version.cpu_time_per_us if found else 0

    def has_one_thread(self) -> bool:
        """Return whether not more than one thread of one process is in it, ended ones that nobody waited for included."""
        try:
            return int(os.pread(self._processes, _READ_BYTES, 0)) <= 1
        except OSError:  # it was removed: the sandbox is being closed
            return False

    def peak_bytes(self) -> int:
        """Return the most that all processes together used at one moment since `begin`; 0 if this kernel does not say."""
        try:
            return int(os.pread(self._peak, _READ_BYTES, 0)) if self._peak is not None else 0
        except OSError:  # it was removed: the sandbox is being closed
            return 0

    def hear(self) -> None:
        """Empty the alarm."""
        if self.alarm is not None:
            with contextlib.suppress(BlockingIOError):
                self._alarmed = os.eventfd_read(self.alarm) > 0 or self._alarmed

    def ran_out(self) -> bool:
        """Return whether the kernel killed one of its processes for memory, which it does a little after the alarm."""
        self.hear()
        return self._alarmed and self._count_kills() != self._kills

    def end(self) -> None:
        """Forget the call, whose processes are gone."""
        self.hear()
        if self._alarmed:
            self._kills, self._alarmed = self._count_kills(), False

    def close(self) -> None:
        """Remove it. Its processes are gone, or going."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        for folder in self._folders.distinct:
            _remove(folder)


class CallGroups:
    """The groups of one sandbox."""

    def __init__(self, folders: _Folders, version: _Version) -> None:
        self._below = folders
        self.folders = folders.distinct
        """Those that its groups are in, one for each hierarchy; and one that caps its processors, where that is another."""
        self._version = version
        self._free: list[CallGroup] = []
        self._made = 0
        self.caps_processors = False
        """Whether a group limits how many processors all its calls may use together."""

    @property
    def version(self) -> int:
        """The version of cgroups in use."""
        return self._version.number

    @property
    def descriptors(self) -> int:
        """How many descriptors put a process into a group."""
        return len(self._below.distinct)

    def limit(self, limits: SandboxLimits) -> None:
        """Set what all its calls may use together, whatever else limits the sandbox. Raises OSError."""
        (self._below.memory / self._version.memory_limit).write_text(str(limits.memory_bytes))
        (self._below.pids / "pids.max").write_text(str(limits.processes))

    def cap_processors(self, count: int, process: int, folder: Path | None) -> None:
        """Let all its calls use that many processors together.

        In version 1 that takes a `folder` of the controller `cpu`, into which its first process is put, and so all that it
        forks. Without the controller there is no cap; one that holds above may be tighter, and stays.
        """
        if self._version is _V2:
            with contextlib.suppress(OSError):
                (self._below.cpu_time / "cpu.max").write_text(f"{count * _PERIOD_US} {_PERIOD_US}")
                self.caps_processors = True
        elif folder is not None:
            with contextlib.suppress(OSError):
                folder.mkdir(mode=0o700, exist_ok=True)
                self.folders = list(dict.fromkeys([*self.folders, folder]))
                (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
                (folder / "cpu.cfs_quota_us").write_text(str(count * _PERIOD_US))
                (folder / "cgroup.procs").write_text(str(process))
                self.caps_processors = True

    def take(self) -> CallGroup:
        """Return an empty group. Raises OSError."""
        if self._free:
            return self._free.pop()
        self._made += 1
        return CallGroup(self._below.below(str(self._made)), self._version)

    def give_back(self, group: CallGroup) -> None:
        """Take a group whose processes are gone."""
        group.end()
        self._free.append(group)

    def close(self) -> None:
        """Remove all groups; those not given back must have been closed."""
        while self._free:
            self._free.pop().close()
        for folder in self.folders:
            _remove(folder)


def below(process: int, sandbox_id: str, limits: SandboxLimits) -> CallGroups:
    """Return groups for a sandbox's calls, below those that its first process is in. Raises NoGroupsError."""
    try:
        version, parents, capping = _parents(process)
        for parent in {*parents, *([capping] if capping is not None else [])}:
            _sweep(parent)
        name = f"jigsmith-{os.getpid()}-{sandbox_id}"
        folders = parents.below(name)
        for folder in folders.distinct:
            _make(folder, version)
        groups = CallGroups(folders, version)
        groups.limit(limits)
        if limits.processors < (os.cpu_count() or 1):
            groups.cap_processors(limits.processors, process, capping / name if capping is not None else None)
        groups.give_back(groups.take())
    except OSError as error:
        raise NoGroupsError(f"cannot make control groups: {error.strerror}: {error.filename}") from error
    return groups


def _parents(process: int) -> tuple[_Version, _Folders, Path | None]:
    """Return where groups can be made: the version, the folders, and that of version 1's controller `cpu`, if there is one."""
    if process <= 0:
        raise NoGroupsError("the sandbox's processes are not visible from here")
    paths = dict(_memberships(process))
    memory, pids, cpuacct, cpu = (
        _folder("cgroup", name, paths.get(name)) for name in ("memory", "pids", "cpuacct", "cpu")
    )
    if memory is not None and pids is not None and cpuacct is not None:
        hierarchical = memory / "memory.use_hierarchy"
        if hierarchical.exists() and hierarchical.read_text().strip() != "1":
            raise NoGroupsError("memory limits do not reach into subgroups here (memory.use_hierarchy is 0)")
        return _V1, _Folders(memory, pids, cpuacct), cpu
    unified = _folder("cgroup2", "", paths.get(""))
    if unified is None:
        raise NoGroupsError("no cgroup hierarchy with memory and pids (and cpuacct, in version 1) is mounted")
    folder = _with_room(unified)
    return _V2, _Folders(folder, folder, folder), None


def _memberships(process: int) -> Iterator[tuple[str, str]]:
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _folder(kind: str, controller: str, path: str | None) -> Path | None:
    """Return the folder of a group in the hierarchy of a controller, if that is mounted (proc(5), mountinfo)."""
    if path is None or path.startswith("/.."):
        return None
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        root, place = mount.split()[3:5]
        kind_found, _, options = source.split(maxsplit=2)
        if kind_found == kind and (not controller or controller in options.split(",")):
            inside = Path(path)
            if inside.is_relative_to(root):
                return Path(place) / inside.relative_to(root)
    return None


def _with_room(folder: Path) -> Path:
    """Let a group of version 2 limit its subgroups, for which its own processes have to move to one of these."""
    if folder.name == _LEAF:
        folder = folder.parent
    available = (folder / "cgroup.controllers").read_text().split()
    if missing := {"memory", "pids"}.difference(available):
        raise NoGroupsError(f"{folder} has no controller {', '.join(sorted(missing))}: delegate it to the runtime")
    control = folder / "cgroup.subtree_control"
    if {"memory", "pids"} <= set(control.read_text().split()):
        _let_cap_processors(control)
        return folder
    members = {int(line) for line in (folder / "cgroup.procs").read_text().split()}
    if os.getpid() in members and (others := [one for one in members if not _descends(one, os.getpid())]):
        raise NoGroupsError(
            f"the runtime shares its control group with other processes ({others[0]}, for one): start it in its own,"
            " for example with `systemd-run --scope -p Delegate=yes`"
        )
    leaf = folder / _LEAF
    leaf.mkdir(exist_ok=True)
    for member in members:
        with contextlib.suppress(ProcessLookupError):
            (leaf / "cgroup.procs").write_text(str(member))
    control.write_text("+memory +pids")
    _let_cap_processors(control)
    return folder


def _let_cap_processors(control: Path) -> None:
    """Try to have `cpu.max` in subgroups; the CPU time is counted without."""
    with contextlib.suppress(OSError):
        control.write_text("+cpu")


def _descends(process: int, ancestor: int) -> bool:
    while process not in (0, ancestor):
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            return True  # it has ended
        process = int(stat.rpartition(")")[2].split()[1])
    return process == ancestor


def _make(folder: Path, version: _Version) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if version is _V2:
        (folder / "cgroup.subtree_control").write_text("+memory +pids")


def _sweep(parent: Path) -> None:
    """Remove what runtimes that were killed have left here."""
    for folder in parent.glob("jigsmith-*-*"):
        runtime = folder.name.split("-")[1]
        if runtime.isdecimal() and not Path(f"/proc/{runtime}").exists():
            for group in folder.glob("*/"):
                _remove(group)
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove an empty group, waiting a little for its last processes; one that stays costs nothing but its name."""
    deadline = time.monotonic() + _REMOVAL_TIMEOUT_S
    while True:
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno == errno.EBUSY and time.monotonic() < deadline:
                time.sleep(_REMOVAL_POLL_S)
                continue
        return
