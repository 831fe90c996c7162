"""Timed loops: one after the other, paced, or many at once. All times in ms."""

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator

Work = Callable[[], Awaitable[object]]

PACE_S = 0.02
"""50 calls a second: how an agent calls, with processors and caches gone cold in between."""


class Samples:
    """Measurements by key, over all rounds."""

    def __init__(self) -> None:
        self._values: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, key: str, *values: float) -> None:
        """Take measurements."""
        self._values[key] += values

    def __iter__(self) -> Iterator[str]:
        """Iterate over what was measured."""
        return iter(self._values)

    def values(self, key: str) -> list[float]:
        """Return all measurements of a key."""
        return self._values[key]

    def median(self, key: str) -> float:
        """Return a key's median. Raises KeyError if it was not measured."""
        return self.quantile(key, 0.5)

    def quantile(self, key: str, share: float) -> float:
        """Return the smallest value that at least this share of the measurements does not exceed."""
        values = sorted(self._values[key])
        if not values:
            raise KeyError(key)
        return statistics.median(values) if share == 0.5 else values[min(len(values) - 1, int(share * len(values)))]


async def back_to_back(work: Work, count: int) -> list[float]:
    """Time runs of which each begins when the one before it has ended."""
    return [await _timed(work) for _ in range(count)]


async def paced(work: Work, count: int) -> list[float]:
    """Time runs that begin at 50 a second."""
    times = []
    begin = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, begin + number * PACE_S - time.perf_counter()))
        times.append(await _timed(work))
    return times


async def rate(work: Work, concurrency: int, seconds: float) -> float:
    """Return how many runs a second end well, with so many callers that each wait for their answer, and ask again at once."""
    end = time.perf_counter() + seconds
    done = 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < end:
            if await work() is not False:
                done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    return done / (time.perf_counter() - begin)


async def goodput(work: Callable[[], Awaitable[bool]], offered_per_s: float, seconds: float) -> float:
    """Return how many runs a second succeed, when so many a second are asked for whether or not answers come."""
    begin = time.perf_counter()
    asked: list[asyncio.Task[bool]] = []
    while (elapsed := time.perf_counter() - begin) < seconds:
        while len(asked) < elapsed * offered_per_s:
            asked.append(asyncio.ensure_future(work()))
        await asyncio.sleep(0.002)
    answers = await asyncio.gather(*asked)
    return sum(answers) / (time.perf_counter() - begin)


async def _timed(work: Work) -> float:
    begin = time.perf_counter()
    await work()
    return (time.perf_counter() - begin) * 1_000
