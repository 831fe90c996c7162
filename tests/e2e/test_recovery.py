"""A runtime that is killed, and started again: what was acknowledged is there, and no call is left open."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from jigsmith import AsyncClient, errors
from jigsmith.tlog import NoteVerifier
from jigsmith.v1 import function_pb2
from jigsmith.verify import verify_log

SLEEPY = "import time\ndef f(s):\n    time.sleep(s)\n    return s"


async def _register(client: AsyncClient, source: str = SLEEPY) -> str:
    version = await client.register_source("f", source, description=uuid.uuid4().hex, parameters={"type": "object"})
    return version.name


def _client(runtime, role="optimizer") -> AsyncClient:
    return AsyncClient(runtime.address, token=runtime.token(role), timeout_s=30)


def _verified(runtime):
    key = NoteVerifier.parse((runtime.data / "audit-key.pub").read_text())
    return verify_log(runtime.data / "audit", key)


async def test_after_a_kill_everything_acknowledged_is_there(new_runtime) -> None:
    """Registrations, finished calls, and an end for those that were cut off."""
    runtime = new_runtime()
    async with _client(runtime) as client:
        names = [await _register(client) for _ in range(5)]
        receipts = [(await client.invoke(name, {"s": 0})).receipt for name in names]
        cut_off = [asyncio.create_task(client.invoke(names[0], {"s": 8})) for _ in range(3)]
        async with _client(runtime, "auditor") as auditor, asyncio.timeout(20):
            while len([one async for one in auditor.list_audit_entries() if "call.accepted" in one.entry_json]) < 8:
                await asyncio.sleep(0.05)
        runtime.kill()
        ends = await asyncio.gather(*cut_off, return_exceptions=True)
        assert all(isinstance(end, errors.UnavailableError) for end in ends)
    runtime.start()
    async with _client(runtime) as client, _client(runtime, "auditor") as auditor:
        for name in names:
            assert (await client.get_function_version(name)).name == name
        entries = [json.loads(one.entry_json) async for one in auditor.list_audit_entries()]
        for receipt in receipts:
            assert entries[receipt.index]["outcome"] == "OK"
        interrupted = [one for one in entries if one.get("outcome") == "INTERRUPTED"]
        assert len(interrupted) == 3
        assert (await client.invoke(names[0], {"s": 0})).result == 0
    runtime.stop()
    report = _verified(runtime)
    assert report.ok, report.first_bad
    assert (report.interrupted, report.open) == (3, 0)
    assert report.accepted == report.finished


async def test_killed_in_the_middle_of_many_calls_again_and_again(new_runtime) -> None:
    """Whatever was answered is in the log, at each of several kills at unplanned moments."""
    runtime = new_runtime()
    answered: list[int] = []
    async with _client(runtime) as client:
        name = await _register(client, "def f(n):\n    return n")
    for delay in (0.15, 0.4, 0.73):
        async with _client(runtime) as client:
            await client.invoke(name, {"n": 0})

            async def caller(client: AsyncClient = client) -> None:
                while True:
                    answered.append((await client.invoke(name, {"n": len(answered)})).receipt.index)

            callers = [asyncio.create_task(caller()) for _ in range(6)]
            await asyncio.sleep(delay)
            runtime.kill()
            await asyncio.gather(*callers, return_exceptions=True)
        runtime.start()
    async with _client(runtime, "auditor") as auditor:
        entries = {one.index: json.loads(one.entry_json) async for one in auditor.list_audit_entries()}
    assert answered
    assert all(entries[index]["outcome"] == "OK" for index in answered)
    runtime.stop()
    report = _verified(runtime)
    assert report.ok, report.first_bad
    assert report.open == 0


async def test_a_request_id_runs_at_most_once_even_over_a_restart(new_runtime) -> None:
    """The second request gets the first one's answer; with other contents it is refused; a cut-off one is not run again."""
    runtime = new_runtime()
    async with _client(runtime) as client:
        name = await _register(client, "import random\ndef f():\n    return random.random()")
        sleepy = await _register(client)
        key, cut = str(uuid.uuid4()), str(uuid.uuid4())
        first = await client.invoke(name, request_id=key)
        assert (await client.invoke(name, request_id=key)) == first
        with pytest.raises(errors.AlreadyExistsError):
            await client.invoke(name, {"other": 1}, request_id=key)
        task = asyncio.create_task(client.invoke(sleepy, {"s": 8}, request_id=cut))
        await asyncio.sleep(0.5)
        runtime.kill()
        await asyncio.gather(task, return_exceptions=True)
    runtime.start()
    async with _client(runtime) as client:
        assert (await client.invoke(name, request_id=key)).result == first.result
        with pytest.raises(errors.JigsmithError) as caught:
            await client.invoke(sleepy, {"s": 8}, request_id=cut)
        assert "not repeated" in caught.value.message


def _processes_with(text: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


async def test_sandboxes_of_a_killed_runtime_are_gone(new_runtime) -> None:
    """They end with their runtime's connection, running calls included; after a restart there are only new ones."""
    runtime = new_runtime()
    async with _client(runtime) as client:
        name = await _register(client)
        calls = [asyncio.create_task(client.invoke(name, {"s": 9})) for _ in range(2)]
        await asyncio.sleep(0.5)
        before = set(await _sandboxes(runtime))
        assert before
        runtime.kill()
        await asyncio.gather(*calls, return_exceptions=True)
    runtime.start()
    async with asyncio.timeout(20):
        while before & set(await _sandboxes(runtime)):
            await asyncio.sleep(0.1)
    assert await _sandboxes(runtime)
    runtime.stop()
    assert not await _sandboxes(runtime)


async def _sandboxes(runtime) -> list[str]:
    from jigsmith_runtime.server import sandbox_owner  # noqa: PLC0415
    from jigsmith_runtime.settings import IMAGE_DEFAULT  # noqa: PLC0415
    from jigsmith_sandbox.backends import choose  # noqa: PLC0415

    backend = await choose(runtime.backend, docker_image=IMAGE_DEFAULT)
    try:
        return await backend.list_sandboxes(sandbox_owner((runtime.data / "node").read_text().strip()))
    finally:
        await backend.close()


async def _kill_the_sandbox(runtime) -> None:
    (sandbox,) = await _sandboxes(runtime)
    if runtime.backend == "docker":
        await asyncio.to_thread(
            subprocess.run, ["docker", "kill", f"jigsmith-sandbox-{sandbox}"], check=True, capture_output=True
        )
    else:
        for pid in _processes_with(sandbox):
            with contextlib.suppress(ProcessLookupError):  # it went with its parent
                os.kill(pid, signal.SIGKILL)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _numbers(pid: int) -> list[int]:
    """Return the ids of a process in the pid namespaces around it, the host's first (proc(5), NSpid)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(list(map(int, line.split()[1:])) for line in lines if line.startswith("NSpid:"))


def _used(sandbox: str) -> int:
    """Return how many children a sandbox has used up: forked, by the kernel's numbering, and not there any more.

    Each run takes one, a function that forks nothing takes no other, and no number is given twice.
    """
    numbers = {}
    for pid in _processes_with(sandbox):
        with contextlib.suppress(OSError):
            if not _has_ended(pid):
                numbers[pid] = _numbers(pid)
    (zygote,) = [pid for pid, ids in numbers.items() if len(ids) == 2 and ids[1] == 1]
    children = [ids[1] for pid, ids in numbers.items() if len(ids) == 3 and _parent(pid) == zygote]
    return max(children) - len(children)


def _has_ended(pid: int) -> bool:
    """Return whether a process only waits for being waited for."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


async def _settled(runtime) -> tuple[str, int]:
    """Return the only sandbox, and how many children it has used, once that has not changed for a second."""
    seen: list[tuple[str, int]] = []
    async with asyncio.timeout(20):
        while len(seen) < 3 or len(set(seen[-3:])) > 1:
            await asyncio.sleep(0.4)
            with contextlib.suppress(OSError, ValueError):  # one came or went while it was looked at
                (sandbox,) = await _sandboxes(runtime)
                seen.append((sandbox, _used(sandbox)))
    return seen[-1]


async def _unguarded(runtime, client: AsyncClient, source: str, **limits: int) -> str:
    """Register a function that no policy checks; return a name to invoke it by."""
    name = f"unguarded-{uuid.uuid4().hex[:8]}"
    await client.create_set(name)
    async with _client(runtime, "admin") as admin:
        await admin.allow_policy(name, "none", reason="To see what is tried again.")
    wanted = function_pb2.Limits(memory_bytes=limits.get("memory_bytes", 64 << 20))
    wanted.wall.FromMilliseconds(limits.get("wall_ms", 60_000))
    wanted.cpu.FromMilliseconds(limits.get("cpu_ms", 60_000))
    version = await client.register_source(
        "f", source, description=name, parameters={"type": "object"}, limits=wanted, policy="none"
    )
    return f"{(await client.create_revision(name, [version.name])).name}/functions/f"


FAULTS_OF_ITS_OWN: dict[str, tuple[str, dict[str, int], str]] = {
    "it returns": ("def f():\n    return 1", {}, "OK"),
    "it raises": ("def f():\n    return 1 / 0", {}, "FUNCTION_RAISED"),
    "a segmentation fault": ("import ctypes\ndef f():\n    ctypes.string_at(0)", {}, "FUNCTION_DIED"),
    "os._exit": ("import os\ndef f():\n    os._exit(0)", {}, "FUNCTION_DIED"),
    "a forbidden system call": ("import os\ndef f():\n    os.setuid(0)", {}, "FUNCTION_DIED"),
    "SIGKILL": ("import os\ndef f():\n    os.kill(os.getpid(), 9); os.abort()", {}, "FUNCTION_DIED"),
    "the wall clock": ("import time\ndef f():\n    time.sleep(60)", {"wall_ms": 500}, "TIME_LIMIT"),
    "CPU time": ("def f():\n    while True: pass", {"cpu_ms": 1_000}, "TIME_LIMIT"),
    "memory": ("def f():\n    return len(bytearray(1 << 30))", {"memory_bytes": 64 << 20}, "MEMORY_LIMIT"),
    "output": ("def f():\n    while True: print('x' * 1000)", {}, "OUTPUT_LIMIT"),
    "no JSON": ("def f():\n    return {1, 2}", {}, "RESULT_NOT_SERIALIZABLE"),
}


async def test_what_a_function_does_to_itself_is_never_tried_again(new_runtime) -> None:
    """One invocation, two entries, one child of the sandbox used up besides the compiler's: it ran exactly once."""
    runtime = new_runtime("--sandboxes", "1", "--concurrency", "1")
    async with _client(runtime) as client, _client(runtime, "auditor") as auditor:
        sandbox, used = await _settled(runtime)
        for fault, (source, limits, outcome) in FAULTS_OF_ITS_OWN.items():
            name = await _unguarded(runtime, client, source, **limits)  # which the compiler takes a child for
            count = len([one async for one in auditor.list_audit_entries()])
            with contextlib.suppress(errors.JigsmithError):
                await client.invoke(name)
            used += 2
            assert await _settled(runtime) == (sandbox, used), fault
            entries = [json.loads(one.entry_json) async for one in auditor.list_audit_entries()][count:]
            assert [one["kind"] for one in entries] == ["call.accepted", "call.finished"], fault
            assert (entries[1]["outcome"], entries[1]["invocation"]) == (outcome, entries[0]["invocation"])


async def test_a_call_whose_sandbox_is_killed_runs_once_more(new_runtime) -> None:
    """In the sandbox that takes the place of the dead one, within two seconds. Its caller does not notice."""
    runtime = new_runtime("--sandboxes", "1")
    async with _client(runtime) as client:
        first, unused = await _settled(runtime)
        name = await _register(client)
        call = asyncio.create_task(client.invoke(name, {"s": 2}))
        await asyncio.sleep(1.0)
        began = asyncio.get_running_loop().time()
        await _kill_the_sandbox(runtime)
        assert (await call).result == 2
        assert asyncio.get_running_loop().time() - began < 2.0 + 2.0
        second, used = await _settled(runtime)
        assert second != first
        if (
            runtime.backend == "bubblewrap"
        ):  # under Docker, others have taken numbers before the zygote, and not always as many
            assert used == unused + 1  # once more, and not twice


async def test_a_call_that_loses_two_sandboxes_is_given_up(new_runtime) -> None:
    """It gets UNAVAILABLE, does not run a third time, and the next ones run in the successor."""
    runtime = new_runtime("--sandboxes", "1")
    async with _client(runtime) as client:
        first, unused = await _settled(runtime)
        name = await _register(client)
        call = asyncio.create_task(client.invoke(name, {"s": 30}))
        while not call.done():  # one that is killed before it took the call does not count: there may be three
            await asyncio.wait([call], timeout=1.0)
            if await _sandboxes(runtime) and not call.done():
                await _kill_the_sandbox(runtime)
        with pytest.raises(errors.UnavailableError) as caught:
            await call
        assert caught.value.reason == "SANDBOX_UNAVAILABLE"
        last, used = await _settled(runtime)
        assert last != first
        if runtime.backend == "bubblewrap":  # see above
            assert used == unused
        assert (await client.invoke(name, {"s": 0})).result == 0
        async with _client(runtime, "auditor") as auditor:
            entries = [json.loads(one.entry_json) async for one in auditor.list_audit_entries()]
        calls = [one for one in entries if one["kind"].startswith("call.")]
        assert [one["kind"] for one in calls] == ["call.accepted", "call.finished"] * 2
        assert [one["outcome"] for one in calls[1::2]] == ["SANDBOX_UNAVAILABLE", "OK"]


async def test_sigterm_lets_running_calls_end(new_runtime) -> None:
    """A graceful stop answers what runs, closes the log, and leaves with 0."""
    runtime = new_runtime()
    async with _client(runtime) as client:
        name = await _register(client)
        call = asyncio.create_task(client.invoke(name, {"s": 1}))
        await asyncio.sleep(0.4)
        code = await asyncio.to_thread(runtime.stop)
        assert (await call).result == 1
    assert code == 0
    report = _verified(runtime)
    assert report.ok, report.first_bad
    assert (report.accepted, report.finished, report.interrupted) == (1, 1, 0)


async def test_two_runtimes_do_not_share_a_data_folder(new_runtime) -> None:
    """The second one says so and leaves."""
    runtime = new_runtime()
    command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--data", str(runtime.data), "--dev"]
    second = await asyncio.to_thread(
        subprocess.run, [*command, "--listen", "127.0.0.1:0"], capture_output=True, text=True, check=False, timeout=30
    )
    assert second.returncode == 3
    assert "audit" in second.stderr
    assert runtime.facts["address"] == runtime.address


async def test_a_low_limit_of_open_files_is_raised_to_what_is_allowed(new_runtime) -> None:
    """Shells give 1,024 descriptors and allow many more; the children that wait for calls may need more than those."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))  # for the runtime to inherit
    try:
        runtime = new_runtime("--concurrency", "16", "--sandboxes", "2")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    async with _client(runtime) as client:
        name = await _register(client, "def f(n):\n    return n")
        answers = await asyncio.gather(*(client.invoke(name, {"n": n}) for n in range(32)))
    assert sorted(one.result for one in answers) == list(range(32))
    assert len(list(Path(f"/proc/{runtime.process.pid}/fd").iterdir())) > 256
