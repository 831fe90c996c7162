"""Attacks that are one system call. Numbers are those of x86_64; arguments are harmless even where the call is allowed.

A call counts as reached when the kernel did it or refused its arguments; EPERM and ENOSYS count as refused. On the host, as
root, each of these is reached.
"""

from typing import Final

NULL_FILE: Final = "os.open('/dev/null', os.O_RDWR)"
BUFFER: Final = "ctypes.create_string_buffer(4096)"

SYSTEM_CALLS: Final[dict[str, tuple[int, str]]] = {
    "ptrace traceme": (101, "0, 0, 0, 0"),
    "ptrace attach": (101, "16, os.getpid(), 0, 0"),
    "process_vm_readv": (310, "os.getpid(), 0, 0, 0, 0, 0"),
    "process_vm_writev": (311, "os.getpid(), 0, 0, 0, 0, 0"),
    "kcmp": (312, "os.getpid(), os.getpid(), 0, 0, 0"),
    "pidfd_open": (434, "os.getpid(), 0"),
    "pidfd_getfd": (438, "-1, 0, 0"),
    "pidfd_send_signal": (424, "-1, 0, 0, 0"),
    "process_madvise": (440, "-1, 0, 0, 0, 0"),
    "mount": (165, "0, 0, 0, 0, 0"),
    "umount2": (166, "b'/nowhere', 0"),
    "pivot_root": (155, "b'/nowhere', b'/nowhere'"),
    "chroot": (161, "b'/nowhere'"),
    "setns": (308, "-1, 0"),
    "unshare a user namespace": (272, "0x10000000"),
    "unshare a mount namespace": (272, "0x00020000"),
    "unshare a network namespace": (272, "0x40000000"),
    "unshare with an unknown flag": (272, "1"),
    "fsopen": (430, "0, 0"),
    "fsconfig": (431, "-1, 0, 0, 0, 0"),
    "fsmount": (432, "-1, 0, 0"),
    "move_mount": (429, "-1, b'', -1, b'', 0"),
    "open_tree": (428, "-1, b'', 0"),
    "mount_setattr": (442, "-1, b'', 0, 0, 0"),
    "keyctl": (250, "0, -3, 0, 0, 0"),
    "add_key": (248, "0, 0, 0, 0, 0"),
    "request_key": (249, "0, 0, 0, 0"),
    "bpf": (321, "-1, 0, 0"),
    "perf_event_open": (298, "0, 0, -1, -1, 0"),
    "userfaultfd": (323, "1"),
    "io_uring_setup": (425, "0, 0"),
    "io_uring_enter": (426, "-1, 0, 0, 0, 0, 0"),
    "io_uring_register": (427, "-1, 0, 0, 0"),
    "kexec_load": (246, "0, 1000000, 0, 0"),
    "init_module": (175, "0, 0, 0"),
    "finit_module": (313, "-1, 0, 0"),
    "delete_module": (176, "b'nothing_of_this_name', 0"),
    "reboot": (169, "0, 0, 0, 0"),
    "swapon": (167, "b'/nowhere', 0"),
    "swapoff": (168, "b'/nowhere'"),
    "settimeofday": (164, "0, 0"),
    "clock_settime": (227, "99, 0"),
    "clock_adjtime": (305, "99, 0"),
    "adjtimex": (159, "0"),
    "modify_ldt": (154, f"0, {BUFFER}, 64"),
    "iopl": (172, "99"),
    "ioperm": (173, "0, 0, 0"),
    "acct": (163, "b'/nowhere'"),
    "quotactl": (179, "0, 0, 0, 0"),
    "syslog": (103, "99, 0, 0"),
    "mq_open": (240, "0, 0, 0, 0"),
    "mq_unlink": (241, "0"),
    "name_to_handle_at": (303, "-1, b'', 0, 0, 0"),
    "open_by_handle_at": (304, "-1, 0, 0"),
    "setuid": (105, "os.getuid()"),
    "setgid": (106, "os.getgid()"),
    "setresuid": (117, "-1, -1, -1"),
    "setresgid": (119, "-1, -1, -1"),
    "setgroups": (116, "-1, 0"),
    "personality": (135, "0xffffffff"),
    "shmget": (29, "0, 4096, 0o1600"),
    "semget": (64, "0, 1, 0o1600"),
    "msgget": (68, "0, 0o1600"),
    "memfd_create": (319, "b'x', 0"),
    "memfd_secret": (447, "99"),
    "inotify_init": (253, ""),
    "fanotify_init": (300, "-1, 0"),
    "timerfd_create": (283, "0, 0"),
    "signalfd": (282, "-1, 0, 0"),
    "socketpair": (53, "1, 1, 0, ctypes.create_string_buffer(8)"),
    "socket of an unknown family": (41, "99, 1, 0"),
    "bind": (49, "-1, 0, 0"),
    "listen": (50, "-1, 0"),
    "accept": (43, "-1, 0, 0"),
    "splice": (275, "-1, 0, -1, 0, 1, 0"),
    "tee": (276, "-1, -1, 1, 0"),
    "vmsplice": (278, "-1, 0, 0, 0"),
    "mknod of a device": (133, "b'/nowhere/null', 0o020666, 0x103"),
    "mknodat of a device": (259, "-1, b'nowhere', 0o020666, 0x103"),
    "chown": (92, "b'/nowhere', 0, 0"),
    "sethostname": (170, "0, -1"),
    "setdomainname": (171, "0, -1"),
    "sched_setscheduler": (144, "0, 99, 0"),
    "sched_setattr": (314, "0, 0, 0"),
    "setpriority": (141, "99, 0, 0"),
    "ioprio_set": (251, "99, 0, 0"),
    "move_pages": (279, "0, 0, 0, 0, 0, -1"),
    "migrate_pages": (256, "0, 0, 0, 0"),
    "execve": (59, "b'/nowhere', 0, 0"),
    "execveat": (322, "-1, b'', 0, 0, 0"),
    "seccomp": (317, "99, 0, 0"),
    "landlock_create_ruleset": (444, "0, 0, 99"),
    "clone into a user namespace": (56, "0x10000000 | 0x00000200, 0, 0, 0, 0"),
    "process_mrelease": (448, "-1, 0"),
    "cachestat": (451, "-1, 0, 0, 99"),
    "map_shadow_stack": (453, "1, 0, 99"),
}
"""Number and arguments, by what is attempted."""


def source(number: int, arguments: str) -> str:
    """Return the attack as a function."""
    return f"""
import ctypes, os
def f(target):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall({number}{", " if arguments else ""}{arguments})
    refused = result < 0 and ctypes.get_errno() in (1, 38)
    return '' if refused else f'reached: {{result}} {{os.strerror(ctypes.get_errno())}}'
"""
