"""How much each principal may ask for: requests per second, calls at a time, calls per day.

Every request passes here, so nothing here waits.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from jigsmith_runtime.errors import RateLimitedError
from jigsmith_runtime.identity import Principal

_DAY_S: Final = 86_400
_RUNNING_RETRY_MS: Final = 100


@dataclass(slots=True)
class _Use:
    tokens: float
    filled_at: float
    running: int = 0
    day: int = 0
    calls: int = 0


@dataclass(slots=True)
class Quotas:
    """What has been used, by principal; forgotten when the runtime stops."""

    _used: dict[str, _Use] = field(default_factory=dict)

    def request(self, principal: Principal) -> None:
        """Count a request. Raises RateLimitedError if there were too many in this second."""
        rate = principal.quota.requests_per_s
        if rate is None:
            return
        now, most = time.monotonic(), max(1.0, rate)
        use = self._use(principal, most, now)
        use.tokens = min(most, use.tokens + (now - use.filled_at) * rate)
        use.filled_at = now
        if use.tokens < 1:
            wait_ms = math.ceil((1 - use.tokens) / rate * 1_000)
            raise RateLimitedError(
                f"{principal.name} may make {rate:g} requests a second", wait_ms, quota="requests_per_s"
            )
        use.tokens -= 1

    @contextmanager
    def call(self, principal: Principal) -> Iterator[None]:
        """Count a call for as long as it runs. Raises RateLimitedError if too many run, or ran today."""
        quota = principal.quota
        if quota.calls_running_max is None and quota.calls_per_day is None:
            yield
            return
        use = self._use(principal, 1, time.monotonic())
        self._check_call(principal, use)
        use.running += 1
        use.calls += 1
        try:
            yield
        finally:
            use.running -= 1

    def _check_call(self, principal: Principal, use: _Use) -> None:
        quota, now = principal.quota, time.time()
        if use.day != int(now // _DAY_S):
            use.day, use.calls = int(now // _DAY_S), 0
        if quota.calls_running_max is not None and use.running >= quota.calls_running_max:
            message = f"{principal.name} may have {quota.calls_running_max} calls running"
            raise RateLimitedError(message, _RUNNING_RETRY_MS, quota="calls_running_max")
        if quota.calls_per_day is not None and use.calls >= quota.calls_per_day:
            wait_ms = math.ceil((_DAY_S - now % _DAY_S) * 1_000)
            raise RateLimitedError(
                f"{principal.name} may make {quota.calls_per_day} calls a day", wait_ms, quota="calls_per_day"
            )

    def _use(self, principal: Principal, tokens: float, now: float) -> _Use:
        use = self._used.get(principal.name)
        if use is None:
            use = self._used[principal.name] = _Use(tokens, now)
        return use
