# ruff: noqa: E501 - one call per line reads best
"""System calls with arguments that are valid outside, and what a sandbox without any filter of ours makes of them.

The attacks of `system_calls.py` stop at a filter, and with the filters off at the kernel's checks of senseless arguments: that
says nothing about capabilities and namespaces. Here each call asks for something that root gets outside. Where doing it would
hurt the host (reboot, kexec, modules, swap), the kernel looks at the caller's powers first and at the wrong arguments later, so
that the answer tells how far it got. Each is made twice: as a call has its powers (none), and with all powers over a fresh user
namespace, which a call without filters may make.
"""

from dataclasses import dataclass
from typing import Final

PRELUDE: Final = """
import ctypes, errno, json, mmap, os, signal, socket, struct, sys, time
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
def text(size, data=b""):
    return ctypes.create_string_buffer(data, size)
def c(number, *arguments):
    result = _libc.syscall(number, *[ctypes.c_long(one) if isinstance(one, int) else one for one in arguments])
    return result if result >= 0 else -ctypes.get_errno()
def address(buffer):
    return ctypes.addressof(buffer)
def vector(at, size):
    return text(16, struct.pack("QQ", at, size))
def words(size, *numbers):
    return text(size, struct.pack(f"{len(numbers)}Q", *numbers))
def answer(result):
    return 'done' if result >= 0 else errno.errorcode[-result]
_me = os.getpid()
def child(do):
    ends = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(ends[1], str(do()).encode())
        os._exit(0)
    os.close(ends[1])
    said = os.read(ends[0], 99)
    os.waitpid(pid, 0)
    return int(said or 0)
def waiting():
    pid = os.fork()
    if pid == 0:
        time.sleep(5)
        os._exit(0)
    return pid
_page = (ctypes.c_char * 4096).from_buffer(mmap.mmap(-1, 4096))
_code = text(16, struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0))
_license = text(4, b"GPL")
def _now():
    now = text(16)
    c(228, 0, now)
    return now
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A call, and its answers: "done" or the name of an error. ENOSYS is right everywhere: that kernel has no such call."""

    body: str
    plain: str
    """By Linux (bubblewrap and Docker), for a call as it is."""
    powers: str | None = None
    """The same with powers over a user namespace of its own; None where they change nothing."""
    docker: str | None = None
    """Both, in Docker; None where it is the same."""
    gvisor: str | None = None
    """By gVisor's kernel; None where it is the same as by Linux. It lets nothing of a call reach the host's kernel."""
    gvisor_powers: str | None = None
    setting: str = ""
    """Of /proc/sys/kernel: 0 lets everybody have it, and then nothing can be said."""

    def expected(self, backend: str, *, powers: bool) -> str:
        """Return the answer in a backend's sandboxes."""
        if backend == "docker-runsc":
            plain = self.gvisor or self.plain
            return (self.gvisor_powers or plain) if powers else plain
        if backend == "docker" and self.docker is not None:
            return self.docker
        return (self.powers or self.plain) if powers else self.plain


# Where the answer is neither EPERM nor ENOSYS, the comment says why that is harmless, or what the error comes from.
ROWS: Final = {
    "ptrace traceme": Row("child(lambda: c(101, 0, 0, 0, 0))", "done", gvisor="EPERM", gvisor_powers="done"),  # its tracer is a process of its own
    "ptrace seizes a child": Row("c(101, 0x4206, waiting(), 0, 0)", "EPERM", gvisor_powers="done"),  # the child is not dumpable, and nobody has CAP_SYS_PTRACE
    "ptrace seizes a host process": Row("c(101, 0x4206, target['pid'], 0, 0)", "ESRCH"),  # there is no such process in its pid namespace
    "process_vm_readv of a host process": Row("c(310, target['pid'], vector(address(text(8)), 8), 1, vector(target['address'], 8), 1, 0)", "ESRCH", gvisor="ENOSYS"),
    "process_vm_readv of itself": Row("c(310, _me, vector(address(text(8)), 8), 1, vector(address(text(8)), 8), 1, 0)", "done", gvisor="ENOSYS"),  # its own memory
    "process_vm_writev of a host process": Row("c(311, target['pid'], vector(address(text(8)), 8), 1, vector(target['address'], 8), 1, 0)", "ESRCH", gvisor="ENOSYS"),
    "kcmp with a host process": Row("c(312, _me, target['pid'], 1, 0, 0)", "ESRCH", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "pidfd_open of a host process": Row("c(434, target['pid'], 0)", "ESRCH", gvisor="ENOSYS"),
    "pidfd_getfd of itself": Row("c(438, c(434, _me, 0), 1, 0)", "done", gvisor="ENOSYS"),  # its own descriptor
    "pidfd_getfd of a child": Row("c(438, c(434, waiting(), 0), 1, 0)", "EPERM", gvisor="ENOSYS"),  # not dumpable
    "pidfd_send_signal to itself": Row("c(424, c(434, _me, 0), 0, 0, 0)", "done", gvisor="ENOSYS"),  # itself, and signal 0
    "process_madvise": Row("c(440, c(434, _me, 0), vector(address(_page), 4096), 1, 20, 0)", "done", gvisor="ENOSYS"),  # its own page
    "process_mrelease": Row("c(448, c(434, waiting(), 0), 0)", "EINVAL", gvisor="ENOSYS"),  # the child is not dying
    "mount": Row("c(165, b'none', b'/tmp', b'tmpfs', 0, 0)", "EPERM"),
    "bind mount": Row("c(165, b'/', b'/tmp', 0, 4096, 0)", "EPERM"),
    "remount the root writable": Row("c(165, 0, b'/', 0, 4096 | 32, 0)", "EPERM"),
    "umount2 of /tmp": Row("c(166, b'/tmp', 2)", "EPERM"),
    "umount2 of /proc": Row("c(166, b'/proc', 2)", "EPERM"),
    "pivot_root": Row("c(155, b'/tmp', b'/tmp')", "EPERM", gvisor_powers="EINVAL"),
    "chroot": Row("c(161, b'/tmp')", "EPERM", powers="done", gvisor_powers="done"),  # with powers: into its own empty /tmp, from where nothing is new
    "setns": Row("c(308, c(434, _me, 0), 0x04000000)", "EPERM", gvisor="ENOTSUP"),
    "setns to a host process": Row("c(308, c(434, target['pid'], 0), 0x04000000)", "EBADF", gvisor="ENOTSUP"),  # there is no such process to name
    "unshare a user namespace": Row("c(272, 0x10000000)", "done", powers="EPERM", gvisor_powers="EPERM"),  # its powers are over what it makes itself
    "unshare a mount namespace": Row("c(272, 0x00020000)", "EPERM", powers="done", gvisor="done"),  # a copy in which what it was given is locked
    "unshare a network namespace": Row("c(272, 0x40000000)", "EPERM", powers="done", gvisor_powers="done"),  # an emptier one
    "unshare a pid namespace": Row("c(272, 0x20000000)", "EPERM", powers="done", gvisor_powers="done"),  # one below its own
    "clone into a user namespace": Row("child(lambda: c(56, 0x10000000 | 17, 0, 0, 0, 0) or os._exit(0))", "done", powers="EPERM", gvisor_powers="EPERM"),  # the same
    "clone into a mount namespace": Row("child(lambda: c(56, 0x00020000 | 17, 0, 0, 0, 0) or os._exit(0))", "EPERM", powers="done", gvisor="done"),  # the same
    "fsopen": Row("c(430, b'tmpfs', 0)", "EPERM", gvisor="ENOSYS"),
    "fsconfig": Row("c(431, c(430, b'tmpfs', 0), 6, 0, 0, 0)", "EINVAL", gvisor="ENOSYS"),  # there is none being made: fsopen was refused
    "fsmount": Row("(lambda fs: (c(431, fs, 6, 0, 0, 0), c(432, fs, 0, 0))[1])(c(430, b'tmpfs', 0))", "EPERM", gvisor="ENOSYS"),
    "open_tree": Row("c(428, -100, b'/', 0)", "done", gvisor="ENOSYS"),  # a path descriptor of what it sees
    "open_tree of a copy": Row("c(428, -100, b'/', 1)", "EPERM", gvisor="ENOSYS"),
    "move_mount": Row("c(429, c(428, -100, b'/tmp', 1), b'', -100, b'/tmp', 4)", "EPERM", gvisor="ENOSYS"),
    "mount_setattr": Row("c(442, -100, b'/', 0, words(32, 0, 1, 0, 0), 32)", "EPERM", gvisor="ENOSYS"),
    "keyctl": Row("c(250, 0, -3, 0, 0, 0)", "done", gvisor="EACCES"),  # KEPT BY THE FILTERS ALONE: keyrings know no namespaces but those of users, and the session's is passed on to each call of a sandbox
    "keyctl of a new session": Row("c(250, 1, 0, 0, 0, 0)", "done", gvisor="EACCES"),  # its own
    "keyctl reads its session": Row("c(250, 11, -3, text(64), 64, 0)", "done", gvisor="EACCES"),  # as for keyctl
    "add_key": Row("c(248, b'user', b'jigsmith', b'x', 1, -2)", "done", gvisor="EACCES"),  # into its process's keyring
    "request_key": Row("c(249, b'user', b'jigsmith-none', 0, 0)", "ENOKEY", gvisor="EACCES"),  # nothing of that name
    "bpf makes a map": Row("c(321, 0, text(72, struct.pack('IIII', 2, 4, 4, 1)), 72)", "EPERM", gvisor_powers="ENOSYS", setting="unprivileged_bpf_disabled"),
    "bpf loads a program": Row("c(321, 5, text(144, struct.pack('IIQQ', 1, 2, address(_code), address(_license))), 144)", "EPERM", gvisor_powers="ENOSYS", setting="unprivileged_bpf_disabled"),
    "perf_event_open": Row("c(298, text(128, struct.pack('IIQQQQQ', 1, 128, 0, 0, 0, 0, 1 << 5 | 1 << 6)), 0, -1, -1, 0)", "done", gvisor="ENODEV"),  # counts itself, without kernel and hypervisor
    "perf_event_open of all": Row("c(298, text(128, struct.pack('IIQQQQQ', 1, 128, 0, 0, 0, 0, 0)), -1, 0, -1, 0)", "EACCES", gvisor="ENODEV"),
    "userfaultfd": Row("c(323, 0)", "EPERM", gvisor="ENOSYS"),
    "userfaultfd of user mode": Row("c(323, 1)", "done", gvisor="ENOSYS"),  # faults of its own memory
    "io_uring_setup": Row("c(425, 4, text(120))", "done"),  # a ring of its own: every request is checked as the call would be; a kernel's faults are what the filters keep away
    "io_uring_enter": Row("c(426, c(425, 4, text(120)), 0, 0, 0, 0, 0)", "done", gvisor="EPERM"),  # nothing to do
    "io_uring_register": Row("c(427, c(425, 4, text(120)), 0, vector(address(_page), 4096), 1)", "done", gvisor="ENOSYS"),  # its own page
    "kexec_load": Row("c(246, 0, 1_000_000, 0, 0)", "ENOSYS", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "kexec_file_load": Row("c(320, -1, -1, 0, 0, 0)", "ENOSYS", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "init_module": Row("c(175, text(64), 64, b'')", "ENOSYS", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "finit_module": Row("c(313, os.open('/dev/null', 0), b'', 0)", "ENOSYS", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "delete_module": Row("c(176, b'nothing_of_this_name', 0)", "ENOSYS", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "reboot": Row("c(169, 0xfee1dead, 672274793, 0x12345678, 0)", "EPERM", gvisor_powers="ENOSYS"),
    "swapon": Row("c(167, b'/nowhere', 0)", "EPERM", gvisor_powers="ENOSYS"),
    "swapoff": Row("c(168, b'/nowhere')", "EPERM", gvisor_powers="ENOSYS"),
    "settimeofday": Row("c(164, 0, 0)", "EPERM", gvisor_powers="ENOSYS"),
    "clock_settime": Row("c(227, 0, _now())", "EPERM"),
    "clock_adjtime": Row("c(305, 0, words(208, 0x100))", "EPERM", gvisor_powers="ENOSYS"),
    "adjtimex": Row("c(159, words(208, 0x100))", "EPERM", gvisor_powers="ENOSYS"),
    "adjtimex reads": Row("c(159, words(208, 0))", "done", gvisor="EPERM", gvisor_powers="ENOSYS"),  # reading is free
    "modify_ldt": Row("c(154, 1, text(16, struct.pack('IIII', 0, 0, 0, 0x51)), 16)", "done", gvisor="EPERM"),  # a segment of its own process
    "iopl": Row("c(172, 3)", "ENOSYS", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "ioperm": Row("c(173, 0x80, 1, 1)", "ENOSYS", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "acct": Row("c(163, b'/nowhere')", "EPERM", gvisor_powers="ENOSYS"),
    "quotactl": Row("c(179, 0x80000200, b'/dev/null', 0, text(8))", "ENOTBLK", gvisor="EPERM", gvisor_powers="ENOSYS"),  # no block device
    "syslog reads": Row("c(103, 3, text(64), 64)", "EPERM", gvisor="done", setting="dmesg_restrict"),  # gVisor's own jokes, no kernel log
    "syslog sets a level": Row("c(103, 8, 0, 99)", "EPERM", gvisor="ENOSYS"),
    "vhangup": Row("c(153) if target.get('inside') else 0", "EPERM", gvisor_powers="ENOSYS"),
    "mq_open": Row("c(240, b'jigsmith', 0o102, 0o600, 0)", "done"),  # in its own ipc namespace
    "mq_unlink": Row("(c(240, b'jigsmith', 0o102, 0o600, 0), c(241, b'jigsmith'))[1]", "done", gvisor="EACCES"),  # the same
    "mq_timedsend": Row("c(242, c(240, b'jigsmith2', 0o102, 0o600, 0), b'x', 1, 0, 0)", "done", gvisor="ENOSYS"),  # the same
    "mq_timedreceive": Row("c(243, c(240, b'jigsmith3', 0o4102, 0o600, 0), text(8192), 8192, 0, 0)", "EAGAIN", gvisor="ENOSYS"),  # the same, and an empty one
    "name_to_handle_at": Row("c(303, -100, b'/tmp', text(136, struct.pack('I', 128)), text(8), 0)", "done", gvisor="ENOTSUP"),  # a name only: open_by_handle_at is refused
    "open_by_handle_at": Row("c(304, os.open('/tmp', 0), (found := text(136, struct.pack('I', 128)), c(303, -100, b'/tmp', found, text(8), 0))[0], 0)", "EPERM", gvisor="ENOTSUP"),
    "setuid": Row("c(105, 0 if target.get('inside') else 1)", "EINVAL"),  # no such id in its user namespace
    "setgid": Row("c(106, 0 if target.get('inside') else 1)", "EINVAL"),  # the same
    "setreuid": Row("c(113, 0, 0)", "EINVAL"),  # the same
    "setregid": Row("c(114, 0, 0)", "EINVAL"),  # the same
    "setresuid": Row("c(117, 0, 0, 0)", "EINVAL"),  # the same
    "setresgid": Row("c(119, 0, 0, 0)", "EINVAL"),  # the same
    "setgroups": Row("c(116, 1, words(8, 0))", "EPERM", gvisor_powers="EINVAL"),
    "setfsuid": Row("c(122, 0)", "done", gvisor="ENOSYS"),  # answers with the old id whatever it does
    "personality": Row("c(135, 0x0040000)", "done", gvisor="EINVAL"),  # of its own process
    "shmget": Row("c(29, 0, 4096, 0o1600)", "done"),  # in its own ipc namespace
    "semget": Row("c(64, 0, 1, 0o1600)", "done"),  # the same
    "msgget": Row("c(68, 0, 0o1600)", "done"),  # the same
    "memfd_create": Row("c(319, b'x', 0)", "done"),  # its own memory
    "memfd_secret": Row("c(447, 0)", "done", gvisor="ENOSYS"),  # its own memory
    "inotify_init": Row("c(253)", "done"),  # watches what it may read
    "fanotify_init": Row("c(300, 0, 0)", "EPERM", gvisor="ENOSYS"),
    "fanotify_init of one's own files": Row("c(300, 0x200, 0)", "done", gvisor="ENOSYS"),  # watches what it may read
    "timerfd_create": Row("c(283, 1, 0)", "done"),  # its own
    "signalfd": Row("c(282, -1, words(8, 0), 8)", "done"),  # its own
    "socketpair": Row("c(53, 1, 1, 0, text(8))", "done"),  # its own
    "socket": Row("c(41, 2, 1, 0)", "done"),  # in a network namespace with nothing in it
    "socket of raw packets": Row("c(41, 17, 3, 3)", "EPERM", gvisor_powers="done"),
    "raw socket": Row("c(41, 2, 3, 1)", "EPERM", gvisor_powers="done"),
    "bind": Row("c(49, c(41, 2, 1, 0), text(16, b'\\2'), 16)", "done"),  # the same
    "bind to a low port": Row("c(49, c(41, 2, 1, 0), text(16, b'\\2\\0' + (256 + os.urandom(1)[0]).to_bytes(2)), 16)", "EACCES", docker="done", gvisor="done"),  # the same; Docker allows everybody low ports of a network namespace
    "listen": Row("c(50, c(41, 2, 1, 0), 1)", "done"),  # the same
    "accept": Row("c(43, (lambda s: (c(50, s, 1), c(72, s, 4, 0o4000), s)[2])(c(41, 2, 1, 0)), 0, 0)", "EAGAIN"),  # nobody comes
    "splice": Row("c(275, os.pipe()[0], 0, os.pipe()[1], 0, 1, 2)", "EAGAIN"),  # an empty pipe
    "tee": Row("c(276, os.pipe()[0], os.pipe()[1], 1, 2)", "EAGAIN"),  # an empty pipe
    "vmsplice": Row("c(278, os.pipe()[1], vector(address(_page), 8), 1, 0)", "done", gvisor="ENOSYS"),  # its own pipe
    "mknod of a device": Row("c(133, b'/tmp/jigsmith-null', 0o020666, 0x103)", "EPERM", gvisor="EROFS"),
    "mknodat of a device": Row("c(259, -100, b'/tmp/jigsmith-null2', 0o020666, 0x103)", "EPERM", gvisor="EROFS"),
    "chown": Row("c(92, b'/tmp', 0, 0)", "EINVAL"),  # no such id in its user namespace
    "sethostname": Row("c(170, b'other', 5)", "EPERM"),
    "setdomainname": Row("c(171, b'other', 5)", "EPERM"),
    "sched_setscheduler": Row("c(144, 0, 1, text(4, struct.pack('i', 1)))", "EPERM", gvisor="EINVAL"),
    "sched_setattr": Row("c(314, 0, text(48, struct.pack('IIQiIQQQ', 48, 1, 0, 0, 1, 0, 0, 0)), 0)", "EPERM", gvisor="ENOSYS"),
    "setpriority": Row("c(141, 0, 0, -5)", "EACCES", gvisor="done"),
    "ioprio_set": Row("c(251, 1, 0, 1 << 13)", "EPERM", gvisor_powers="ENOSYS"),
    "move_pages": Row("c(279, 0, 1, words(8, address(_page)), 0, text(4), 2)", "done", gvisor="EPERM", gvisor_powers="ENOSYS"),  # asks about its own page
    "move_pages of a host process": Row("c(279, target['pid'], 1, words(8, address(_page)), 0, text(4), 2)", "ESRCH", gvisor="EPERM", gvisor_powers="ENOSYS"),
    "migrate_pages": Row("c(256, 0, 8, words(8, 1), words(8, 1))", "done", gvisor="EPERM", gvisor_powers="ENOSYS"),  # its own pages
    "execve": Row("child(lambda: c(59, b'/bin/true', words(8, 0), words(8, 0)))", "ENOENT", docker="done", gvisor="done"),  # a program of the image, which has no more powers: no_new_privs
    "execveat": Row("c(322, -100, b'/nowhere', 0, 0, 0)", "ENOENT"),  # no such file
    "seccomp": Row("c(317, 2, 0, text(4, struct.pack('I', 0x7fff0000)))", "done", gvisor="EINVAL"),  # one more filter
    "landlock_create_ruleset": Row("c(444, 0, 0, 1)", "done", gvisor="ENOSYS"),  # can only restrict itself
    "cachestat": Row("c(451, os.open(os.__file__, 0), words(16, 0, 0), text(40), 0)", "EPERM", gvisor="ENOSYS"),
    "map_shadow_stack": Row("c(453, 0, 4096, 0)", "ENOSYS"),
    "shmget of the host's segment": Row("c(29, target['segment'], 8, 0)", "ENOENT"),  # not in its own ipc namespace
    "add_key to its session": Row("c(248, b'user', b'jigsmith', b'x', 1, -3)", "done", gvisor="EACCES"),  # KEPT BY THE FILTERS ALONE: in Docker the next call of the sandbox finds it
    "mounts in namespaces of its own": Row("c(272, 0x10020000) or c(165, b'none', b'/tmp', b'tmpfs', 0, 0)", "done", powers="EPERM", gvisor="EPERM"),  # a tmpfs that only its own namespace sees; mounting takes a mount namespace, too, which a bare user namespace's powers do not cover
    "remounts the root writable in namespaces of its own": Row("c(272, 0x10020000) or c(165, 0, b'/', 0, 4096 | 32, 0)", "EPERM"),
    "uncovers /proc in namespaces of its own": Row("c(272, 0x10020000) or c(166, b'/proc', 2)", "EINVAL", powers="EPERM", gvisor="EPERM"),  # what it was given is locked
    "makes a device in namespaces of its own": Row("c(272, 0x10020000) or c(165, b'none', b'/tmp', b'tmpfs', 0, 0) or c(133, b'/tmp/null', 0o020666, 0x103)", "EOVERFLOW", powers="EPERM", gvisor="EPERM"),  # no id to own it; and such a file system opens no devices
    "mounts /proc in namespaces of its own": Row("c(272, 0x10020000) or c(165, b'none', b'/tmp', b'proc', 0, 0)", "EPERM"),
    "mounts cgroups in namespaces of its own": Row("c(272, 0x12020000) or c(165, b'none', b'/tmp', b'cgroup2', 0, 0)", "done", powers="EPERM", gvisor="EPERM"),  # root's files: it may read its own group's, write none
    "mounts /sys in namespaces of its own": Row("c(272, 0x50020000) or c(165, b'none', b'/tmp', b'sysfs', 0, 0)", "EPERM"),
}  # fmt: skip

_HOST_SEGMENT: Final = "shmget of the host's segment"


def source(row: Row, *, powers: bool) -> str:
    """Return a function that makes the call."""
    first = "assert c(272, 0x10000000) == 0" if powers else "pass"
    return f"{PRELUDE}\ndef f(target):\n    {first}\n    return answer({row.body})\n"


def everything() -> str:
    """Return a program that makes all calls, each in a process of its own, and says what came of them.

    Those are in mount, uts and ipc namespaces of their own, with root's powers over the host: nothing that they do stays.
    """
    calls = "".join(f"    {name!r}: lambda: {row.body},\n" for name, row in ROWS.items())
    return f"{PRELUDE}\ntarget = json.loads(sys.argv[1])\ncalls = {{\n{calls}}}\nsegment = {_HOST_SEGMENT!r}\n{_EVERYTHING}"


_EVERYTHING: Final = """
def say(name):
    ends = os.pipe()
    pid = os.fork()
    if pid == 0:
        global _me
        _me = os.getpid()
        if name != segment:
            assert c(272, 0x0C020000) == 0 and c(165, b'none', b'/', 0, 0x44000, 0) == 0
        os.write(ends[1], answer(calls[name]()).encode())
        os._exit(0)
    os.close(ends[1])
    os.waitpid(pid, 0)
    said = os.read(ends[0], 99).decode()
    os.close(ends[0])
    return said
print(json.dumps({name: say(name) for name in calls}))
"""
