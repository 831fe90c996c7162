"""Control groups of calls (cgroups(7), versions 1 and 2): what all processes of one call may use together.

Rlimits hold for each process alone; a group holds for the whole call, and for memory that no process maps, such as the files in
its /tmp. A child puts itself into its group before anything else, through descriptors that the host opened: the kernel looks at
who opened them. So nothing of the hierarchy is reachable, or even visible, from a sandbox.

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
from typing import Final

from jigsmith_sandbox.errors import SandboxError
from jigsmith_sandbox.limits import SandboxLimits

_OWN_BYTES: Final = 8 << 20
"""What a call uses beside its data and files, and what it cannot help: copied pages of the interpreter, page tables."""
_KILLS: Final = re.compile(rb"oom_kill (\d+)")
_REMOVAL_TIMEOUT_S: Final = 1.0
_REMOVAL_POLL_S: Final = 0.01
_LEAF: Final = "jigsmith-main"
"""Where version 2 wants the processes of a group whose subgroups have limits."""


class MemoryScope(Enum):
    """What a memory limit holds for."""

    CALL = "call"
    """All processes of a call and its files in /tmp together, by its control group."""
    PROCESS = "process"
    """Each process of a call alone, by an rlimit: a call of n processes may use n times as much."""


class NoGroupsError(SandboxError):
    """Calls cannot have groups here; the message says why."""


@dataclass(frozen=True, slots=True)
class _Version:
    """The files of a version, by what they are for. Each is "folder/file" with the folder's place in `CallGroup`."""

    number: int
    controllers: tuple[str, ...]
    """Each has a hierarchy of its own in version 1; in version 2 all have one."""
    memory_limit: str
    memory_peak: str
    settings: tuple[tuple[str, str], ...]
    """Written once, into the memory controller's folder."""


_V1: Final = _Version(
    1, ("memory", "pids"), "memory.limit_in_bytes", "memory.max_usage_in_bytes", (("memory.swappiness", "0"),)
)
_V2: Final = _Version(
    2, ("",), "memory.max", "memory.peak", (("memory.swap.max", "0"), ("memory.oom.group", "1"))
)  # fmt: skip


class CallGroup:
    """The group of one call at a time."""

    def __init__(self, folders: list[Path], version: _Version) -> None:
        """Make it. Raises OSError."""
        self._folders = folders
        self._limits = (0, 0)
        self._descriptors: list[int] = []
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        memory, pids = folders[0], folders[-1]
        self.attach = [self._open(folder / "cgroup.procs", os.O_WRONLY) for folder in folders]
        """Descriptors: a process that writes "0" to each of them is in the group, and so is all that it starts."""
        self._memory_limit = self._open(memory / version.memory_limit, os.O_WRONLY)
        self._processes_limit = self._open(pids / "pids.max", os.O_WRONLY)
        self._peak = self._open_peak(memory / version.memory_peak)
        for name, value in version.settings:
            with contextlib.suppress(FileNotFoundError):  # a kernel that does not swap has no such setting
                (memory / name).write_text(value)
        self._alarmed = False
        self._events = -1
        self.alarm = self._open_alarm(memory) if version is _V1 else None
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
            counted = _KILLS.search(os.pread(self._events, 256, 0))
        except OSError:  # it was removed: the sandbox is being closed
            return 0
        return int(counted[1]) if counted else 0

    def begin(self, memory_bytes: int, temp_bytes: int, processes: int) -> None:
        """Set the limits of the call that begins now, in bytes and in processes with their threads. Raises OSError."""
        limits = (memory_bytes + temp_bytes + _OWN_BYTES, processes)
        if limits != self._limits:
            os.pwrite(self._memory_limit, b"%d" % limits[0], 0)
            os.pwrite(self._processes_limit, b"%d" % processes, 0)
            self._limits = limits
        if self._peak is not None:
            os.pwrite(self._peak, b"0", 0)

    def peak_bytes(self) -> int:
        """Return the most that all processes together used at one moment since `begin`; 0 if this kernel does not say."""
        try:
            return int(os.pread(self._peak, 32, 0)) if self._peak is not None else 0
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
        for folder in self._folders:
            _remove(folder)


class CallGroups:
    """The groups of one sandbox."""

    def __init__(self, folders: list[Path], version: _Version) -> None:
        self.folders = folders
        """Those that its groups are in, one for each hierarchy."""
        self._version = version
        self._free: list[CallGroup] = []
        self._made = 0

    @property
    def version(self) -> int:
        """The version of cgroups in use."""
        return self._version.number

    @property
    def descriptors(self) -> int:
        """How many descriptors put a process into a group."""
        return len(self._version.controllers)

    def limit(self, limits: SandboxLimits) -> None:
        """Set what all its calls may use together, whatever else limits the sandbox. Raises OSError."""
        (self.folders[0] / self._version.memory_limit).write_text(str(limits.memory_bytes))
        (self.folders[-1] / "pids.max").write_text(str(limits.processes))

    def take(self) -> CallGroup:
        """Return an empty group. Raises OSError."""
        if self._free:
            return self._free.pop()
        self._made += 1
        return CallGroup([folder / str(self._made) for folder in self.folders], self._version)

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
        version, parents = _parents(process)
        for parent in parents:
            _sweep(parent)
        name = f"jigsmith-{os.getpid()}-{sandbox_id}"
        groups = CallGroups([_made(parent / name, version) for parent in parents], version)
        groups.limit(limits)
        groups.give_back(groups.take())
    except OSError as error:
        raise NoGroupsError(f"cannot make control groups: {error.strerror}: {error.filename}") from error
    return groups


def _parents(process: int) -> tuple[_Version, list[Path]]:
    if process <= 0:
        raise NoGroupsError("the sandbox's processes are not visible from here")
    paths = dict(_memberships(process))
    found = [folder for name in _V1.controllers if (folder := _folder("cgroup", name, paths.get(name))) is not None]
    if len(found) == len(_V1.controllers):
        hierarchical = found[0] / "memory.use_hierarchy"
        if hierarchical.exists() and hierarchical.read_text().strip() != "1":
            raise NoGroupsError("memory limits do not reach into subgroups here (memory.use_hierarchy is 0)")
        return _V1, found
    unified = _folder("cgroup2", "", paths.get(""))
    if unified is None:
        raise NoGroupsError("no cgroup hierarchy with memory and pids is mounted")
    return _V2, [_with_room(unified)]


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
    return folder


def _descends(process: int, ancestor: int) -> bool:
    while process not in (0, ancestor):
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            return True  # it has ended
        process = int(stat.rpartition(")")[2].split()[1])
    return process == ancestor


def _made(folder: Path, version: _Version) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    if version is _V2:
        (folder / "cgroup.subtree_control").write_text("+memory +pids")
    return folder


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
