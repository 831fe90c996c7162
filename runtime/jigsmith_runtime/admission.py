"""Who may run, who waits, who is sent away: one bounded queue for each lane, so that no class of callers starves another.

Within a lane, callers take turns, so that none starves another either.
"""

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Queue:
    """Those of one caller who wait in a lane, and how many bytes each brought."""

    turns: OrderedDict[asyncio.Future[None], int] = field(default_factory=OrderedDict)
    waiting_bytes: int = 0

    def add(self, turn: asyncio.Future[None], brings_bytes: int) -> None:
        """Put one at the end."""
        self.turns[turn] = brings_bytes
        self.waiting_bytes += brings_bytes

    def take(self, *, newest: bool = False) -> tuple[asyncio.Future[None], int]:
        """Take out the one who came first, or last."""
        turn, left_bytes = self.turns.popitem(last=newest)
        self.waiting_bytes -= left_bytes
        return turn, left_bytes

    def discard(self, turn: asyncio.Future[None]) -> int | None:
        """Take out one who went away; return what they had brought, or None if they were not here any more."""
        left_bytes = self.turns.pop(turn, None)
        self.waiting_bytes -= left_bytes or 0
        return left_bytes


class Lane:
    """`concurrency` places, and a queue for them, which callers take turns in: of each, who came first is served first.

    The queue is full when `max_waiting` wait in it, or when what they brought has `max_waiting_bytes`. Then whoever has less in
    it than another displaces the newest of the one who has most, and all others are sent away: who floods a lane, floods their
    own share of it.
    """

    def __init__(self, name: LaneName, *, concurrency: int, max_waiting: int, max_waiting_bytes: int) -> None:
        self.name = name
        self._concurrency = concurrency
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._free = concurrency
        self._queues: dict[str, _Queue] = {}
        """By caller, none of them empty; the first one's turn is next."""
        self._waiting = 0
        self._waiting_bytes = 0
        self._stay_s = _FIRST_GUESS_S

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

    async def enter(self, caller: str, deadline: float | None, brings_bytes: int) -> "Place":
        """Wait for a place and hold it until it is left. `deadline` is in the loop's time; what is brought is kept meanwhile.

        Raises QueueFullError at once if the queue is full or the expected wait exceeds the deadline, and later if others who
        have less in the queue need the room. Whoever is cancelled while waiting leaves the queue.
        """
        place = self.enter_at_once()
        if place is not None:
            return place
        loop = asyncio.get_running_loop()
        came = loop.time()
        await self._wait_for_turn(caller, deadline, brings_bytes)
        return Place(self, came, loop.time())

    def check(self, caller: str, deadline: float | None, brings_bytes: int = 0) -> None:
        """Raise QueueFullError if one who comes now would be sent away. Cheap: most of what an overload asks is this."""
        wait_s = self.expected_wait_s(caller)
        if self._is_full and self._who_has_more(caller, brings_bytes) is None:
            raise self._full("the queue is full", wait_s)
        if wait_s and deadline is not None and asyncio.get_running_loop().time() + wait_s > deadline:
            raise self._full("the expected wait exceeds the deadline", wait_s)

    def expected_wait_s(self, caller: str) -> float:
        """Return how long one who comes now will wait, judging by how long places were held lately."""
        if self._free and not self._waiting:
            return 0.0
        own = self._queues.get(caller)
        ahead = rounds = 1 + (0 if own is None else len(own.turns))
        for other in self._queues.values():
            if other is not own:
                ahead += min(rounds, len(other.turns))
        return ahead * self._stay_s / self._concurrency

    def leave(self, held_s: float) -> None:
        """Give a place back; what it is held for teaches the lane what to expect. Use Place.leave."""
        self._stay_s += _WEIGHT_OF_NEWEST * (held_s - self._stay_s)
        self._give_back()

    @property
    def _is_full(self) -> bool:
        return self._waiting >= self._max_waiting or self._waiting_bytes >= self._max_waiting_bytes

    def _who_has_more(self, caller: str, brings_bytes: int) -> str | None:
        """Return who has most of what the queue is full of, if that is more than this caller would have with one more."""
        own = self._queues.get(caller) or _Queue()
        if self._waiting >= self._max_waiting:
            would_have, has = len(own.turns) + 1, {who: len(queue.turns) for who, queue in self._queues.items()}
        else:
            would_have, has = (
                own.waiting_bytes + brings_bytes,
                {who: queue.waiting_bytes for who, queue in self._queues.items()},
            )
        most = max(has, key=has.__getitem__, default=caller)
        return most if most != caller and has[most] > would_have else None

    async def _wait_for_turn(self, caller: str, deadline: float | None, brings_bytes: int) -> None:
        self.check(caller, deadline, brings_bytes)
        while self._is_full and (other := self._who_has_more(caller, brings_bytes)) is not None:
            self._displace_newest(other)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._queues.setdefault(caller, _Queue())
        queue.add(turn, brings_bytes)
        self._waiting += 1
        self._waiting_bytes += brings_bytes
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                if turn.exception() is None:  # the place had just been handed over
                    self._give_back()
            elif (left_bytes := queue.discard(turn)) is not None:  # None: it had just been passed over
                self._left(caller, queue, left_bytes)
            raise

    def _left(self, caller: str, queue: _Queue, left_bytes: int) -> None:
        self._waiting -= 1
        self._waiting_bytes -= left_bytes
        if not queue.turns:
            del self._queues[caller]

    def _displace_newest(self, caller: str) -> None:
        queue = self._queues[caller]
        turn, left_bytes = queue.take(newest=True)
        self._left(caller, queue, left_bytes)
        if not turn.done():
            turn.set_exception(self._full("others need the room", self.expected_wait_s(caller)))

    def _give_back(self) -> None:
        while self._queues:
            caller, queue = next(iter(self._queues.items()))
            turn, left_bytes = queue.take()
            self._left(caller, queue, left_bytes)
            if not turn.done():
                if queue.turns:  # behind all others
                    del self._queues[caller]
                    self._queues[caller] = queue
                turn.set_result(None)
                return
        self._free += 1

    def _full(self, why: str, wait_s: float) -> QueueFullError:
        # When half of those who wait now have been served: after all of them, nobody would be left to serve.
        steps = max(1, math.ceil(wait_s / 2 * 1_000 / _RETRY_MS_STEP))
        return QueueFullError(f"the {self.name} lane is busy: {why}", steps * _RETRY_MS_STEP, lane=self.name.value)
