"""Children that were forked ahead and wait for a call, and calls that wait for a child. One for each sandbox."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from jigsmith_sandbox.child import Child

_CHILD_TIMEOUT_S: Final = 10.0
"""How long forking and confining a child may take."""
_REFILL_DELAY_S: Final = 0.004
"""When to fork ahead again. Not at once: whoever got the answer has work to do first, on the same processors."""

Temp = tuple[int, int]
"""The size of a /tmp: bytes and files. A child's is made with it, so a call takes one whose is right."""


class Stock:
    """Ready children by the size of their /tmp; of one size, some are kept in stock."""

    def __init__(self, fork: Callable[[Temp, int], None], coming: Callable[[Temp], int]) -> None:
        """`fork` orders children, which will be offered; `coming` tells how many are ordered and not ready."""
        self._fork = fork
        self._coming = coming
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Temp, deque[Child]] = {}
        self._wanted: dict[Temp, deque[asyncio.Future[Child]]] = {}
        self._kept = 0
        self._temp: Temp = (0, 0)
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def keep(self, temp: Temp, count: int) -> None:
        """Keep that many children of a size, from now on."""
        self._temp, self._kept = temp, count
        self.refill()

    def take_at_once(self, temp: Temp) -> Child | None:
        """Return a child that is ready now, nobody else's from then on."""
        idle = self._idle.get(temp)
        return idle.popleft() if idle else None

    async def take(self, temp: Temp) -> Child:
        """Return a ready child, nobody else's from now on. Raises TimeoutError if none becomes ready in time."""
        child = self.take_at_once(temp)
        if child is not None:
            return child
        waiting: asyncio.Future[Child] = self._loop.create_future()
        wanted = self._wanted.setdefault(temp, deque())
        wanted.append(waiting)
        if len(wanted) > self._coming(temp):
            self._fork(temp, 1)
        try:
            async with asyncio.timeout(_CHILD_TIMEOUT_S):
                return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None and waiting.result().unused:
                self.offer(waiting.result())  # it had just been handed over
            raise

    def offer(self, child: Child) -> None:
        """Give a child that has become ready to whoever waits for one, or keep it."""
        wanted = self._wanted.get(child.temp, deque())
        while wanted:
            waiting = wanted.popleft()
            if not waiting.done():
                waiting.set_result(child)
                return
        self._idle.setdefault(child.temp, deque()).append(child)

    def forget(self, child: Child) -> None:
        """Forget a child that has ended; order another one if one that was not ready yet is waited for."""
        idle = self._idle.get(child.temp, ())
        if child in idle:
            self._idle[child.temp].remove(child)
        if not child.ready and self._wanted.get(child.temp):
            self._fork(child.temp, 1)

    def refill_if_short(self) -> None:
        """Refill at once if fewer than half are left."""
        if 2 * len(self._idle.get(self._temp, ())) < self._kept:
            self.refill()

    def refill_soon(self) -> None:
        """Refill after the delay."""
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(_REFILL_DELAY_S, self.refill)

    def refill(self) -> None:
        """Order what is missing, once that is half: to fork several at once costs less."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        there = len(self._idle.get(self._temp, ())) + self._coming(self._temp)
        if not self._closed and 2 * there <= self._kept and there < self._kept:
            self._fork(self._temp, self._kept - there)

    def close(self, error: Exception) -> None:
        """Keep nothing any more, and let those who wait for a child have the error."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for wanted in self._wanted.values():
            for waiting in wanted:
                if not waiting.done():
                    waiting.set_exception(error)
