"""What calls share, some of it with the host: device nodes, terminals, inherited descriptors, the kernel's figures.

Against every backend, with the policy layer switched off.
"""

import json
import stat
from pathlib import Path

import pytest
from jigsmith_sandbox.backend import Backend
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from tests.attacks.layers import without_namespaces
from tests.conformance.conftest import OWNER, call, working_backend

NODES = [Path("/dev") / name for name in ("null", "zero", "full", "random", "urandom", "tty")]

PRELUDE = """import ctypes, fcntl, gc, json, os, socket, stat, struct, sys
def _attempt(what):
    try: return repr(what())
    except OSError as error: return error.errno
def _changes(place):
    # Times to now and the mode that it has: what changes nothing but would be allowed to.
    tried = {'utime': lambda: os.utime(place), 'chmod': lambda: os.chmod(place, stat.S_IMODE(os.stat(place).st_mode))}
    return [f'{name} {place}' for name, what in tried.items() if isinstance(_attempt(what), str)]
"""
CHANGES = """def f():
    places = [f'/dev/{name}' for name in os.listdir('/dev')]
    opened = [_open(place) for place in places]
    places += ['/', '/etc', '/etc/hosts', '/opt/jigsmith', '/proc', '/run', '/sys', '/usr', os.__file__, sys.executable]
    return [change for place in (*places, 0, *filter(None, opened)) for change in _changes(place)]
def _open(place):
    for how in (os.O_RDWR, os.O_RDONLY):
        try: return os.open(place, how | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError: pass
"""


async def _value(pool: Pool, source: str) -> object:
    outcome = await pool.run(call(PRELUDE + source))
    assert outcome.kind is OutcomeKind.RETURNED, outcome
    return json.loads(outcome.result_json or "null")


async def test_no_times_and_no_mode_of_what_calls_share_can_be_changed(pool: Pool) -> None:
    """By its name or a descriptor, be it of a device that anybody may write to or of one that the call's user owns."""
    if pool.isolation is Isolation.NAMESPACES:
        own = "def f():\n open('/tmp/own', 'w').close()\n return len(_changes('/tmp/own') + _changes(os.open('/tmp/own', 0)))"
        assert await _value(pool, own) == 4
    before = stat.S_IMODE(Path("/dev/null").stat().st_mode)
    assert await _value(pool, CHANGES) == []
    assert stat.S_IMODE(Path("/dev/null").stat().st_mode) == before


@pytest.mark.parametrize("name", ["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
async def test_nor_can_they_where_calls_have_no_mounts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter refuses then what only files in /tmp are for."""
    backend: Backend = await working_backend(name)
    without_namespaces(monkeypatch, backend)
    try:
        async with Pool(backend, owner=OWNER, slots=1) as pool:
            assert pool.isolation is Isolation.SANDBOX
            assert await _value(pool, CHANGES) == []
    finally:
        await backend.close()


async def test_the_host_keeps_its_devices(backend: Backend) -> None:
    """Starting a sandbox gives it nothing of the host's: an engine may give away what a container has as stdin."""
    before = [(node.stat().st_uid, node.stat().st_ctime_ns) for node in NODES]
    async with Pool(backend, owner=OWNER, slots=2) as pool:
        assert (await pool.run(call("def f():\n return 1"))).result_json == "1"
    assert [(node.stat().st_uid, node.stat().st_ctime_ns) for node in NODES] == before


async def test_devices_are_as_useful_as_ever(pool: Pool) -> None:
    """On a read-only mount, what is written to one still gets there."""
    source = """def f():
    with open('/dev/null', 'w') as null: null.write('x')
    with open('/dev/zero', 'rb') as zero: zeros = zero.read(9)
    with open('/dev/urandom', 'rb') as random: numbers = random.read(9)
    full = _attempt(lambda: os.write(os.open('/dev/full', os.O_WRONLY), b'x'))
    return [len(zeros), len(numbers), full, os.read(0, 9).decode(), sys.stdin.read()]"""
    assert await _value(pool, source) == [9, 9, 28, "", ""]  # ENOSPC


async def test_there_is_no_terminal(pool: Pool) -> None:
    """None can be made, so calls do not meet at one; with none there, none is opened for writing."""
    source = """def f():
    places = ['/dev/ptmx', '/dev/pts/ptmx', '/dev/tty', '/dev/console', *(f'/dev/pts/{n}' for n in range(64))]
    opening = lambda place, how: isinstance(_attempt(lambda: os.open(place, how | os.O_NOCTTY)), str)
    return [place for place in places for how in (os.O_RDWR, os.O_WRONLY) if opening(place, how)]"""
    assert await _value(pool, source) == []


async def test_the_flags_of_stdin_are_a_call_s_own(pool: Pool) -> None:
    """An open file has flags, which all processes that inherited it would see."""
    flags = "fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK"
    for _ in range(2):
        source = f"def f():\n fcntl.fcntl(0, fcntl.F_SETFL, os.O_NONBLOCK)\n return bool({flags})"
        assert await _value(pool, source) is True
    for _ in range(6):  # more calls than there are children forked ahead
        assert await _value(pool, f"def f():\n return bool({flags})") is False


REFUSED = {
    "the owner of a descriptor's signals": "fcntl.fcntl(3, 8, 1)",  # F_SETOWN
    "another signal for it": "fcntl.fcntl(3, 10, 9)",  # F_SETSIG
    "signals for it": "fcntl.ioctl(3, 0x5452, struct.pack('i', 1))",  # FIOASYNC
    "a lease": "fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), 1024, 0)",  # F_SETLEASE
    "news of a folder": "fcntl.fcntl(os.open('/', os.O_RDONLY), 1026, 1)",  # F_NOTIFY
    "a lock of an open file": "fcntl.fcntl(os.open('/dev/null', 2), 37, struct.pack('hhqqi4x', 1, 0, 0, 0, 0))",  # F_OFD_SETLK
    "a large pipe": "fcntl.fcntl(os.pipe()[1], 1031, 1 << 20)",  # F_SETPIPE_SZ
    "a sign at a terminal": "fcntl.ioctl(0, 0x5412, b'x')",  # TIOCSTI
    "a terminal's number": "fcntl.ioctl(0, 0x80045430, bytes(4))",  # TIOCGPTN
    "the kernel's entropy": "fcntl.ioctl(os.open('/dev/urandom', os.O_RDONLY), 0x80045200, bytes(4))",  # RNDGETENTCNT
    "the flags of an inode": "fcntl.ioctl(os.open(os.__file__, os.O_RDONLY), 0x80086601, bytes(8))",  # FS_IOC_GETFLAGS
    "who made its channel": "_channel().getsockopt(1, 17, 12)",  # SO_PEERCRED
    "a descriptor of the runtime": "_channel().getsockopt(1, 77, 4)",  # SO_PEERPIDFD
    "the runtime's groups": "_channel().getsockopt(1, 59, 64)",  # SO_PEERGROUPS
    "the runtime's label": "_channel().getsockopt(1, 31, 64)",  # SO_PEERSEC
    "credentials with each message": "_channel().setsockopt(1, 16, 1)",  # SO_PASSCRED
}
CHANNEL = "def _channel():\n    return socket.socket(fileno=os.dup(3))\n"


@pytest.mark.parametrize("what", REFUSED)
async def test_what_nobody_needs_of_a_descriptor_is_refused(pool: Pool, what: str) -> None:
    """By the filter: EPERM, where the kernel would do it or find another fault."""
    assert await _value(pool, f"{CHANNEL}def f():\n return _attempt(lambda: {REFUSED[what]})") == 1


async def test_what_python_asks_of_descriptors_is_not(pool: Pool) -> None:
    """Whether one is a terminal, what kind of socket it is, and whether it blocks and is inherited."""
    source = """def f():
    channel = _channel()
    os.set_blocking(channel.fileno(), False); os.set_inheritable(channel.fileno(), True); channel.settimeout(1)
    return [
        os.isatty(0), channel.family, channel.type, channel.proto, channel.getsockopt(1, 4), channel.gettimeout(),
        fcntl.fcntl(os.pipe()[0], fcntl.F_GETPIPE_SZ) > 0, struct.unpack('i', fcntl.ioctl(os.pipe()[0], 0x541B, bytes(4)))[0],
    ]"""
    assert await _value(pool, CHANNEL + source) == [False, 1, 1, 0, 0, 1.0, True, 0]


async def test_a_database_in_tmp_has_its_locks(pool: Pool) -> None:
    """What locks are allowed for."""
    if pool.isolation is not Isolation.NAMESPACES:
        pytest.skip(f"calls have no /tmp in {pool.backend.name} sandboxes here (isolation: {pool.isolation.value})")
    source = """import sqlite3
def f():
    one, two = (sqlite3.connect('/tmp/numbers', timeout=0) for _ in range(2))
    one.execute('pragma journal_mode = wal'); one.execute('create table numbers (n)'); one.commit()
    one.execute('insert into numbers values (7)')
    try: two.execute('insert into numbers values (8)')
    except sqlite3.OperationalError as error: refused = str(error)
    one.commit()
    return [refused, two.execute('select n from numbers').fetchall()]"""
    assert await _value(pool, source) == ["database is locked", [[7]]]


async def test_a_call_does_not_hear_how_busy_the_machine_is(pool: Pool) -> None:
    """Neither uptime nor load nor memory: sysinfo(2) is refused."""
    source = (
        "def f():\n libc = ctypes.CDLL(None, use_errno=True)\n return [libc.sysinfo(bytes(512)), ctypes.get_errno()]"
    )
    assert await _value(pool, source) == [-1, 1]


async def test_a_call_finds_no_secret_and_not_whose_it_is(pool: Pool) -> None:
    """In the command line that Python keeps, and in the frames of the worker below its own."""
    source = """def f():
    frame, secrets = sys._getframe(), set()
    while frame is not None:
        secrets |= {one.secret.hex() for one in frame.f_locals.values() if hasattr(one, 'secret')}
        frame = frame.f_back
    return [sys.argv, sys.orig_argv, *secrets]"""
    argv, orig_argv, secret = await _value(pool, source)  # type: ignore[misc]
    assert (argv, orig_argv) == ([""], [""])
    if pool.backend.shares_kernel:
        assert not secret
    else:  # its children connect by themselves, which a call cannot: it has no socket()
        assert secret


@pytest.mark.parametrize("end", ["os.close(3)", "socket.socket(fileno=3).shutdown(2)"])
async def test_a_call_that_closes_its_channel_says_nothing_of_being_confined(pool: Pool, end: str) -> None:
    """It dies without an answer, and its output is its own."""
    outcome = await pool.run(call(f"{PRELUDE}def f():\n print('mine', flush=True)\n {end}"))
    assert (outcome.kind, outcome.output) == (OutcomeKind.DIED, "mine\n"), outcome
