"""Attacks, by what they are after. The body of each becomes `f(target)`; `target` names what belongs to the test."""

import textwrap
from typing import Final

PRELUDE: Final = (
    "import ctypes, errno, json, os, signal, socket, stat, struct, subprocess, sys, threading, time, resource, mmap\n"
)

MIB: Final = 1 << 20

FILES: Final = {
    "reads a host file": "return open(target['secret']).read()",
    "reads it upwards": "return open('../' * 30 + target['secret']).read()",
    "reads it through /proc/self/root": "return open('/proc/self/root' + target['secret']).read()",
    "reads it through /proc/1/root": "return open(f\"/proc/{target['pid']}/root\" + target['secret']).read()",
    "reads it through a symbolic link": "os.symlink(target['secret'], 'link'); return open('link').read()",
    "reads it through a hard link": "os.link(target['secret'], 'hard'); return open('hard').read()",
    "reads it by a path descriptor": "d = os.open(os.path.dirname(target['secret']), os.O_PATH); return os.read(os.open('secret', os.O_RDONLY, dir_fd=d), 99)",
    "lists the folder it is in": "return os.listdir(os.path.dirname(target['secret']))",
    "finds its own working folder on the host": "return os.path.exists(target['root'])",
    "reads the password hashes": "return open('/etc/shadow').read()",
    "reads root's home": "return len(os.listdir('/root')) > 1",
    "reads the environment of a host process": "return open(f\"/proc/{target['pid']}/environ\").read()",
    "reads its own environment in /proc": "return open('/proc/self/environ').read() or 'empty'",
    "reads the memory map": "return open('/proc/self/maps').read()",
    "reads the mounts": "return open('/proc/self/mountinfo').read()",
    "reads kernel symbols": "return open('/proc/kallsyms').read(10)",
    "reads the kernel's command line": "return open('/proc/cmdline').read()",
    "opens sysrq for writing": "return os.open('/proc/sysrq-trigger', os.O_WRONLY)",
    "opens the core pattern for writing": "return os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
    "writes its own oom score": "return os.open('/proc/self/oom_score_adj', os.O_WRONLY)",
    "looks at /sys": "return os.listdir('/sys')",
    "looks at cgroups": "return os.listdir('/sys/fs/cgroup')",
    "opens the kernel log": "return os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)",
    "finds devices": "return set(os.listdir('/dev')) - set('null zero full random urandom tty fd stdin stdout stderr shm pts ptmx mqueue core console'.split())",
    "writes to its own interpreter": "return os.access(os.__file__, os.W_OK) and os.open(os.__file__, os.O_WRONLY)",
    "writes beside its own interpreter": "return os.access(os.path.dirname(os.__file__), os.W_OK)",
    "writes to the root": "open('/jigsmith-mark', 'w').close(); os.unlink('/jigsmith-mark'); return 'written'",
    "writes to /var/tmp": "open('/var/tmp/jigsmith-mark', 'w').close(); os.unlink('/var/tmp/jigsmith-mark'); return 'written'",
    "writes to /dev/shm": "open('/dev/shm/jigsmith-mark', 'w').close(); os.unlink('/dev/shm/jigsmith-mark'); return 'written'",
    "writes to /dev": "open('/dev/jigsmith-mark', 'w').close(); os.unlink('/dev/jigsmith-mark'); return 'written'",
    "writes to /run": "open('/run/jigsmith-mark', 'w').close(); os.unlink('/run/jigsmith-mark'); return 'written'",
    "runs a program": "return subprocess.run(['/bin/true']).returncode == 0",
    "runs a shell": "return os.system('exit 0') == 0",
    "runs Python again": "return subprocess.run([sys.executable, '-c', '']).returncode == 0",
    "runs what it wrote": "open('x.sh', 'w').write('#!/bin/sh\\nexit 0\\n'); os.chmod('x.sh', 0o755); return subprocess.run(['./x.sh']).returncode == 0",
    "makes what it wrote set-user-id": "open('x', 'w').close(); os.chmod('x', 0o4755); return os.stat('x').st_mode & 0o4000 and subprocess.run(['/bin/true']).returncode == 0",
    "changes an owner": "open('x', 'w').close(); os.chown('x', 1, 1); return os.stat('x').st_uid == 1",
    "loads foreign machine code": "open('x.so', 'wb').write(open(ctypes.__file__.replace('ctypes/__init__.py', 'os.py'), 'rb').read(4)); return mmap.mmap(os.open('x.so', os.O_RDWR), 4, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
}  # fmt: skip

NETWORK: Final = {
    "connects to a TCP listener on loopback": "return socket.create_connection(('127.0.0.1', target['port']), 2)",
    "connects by IPv6": "return socket.socket(socket.AF_INET6).fileno() >= 0",
    "sends UDP": "return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', target['port'])) == 1",
    "listens": "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); return s.getsockname()",
    "sends raw packets": "return socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno() >= 0",
    "asks netlink for routes": "return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).fileno() >= 0",
    "sniffs": "return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).fileno() >= 0",
    "connects to a unix socket": "s = socket.socket(socket.AF_UNIX); s.connect(target['unix']); return 'connected'",
    "connects to an abstract unix socket": "s = socket.socket(socket.AF_UNIX); s.connect(target['abstract'].replace('@', chr(0))); return 'connected'",
    "opens a vsock": "return socket.socket(40, socket.SOCK_STREAM).fileno() >= 0",
    "opens an AF_ALG socket": "return socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).fileno() >= 0",
    "lists interfaces": "return socket.if_nameindex()",
    "makes a pair of sockets": "return socket.socketpair()",
}  # fmt: skip

PROCESSES: Final = {
    "signals a host process": "os.kill(target['pid'], 0); return 'there'",
    "signals everybody": "return [pid for pid in range(2, 5_000) if not _gone(pid)]",
    "lists processes": "return [pid for pid in os.listdir('/proc') if pid.isdecimal()]",
    "finds its parent": "return os.getppid()",
    "reads a host process's memory": "return os.open(f\"/proc/{target['pid']}/mem\", os.O_RDONLY)",
    "limits another process": "return resource.prlimit(target['pid'], resource.RLIMIT_NOFILE)",
    "raises its own limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (1_100, 1_100)); return 'raised'",
    "raises its core limit": "resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30)); return 'raised'",
    "raises its priority": "return os.nice(-5) or 'raised'",
    "locks memory": "return ctypes.CDLL(None).mlockall(1) == 0",
    "becomes another user": "os.setuid(1); return os.getuid() == 1",
    "leaves its groups": "os.setgroups([]); return 'left'",
    "chooses its processors": "os.sched_setaffinity(target['pid'], os.sched_getaffinity(target['pid'])); return 'chosen'",
    "sets the host's name": "socket.sethostname(socket.gethostname()); return 'set'",
    "makes a memory file": "return os.memfd_create('x')",
    "asks for a second set of namespaces": "return os.waitstatus_to_exitcode(os.waitpid(_clone(0x10000000 | 17), 0)[1]) == 0",
}  # fmt: skip

LIMITS: Final[dict[str, tuple[str, dict[str, int]]]] = {
    "computes beyond its time": ("_spin(3); return 'computed'", {"wall_ms": 700}),
    "computes beyond its CPU time": ("_spin(6, time.process_time); return 'computed'", {"cpu_ms": 1_000, "wall_ms": 20_000}),
    "sleeps beyond its time": ("time.sleep(3); return 'slept'", {"wall_ms": 500}),
    "sleeps deaf to signals": ("for n in range(1, 32):\n    _ignore(n)\ntime.sleep(3); return 'slept'", {"wall_ms": 500}),
    "stops itself": ("if os.fork() == 0:\n    os.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(3); return 'slept'", {"wall_ms": 500}),
    "stays in one long C call": ("return (7 ** 3_000_000 % 11) and _spin(3) or 'computed'", {"wall_ms": 700}),
    "waits for a child for ever": ("if os.fork() == 0:\n    time.sleep(5); os._exit(0)\nos.wait(); return 'waited'", {"wall_ms": 600}),
    "lets a thread compute on": ("t = threading.Thread(target=_spin, args=(3,)); t.start(); t.join(); return 'computed'", {"wall_ms": 700}),
    "allocates a list": ("return len([0] * 64_000_000)", {"memory_bytes": 128 * MIB}),
    "allocates bytes": ("return len(bytearray(512 << 20))", {"memory_bytes": 128 * MIB}),
    "maps memory": ("return len(mmap.mmap(-1, 512 << 20))", {"memory_bytes": 128 * MIB}),
    "maps memory in many pieces": ("return len([mmap.mmap(-1, 8 << 20) for _ in range(64)])", {"memory_bytes": 128 * MIB}),
    "allocates in a child": ("if os.fork() == 0:\n    os._exit(0 if len(bytearray(512 << 20)) else 1)\nreturn os.wait()[1] == 0", {"memory_bytes": 128 * MIB}),
    "allocates in many children": ("pids = [_holder(60 << 20) for _ in range(4)]\nreturn all(os.waitpid(pid, 0)[1] == 0 for pid in pids)", {"memory_bytes": 128 * MIB}),
    "forks": ("return len([_child() for _ in range(40)]) == 40", {"processes": 8}),
    "starts threads": ("ts = [threading.Thread(target=time.sleep, args=(1,)) for _ in range(40)]; [t.start() for t in ts]; return len(ts)", {"processes": 8}),
    "fills the disk": ("with open('big', 'wb') as file:\n    for _ in range(64): file.write(b'x' * (1 << 20))\nreturn 'filled'", {"temp_bytes": 8 * MIB}),
    "fills the disk with many files": ("for n in range(64):\n    open(f'b{n}', 'wb').write(b'x' * (1 << 20))\nreturn 'filled'", {"temp_bytes": 8 * MIB}),
    "makes a giant sparse file": ("with open('s', 'wb') as file: file.truncate(1 << 40)\nreturn 'made'", {"temp_bytes": 8 * MIB}),
    "makes very many files": ("for n in range(10_000): open(f'f{n}', 'w').close()\nreturn 'made'", {}),
    "opens very many files": ("return len([os.open('/dev/null', 0) for _ in range(200)])", {}),
    "floods stdout": ("for _ in range(300): os.write(1, b'x' * 1_000)\nreturn 'flooded'", {"output_bytes": 10_000}),
    "floods stderr": ("for _ in range(300): os.write(2, b'x' * 1_000)\nreturn 'flooded'", {"output_bytes": 10_000}),
    "floods from a child": ("if os.fork() == 0:\n    for _ in range(300): os.write(1, b'x' * 1_000)\n    os._exit(0)\nos.wait(); return 'flooded'", {"output_bytes": 10_000}),
    "returns a giant result": ("return 'x' * 2_000_000", {"result_bytes": 10_000}),
    "returns a giant number": ("sys.set_int_max_str_digits(0); return 10 ** 200_000", {"result_bytes": 10_000}),
    "decompresses a bomb": ("import zlib; z = zlib.compress(bytes(256 << 20), 9); return len(zlib.decompress(z))", {"memory_bytes": 128 * MIB}),
}  # fmt: skip

HELPERS: Final = """
def _gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False

def _spin(seconds, clock=time.monotonic):
    end = clock() + seconds
    while clock() < end:
        pass

def _ignore(number):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass

def _holder(bytes_held):
    pid = os.fork()
    if pid == 0:
        held = bytearray(bytes_held)
        for at in range(0, bytes_held, 4096): held[at] = 1
        time.sleep(1)
        os._exit(0)
    return pid

def _child():
    pid = os.fork()
    if pid == 0:
        time.sleep(1)
        os._exit(0)
    return pid

def _clone(flags):
    pid = ctypes.CDLL(None, use_errno=True).syscall(56, flags, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), 'clone')
    return pid
"""


def function(body: str) -> str:
    """Return an attack's body as a source whose `f` answers whether it got what it was after.

    What it got may not be JSON, and must not pass for a failure because of that; giant results are JSON, and returned as they are.
    """
    attack = f"def _attack(target):\n{textwrap.indent(body, '    ')}\n"
    answer = "got if isinstance(got, (str, int)) else bool(got)"
    return f"{PRELUDE}{HELPERS}\n{attack}\ndef f(target):\n    got = _attack(target)\n    return {answer}\n"
