"""What all processes of a call use together is limited and measured by the kernel, where calls have control groups."""

import asyncio
import json
import os
from dataclasses import replace

import pytest
from jigsmith_sandbox import call_groups
from jigsmith_sandbox.backend import Backend
from jigsmith_sandbox.call_groups import MemoryScope, NoGroupsError
from jigsmith_sandbox.limits import SandboxLimits, shipped
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.self_check import memory_scope_meaning
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import OWNER, call, working_backend

MIB = 1 << 20

ALLOCATE = """
import os, time
def f(count, each):
    print('before', flush=True)
    children = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            mine = bytearray(each)
            for at in range(0, each, 4096): mine[at] = 1
            time.sleep(0.5)
            os._exit(0)
        children.append(pid)
    return [os.waitpid(pid, 0)[1] for pid in children]
"""


def _skip_without_groups(pool: Pool) -> None:
    if pool.memory_scope is not MemoryScope.CALL:
        pytest.skip(memory_scope_meaning(pool))


def _arguments(count: int, each_mib: int) -> str:
    return json.dumps({"count": count, "each": each_mib * MIB})


async def test_the_memory_of_many_processes_is_limited_together(pool: Pool) -> None:
    """None of them is above the limit alone; together they are, and the call ends, with what it printed until then."""
    _skip_without_groups(pool)
    outcome = await pool.run(call(ALLOCATE, _arguments(4, 60), memory_bytes=128 * MIB))
    assert (outcome.kind, outcome.output) == (OutcomeKind.MEMORY_LIMIT, "before\n"), outcome
    below = await pool.run(call(ALLOCATE, _arguments(4, 20), memory_bytes=128 * MIB))
    assert below.result_json == "[0,0,0,0]", below


async def test_the_peak_is_that_of_all_processes(pool: Pool) -> None:
    """Four times 20 MiB at one moment are 80 MiB; the next call begins from nothing."""
    _skip_without_groups(pool)
    many = await pool.run(call(ALLOCATE, _arguments(4, 20)))
    if many.memory_peak_bytes < 40 * MIB:
        pytest.skip("this kernel cannot set the highest use of a group back (cgroup version 2 can since Linux 6.12)")
    assert 80 * MIB < many.memory_peak_bytes < 120 * MIB
    for _ in range(6):
        assert (await pool.run(call("def f():\n return 1"))).memory_peak_bytes < 40 * MIB


async def test_running_out_above_ends_only_who_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all calls of a sandbox together exceed what it may use, the kernel chooses one; the others go on."""
    limits = replace(shipped(), sandbox=replace(shipped().sandbox, memory_bytes=200 * MIB))
    async with Pool(await working_backend("bubblewrap"), owner=OWNER, slots=2, limits=limits) as pool:
        _skip_without_groups(pool)
        slow = "import time\ndef f():\n mine = bytearray(20 << 20)\n time.sleep(1)\n return len(mine)"
        large = "def f():\n return len(b'x' * (240 << 20))"
        kept, killed = await asyncio.gather(
            pool.run(call(slow)), pool.run(call(large, memory_bytes=400 * MIB, wall_ms=5_000))
        )
        assert killed.kind is OutcomeKind.MEMORY_LIMIT, killed
        assert kept.result_json == str(20 * MIB), kept


async def test_files_in_tmp_have_their_own_room(pool: Pool) -> None:
    """A call may fill its memory and its /tmp, each to its limit."""
    _skip_without_groups(pool)
    source = """
def f():
    with open('/tmp/x', 'wb') as file:
        for _ in range(60): file.write(bytes(1 << 20))
    mine = bytearray(100 << 20)
    for at in range(0, len(mine), 4096): mine[at] = 1
    return 'both'"""
    outcome = await pool.run(call(source, memory_bytes=128 * MIB, temp_bytes=64 * MIB))
    assert outcome.result_json == '"both"', outcome


async def test_no_group_stays_behind(backend: Backend) -> None:
    """When a sandbox has ended."""
    async with Pool(backend, owner=OWNER, slots=2) as pool:
        _skip_without_groups(pool)
        (sandbox,) = pool.sandboxes
        assert sandbox.groups is not None
        folders = [*sandbox.groups.folders]
        assert all(folder.is_dir() for folder in folders)
    assert not any(folder.exists() for folder in folders)


async def test_groups_of_a_killed_runtime_are_swept() -> None:
    """By the next one that makes groups in the same place."""
    async with Pool(await working_backend("bubblewrap"), owner=OWNER) as pool:
        _skip_without_groups(pool)
        assert pool.sandboxes[0].groups is not None
        ended = await asyncio.create_subprocess_exec("true")
        await ended.wait()
        left = [folder.with_name(f"jigsmith-{ended.pid}-left") for folder in pool.sandboxes[0].groups.folders]
        for folder in left:
            (folder / "1").mkdir(parents=True)
        call_groups.below(os.getpid(), "another", shipped().sandbox).close()
        assert not any(folder.exists() for folder in left)
        assert (await pool.run(call("def f():\n return 1"))).result_json == "1"


async def test_without_groups_rlimits_hold_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call still has its limits, for each process alone; whoever asks hears that, and why."""

    def none(process: int, sandbox_id: str, limits: SandboxLimits) -> call_groups.CallGroups:
        raise NoGroupsError("nobody delegated one")

    monkeypatch.setattr(call_groups, "below", none)
    async with Pool(await working_backend("bubblewrap"), owner=OWNER) as pool:
        assert pool.memory_scope is MemoryScope.PROCESS
        meaning = memory_scope_meaning(pool)
        assert "for each process of a call alone, because nobody delegated one" in meaning
        assert "a call can hide some" in meaning
        outcome = await pool.run(call("def f():\n return len(bytearray(1 << 28))", memory_bytes=64 * MIB))
        assert outcome.kind is OutcomeKind.MEMORY_LIMIT


def test_a_process_that_cannot_be_seen_has_no_groups() -> None:
    """Its id is 0 to the kernel."""
    with pytest.raises(NoGroupsError, match="not visible"):
        call_groups.below(0, "x", shipped().sandbox)


async def test_a_group_that_cannot_be_entered_costs_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call never runs outside of the group it should be in."""
    async with Pool(await working_backend("bubblewrap"), owner=OWNER) as pool:
        _skip_without_groups(pool)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        (sandbox,) = pool.sandboxes
        assert sandbox.groups is not None
        group = sandbox.groups.take()
        group.attach = [nowhere for _ in group.attach]
        monkeypatch.setattr(sandbox.groups, "take", lambda: group)
        for _ in range(6):
            outcome = await pool.run(call("def f():\n return 1"))
            assert outcome.kind is OutcomeKind.RETURNED
        assert sandbox.lost
        os.close(nowhere)


async def test_a_limit_that_cannot_be_set_costs_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call never runs under the limits of another: the next sandbox has it."""
    async with Pool(await working_backend("bubblewrap"), owner=OWNER) as pool:
        _skip_without_groups(pool)
        (sandbox,) = pool.sandboxes

        def fail(group: call_groups.CallGroup, memory_bytes: int, temp_bytes: int, processes: int) -> None:
            monkeypatch.undo()
            raise OSError(19, "No such device")

        monkeypatch.setattr(call_groups.CallGroup, "begin", fail)
        assert (await pool.run(call("def f():\n return 1"))).result_json == "1"
        assert sandbox.lost
