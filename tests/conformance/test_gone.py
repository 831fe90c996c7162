"""What a call has started is gone when it has ended, however it ended: looked for on the host, by its kernel."""

import asyncio

import pytest
from jigsmith_sandbox.backend import Outcome
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call
from tests.conformance.processes import Seen, processes_of_calls

SOON_S = 2.0
"""How long after it was cancelled a call may still be there."""

STARTED = {
    "children": "for _ in range(3):\n  if os.fork() == 0: sleep()",
    "orphans": "for _ in range(3):\n  if os.fork() == 0:\n   if os.fork() == 0: sleep()\n   os._exit(0)",
    "a session of their own": "for _ in range(3):\n  if os.fork() == 0: os.setsid(); sleep()",
    "signals ignored": (
        "for _ in range(3):\n  if os.fork() == 0:\n"
        "   for n in range(1, 32):\n    if n not in (9, 19): signal.signal(n, signal.SIG_IGN)\n   sleep()"
    ),
    "stopped": "for _ in range(3):\n  if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP); sleep()",
    "busy": "for _ in range(3):\n  if os.fork() == 0:\n   while True: pass",
    "by a thread": (
        "import threading\n def start():\n  if os.fork() == 0: sleep()\n"
        " for _ in range(3): threading.Thread(target=start).start()"
    ),
    "a chain": "for _ in range(3):\n  if os.fork() != 0: sleep()",
}

ENDS = {
    "returns": ("time.sleep(0.7)\n return 1", OutcomeKind.RETURNED),
    "raises": ("time.sleep(0.7)\n 1/0", OutcomeKind.RAISED),
    "dies": ("time.sleep(0.7)\n os.kill(os.getpid(), 11)\n os._exit(3)", OutcomeKind.DIED),
    "takes too long": ("time.sleep(60)", OutcomeKind.TIME_LIMIT),
    "takes too much": ("time.sleep(0.7)\n return len(bytearray(1 << 28))", OutcomeKind.MEMORY_LIMIT),
    "says too much": ("time.sleep(0.7)\n while True: print('x' * 99)", OutcomeKind.OUTPUT_LIMIT),
}


def _source(started: str, end: str) -> str:
    return f"import os, signal, time\ndef sleep():\n while True: time.sleep(60)\ndef f():\n {started}\n {end}"


async def _seen(pool: Pool, running: "asyncio.Task[Outcome]") -> set[Seen]:
    """Wait until a call's processes are there, so that looking for them shows something."""
    async with asyncio.timeout(10):
        while len(seen := processes_of_calls(pool)) < 4:
            assert not running.done(), running.result()
            await asyncio.sleep(0.02)
    return seen


@pytest.mark.parametrize("name", STARTED)
async def test_what_was_started_is_gone(pool: Pool, name: str) -> None:
    """In the moment in which the outcome says so; the next call of the sandbox is served."""
    limits = {"wall_ms": 3_000 if name == "a chain" else 20_000, "cpu_ms": 20_000}  # which waits for its limit
    running = asyncio.create_task(pool.run(call(_source(STARTED[name], ENDS["returns"][0]), **limits)))
    started = await _seen(pool, running)
    outcome = await running
    if name != "a chain":  # where it is not the call itself that answers
        assert outcome.kind is OutcomeKind.RETURNED, outcome
    if outcome.gone is not None:
        await asyncio.wait_for(outcome.gone, SOON_S)
    assert not [one for one in started if one.is_there()]
    assert (await pool.run(call("def f():\n return 1"))).result_json == "1"


@pytest.mark.parametrize("name", ENDS)
async def test_however_a_call_ends_nothing_is_left(pool: Pool, name: str) -> None:
    """By its own doing or by a limit."""
    end, kind = ENDS[name]
    running = asyncio.create_task(
        pool.run(call(_source(STARTED["a session of their own"], end), wall_ms=1_500, memory_bytes=1 << 26))
    )
    started = await _seen(pool, running)
    outcome = await running
    assert outcome.kind is kind, outcome
    if outcome.gone is not None:
        await asyncio.wait_for(outcome.gone, SOON_S)
    assert not [one for one in started if one.is_there()]


async def test_a_cancelled_call_is_gone_with_all_that_it_started(pool: Pool) -> None:
    """Soon, and its place is free again, although its processes would have run for ever."""
    for _ in range(3):
        running = asyncio.create_task(
            pool.run(call(_source(STARTED["a session of their own"], "time.sleep(60)"), wall_ms=100_000))
        )
        started = await _seen(pool, running)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        async with asyncio.timeout(SOON_S):
            while any(one.is_there() for one in started):
                await asyncio.sleep(0.02)
    outcomes = await asyncio.gather(*(pool.run(call("def f():\n return 1")) for _ in range(4)))
    assert [one.result_json for one in outcomes] == ["1"] * 4
