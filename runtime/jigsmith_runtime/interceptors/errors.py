"""Domain errors become statuses with details; anything else becomes INTERNAL, and its text stays in the log."""

import functools

import grpc
import structlog
from grpc_status import rpc_status

from jigsmith_runtime.errors import InternalError, QueueFullError, RuntimeFault
from jigsmith_runtime.status import TRAILER_BYTES_MAX, to_status

_log = structlog.get_logger(__name__)


def as_fault(error: Exception, method: str) -> RuntimeFault:
    """Return a fault for any error; one that is not a fault is logged, and nothing of it is told."""
    if isinstance(error, RuntimeFault):
        return error
    _log.error("rpc.failed", method=method, exc_info=error)
    return InternalError("the runtime failed; its log says why")


def status_of(fault: RuntimeFault) -> grpc.Status:
    """Return the status that an RPC ends with."""
    if isinstance(fault, QueueFullError):
        return _queue_full(fault.message, fault.retry_after_ms or 0, fault.metadata["lane"])
    return rpc_status.to_status(to_status(fault, TRAILER_BYTES_MAX))


@functools.lru_cache(maxsize=256)
def _queue_full(message: str, retry_after_ms: int, lane: str) -> grpc.Status:
    """Return the status of a refusal. An overload gives the same few again and again."""
    return rpc_status.to_status(to_status(QueueFullError(message, retry_after_ms, lane=lane)))
