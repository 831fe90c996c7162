"""The system calls that take a fresh child's powers away. Linux only; each step raises OSError if the kernel refuses it.

Order matters: namespaces with the clone, then the control groups (whose descriptors are closed next), the identity map (needs
the old /proc), mounts (need the capabilities of the new user namespace), capabilities, and last the system-call filter, which
forbids all of the above; limits come with the call.
"""

import ctypes
import os
import platform
import resource
import signal
from typing import Final

from jigsmith_worker import work

# Prototypes and constant structures are made once, in the zygote: what a child makes, every child pays for. PyDLL keeps the
# interpreter's lock meanwhile, which no other thread waits for.
_libc: Final = ctypes.PyDLL(None, use_errno=True)
_long, _ulong, _char_p, _void_p = ctypes.c_long, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_void_p
_libc.prctl.argtypes = (ctypes.c_int, _ulong, _ulong, _ulong, _ulong)
_libc.mount.argtypes = (_char_p, _char_p, _char_p, _ulong, _char_p)
_libc.sigprocmask.argtypes = (ctypes.c_int, _void_p, _void_p)
_clone = ctypes.PyDLL(None, use_errno=True).syscall
_clone.argtypes = (_long, _ulong, _ulong, _ulong, _ulong, _ulong)
_clone.restype = _long
_capset = ctypes.PyDLL(None, use_errno=True).syscall
_capset.argtypes = (_long, _void_p, _void_p)
_capset.restype = _long

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUTS: Final = 0x04000000
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWPID: Final = 0x20000000
NAMESPACES: Final = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWUSER | _CLONE_NEWPID

_CLONE_FLAGS: Final = NAMESPACES | signal.SIGCHLD
_CLONE_NUMBER: Final = {"x86_64": 56, "aarch64": 220}[platform.machine()]
_CAPSET_NUMBER: Final = {"x86_64": 126, "aarch64": 91}[platform.machine()]

_MS_RDONLY: Final = 1
_MS_NOSUID: Final = 2
_MS_NODEV: Final = 4
_MS_NOEXEC: Final = 8
_MS_BIND: Final = 4_096

_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
_CAPABILITY_VERSION_3: Final = 0x20080522
_OWN_CAPABILITIES: Final = ctypes.byref((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0))
_NO_CAPABILITIES: Final = ctypes.byref((ctypes.c_uint32 * 6)())

COVERED: Final = ("/proc", "/sys", "/dev/shm", "/dev/mqueue", "/run")  # noqa: S108 - mount points, no temporary files
"""Places that would outlive a call or tell of its surroundings: one empty read-only tmpfs hides them all."""
_covered: Final = [place.encode() for place in COVERED if os.path.isdir(place)]  # noqa: PTH112 - keep it light


def _checked(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(option: int, argument: int) -> None:
    _checked(_libc.prctl(option, argument, 0, 0, 0), "prctl")


def fork_isolated() -> int:
    """Fork into new user, pid, mount, ipc and uts namespaces. Return 0 in the child, the child's pid in the parent.

    One clone(2) does what unshare and two forks would; glibc's fork has no flags. The interpreter's own work around a fork is
    left out: it mends locks that other threads of Python may hold, and a zygote has none. What else hears of forks,
    `randomness` does.
    """
    pid = int(_clone(_CLONE_NUMBER, _CLONE_FLAGS, 0, 0, 0, 0))
    if pid == -1:
        raise OSError(number := ctypes.get_errno(), f"clone with namespaces: {os.strerror(number)}")
    return pid


def enter_groups(descriptors: list[int]) -> None:
    """Enter control groups, each by its open cgroup.procs: 0 stands for the process that writes (cgroups(7))."""
    for descriptor in descriptors:
        os.write(descriptor, b"0")


def identity_map(uid: int, gid: int) -> tuple[tuple[str, bytes], ...]:
    """Return what `map_identity` writes where, to keep these ids across a new user namespace."""
    return (
        ("/proc/self/setgroups", b"deny"),
        ("/proc/self/uid_map", b"%d %d 1" % (uid, uid)),
        ("/proc/self/gid_map", b"%d %d 1" % (gid, gid)),
    )


def map_identity(identity: tuple[tuple[str, bytes], ...]) -> None:
    """Keep the ids across the new user namespace, so that files look as before and nobody becomes root in it.

    Giving up root made the process undumpable and its /proc files root's; it is dumpable again until drop_capabilities.
    """
    _prctl(_PR_SET_DUMPABLE, 1)
    for path, text in identity:
        try:
            descriptor = os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            continue  # gVisor has no setgroups to deny; a Linux that did would refuse the gid_map that follows
        os.write(descriptor, text)
        os.close(descriptor)


def _mount_tmpfs(target: bytes, flags: int, options: bytes) -> None:
    _checked(_libc.mount(b"none", target, b"tmpfs", flags, options), f"mount tmpfs on {target.decode()}")


def _bind(source: bytes, target: bytes) -> None:
    _checked(_libc.mount(source, target, None, _MS_BIND, None), f"mount {source.decode()} on {target.decode()}")


def mount_private(temp_bytes: int, temp_files: int) -> None:
    """Give the call a /tmp of its own and hide what other calls or the sandbox's engine left around.

    Mounts made here reach nobody else: those of a new user namespace's mount namespace only receive (mount_namespaces(7)).
    """
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    inodes = temp_files + 1  # the kernel counts the folder itself
    _mount_tmpfs(b"/tmp", flags, b"size=%d,nr_inodes=%d,mode=0700" % (temp_bytes, inodes))
    empty, *others = _covered
    _mount_tmpfs(empty, flags | _MS_RDONLY, b"size=4096,nr_inodes=2,mode=0555")
    for target in others:  # binding one is a third of the work of making another
        _bind(empty, target)
    os.chdir("/tmp")  # noqa: S108


def drop_capabilities() -> None:
    """Empty the capability sets for good: no program that is executed can give any back (no_new_privs)."""
    _checked(_capset(_CAPSET_NUMBER, _OWN_CAPABILITIES, _NO_CAPABILITIES), "capset")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def become(uid: int, gid: int) -> None:
    """Give up root for an unprivileged id; a no-op for a process that is not root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def limit_resources(limits: work.Limits) -> None:
    """Set the rlimits of a call. Hard limits equal soft ones: what a call lowers, it cannot raise again.

    RLIMIT_NPROC counts within the call's own user namespace (Linux 5.14), threads included. CPU time is the host's to
    watch, for the whole tree of processes; the limit here, in whole seconds and for each process, is what holds without it.
    Its soft value sends SIGXCPU, which the first process of a pid namespace ignores, so the hard value does the work.
    """
    cpu_seconds = -(-limits.cpu_ms // 1000) + 1
    for which, value in (
        (resource.RLIMIT_AS, _address_space_bytes() + limits.memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_NOFILE, DESCRIPTORS_OF_A_CHILD + limits.open_files),
        (resource.RLIMIT_FSIZE, limits.temp_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(which, (value, value))


DESCRIPTORS_OF_A_CHILD: Final = 4
"""stdin, stdout, stderr and the channel of the answer: open before the call, so they do not count."""

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


class Filter:
    """A seccomp filter: an array of struct sock_filter, 8 bytes each."""

    def __init__(self, program: bytes) -> None:
        self._program = _SockFprog(len(program) // 8, program)
        self._address = ctypes.addressof(self._program)

    def install(self) -> None:
        """Load it for this process and all it will start."""
        _checked(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._address, 0, 0), "prctl(PR_SET_SECCOMP)")


def keep_descriptors(output: int, channel: int) -> None:
    """Make these descriptors stdout and stderr, and the channel; close all others but stdin, the originals too."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(channel, 3)
    os.closerange(DESCRIPTORS_OF_A_CHILD, _DESCRIPTORS_MAX)


_DESCRIPTORS_MAX: Final = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


_SIG_SETMASK: Final = int(signal.SIG_SETMASK)
_NO_SIGNALS: Final = ctypes.byref((ctypes.c_char * 128)())  # sigset_t of glibc


def unblock_signals() -> None:
    """Let every signal through, as in a process of one's own: the zygote had blocked that of its children's deaths."""
    _checked(_libc.sigprocmask(_SIG_SETMASK, _NO_SIGNALS, None), "sigprocmask")
