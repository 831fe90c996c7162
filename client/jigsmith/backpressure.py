"""Stays away from a runtime that is too busy: refusing costs it processors that running calls need.

There are two ways to know. What it refused is refused here, at once and without a request, until the time that it named has
come (google.rpc.RetryInfo). And a connection carries so many requests at a time (RFC 9113, its MAX_CONCURRENT_STREAMS): the
others wait with gRPC, where the runtime cannot see them to refuse. So who would wait for longer than they have is refused here.
Both are kept by lane, because one may be full while another is empty.
"""

import math
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Literal, Self

from jigsmith.errors import Details, FunctionError, OverloadedError

LaneName = Literal["channel", "draft"]

HELD_BACK_MS_MAX: Final = 2_000
"""However long the runtime asks for: meanwhile it may have been restarted, or a limit raised."""
WAITING_UNSEEN_MIN: Final = 100
"""A connection carries no fewer requests than that (RFC 9113, section 6.5.2): with as many open, none waits with gRPC."""
_TELLING_MIN: Final = 32
"""How many have to be open for the time of one to tell how fast all are served: a few do not keep a runtime busy."""
_WEIGHT_OF_NEWEST: Final = 0.1
_DOUBT: Final = 1.5
"""By how much longer it may take than it seems: an answer that comes too late was work for nothing."""


def lane_of(target: str) -> LaneName:
    """Return the lane of what a name stands for: calls through channels do not wait for others."""
    return "channel" if "/channels/" in target else "draft"


class Backpressure:
    """What one client knows. Safe to share between threads."""

    def __init__(self) -> None:
        self._lanes: defaultdict[LaneName, _Lane] = defaultdict(_Lane)

    def call(self, lane: LaneName, timeout_s: float, *, remembered: bool) -> "Call":
        """Return the context of one call, which raises OverloadedError at its beginning if it is not worth asking.

        An answer that may be remembered is always worth it: it is given however full the runtime is.
        """
        return Call(self._lanes[lane], timeout_s, remembered=remembered)


@dataclass(frozen=True, slots=True)
class _Told:
    until: float
    """When to come back, in monotonic seconds."""
    timeout_s: float
    """How long the refused request could have waited: one that has longer is worth asking."""
    error: OverloadedError


@dataclass(slots=True)
class _Lane:
    lock: threading.Lock = field(default_factory=threading.Lock)
    told: _Told | None = None
    open: int = 0
    """Calls without an answer, wherever they wait."""
    turn_s: float | None = None
    """How long each of many that are open takes to be served, judging by the latest; None: nobody knows."""

    def check(self, timeout_s: float) -> None:
        self._check_told(timeout_s)
        if self.open >= WAITING_UNSEEN_MIN and self.turn_s is not None:
            late_s = self.open * self.turn_s * _DOUBT - timeout_s
            if late_s > 0:
                retry_after_ms = min(math.ceil(late_s * 1_000), HELD_BACK_MS_MAX)
                raise OverloadedError(
                    f"not asked: {self.open} calls of this client are open, and one more would take longer than its "
                    f"{timeout_s:g} s; ask for fewer at a time, give a longer timeout, or use invoke_batch",
                    status="RESOURCE_EXHAUSTED",
                    details=Details(reason="QUEUE_FULL", retry_after_ms=retry_after_ms),
                )

    def _check_told(self, timeout_s: float) -> None:
        told = self.told
        if told is None or timeout_s > told.timeout_s:
            return
        left_ms = math.ceil((told.until - time.monotonic()) * 1_000)
        if left_ms <= 0:
            self.told = None
            return
        raise OverloadedError(
            f"{told.error.message} (not asked again: it wants to be left alone for another {left_ms} ms)",
            status=told.error.status,
            details=replace(told.error.details, retry_after_ms=left_ms),
        )

    def hear(self, timeout_s: float, error: OverloadedError) -> None:
        if error.retry_after_ms:
            until = time.monotonic() + min(error.retry_after_ms, HELD_BACK_MS_MAX) / 1_000
            self.told = _Told(until, timeout_s, error)

    def learn(self, open_then: int, took_s: float) -> None:
        if open_then >= _TELLING_MIN:
            turn_s = took_s / open_then
            self.turn_s = turn_s if self.turn_s is None else self.turn_s + _WEIGHT_OF_NEWEST * (turn_s - self.turn_s)


class Call:
    """The context of one call."""

    __slots__ = ("_began", "_lane", "_open", "_remembered", "_timeout_s")

    def __init__(self, lane: _Lane, timeout_s: float, *, remembered: bool) -> None:
        self._lane = lane
        self._timeout_s = timeout_s
        self._remembered = remembered

    def __enter__(self) -> Self:
        """Begin. Raises OverloadedError."""
        lane = self._lane
        with lane.lock:
            if not self._remembered:
                lane.check(self._timeout_s)
            lane.open += 1
            self._open = lane.open
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take note of how it ended."""
        lane = self._lane
        with lane.lock:
            lane.open -= 1
            if isinstance(error, OverloadedError):
                lane.hear(self._timeout_s, error)
            elif error is None or isinstance(error, FunctionError):
                lane.learn(self._open, time.monotonic() - self._began)
