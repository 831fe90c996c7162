"""Domain errors become statuses with details; anything else becomes INTERNAL, and its text stays in the log."""

import functools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import grpc
import grpc.aio
import structlog
from grpc_status import rpc_status

from jigsmith_runtime.errors import InternalError, QueueFullError, RuntimeFault
from jigsmith_runtime.interceptors.around import GUARDED, AroundInterceptor, Context
from jigsmith_runtime.interceptors.identity import caller_name
from jigsmith_runtime.refusals import Refusals
from jigsmith_runtime.status import TRAILER_BYTES_MAX, to_status

_log = structlog.get_logger(__name__)


def as_fault(error: Exception, method: str) -> RuntimeFault:
    """Return a fault for any error; one that is not a fault is logged, and nothing of it is told."""
    if isinstance(error, RuntimeFault):
        return error
    _log.error("rpc.failed", method=method, exc_info=error)
    return InternalError("the runtime failed; its log says why")


class ErrorsInterceptor(AroundInterceptor):
    """Ends RPCs that raise, and has refusals counted."""

    def __init__(self, refusals: Refusals) -> None:
        super().__init__()
        self._refusals = refusals

    def around(self, method: str, context: Context) -> AbstractAsyncContextManager[None]:
        """Return what turns exceptions into the RPC's status."""
        return _ending(method, context, self._refusals)


@asynccontextmanager
async def _ending(method: str, context: Context, refusals: Refusals) -> AsyncIterator[None]:
    try:
        yield
    except grpc.aio.AbortError:
        raise
    except Exception as error:  # noqa: BLE001 - the border: whatever went wrong, the caller gets a status
        fault = as_fault(error, method)
        structlog.contextvars.bind_contextvars(reason=fault.reason.value)
        refusals.count(caller_name(), method.removeprefix(GUARDED), fault)
        if isinstance(fault, QueueFullError):
            status = _queue_full(fault.message, fault.retry_after_ms or 0, fault.metadata["lane"])
        else:
            status = rpc_status.to_status(to_status(fault, TRAILER_BYTES_MAX))
        await context.abort_with_status(status)


@functools.lru_cache(maxsize=256)
def _queue_full(message: str, retry_after_ms: int, lane: str) -> grpc.Status:
    """Return the status of a refusal. An overload gives the same few again and again."""
    return rpc_status.to_status(to_status(QueueFullError(message, retry_after_ms, lane=lane)))
