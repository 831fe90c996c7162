"""The context of an RPC, as handlers and what surrounds them get it."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import grpc.aio

Context = grpc.aio.ServicerContext[Any, Any]
"""Any: whatever the messages are."""

_metadata: ContextVar[Mapping[str, str]] = ContextVar("metadata")


def metadata() -> Mapping[str, str]:
    """Return what the caller of the RPC that is being handled sent along: its texts, by their keys. Hostile."""
    return _metadata.get()


def read_metadata(details: grpc.HandlerCallDetails) -> None:
    """Note what came along with an RPC: once, because gRPC makes it anew whenever it is asked."""
    _metadata.set({key: value for key, value in details.invocation_metadata or () if isinstance(value, str)})
