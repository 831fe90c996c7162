"""One line per RPC: who called what, how it ended, how long it took. No tokens, no arguments, no results."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog

from jigsmith_runtime.interceptors.around import AroundInterceptor, Context

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
        asyncio.get_running_loop().call_soon(_write, method, context.peer(), ended, milliseconds)


def _write(method: str, peer: str, ended: str, ms: float) -> None:
    _log.info("rpc.ended", method=method.removeprefix("/jigsmith.v1."), peer=peer, ended=ended, ms=ms)
