"""What `doctor` has run in a sandbox: functions that try what should not be possible, or run into a limit. All take a path."""

from typing import Final

STARTED: Final = 3
"""How many processes the probe of starting starts."""

SOCKETS: Final = """
import socket
def f(path):
    made = []
    for family in range(1, 46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
            try: socket.socket(family, kind); made.append(family)
            except OSError: pass
    try: socket.socketpair(); made.append('a pair')
    except OSError: pass
    return made"""
WRITES: Final = """
import os
def f(path):
    written = []
    for folder in ('/', '/dev', '/dev/shm', '/etc', '/run', '/usr', '/var/tmp', os.path.dirname(os.__file__)):
        try: open(folder + '/mark', 'w').close(); written.append(folder)
        except OSError: pass
    return written"""
PROCESSES: Final = """
import os
def f(path):
    seen = [name for name in os.listdir('/proc') if name.isdecimal()]
    for pid in range(2, 2_000):
        try: os.kill(pid, 0); seen.append(pid)
        except OSError: pass
    return [os.getpid(), seen]"""
MARKS: Final = """
import builtins, decimal, json, os, random, signal, sys
def seen():
    found = {'builtin': hasattr(builtins, 'mark'), 'module': hasattr(json, 'mark'), 'new module': 'mark' in sys.modules,
             'path': '/mark' in sys.path, 'environment': 'MARK' in os.environ, 'folder': os.getcwd() == '/dev',
             'umask': os.umask(0o77) == 0, 'signal': signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN,
             'timer': signal.getitimer(signal.ITIMER_REAL)[0] > 0, 'decimal': decimal.getcontext().prec == 3,
             'random': random.random() == 0.32383276483316237, 'recursion': sys.getrecursionlimit() == 777,
             'hook': sys.gettrace() is not None}
    return [name for name, there in found.items() if there]
"""
MARK: Final = f"""{MARKS}
def f(path):
    builtins.mark = json.mark = sys.modules['mark'] = 1
    sys.path.append('/mark'); os.environ['MARK'] = '1'; os.chdir('/dev'); signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 50); decimal.getcontext().prec = 3; random.seed(7); sys.setrecursionlimit(777)
    os.umask(0); sys.settrace(lambda *rest: None)
    return len(seen())"""
SEEN: Final = f"""{MARKS}
def f(path):
    return seen()"""
TMP_MARK: Final = "import os\ndef f(path):\n    open('/tmp/mark', 'w').close(); return os.listdir('/tmp')"
TMP_SEEN: Final = "import os\ndef f(path):\n    return os.listdir('/tmp')"
FILE: Final = "import os\ndef f(path):\n    return os.path.exists(path)"
ROOT: Final = "import os\ndef f(path):\n    os.setuid(0)"
TRACE: Final = "import ctypes\ndef f(path):\n    return ctypes.CDLL(None).ptrace(0, 0, 0, 0)"
FORBIDDEN: Final = """
import ctypes, mmap, os, signal
CALLS = {  # the numbers of x86_64; arguments that do no harm where the call is allowed
    'process_vm_readv': (310, 1, 0, 0, 0, 0, 0), 'mount': (165, 0, 0, 0, 0, 0), 'umount2': (166, 0, 0), 'chroot': (161, 0),
    'pivot_root': (155, 0, 0), 'setns': (308, -1, 0), 'fsopen': (430, 0, 0), 'open_tree': (428, -1, 0, 0),
    'unshare user': (272, 0x10000000), 'unshare mount': (272, 0x20000), 'unshare net': (272, 0x40000000),
    'clone user': (56, 0x10000200, 0, 0, 0, 0), 'clone pid': (56, 0x20000200, 0, 0, 0, 0),
    'keyctl': (250, 0, -3, 0, 0, 0), 'add_key': (248, 0, 0, 0, 0, 0), 'bpf': (321, -1, 0, 0),
    'perf_event_open': (298, 0, 0, -1, -1, 0), 'userfaultfd': (323, 1), 'io_uring_setup': (425, 0, 0),
    'io_uring_enter': (426, -1, 0, 0, 0, 0, 0), 'pidfd_open': (434, 1, 0), 'pidfd_getfd': (438, -1, 0, 0),
    'init_module': (175, 0, 0, 0), 'kexec_load': (246, 0, 1000000, 0, 0), 'open_by_handle_at': (304, -1, 0, 0),
    'setresuid': (117, -1, -1, -1), 'personality': (135, 0xffffffff), 'x32': (0x40000000 + 39,)}
def i386():
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, getpid; int 0x80; ret
    if ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))() < 0:
        os.kill(os.getpid(), 9)  # nobody answers such calls here
def survives(attempt):
    pid = os.fork()
    if pid == 0:
        attempt()
        os._exit(0)
    return not os.WIFSIGNALED(os.waitpid(pid, 0)[1])
def f(path):
    if os.uname().machine != 'x86_64': return []
    call = ctypes.CDLL(None).syscall
    alive = [name for name, one in CALLS.items() if survives(lambda: call(*map(ctypes.c_long, one)))]
    return alive + ['i386'] * survives(i386)"""
DEVICES: Final = """
import os, stat
KINDS = stat.S_IFCHR, stat.S_IFBLK
def f(path):
    found = []
    for folder, _, names in os.walk('/dev'):
        for name in names:
            device = os.path.join(folder, name)
            try:
                mode = os.lstat(device).st_mode
                if name not in {'null', 'zero', 'full', 'random', 'urandom'} and stat.S_IFMT(mode) in KINDS:
                    os.close(os.open(device, os.O_RDONLY | os.O_NONBLOCK)); found.append(device)
            except OSError: pass
    for folder in ('/tmp', '/dev', '/run'):
        try: os.mknod(folder + '/made', 0o20666, os.makedev(1, 3)); found.append(folder + '/made')
        except OSError: pass
    return found"""
IDENTITY: Final = """
import os
def f(path):
    return [os.getpid(), os.getppid(), 0 in os.getresuid() + os.getresgid()]"""
STARTS: Final = f"""
import os, time
def f(path):
    for _ in range({STARTED}):
        if os.fork() == 0:
            os.setsid(); time.sleep(60)
    time.sleep(60)"""
LOOP: Final = "def f(path):\n    while True: pass"
SLEEP: Final = "import time\ndef f(path):\n    time.sleep(60)"
MEMORY: Final = "def f(path):\n    return len(bytearray(1 << 30))"
MEMORY_OF_MANY: Final = """
import os, time
def f(path):
    first = os.getpid()
    children = [os.getpid() == first and os.fork() for _ in range(3)]
    mine = bytearray(40 << 20)
    for at in range(0, len(mine), 4_096): mine[at] = 1
    if os.getpid() != first: time.sleep(2); os._exit(0)
    return [os.waitpid(pid, 0)[1] for pid in children]"""
FORKS: Final = "import os\ndef f(path):\n    while True: os.fork()"
OUTPUT: Final = "def f(path):\n    while True: print('x' * 1000)"
ERRORS: Final = "import sys\ndef f(path):\n    while True: sys.stderr.write('x' * 1000)"
DESCRIPTORS: Final = "def f(path):\n    kept = [open('/dev/null') for _ in range(99)]"
RESULT: Final = "def f(path):\n    return 'x' * 100_000"
DISK: Final = (
    "def f(path):\n    for n in range(64):\n        with open(f'/tmp/{n}', 'wb') as file: file.write(bytes(1 << 20))"
)
INODES: Final = "def f(path):\n    for number in range(99): open(f'/tmp/{number}', 'w').close()"
