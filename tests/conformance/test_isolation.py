"""What a call can see and leave behind, against every backend, with the policy layer switched off."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from jigsmith_sandbox.backend import Backend, SandboxSpec
from jigsmith_sandbox.backends.docker import DockerBackend
from jigsmith_sandbox.errors import BackendMissingError
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.profiles import Profile
from jigsmith_worker import confine
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import OWNER, SANDBOX_IMAGE, call, skip_without_files


async def _value(pool: Pool, source: str, arguments: str = "{}") -> object:
    outcome = await pool.run(call(source, arguments))
    assert outcome.kind is OutcomeKind.RETURNED, outcome
    return json.loads(outcome.result_json or "null")


MARKS = {
    "a file in /tmp": ("open('/tmp/mark', 'w').close()", "os.path.exists('/tmp/mark')"),
    "a patched module": ("json.mark = 1", "hasattr(json, 'mark')"),
    "a patched builtin": ("builtins.mark = 1", "hasattr(builtins, 'mark')"),
    "an environment variable": ("os.environ['MARK'] = '1'", "'MARK' in os.environ"),
    "a working directory": ("os.mkdir('/tmp/d'); os.chdir('/tmp/d')", "os.getcwd() != '/tmp'"),
    "a umask": ("os.umask(0)", "os.umask(0o077) != 0o077"),
    "a signal handler": (
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
        "signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN",
    ),
    "a global": ("globals()['mark'] = 1", "'mark' in globals()"),
    "a locale": ("locale.setlocale(locale.LC_TIME, 'C.UTF-8')", "locale.setlocale(locale.LC_TIME) == 'C.UTF-8'"),
    "a time zone": ("os.environ['TZ'] = 'XYZ-5'; time.tzset()", "time.tzname[0] == 'XYZ'"),
    "a thread": (
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "threading.active_count() > 1",
    ),
    "another stdout": ("sys.stdout = io.StringIO()", "type(sys.stdout) is io.StringIO"),
    "a collector that is off": ("gc.disable()", "not gc.isenabled()"),
    "a filter of warnings": ("warnings.simplefilter('error')", "warnings.filters[0][0] == 'error'"),
    "an open pipe": ("os.pipe()", "bool(set(range(4, 64)) & set(_open()))"),
    "a random state": ("random.seed(7)", "random.random() == 0.32383276483316237"),
    "a decimal context": ("decimal.getcontext().prec = 3", "decimal.getcontext().prec == 3"),
    "a recursion limit": ("sys.setrecursionlimit(77)", "sys.getrecursionlimit() == 77"),
    "a hook at exit": ("atexit.register(print)", "atexit._ncallbacks() > 0"),
    "a trace function": ("sys.settrace(lambda *a: None)", "sys.gettrace() is not None"),
    "a module of its own": ("sys.modules['mark'] = json", "'mark' in sys.modules"),
    "a path of its own": ("sys.path.insert(0, '/tmp')", "'/tmp' in sys.path"),
    "a timer": ("signal.setitimer(signal.ITIMER_REAL, 50)", "signal.getitimer(signal.ITIMER_REAL)[0] > 0"),
    "a blocked signal": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])",
        "signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_BLOCK, [])",
    ),
    "a lowered limit": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))",
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 32",
    ),
    "a child's exit to wait for": ("os.fork() or os._exit(0)", "_has_child()"),
    "an open descriptor": ("os.open('/tmp/x', os.O_CREAT)", "bool(set(range(4, 64)) & set(_open()))"),
}
PRELUDE = """import atexit, builtins, decimal, gc, io, json, locale, os
import random, resource, signal, sys, threading, time, warnings
def _open():
    found = []
    for n in range(64):
        try: os.fstat(n); found.append(n)
        except OSError: pass
    return found
def _has_child():
    try: os.waitpid(-1, os.WNOHANG); return True
    except ChildProcessError: return False
"""


@pytest.mark.parametrize("name", MARKS)
async def test_nothing_survives_a_call(pool: Pool, name: str) -> None:
    """A mark that a call makes is seen by itself, so the probe can fail; by no later call, of the same function or another."""
    make, probe = MARKS[name]
    if "/tmp" in make:
        skip_without_files(pool)
    if name == "a locale" and pool.backend.name == "bubblewrap":
        pytest.skip("bubblewrap sandboxes have no locale but C")
    marks = f"{PRELUDE}\ndef f():\n before = bool({probe})\n {make}\n return [before, bool({probe})]"
    for _ in range(7):  # more calls than there are children forked ahead
        assert await _value(pool, marks) == [False, True]
    for _ in range(6):
        assert await _value(pool, f"{PRELUDE}\ndef f():\n return bool({probe})") is False


async def test_children_forked_ahead_do_not_share_their_randomness(pool: Pool) -> None:
    """Each call draws its own numbers and identifiers."""
    source = "import os, random, uuid\ndef f():\n return [random.random(), str(uuid.uuid4()), os.urandom(8).hex()]"
    drawn = [await _value(pool, source) for _ in range(8)]
    for position in range(3):
        assert len({one[position] for one in drawn}) == 8  # type: ignore[index]


async def test_there_is_no_host_file_and_no_secret(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and an environment variable of the host cannot be found from inside."""
    secret = tmp_path / "secret"
    secret.write_text("the host's")
    monkeypatch.setenv("JIGSMITH_TEST_SECRET", "the host's")
    source = (
        "import os\ndef f(path):\n return [os.path.exists(path), os.path.exists('/root/.bashrc'), dict(os.environ)]"
    )
    exists, home, environment = await _value(pool, source, json.dumps({"path": str(secret)}))  # type: ignore[misc]
    assert (exists, home) == (False, False)
    assert set(environment) <= {"PATH", "LANG", "PWD", "HOME", "HOSTNAME"}


async def test_there_is_no_other_process_and_no_proc(pool: Pool) -> None:
    """A call is the first process of its own namespace, cannot signal any other, and sees no /proc if it has own mounts."""
    source = """import os
def f():
    killed = []
    for pid in range(2, 3000):
        try: os.kill(pid, 0); killed.append(pid)
        except ProcessLookupError: pass
    return [os.getpid(), os.getppid(), os.listdir('/proc'), killed]"""
    pid, parent, proc, killed = await _value(pool, source)  # type: ignore[misc]
    assert (pid, parent, killed) == (1, 0, [])
    if pool.isolation is Isolation.NAMESPACES:
        assert proc == []


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_UNIX"])
async def test_no_socket_of_any_family_can_be_made(pool: Pool, family: str) -> None:
    """The system-call filter refuses socket() itself."""
    source = f"import socket\ndef f():\n socket.socket(socket.{family}, socket.SOCK_DGRAM)"
    outcome = await pool.run(call(source))
    assert (outcome.kind, outcome.exception_type) == (OutcomeKind.RAISED, "PermissionError"), outcome


async def test_the_root_is_read_only(pool: Pool) -> None:
    """Nothing but /tmp can be written."""
    source = """import os
def f():
    written = []
    for folder in ('/', '/opt/jigsmith', '/run', '/dev', '/dev/shm', '/dev/mqueue', '/usr', '/python', '/etc', '/var/tmp'):
        try: open(folder + '/mark', 'w').close(); written.append(folder)
        except OSError: pass
    return written"""
    assert await _value(pool, source) == []


async def test_a_call_has_no_capability_and_cannot_become_anyone(pool: Pool) -> None:
    """Its ids are unprivileged, and changing them kills it."""
    assert await _value(pool, "import os\ndef f():\n return os.getresuid()") in ([65534] * 3, [os.getuid()] * 3)
    outcome = await pool.run(call("import os\ndef f():\n os.setuid(0)"))
    assert (outcome.kind, outcome.exit_code) == (OutcomeKind.DIED, -signal.SIGSYS)


async def test_a_fork_that_returns_too_gives_no_second_answer(pool: Pool) -> None:
    """One call, one answer, whatever it forks."""
    assert await _value(pool, "import os\ndef f():\n return os.fork() == 0") is False


async def test_a_lost_sandbox_is_replaced(pool: Pool, backend: Backend) -> None:
    """Killing a sandbox from outside costs the calls in it, not the ones after."""
    (before,) = await backend.list_sandboxes(OWNER)
    await backend.kill(before)
    while pool.sandboxes and pool.sandboxes[0].spec.sandbox_id == before:
        await asyncio.sleep(0.01)
    assert await _value(pool, "def f():\n return 1") == 1
    (after,) = await backend.list_sandboxes(OWNER)
    assert after != before


class _CountedBackend(DockerBackend):
    def __init__(self, image: str) -> None:
        super().__init__(image)
        self.launched: list[str] = []

    async def launch(self, spec: SandboxSpec) -> None:
        self.launched.append(spec.sandbox_id)
        await super().launch(spec)


async def test_where_namespaces_are_refused_each_call_has_a_sandbox(tmp_path: Path) -> None:
    """An engine that lets nobody make namespaces is found out by trying; calls are as far apart, only slower."""
    backend = _CountedBackend(SANDBOX_IMAGE)
    try:
        await backend.check()
    except BackendMissingError as missing:
        pytest.skip(str(missing))
    profile = json.loads(backend._profile)
    rule = next(rule for rule in profile["syscalls"] if "clone" in rule["names"])
    rule["names"].remove("clone")
    flags = {"index": 0, "value": confine.NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    profile["syscalls"].append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [flags]})
    backend._profile = json.dumps(profile)
    async with Pool(backend, owner=OWNER, slots=2) as pool:
        assert pool.isolation is Isolation.SANDBOX
        for calls in (2, 4, 6):
            assert (
                await _value(pool, f"{PRELUDE}\ndef f():\n json.mark = 1\n os.fork()\n return os.getpid() > 1") is True
            )
            assert await _value(pool, f"{PRELUDE}\ndef f():\n return hasattr(json, 'mark')") is False
            assert len(backend.launched) >= calls
        await pool.run(call("import os, signal\ndef f():\n os.kill(1, signal.SIGKILL)\n os.kill(-1, 9)"))
        assert await _value(pool, "def f():\n return 1") == 1


async def test_a_pool_grows_while_all_are_busy_and_shrinks_when_they_are_not(backend: Backend) -> None:
    """From the profile's minimum to its maximum, and back after its idle time."""
    profile = Profile("python", sandboxes_min=1, sandboxes_max=2, idle_s=1.0)
    async with Pool(backend, owner=OWNER, slots=1, profiles={"python": profile}) as pool:
        if pool.isolation is Isolation.SANDBOX:
            pytest.skip(f"each call has a sandbox of its own in {backend.name} here")
        assert len(pool.sandboxes) == 1
        sleeping = [asyncio.create_task(_value(pool, "import time\ndef f():\n time.sleep(1.5)")) for _ in range(2)]
        await _until(lambda: len(pool.sandboxes) == 2)
        await asyncio.gather(*sleeping)
        await _until(lambda: len(pool.sandboxes) == 1)
        assert await _value(pool, "def f():\n return 1") == 1


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)
