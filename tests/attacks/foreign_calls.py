"""System calls by the other two ways into an x86_64 kernel: as an i386 program makes them, and with x32's numbers.

A filter that only knew x86_64's numbers would read an i386 call's as something else: 20 is getpid there, and writev here.
"""

from typing import Final

_PRELUDE: Final = """
import ctypes, mmap, os
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
def i386(number, first=0, second=0, third=0):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    move = lambda opcode, value: opcode + value.to_bytes(4, "little")
    page.write(
        b"\\x53"  # push rbx
        + move(b"\\xb8", number) + move(b"\\xbb", first) + move(b"\\xb9", second) + move(b"\\xba", third)  # eax, ebx, ecx, edx
        + b"\\xcd\\x80"  # int 0x80
        + b"\\x5b\\xc3"  # pop rbx; ret
    )
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(at)()
def x32(number, *arguments):
    result = _libc.syscall(ctypes.c_long(number | 0x40000000), *map(ctypes.c_long, arguments))
    return result if result >= 0 else -ctypes.get_errno()
"""
_MACHINE_CODE: Final = (
    # mov eax, 7; ret
    "page = mmap.mmap(-1, 4096, prot=7); page.write(b'\\xb8\\x07\\0\\0\\0\\xc3');"
    " return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()"
)

I386: Final = {
    "getpid": "return i386(20) == os.getpid()",
    "getppid": "return i386(64) >= 0",
    "socket": "return i386(359, 1, 1, 0) >= 0",
    "memfd_create": "return i386(356, 0, 0, 0) == -14",  # EFAULT: only the kernel says so
    "ptrace": "return i386(26, 0x4206, 0, 0) == -3",  # ESRCH
    "mount": "return i386(21, 0, 0, 0) == -14",
    "unshare with nothing": "return i386(310, 0) == 0",
    "write to nowhere": "return i386(4, 0x7fffffff, 0, 0) == -9",  # EBADF
}
"""By what is called; each returns whether the kernel carried it out."""
X32: Final = {
    "getpid": "return x32(39) == os.getpid()",
    "getppid": "return x32(110) >= 0",
    "socket": "return x32(41, 1, 1, 0) >= 0",
    "ptrace": "return x32(521, 0x4206, 0, 0, 0) == -3",
    "read of nowhere": "return x32(0, 0x7fffffff, 0, 0) == -9",
}
RUNS_MACHINE_CODE: Final = f"{_PRELUDE}\ndef f():\n    {_MACHINE_CODE}\n"
"""A function that returns 7 by machine code of its own, without any system call in it."""


def source(body: str) -> str:
    """Return the attack as a function: what became of a process that makes the call."""
    return f"""{_PRELUDE}
import signal
def attack():
    {body}
def f():
    pid = os.fork()
    if pid == 0:
        os._exit(0 if attack() else 3)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {{0: "carried out", 3: "not carried out"}}.get(code) or signal.Signals(-code).name
"""
