"""A thread of its own for blocking work that a call waits for: cheaper to reach than a pool's, and strictly in order."""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Done = Callable[[Any, OSError | None], None]  # Any: what the work returned, or None


class WorkThread:
    """Does pieces of work one after the other and reports each to the event loop that made it."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._work: SimpleQueue[tuple[Callable[[], Any], _Done] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], Any], done: _Done) -> None:
        """Do work in the thread, then call `done` in the loop with its result or its OSError."""
        self._work.put((work, done))

    async def do(self, work: Callable[[], T]) -> T:
        """Do work in the thread and return its result. Raises what it raises."""
        result: asyncio.Future[T] = self._loop.create_future()

        def guarded() -> tuple[T | None, Exception | None]:
            try:
                return work(), None
            except Exception as error:  # noqa: BLE001 - raised again, in the loop
                return None, error

        def done(outcome: tuple[T, Exception | None], _: OSError | None) -> None:
            value, error = outcome
            if result.cancelled():
                return
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(value)

        self.submit(guarded, done)
        return await result

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            work, done = item
            result, failure = None, None
            try:
                result = work()
            except OSError as error:
                failure = error
            self._loop.call_soon_threadsafe(done, result, failure)

    def close(self) -> None:
        """End the thread once all work is done. To be called when nothing is on its way any more."""
        self._work.put(None)
        self._thread.join()
