"""Hears when descriptors can be read that live for a moment only, as those of a child do.

The event loop hears of one descriptor, an epoll(7) that holds all others: to make it hear of each would cost six system calls
and an object of its own every time, and this costs two.
"""

import asyncio
import contextlib
import select
from collections.abc import Callable


class Readers:
    """What is called when. To be closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready = select.epoll()
        self._calls: dict[int, Callable[[], None]] = {}
        self._loop.add_reader(self._ready.fileno(), self._call)

    def add(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call something whenever the descriptor has data, or has come to its end. Raises OSError."""
        self._ready.register(descriptor, select.EPOLLIN)
        self._calls[descriptor] = call

    def remove(self, descriptor: int) -> None:
        """Hear of it no longer. Harmless if it is not heard of; to be done before it is closed."""
        if self._calls.pop(descriptor, None) is not None:
            with contextlib.suppress(OSError):
                self._ready.unregister(descriptor)

    def _call(self) -> None:
        for descriptor, _ in self._ready.poll(0):
            call = self._calls.get(descriptor)  # gone, if another one's call has removed it
            if call is not None:
                call()

    def close(self) -> None:
        """Hear of nothing any more."""
        self._loop.remove_reader(self._ready.fileno())
        self._ready.close()
        self._calls.clear()
