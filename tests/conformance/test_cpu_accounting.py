"""CPU time that a call has others use for it is limited and measured as its own, and none of them is left when it is gone."""

import asyncio
import json
import os
import re
import select
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from jigsmith_sandbox import call_groups
from jigsmith_sandbox.backend import Backend
from jigsmith_sandbox.call_groups import CallGroup, CallGroups, MemoryScope, NoGroupsError
from jigsmith_sandbox.limits import SandboxLimits, shipped
from jigsmith_sandbox.peer import process_of
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.sandbox import Sandbox
from jigsmith_sandbox.self_check import memory_scope_meaning
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import OWNER, call, working_backend

MIB = 1 << 20
BURNT_S = 0.6
"""By each of the programs, to a fifth."""
ROOM = {"wall_ms": 10_000, "cpu_ms": 5_000}

BURN = """
import os, signal, threading, time

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass

def in_child(*steps):
    pid = os.fork()
    if pid == 0:
        for step in steps: step()
        os._exit(0)
    return pid
"""
IGNORED = """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(2):
        in_child(lambda: burn(0.3))
        try: os.wait()
        except ChildProcessError: pass
    return 1"""
UNTIL_ALL_HAVE_ENDED = """
    os.close(writing)
    os.read(reading, 1)
    return 1"""

PROGRAMS = {
    "children waited for": "for _ in range(2): os.waitpid(in_child(lambda: burn(0.3)), 0)\n    return 1",
    "children killed": """
    child = in_child(lambda: burn(0.6), lambda: os.write(writing, b'x'), lambda: time.sleep(60))
    os.read(reading, 1); os.kill(child, 9); os.waitpid(child, 0)
    return 1""",
    "zombies": "in_child(lambda: burn(0.6))" + UNTIL_ALL_HAVE_ENDED,
    "an orphan": "os.waitpid(in_child(lambda: in_child(lambda: burn(0.6))), 0)" + UNTIL_ALL_HAVE_ENDED,
    "a session of its own": "in_child(os.setsid, lambda: burn(0.6))" + UNTIL_ALL_HAVE_ENDED,
    "a grandchild whose parent is killed": (
        "in_child(lambda: in_child(lambda: burn(0.3)), lambda: burn(0.3), lambda: os.kill(os.getpid(), 9))"
        + UNTIL_ALL_HAVE_ENDED
    ),
    "an orphan that goes on": """
    in_child(lambda: in_child(lambda: burn(0.6), lambda: os.write(writing, b'x'), lambda: time.sleep(60)))
    os.read(reading, 1)
    return 1""",
    "a thread": "one = threading.Thread(target=burn, args=(0.6,)); one.start(); one.join(); return 1",
    "a thread's child": """
    def fork_and_stay():
        in_child(lambda: burn(0.6), lambda: os.write(writing, b'x'), lambda: time.sleep(60))
        time.sleep(60)
    threading.Thread(target=fork_and_stay, daemon=True).start()
    os.read(reading, 1)
    return 1""",
    "the child of a thread that ended": """
    one = threading.Thread(target=lambda: in_child(lambda: burn(0.6), lambda: os.write(writing, b'x'), lambda: time.sleep(60)))
    one.start(); one.join(); os.read(reading, 1)
    return 1""",
    "children whose end is ignored": IGNORED,
}
UNSEEN_WITHOUT_GROUPS = {"children whose end is ignored"}
"""The kernel adds what they used to nothing but their group."""


def _program(body: str) -> str:
    return f"{BURN}\ndef f():\n    reading, writing = os.pipe()\n    {body}"


def _skip_without_groups(pool: Pool) -> None:
    if pool.memory_scope is not MemoryScope.CALL:
        pytest.skip(memory_scope_meaning(pool))


def _without_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(process: int, sandbox_id: str, limits: SandboxLimits) -> CallGroups:
        raise NoGroupsError("nobody delegated one")

    monkeypatch.setattr(call_groups, "below", none)


@pytest.fixture
async def ungrouped(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    """One sandbox where no groups can be had."""
    _without_groups(monkeypatch)
    async with Pool(await working_backend("bubblewrap"), owner=OWNER, slots=2) as pool:
        yield pool


async def test_a_chain_of_children_whose_end_is_ignored_ends_at_the_limit(pool: Pool) -> None:
    """Each of them uses little, and the kernel tells their parent of none."""
    _skip_without_groups(pool)
    body = IGNORED.replace("range(2)", "range(20)")
    outcome = await pool.run(call(_program(body), wall_ms=20_000, cpu_ms=1_000))
    assert outcome.kind is OutcomeKind.TIME_LIMIT, outcome
    assert 900_000 < outcome.cpu_us < 1_500_000


@pytest.mark.parametrize("name", PROGRAMS)
async def test_what_others_use_for_a_call_is_its_use(pool: Pool, name: str) -> None:
    """Whoever they are to its first process, and whether they have ended."""
    if name in UNSEEN_WITHOUT_GROUPS:
        _skip_without_groups(pool)
    await _check_figure(pool, name)


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - UNSEEN_WITHOUT_GROUPS))
async def test_without_groups_all_is_counted_but_the_ignored(ungrouped: Pool, name: str) -> None:
    """By what the zygote sees of it and its descendants, and by the kernel's account of those that were waited for."""
    await _check_figure(ungrouped, name)


async def _check_figure(pool: Pool, name: str) -> None:
    outcome = await pool.run(call(_program(PROGRAMS[name]), **ROOM))
    assert outcome.result_json == "1", outcome
    assert outcome.cpu_us / 1_000_000 > 0.8 * BURNT_S
    if pool.backend.shares_kernel:  # gVisor's clock goes on while the host has taken the processor away
        assert outcome.cpu_us / 1_000_000 < 1.2 * BURNT_S


async def test_the_next_call_in_a_group_begins_from_nothing(pool: Pool) -> None:
    """Groups are used again, and the kernel counts on."""
    _skip_without_groups(pool)
    (sandbox,) = pool.sandboxes
    for _ in range(2):
        assert (await pool.run(call(_program(IGNORED), **ROOM))).cpu_us > 400_000
    assert sandbox.groups is not None
    for _ in range(20):
        assert (await pool.run(call("def f():\n return 1"))).cpu_us < 200_000


async def test_preparing_is_not_of_the_call(pool: Pool) -> None:
    """Its process was confined, and has rehearsed, before: the process itself sees a larger figure than the call's."""
    if not pool.backend.shares_kernel:
        pytest.skip(
            "the processes of this backend are no processes of this kernel: they are measured from their fork on"
        )
    program = "import time\ndef f():\n return time.process_time_ns() // 1_000"
    outcomes = [await pool.run(call(program)) for _ in range(9)]
    differences = sorted(int(outcome.result_json or "") - outcome.cpu_us for outcome in outcomes)
    assert differences[4] > 0
    assert all(outcome.cpu_us > 0 for outcome in outcomes)


async def _check_gone(pool: Pool) -> None:
    """Run a call whose thread has a child that lives on and has much to give back; watch that child from the host."""
    if os.geteuid() != 0 or not pool.backend.shares_kernel:
        pytest.skip("a process of a call can be watched only by root, and where it is one of this kernel")
    body = """
    def fork_and_stay():
        def live():
            mine = bytearray(100 << 20)
            for at in range(0, len(mine), 4096): mine[at] = 1
            os.write(writing, b'x'); time.sleep(60)
        in_child(live)
        time.sleep(60)
    threading.Thread(target=fork_and_stay, daemon=True).start()
    os.read(reading, 1); time.sleep(0.7)
    return 1"""
    running = asyncio.create_task(pool.run(call(_program(body), **ROOM)))
    while not (children := _children_of_calls()) and not running.done():
        await asyncio.sleep(0.05)
    assert len(children) == 1
    descriptor = os.pidfd_open(children[0])
    try:
        outcome = await running
        assert outcome.result_json == "1", outcome
        assert outcome.gone is not None
        await outcome.gone
        assert select.select([descriptor], [], [], 0)[0], "it runs on"
    finally:
        os.close(descriptor)
    assert not _children_of_calls()


def _children_of_calls() -> list[int]:
    """Return the processes of this run's sandboxes that are in a call's pid namespace, and not the first one there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ids = re.findall(r"\d+", re.findall(r"NSpid:(.*)", (folder / "status").read_text())[0])
            if len(ids) == 3 and ids[-1] != "1" and OWNER in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended
    return found


async def test_a_call_is_not_gone_while_a_threads_child_runs(pool: Pool) -> None:
    """The first thread of a process does not list what others have started."""
    await _check_gone(pool)


async def test_without_groups_a_call_is_not_gone_either(ungrouped: Pool) -> None:
    """The kernel's list of a process's threads tells that there may be more."""
    await _check_gone(ungrouped)


def _quotas_us(sandbox: Sandbox) -> list[int]:
    """Return those that hold for a sandbox, in each 100 ms."""
    assert sandbox._zygote is not None
    paths = dict(call_groups._memberships(process_of(sandbox._zygote)))
    folders = [
        call_groups._folder("cgroup", "cpu", paths.get("cpu")),
        call_groups._folder("cgroup2", "", paths.get("")),
        *(sandbox.groups.folders if sandbox.groups is not None else []),
    ]
    files = [folder / name for folder in folders if folder is not None for name in ("cpu.cfs_quota_us", "cpu.max")]
    texts = [file.read_text().split()[0] for file in files if file.exists()]
    return [int(text) for text in texts if text.isdecimal()]


BUSY = """
import os, time
def f(count):
    for _ in range(count - 1):
        if os.fork() == 0: break
    began = time.monotonic()
    while time.monotonic() < began + 1: pass
    return 1"""


async def test_the_calls_of_a_sandbox_share_its_processors(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four processes that are busy for a second use one second where there is one processor for them, not two.

    By the sandbox's control group with bubblewrap, and by the engine where there is one, whoever else may make groups. The
    quota is looked at as well: on a machine that others use, nobody may get more than that anyway.
    """
    if (os.cpu_count() or 1) < 2:
        pytest.skip("this machine has one processor: there is nothing to share")
    if not backend.shares_kernel:
        pytest.skip("the clock of this backend's calls goes on while the host has taken the processor away")
    if backend.name != "bubblewrap":
        _without_groups(monkeypatch)
    limits = replace(shipped(), sandbox=replace(shipped().sandbox, processors=1))
    async with Pool(backend, owner=OWNER, slots=2, limits=limits) as pool:
        if backend.name == "bubblewrap":
            _skip_without_groups(pool)
            assert pool.sandboxes[0].groups is not None
            if not pool.sandboxes[0].groups.caps_processors:
                pytest.skip("the controller cpu is not to be had here")
        assert 100_000 in _quotas_us(pool.sandboxes[0])
        two = [pool.run(call(BUSY, json.dumps({"count": 2}), **ROOM)) for _ in range(2)]
        outcomes = await asyncio.gather(*two)
    assert [outcome.result_json for outcome in outcomes] == ["1", "1"], outcomes
    assert 0.3 < sum(outcome.cpu_us for outcome in outcomes) / 1_000_000 < 1.5


# --- cgroup version 2, on files: the machine that this runs on may have version 1

CPU_STAT = """usage_usec {0}
user_usec 100
system_usec 23
nice_usec 0
core_sched.force_idle_usec 0
nr_periods 9
nr_throttled 0
throttled_usec 0
nr_bursts 0
burst_usec 0
"""


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """Files as cgroup version 2 shows them, of a sandbox's group and of one call's in it."""
    for folder in (tmp_path, tmp_path / "1"):
        folder.mkdir(exist_ok=True)
        for name in ("memory.max", "memory.peak", "pids.max", "cgroup.procs", "cpu.max"):
            (folder / name).write_text("")
        (folder / "pids.current").write_text("0\n")
        (folder / "cpu.stat").write_text(CPU_STAT.format(5_000_000))
    return tmp_path


@pytest.fixture
def group(unified: Path) -> CallGroup:
    """The call's."""
    return CallGroups(call_groups._Folders(unified, unified, unified), call_groups._V2).take()


def test_version_2_counts_from_the_begin_of_a_call(group: CallGroup, unified: Path) -> None:
    """In µs, and by the line of all processes' use."""
    group.begin(MIB, MIB, 4)
    assert group.cpu_us() == 0
    (unified / "1" / "cpu.stat").write_text(CPU_STAT.format(5_000_321))
    assert group.cpu_us() == 321
    group.begin(MIB, MIB, 4)
    assert group.cpu_us() == 0


def test_version_2_has_one_folder_to_enter(group: CallGroup) -> None:
    """For all that it limits and measures."""
    assert len(group.attach) == 1


@pytest.mark.parametrize(("counted", "alone"), [("0", True), ("1", True), ("2", False), ("17", False)])
def test_whoever_is_counted_is_there(group: CallGroup, unified: Path, counted: str, alone: bool) -> None:
    """Processes and their threads, and zombies."""
    (unified / "1" / "pids.current").write_text(f"{counted}\n")
    assert group.has_one_thread() is alone


def test_version_2_caps_the_processors_of_a_sandbox(unified: Path) -> None:
    """By quota and period, in µs."""
    groups = CallGroups(call_groups._Folders(unified, unified, unified), call_groups._V2)
    groups.cap_processors(3, os.getpid(), None)
    assert (unified / "cpu.max").read_text() == "300000 100000"


def test_version_1_counts_in_nanoseconds() -> None:
    """As cpuacct.usage has it."""
    found = call_groups._V1.cpu_time_at.search(b"123456789\n")
    assert found is not None
    assert int(found[1]) // call_groups._V1.cpu_time_per_us == 123_456
