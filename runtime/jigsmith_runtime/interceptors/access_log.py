"""One line per RPC: who called what, how it ended, how long it took. No tokens, no arguments, no results.

Refusals for want of room are counted, and written once a second: an overload must not be made worse by writing about it.
"""

import asyncio
import contextvars
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import structlog

from jigsmith_runtime.errors import Reason
from jigsmith_runtime.interceptors.around import AroundInterceptor, Context

_SUMMARY_S: Final = 1.0

_log = structlog.get_logger(__name__)


class AccessLogInterceptor(AroundInterceptor):
    """Logs every RPC when it ends; inner interceptors add who called and the reason of a failure."""

    def around(self, method: str, context: Context) -> AbstractAsyncContextManager[None]:
        """Return what logs the RPC's end."""
        return _logged(method, context)


@asynccontextmanager
async def _logged(method: str, context: Context) -> AsyncIterator[None]:
    structlog.contextvars.clear_contextvars()
    began = time.monotonic()
    peer = context.peer()  # asked now: of a stream that its caller left, nothing may be asked at the end
    ended = "cancelled"
    try:
        yield
        ended = "ok"
    except Exception:
        ended = "error"
        raise
    finally:
        # Written when the reply is on its way: nobody should wait for a line in a log.
        milliseconds = round((time.monotonic() - began) * 1_000, 3)
        asyncio.get_running_loop().call_soon(_write, method, peer, ended, milliseconds)


def _write(method: str, peer: str, ended: str, ms: float) -> None:
    name, bound = method.removeprefix("/jigsmith.v1."), structlog.contextvars.get_contextvars()
    if bound.get("reason") == Reason.QUEUE_FULL:
        _count(name, bound.get("principal", ""))
    else:
        _log.info("rpc.ended", method=name, peer=peer, ended=ended, ms=ms)


_refused: Counter[tuple[str, str]] = Counter()


def _count(method: str, principal: str) -> None:
    """Count a refusal; the first in a second has all of that second written at its end."""
    if not _refused:
        asyncio.get_running_loop().call_later(_SUMMARY_S, _write_refused, context=contextvars.Context())
    _refused[method, principal] += 1


def _write_refused() -> None:
    for (method, principal), count in _refused.items():
        _log.info("rpc.refused", method=method, principal=principal, reason=Reason.QUEUE_FULL.value, count=count)
    _refused.clear()
