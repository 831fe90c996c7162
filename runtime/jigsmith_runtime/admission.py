"""Who may run, who waits, who is sent away: one bounded queue for each lane, so that no class of callers starves another."""

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jigsmith_runtime.errors import QueueFullError

_FIRST_GUESS_S: Final = 0.05
_WEIGHT_OF_NEWEST: Final = 0.1
_RETRY_MS_STEP: Final = 25
"""Waits are rounded up to it: nobody can tell one ms from the next, and equal answers need not be made anew."""


class LaneName(StrEnum):
    """The classes of callers."""

    PRODUCTION = "production"
    """Calls through channels."""
    OPTIMIZER = "optimizer"
    """Drafts, and the policy gate's work at registration."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a lane, held by whoever entered."""

    lane: "Lane"
    came: float
    got: float

    @property
    def queued_us(self) -> int:
        """How long it took to get."""
        return round((self.got - self.came) * 1e6)

    def leave(self) -> None:
        """Give the place to the next one. To be called once."""
        self.lane.leave(asyncio.get_running_loop().time() - self.got)


class Lane:
    """`concurrency` places, and a queue for them: first come, first served.

    The queue takes nobody when `max_waiting` wait in it, or when what they brought has `max_waiting_bytes`.
    """

    def __init__(self, name: LaneName, *, concurrency: int, max_waiting: int, max_waiting_bytes: int) -> None:
        self.name = name
        self._concurrency = concurrency
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._free = concurrency
        self._waiting: OrderedDict[asyncio.Future[None], int] = OrderedDict()
        """Those who wait, and how many bytes each brought."""
        self._waiting_bytes = 0
        self._stay_s = _FIRST_GUESS_S

    @property
    def expected_wait_s(self) -> float:
        """How long one who comes now will wait, judging by how long places were held lately."""
        if self._free and not self._waiting:
            return 0.0
        return (len(self._waiting) + 1) * self._stay_s / self._concurrency

    @property
    def running(self) -> int:
        """How many places are taken."""
        return self._concurrency - self._free

    def enter_at_once(self) -> "Place | None":
        """Return a place if nobody has to wait for one, else None."""
        if not self._free or self._waiting:
            return None
        self._free -= 1
        now = asyncio.get_running_loop().time()
        return Place(self, now, now)

    async def enter(self, deadline: float | None, brings_bytes: int) -> "Place":
        """Wait for a place and hold it until it is left. `deadline` is in the loop's time; what is brought is kept meanwhile.

        Raises QueueFullError at once if the queue is full or the expected wait exceeds the deadline. Whoever is cancelled
        while waiting leaves the queue.
        """
        place = self.enter_at_once()
        if place is not None:
            return place
        loop = asyncio.get_running_loop()
        came = loop.time()
        await self._wait_for_turn(deadline, brings_bytes)
        return Place(self, came, loop.time())

    def check(self, deadline: float | None) -> None:
        """Raise QueueFullError if one who comes now would be sent away. Cheap: most of what an overload asks is this."""
        wait_s = self.expected_wait_s
        if len(self._waiting) >= self._max_waiting or self._waiting_bytes >= self._max_waiting_bytes:
            raise self._full("the queue is full", wait_s)
        if wait_s and deadline is not None and asyncio.get_running_loop().time() + wait_s > deadline:
            raise self._full("the expected wait exceeds the deadline", wait_s)

    def leave(self, held_s: float) -> None:
        """Give a place back; what it is held for teaches the lane what to expect. Use Place.leave."""
        self._stay_s += _WEIGHT_OF_NEWEST * (held_s - self._stay_s)
        self._give_back()

    async def _wait_for_turn(self, deadline: float | None, brings_bytes: int) -> None:
        self.check(deadline)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = brings_bytes
        self._waiting_bytes += brings_bytes
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the place had just been handed over
                self._give_back()
            elif (left_bytes := self._waiting.pop(turn, None)) is not None:  # None: it had just been passed over
                self._waiting_bytes -= left_bytes
            raise

    def _give_back(self) -> None:
        while self._waiting:
            turn, left_bytes = self._waiting.popitem(last=False)
            self._waiting_bytes -= left_bytes
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _full(self, why: str, wait_s: float) -> QueueFullError:
        # When half of those who wait now have been served: after all of them, nobody would be left to serve.
        steps = max(1, math.ceil(wait_s / 2 * 1_000 / _RETRY_MS_STEP))
        return QueueFullError(f"the {self.name} lane is busy: {why}", steps * _RETRY_MS_STEP, lane=self.name.value)
