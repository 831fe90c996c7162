"""Calls that are handed over ahead: nothing of theirs runs before it may, and what is given up leaves nothing."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable

import pytest
from jigsmith_sandbox.backend import Call
from jigsmith_sandbox.errors import SandboxUnavailableError
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.sandbox import Prepared
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call

_BEGAN = "import time\nbegan = time.time()\ndef f(**more):\n return began"
_NESTED = '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}"


async def _prepared(pool: Pool, wanted: Call) -> Prepared:
    """Return the call, handed to a child. It must have been compiled before, and children be in stock."""
    if pool.isolation is Isolation.SANDBOX:
        pytest.skip(f"each call has a sandbox of its own in {pool.backend.name} here: none is prepared")
    await pool.run(wanted)
    async with asyncio.timeout(10):
        while (prepared := pool.prepare(wanted)) is None:
            await asyncio.sleep(0.01)
    return prepared


@pytest.mark.parametrize("argument_bytes", [10, 900_000], ids=["small", "more than a socket holds"])
async def test_not_a_line_of_a_prepared_call_runs_before_it_may(pool: Pool, argument_bytes: int) -> None:
    """Not even at the top level of its source. Its clock begins when it does."""
    wanted = call(_BEGAN, json.dumps({"more": "x" * argument_bytes}), wall_ms=400, arguments_bytes=1 << 20)
    prepared = await _prepared(pool, wanted)
    await asyncio.sleep(0.6)
    now = time.time()
    outcome = await pool.run(wanted, prepared)
    assert outcome.kind is OutcomeKind.RETURNED, outcome
    assert json.loads(outcome.result_json or "") >= now
    assert outcome.wall_us < 400_000
    assert not prepared.child.unused


async def test_what_goes_wrong_ahead_is_told_when_it_is_asked_for(pool: Pool) -> None:
    """A child that fails to read its arguments says nothing before."""
    wanted = call("def f(x):\n return 1", _NESTED, result_depth=20, arguments_bytes=1 << 20)
    prepared = await _prepared(pool, wanted)
    await asyncio.sleep(0.2)
    outcome = await pool.run(wanted, prepared)
    assert outcome.kind is OutcomeKind.NOT_SERIALIZABLE, outcome


async def test_a_prepared_call_that_is_given_up_is_gone(pool: Pool) -> None:
    """And its child is replaced."""
    wanted = call(_BEGAN)
    given_up = [await _prepared(pool, wanted) for _ in range(6)]
    for one in given_up:
        one.discard()
        one.discard()  # which is harmless
    await _until(lambda: all(one.child not in one.sandbox._children.values() for one in given_up))
    assert not any(one.child.unused for one in given_up)
    assert (await pool.run(wanted)).kind is OutcomeKind.RETURNED
    (await _prepared(pool, wanted)).discard()


async def test_a_prepared_call_whose_child_has_died_runs_in_another(pool: Pool) -> None:
    """Nothing of it had begun."""
    wanted = call(_BEGAN)
    prepared = await _prepared(pool, wanted)
    prepared.child.discard()
    await _until(lambda: not prepared.child.unused)
    assert (await pool.run(wanted, prepared)).kind is OutcomeKind.RETURNED


async def test_a_prepared_call_whose_sandbox_was_lost_runs_in_another(pool: Pool) -> None:
    """Once: as with any other call."""
    wanted = call(_BEGAN)
    prepared = await _prepared(pool, wanted)
    prepared.sandbox.lose("the test wants it so")
    assert (await pool.run(wanted, prepared)).kind is OutcomeKind.RETURNED


async def test_only_the_call_that_was_prepared_is_run(pool: Pool) -> None:
    """Never another one's code under this one's name."""
    prepared = await _prepared(pool, call(_BEGAN))
    with pytest.raises(ValueError, match="another call"):
        await pool.run(call(_BEGAN), prepared)
    prepared.discard()


async def test_a_prepared_call_dies_with_its_sandbox(pool: Pool) -> None:
    """No process outlives the zygote; a call that ends with two sandboxes fails."""
    wanted = call("import time\ndef f(**more):\n time.sleep(5)", wall_ms=10_000)
    if pool.isolation is Isolation.SANDBOX:
        pytest.skip(f"each call has a sandbox of its own in {pool.backend.name} here: none is prepared")
    await pool.run(call(wanted.source, wall_ms=50))
    async with asyncio.timeout(10):
        while (prepared := pool.prepare(wanted)) is None:
            await asyncio.sleep(0.01)
    running = asyncio.create_task(pool.run(wanted, prepared))
    await asyncio.sleep(0.2)
    for _ in range(2):
        for sandbox in pool.sandboxes:
            sandbox.lose("the test wants it so")
        await _until(lambda: bool(pool.sandboxes) or running.done())
        await asyncio.sleep(0.2)
    with pytest.raises(SandboxUnavailableError):
        await running


async def test_a_child_that_is_killed_while_prepared_is_not_the_calls_end(pool: Pool) -> None:
    """By the kernel, say, for want of memory on the machine."""
    if not pool.backend.shares_kernel:
        pytest.skip(f"processes in a {pool.backend.name} sandbox with this runtime are none of this kernel's")
    wanted = call(_BEGAN)
    prepared = await _prepared(pool, wanted)
    if prepared.child._peer is None:
        pytest.skip(f"processes in {pool.backend.name} sandboxes cannot be seen from here")
    signal.pidfd_send_signal(prepared.child._peer._descriptor, signal.SIGKILL)
    os.sched_yield()
    await _until(lambda: not prepared.child.unused)
    assert (await pool.run(wanted, prepared)).kind is OutcomeKind.RETURNED


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)
