"""Stays away from a runtime that has said when to come back: refusing costs it processors that running calls need.

What it refused is refused here, at once and without a request, until that time has come (google.rpc.RetryInfo). It is kept by
lane, because one may be full while another is empty.
"""

import math
import time
from dataclasses import dataclass, replace
from typing import Final, Literal

from jigsmith.errors import OverloadedError

Lane = Literal["channel", "draft"]

HELD_BACK_MS_MAX: Final = 2_000
"""However long the runtime asks for: meanwhile it may have been restarted, or a limit raised."""


def lane_of(target: str) -> Lane:
    """Return the lane of what a name stands for: calls through channels do not wait for others."""
    return "channel" if "/channels/" in target else "draft"


class Backpressure:
    """What one client was told. Safe to share between threads."""

    def __init__(self) -> None:
        self._told: dict[Lane, _Told] = {}

    def check(self, lane: Lane, timeout_s: float) -> None:
        """Return if it is time to ask, or if one who has that long may be served all the same. Raises OverloadedError."""
        told = self._told.get(lane)
        if told is None or timeout_s > told.timeout_s:
            return
        left_ms = math.ceil((told.until - time.monotonic()) * 1_000)
        if left_ms <= 0:
            self._told.pop(lane, None)
            return
        raise OverloadedError(
            f"{told.error.message} (not asked again: it wants to be left alone for another {left_ms} ms)",
            status=told.error.status,
            details=replace(told.error.details, retry_after_ms=left_ms),
        )

    def hear(self, lane: Lane, timeout_s: float, error: OverloadedError) -> None:
        """Take note of a refusal, and of how long the refused request could have waited."""
        if error.retry_after_ms:
            until = time.monotonic() + min(error.retry_after_ms, HELD_BACK_MS_MAX) / 1_000
            self._told[lane] = _Told(until, timeout_s, error)


@dataclass(frozen=True, slots=True)
class _Told:
    until: float
    """When to come back, in monotonic seconds."""
    timeout_s: float
    error: OverloadedError
