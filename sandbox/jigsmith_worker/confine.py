"""The system calls that take a fresh child's powers away. Linux only; a step that the kernel refuses raises OSError.

What a child does for the first time copies pages of memory that it shares with its zygote, and every child pays for it. So
the zygote makes a plan, a list of system calls with everything that they point to, and a child does nothing but carry it out.

Order matters: namespaces with the clone, then the control groups (whose descriptors are closed next), the identity map (needs
the old /proc), mounts (need the capabilities of the new user namespace), capabilities, and last the system-call filter, which
forbids all of the above; limits come with the call.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
from collections.abc import Iterator
from typing import Final

from jigsmith_worker import work

_CALLS: Final = {
    "x86_64": {
        "write": 1,
        "close": 3,
        "rt_sigprocmask": 14,
        "clone": 56,
        "chdir": 80,
        "umask": 95,
        "capset": 126,
        "prctl": 157,
        "mount": 165,
        "openat": 257,
        "dup3": 292,
        "prlimit64": 302,
        "close_range": 436,
    },
    "aarch64": {
        "dup3": 24,
        "mount": 40,
        "chdir": 49,
        "openat": 56,
        "close": 57,
        "write": 64,
        "capset": 91,
        "rt_sigprocmask": 135,
        "umask": 166,
        "prctl": 167,
        "clone": 220,
        "prlimit64": 261,
        "close_range": 436,
    },
}[platform.machine()]
"""The kernel's numbers (include/uapi/asm-generic/unistd.h, arch/x86/entry/syscalls/syscall_64.tbl)."""

# PyDLL keeps the interpreter's lock meanwhile, which no other thread waits for.
_libc: Final = ctypes.PyDLL(None)
_system_call: Final = _libc.syscall
_system_call.argtypes = (ctypes.c_long,) * 6
_system_call.restype = ctypes.c_long
_errno: Final = getattr(_libc, "__errno_location")
_errno.restype = ctypes.POINTER(ctypes.c_int)

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUTS: Final = 0x04000000
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWPID: Final = 0x20000000
NAMESPACES: Final = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWUSER | _CLONE_NEWPID
_CLONE: Final = (_CALLS["clone"], NAMESPACES | signal.SIGCHLD, 0, 0, 0, 0)

_MS_RDONLY: Final = 1
_MS_NOSUID: Final = 2
_MS_NODEV: Final = 4
_MS_NOEXEC: Final = 8
_MS_REMOUNT: Final = 32
_MS_BIND: Final = 4_096

_MS_OF_OPTIONS: Final = {"nosuid": _MS_NOSUID, "nodev": _MS_NODEV, "noexec": _MS_NOEXEC}
"""By their names in /proc: what a mount has of these, a process in another user namespace cannot undo (mount_namespaces(7))."""

_AT_FDCWD: Final = -100
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
_CAPABILITY_VERSION_3: Final = 0x20080522
_SIGSET_BYTES: Final = 8  # the kernel's, not glibc's

STDIN, STDOUT, STDERR, CHANNEL = 0, 1, 2, 3
"""A child's descriptors: /dev/null, one socket for both outputs, another for its answers."""
DESCRIPTORS_OF_A_CHILD: Final = CHANNEL + 1
"""They are open before the call, so they do not count."""
_NEXT_DESCRIPTOR: Final = DESCRIPTORS_OF_A_CHILD
"""What the kernel gives to whoever opens a file when all others are closed."""
_LAST_DESCRIPTOR: Final = (1 << 31) - 1

_TEMP: Final = "/tmp"  # noqa: S108 - a mount point
COVERED: Final = ("/proc", "/sys", "/dev/shm", "/dev/mqueue", "/dev/pts", "/run")  # noqa: S108 - mount points, no temporary files
"""Places that would outlive a call or tell of its surroundings: one empty read-only tmpfs hides them all."""


class Plan:
    """System calls in a row."""

    def __init__(self) -> None:
        self._calls: list[tuple[int, ...]] = []
        self._names: list[str] = []
        self._pointed_to: list[object] = []
        """What the addresses among the arguments lead to: it must live as long as they do."""

    def add(self, name: str, *arguments: int | bytes) -> None:
        """Go on with a system call of at most five arguments. Bytes stand for their address."""
        numbers = [self.address(one) if isinstance(one, bytes) else one for one in arguments]
        self._calls.append((_CALLS[name], *numbers, *[0] * (5 - len(numbers))))
        self._names.append(name)

    def carry_out(self) -> None:
        """Make the calls, one after the other. Raises OSError, which names the one that failed."""
        for call in self._calls:
            if _system_call(*call) == -1:
                raise _error(self._names[self._calls.index(call)])

    def address(self, data: bytes) -> int:
        """Return where a copy of the bytes lies, with a zero behind it, for as long as the plan lives."""
        buffer = ctypes.create_string_buffer(data)
        self._pointed_to.append(buffer)
        return ctypes.addressof(buffer)


def _error(what: str) -> OSError:
    number: int = _errno()[0]
    return OSError(number, f"{what}: {os.strerror(number)}")


def fork_isolated() -> int:
    """Fork into new user, pid, mount, ipc and uts namespaces. Return 0 in the child, the child's pid in the parent.

    One clone(2) does what unshare and two forks would; glibc's fork has no flags. The interpreter's own work around a fork is
    left out: it mends locks that other threads of Python may hold, and a zygote has none. What else hears of forks,
    `randomness` does.
    """
    pid = int(_system_call(*_CLONE))
    if pid == -1:
        raise _error("clone with namespaces")
    return pid


_itself: Final = ctypes.create_string_buffer(b"0")  # stands for the process that writes it (cgroups(7))
_ITSELF: Final = ctypes.addressof(_itself)


def take_over(answers: int, output: int, groups: list[int]) -> Plan:
    """Return how a child enters control groups, each by its open cgroup.procs, and takes its two sockets."""
    plan = Plan()
    for group in groups:
        plan.add("write", group, _ITSELF, 1)
    plan.add("dup3", output, STDOUT, 0)
    plan.add("dup3", output, STDERR, 0)
    plan.add("dup3", answers, CHANNEL, 0)
    return plan


def close_others(plan: Plan) -> None:
    """Close all descriptors that a child does not have."""
    plan.add("close_range", DESCRIPTORS_OF_A_CHILD, _LAST_DESCRIPTOR, 0)


def map_identity(plan: Plan, uid: int, gid: int) -> None:
    """Keep the ids across the new user namespace, so that files look as before and nobody becomes root in it.

    Other descriptors must have been closed. Giving up root made the process undumpable and its /proc files root's; it is
    dumpable again until `give_up_powers`.
    """
    plan.add("prctl", _PR_SET_DUMPABLE, 1)
    ids = {"uid_map": b"%d %d 1" % (uid, uid), "gid_map": b"%d %d 1" % (gid, gid)}
    if os.path.exists("/proc/self/setgroups"):  # noqa: PTH110 - keep it light; gVisor has none, and Linux demands this
        ids = {"setgroups": b"deny"} | ids
    for name, text in ids.items():
        plan.add("openat", _AT_FDCWD, f"/proc/self/{name}".encode(), os.O_WRONLY)
        plan.add("write", _NEXT_DESCRIPTOR, text, len(text))
        plan.add("close", _NEXT_DESCRIPTOR)


def mount_private(plan: Plan, temp_bytes: int, temp_files: int) -> None:
    """Give the call a /tmp of its own, hide what other calls or the sandbox's engine left around, and make the rest read-only.

    The rest is device nodes: who may write to one, or owns it, could set its times or mode for all calls, and with bubblewrap
    for the host. A node on a read-only mount is as writable as before, its inode is not.

    Mounts made here reach nobody else: those of a new user namespace's mount namespace only receive (mount_namespaces(7)).
    Raises OSError.
    """
    for writable, kept in _writable_mounts():
        plan.add("mount", 0, writable.encode(), 0, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept, 0)
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    inodes = temp_files + 1  # the kernel counts the folder itself
    options = b"size=%d,nr_inodes=%d,mode=0700" % (temp_bytes, inodes)
    plan.add("mount", b"none", _TEMP.encode(), b"tmpfs", flags, options)
    empty, *others = [place.encode() for place in COVERED if _shows_something(place)]
    plan.add("mount", b"none", empty, b"tmpfs", flags | _MS_RDONLY, b"size=4096,nr_inodes=2,mode=0555")
    for place in others:  # binding one is a third of the work of making another
        plan.add("mount", empty, place, 0, _MS_BIND, 0)
    plan.add("chdir", _TEMP.encode())


def _writable_mounts() -> Iterator[tuple[str, int]]:
    """Find what is mounted writable and stays in sight, with the flags that it has to keep (proc_pid_mountinfo(5))."""
    hidden = tuple(f"{place}/" for place in (_TEMP, *COVERED))
    with open("/proc/self/mountinfo") as mounts:  # noqa: PTH123 - pathlib is not imported in a sandbox
        for mount in mounts:
            _, _, _, _, place, options, *_ = mount.split()
            having = options.split(",")
            if "ro" not in having and not f"{place}/".startswith(hidden):
                yield place, sum(flag for name, flag in _MS_OF_OPTIONS.items() if name in having)


def _shows_something(place: str) -> bool:
    """Return whether a place is there, and is more than an empty folder that stays empty: a mount costs each call some µs."""
    if not os.path.isdir(place):  # noqa: PTH112 - keep it light
        return False
    try:
        return bool(os.listdir(place)) or not os.statvfs(place).f_flag & os.ST_RDONLY  # noqa: PTH208 - nor here
    except PermissionError:
        return True


def read_nothing(plan: Plan) -> None:
    """Make stdin a file without contents. The child's own: flags and locks of one that it inherited would be others' too."""
    plan.add("close", STDIN)
    plan.add("openat", _AT_FDCWD, os.devnull.encode(), os.O_RDONLY)  # gets the lowest number, which is free now


def give_up_powers(plan: Plan, filter_program: bytes) -> None:
    """Empty the capability sets for good, so that no program gives any back (no_new_privs), and load the filter.

    It is an array of struct sock_filter, 8 bytes each; it holds for this process and all it will start. Signals get
    through again, as in a process of one's own: the zygote had blocked that of its children's deaths.
    """
    plan.add("rt_sigprocmask", int(signal.SIG_SETMASK), bytes(_SIGSET_BYTES), 0, _SIGSET_BYTES)
    plan.add("umask", 0o077)
    plan.add("capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))
    plan.add("prctl", _PR_SET_NO_NEW_PRIVS, 1)
    plan.add("prctl", _PR_SET_DUMPABLE, 0)
    program = struct.pack("@HP", len(filter_program) // 8, plan.address(filter_program))  # struct sock_fprog
    plan.add("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program)


def become(uid: int, gid: int) -> None:
    """Give up root for an unprivileged id; a no-op for a process that is not root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


_LIMITED: Final = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CPU,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_CORE,
)
_RLIMIT_BYTES: Final = 16  # struct rlimit64: soft and hard
_rlimits: Final = ctypes.create_string_buffer(_RLIMIT_BYTES * len(_LIMITED))
_rlimit_numbers: Final = struct.Struct(f"={2 * len(_LIMITED)}Q")
_limiting: Final = Plan()
for _index, _which in enumerate(_LIMITED):
    _limiting.add("prlimit64", 0, _which, ctypes.addressof(_rlimits) + _RLIMIT_BYTES * _index, 0)


def limit_resources(limits: work.Limits) -> None:
    """Set the rlimits of a call. Hard limits equal soft ones: what a call lowers, it cannot raise again.

    RLIMIT_NPROC counts within the call's own user namespace (Linux 5.14), threads included. CPU time is the host's to
    watch, for the whole tree of processes; the limit here, in whole seconds and for each process, is what holds without it.
    Its soft value sends SIGXCPU, which the first process of a pid namespace ignores, so the hard value does the work.
    """
    memory = _address_space_baseline_bytes + limits.memory_bytes
    cpu_seconds = -(-limits.cpu_ms // 1000) + 1
    processes, files, size = limits.processes, DESCRIPTORS_OF_A_CHILD + limits.open_files, limits.temp_bytes
    _rlimit_numbers.pack_into(
        _rlimits, 0, memory, memory, cpu_seconds, cpu_seconds, processes, processes, files, files, size, size, 0, 0
    )
    _limiting.carry_out()


_address_space_baseline_bytes = 0


def remember_address_space() -> None:
    """Note the size of the address space while /proc can be read; children have the same."""
    global _address_space_baseline_bytes  # noqa: PLW0603 - inherited by every forked child, written once
    with open("/proc/self/statm") as file:  # noqa: PTH123
        _address_space_baseline_bytes = int(file.read().split()[0]) * resource.getpagesize()
