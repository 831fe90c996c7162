"""Lanes, where several things happen in one pass of the event loop."""

import asyncio

import pytest
from jigsmith_runtime.admission import Lane, LaneName, Place
from jigsmith_runtime.errors import QueueFullError


async def test_who_goes_away_as_their_turn_comes_is_passed_over() -> None:
    """In either order: the place goes to the next one, and nothing else is raised than that they went away."""
    for leaves_first in (True, False):
        lane = Lane(LaneName.PRODUCTION, concurrency=1, max_waiting=8, max_waiting_bytes=8)
        held = await lane.enter(None, 0)
        gone, patient = (asyncio.create_task(lane.enter(None, 0)) for _ in range(2))
        await asyncio.sleep(0)
        if leaves_first:
            gone.cancel()
            held.leave()
        else:
            held.leave()
            gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        place = await asyncio.wait_for(patient, 1)
        assert lane.running == 1
        place.leave()
        assert lane.running == 0


async def test_a_full_lane_names_a_time_to_come_back() -> None:
    """Half of what those who wait will take, in steps of 25 ms."""
    lane = Lane(LaneName.OPTIMIZER, concurrency=1, max_waiting=2, max_waiting_bytes=8)
    place = await lane.enter(None, 0)
    waiting = [asyncio.create_task(lane.enter(None, 0)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError, match="the queue is full") as refused:
        lane.check(None)
    assert refused.value.retry_after_ms in {75, 100}  # half of 3 x 50 ms, rounded up
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    place.leave()
    lane.check(None)


async def test_what_waits_is_bounded_by_its_bytes() -> None:
    """Who runs, went away or was passed over counts no more."""
    lane = Lane(LaneName.PRODUCTION, concurrency=1, max_waiting=8, max_waiting_bytes=10)

    async def waits_with_all_there_may_be() -> asyncio.Task[Place]:
        waiting = asyncio.create_task(lane.enter(None, 10))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="the queue is full"):
            await lane.enter(None, 0)
        return waiting

    place = await lane.enter(None, 100)  # does not wait
    goes_away = await waits_with_all_there_may_be()
    goes_away.cancel()
    await asyncio.wait([goes_away])
    passed_over = await waits_with_all_there_may_be()
    passed_over.cancel()
    place.leave()
    await asyncio.wait([passed_over])
    place = await lane.enter(None, 100)
    served = await waits_with_all_there_may_be()
    place.leave()
    place = await served
    lane.check(None)
    place.leave()
