"""Lanes, where several things happen in one pass of the event loop."""

import asyncio

import pytest
from jigsmith_runtime.admission import Lane, LaneName, Place
from jigsmith_runtime.errors import QueueFullError


async def test_who_goes_away_as_their_turn_comes_is_passed_over() -> None:
    """In either order: the place goes to the next one, and nothing else is raised than that they went away."""
    for leaves_first in (True, False):
        lane = Lane(LaneName.PRODUCTION, concurrency=1, max_waiting=8, max_waiting_bytes=8)
        held = await lane.enter("ann", None, 0)
        gone, patient = (asyncio.create_task(lane.enter("ann", None, 0)) for _ in range(2))
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
    place = await lane.enter("ann", None, 0)
    waiting = [asyncio.create_task(lane.enter("ann", None, 0)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError, match="the queue is full") as refused:
        lane.check("ann", None)
    assert refused.value.retry_after_ms in {75, 100}  # half of 3 x 50 ms, rounded up
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    place.leave()
    lane.check("ann", None)


async def test_what_waits_is_bounded_by_its_bytes() -> None:
    """Who runs, went away or was passed over counts no more."""
    lane = Lane(LaneName.PRODUCTION, concurrency=1, max_waiting=8, max_waiting_bytes=10)

    async def waits_with_all_there_may_be() -> asyncio.Task[Place]:
        waiting = asyncio.create_task(lane.enter("ann", None, 10))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="the queue is full"):
            await lane.enter("ann", None, 0)
        return waiting

    place = await lane.enter("ann", None, 100)  # does not wait
    goes_away = await waits_with_all_there_may_be()
    goes_away.cancel()
    await asyncio.wait([goes_away])
    passed_over = await waits_with_all_there_may_be()
    passed_over.cancel()
    place.leave()
    await asyncio.wait([passed_over])
    place = await lane.enter("ann", None, 100)
    served = await waits_with_all_there_may_be()
    place.leave()
    place = await served
    lane.check("ann", None)
    place.leave()


def waits(lane: Lane, caller: str, brings_bytes: int = 0) -> asyncio.Task[Place]:
    """Return the wait of one who enters."""
    return asyncio.create_task(lane.enter(caller, None, brings_bytes), name=caller)


async def test_callers_take_turns() -> None:
    """Whoever comes after somebody's hundred calls is next, and waits for one of them at most."""
    lane = Lane(LaneName.PRODUCTION, concurrency=1, max_waiting=200, max_waiting_bytes=1)
    place, served = await lane.enter("ann", None, 0), []
    of_ann = [waits(lane, "ann") for _ in range(4)]
    await asyncio.sleep(0)
    assert lane.expected_wait_s("ann") == pytest.approx(5 * lane.expected_wait_s("nobody") / 2)
    late = [waits(lane, who) for who in ("bob", "cid", "bob")]
    waiting = {*of_ann, *late}
    await asyncio.sleep(0)
    while waiting:
        place.leave()
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        (one,) = done
        served.append(one.get_name())
        place = one.result()
    assert served == ["ann", "bob", "cid", "ann", "bob", "ann", "ann"]
    place.leave()
    assert lane.running == 0


@pytest.mark.parametrize("brings_bytes", [0, 3])
async def test_who_fills_a_lane_makes_room_for_others(brings_bytes: int) -> None:
    """Of their number or their bytes: the newest go, with a time to come back, until none has more than another by one."""
    lane = Lane(LaneName.PRODUCTION, concurrency=1, max_waiting=5 if not brings_bytes else 99, max_waiting_bytes=15)
    place = await lane.enter("ann", None, 0)
    of_ann = [waits(lane, "ann", brings_bytes) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError, match="the queue is full"):
        await lane.enter("ann", None, brings_bytes)
    of_bob = [waits(lane, "bob", brings_bytes) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.wait([*of_ann[3:], of_bob[2]])
    for displaced in of_ann[3:]:
        with pytest.raises(QueueFullError, match="others need the room") as refused:
            await displaced
        assert refused.value.retry_after_ms
    with pytest.raises(QueueFullError, match="the queue is full"):
        await of_bob[2]
    of_bob[1].cancel()  # its room is free again
    await asyncio.wait([of_bob[1]])
    lane.check("ann", None)
    for one in (of_ann[0], of_bob[0], *of_ann[1:3]):
        place.leave()
        place = await one
    place.leave()
    assert lane.running == 0
