"""The system calls that take a fresh child's powers away. Linux only; each step raises OSError if the kernel refuses it.

Order matters: namespaces with the clone, then the identity map (needs the old /proc), mounts (need the capabilities of the
new user namespace), capabilities, limits of the call, and last the system-call filter, which forbids all of the above.
"""

import ctypes
import os
import platform
import resource
import signal
from collections.abc import Iterable
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUTS: Final = 0x04000000
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWPID: Final = 0x20000000
NAMESPACES: Final = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWUSER | _CLONE_NEWPID

_SYS_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_SYS_CAPSET: Final = {"x86_64": 126, "aarch64": 91}

_MS_RDONLY: Final = 1
_MS_NOSUID: Final = 2
_MS_NODEV: Final = 4
_MS_NOEXEC: Final = 8
_MS_REC: Final = 16384
_MS_PRIVATE: Final = 1 << 18

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPABILITIES: Final = 64  # as many as version 3 has bits; the kernel answers EINVAL past its last

COVERED: Final = ("/proc", "/sys", "/dev/shm", "/dev/mqueue", "/run")  # noqa: S108 - mount points, no temporary files
"""Places that would outlive a call or tell of its surroundings: an empty read-only tmpfs hides each."""

TEMP_INODES: Final = 4_096


def _checked(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(option: int, *arguments: int) -> None:
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(_libc.prctl(option, *values), f"prctl({option})")


def fork_isolated() -> int:
    """Fork into new user, pid, mount, ipc and uts namespaces. Return 0 in the child, the child's pid in the parent.

    One clone(2) does what unshare and two forks would; glibc's fork has no flags, hence the direct call between the
    interpreter's own fork hooks.
    """
    number = _SYS_CLONE[platform.machine()]
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(_libc.syscall(ctypes.c_long(number), ctypes.c_ulong(NAMESPACES | signal.SIGCHLD), 0, 0, 0, 0))
    error = ctypes.get_errno()
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid == -1:
        raise OSError(error, f"clone with namespaces: {os.strerror(error)}")
    return pid


def map_identity(uid: int, gid: int) -> None:
    """Keep the ids across the new user namespace, so that files look as before and nobody becomes root in it.

    Giving up root made the process undumpable and its /proc files root's; it is dumpable again until drop_capabilities.
    """
    _prctl(_PR_SET_DUMPABLE, 1)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib is not imported in a child
            file.write(text)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _checked(result, f"mount {kind} on {target}")


def mount_private(temp_bytes: int) -> None:
    """Give the call a /tmp of its own and hide what other calls or the sandbox's engine left around."""
    _mount("none", "/", "none", _MS_REC | _MS_PRIVATE)
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _mount("call", "/tmp", "tmpfs", flags, f"size={temp_bytes},nr_inodes={TEMP_INODES},mode=0700")  # noqa: S108
    for target in COVERED:
        if os.path.isdir(target):  # noqa: PTH112 - pathlib is not imported in a child
            _mount("none", target, "tmpfs", flags | _MS_RDONLY, "size=4096,nr_inodes=2,mode=0555")
    os.chdir("/tmp")  # noqa: S108


def drop_capabilities() -> None:
    """Empty the capability sets and the bounding set, for good."""
    for capability in range(_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == -1:
            break
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _checked(_libc.syscall(ctypes.c_long(_SYS_CAPSET[platform.machine()]), header, nothing), "capset")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def become(uid: int, gid: int) -> None:
    """Give up root for an unprivileged id; a no-op for a process that is not root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_resources(*, memory_bytes: int, cpu_ms: int, processes: int, temp_bytes: int) -> None:
    """Set the rlimits of a call. Hard limits equal soft ones: what a call lowers, it cannot raise again.

    RLIMIT_NPROC counts within the call's own user namespace (Linux 5.14), threads included. The CPU limit's soft value
    sends SIGXCPU, which the first process of a pid namespace ignores, so the hard value does the work.
    """
    cpu_seconds = -(-cpu_ms // 1000)
    for which, value in (
        (resource.RLIMIT_AS, _address_space_bytes() + memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_FSIZE, temp_bytes),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(which, (value, value))


_address_space_baseline_bytes = 0


def remember_address_space() -> None:
    """Note the size of the address space while /proc can be read; children have the same."""
    global _address_space_baseline_bytes  # noqa: PLW0603 - inherited by every forked child, written once
    with open("/proc/self/statm") as file:  # noqa: PTH123
        _address_space_baseline_bytes = int(file.read().split()[0]) * resource.getpagesize()


def _address_space_bytes() -> int:
    return _address_space_baseline_bytes


class _SockFprog(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install_filter(program: bytes) -> None:
    """Load a seccomp filter (an array of struct sock_filter, 8 bytes each) for this process and all it will start."""
    argument = _SockFprog(len(program) // 8, program)
    result = _libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(argument), 0, 0)
    _checked(result, "prctl(PR_SET_SECCOMP)")


def keep_descriptors(descriptors: Iterable[int]) -> None:
    """Move the given descriptors to 0, 1, 2, ... in their order, and close every other one."""
    wanted = list(descriptors)
    # Copies above the target range first: a target may be the number of a descriptor still needed.
    copies = [os.dup(descriptor) for descriptor in wanted]
    above = [os.dup(copy) if copy < len(wanted) else copy for copy in copies]
    for number, copy in enumerate(above):
        os.dup2(copy, number, inheritable=True)
    os.closerange(len(wanted), _DESCRIPTORS_MAX)


_DESCRIPTORS_MAX: Final = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
