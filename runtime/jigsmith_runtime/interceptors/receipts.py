"""Replies to changes carry the receipts of their audit entries, as trailing metadata; those of calls stand in the answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import grpc
from jigsmith.v1 import invocation_pb2

from jigsmith_runtime import receipts
from jigsmith_runtime.interceptors.around import GUARDED, AroundInterceptor, Context

METADATA_KEY: Final = "jigsmith-receipt-bin"
"""The key of a serialized `jigsmith.v1.Receipt`; once for each entry."""

_CALLS: Final = f"{GUARDED}InvocationService/"


class ReceiptsInterceptor(AroundInterceptor):
    """Gives receipts out."""

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Leave calls alone: they are many, and their answers hold their receipts. Any: whatever the messages are."""
        if handler_call_details.method.startswith(_CALLS):
            return await continuation(handler_call_details)
        return await super().intercept_service(continuation, handler_call_details)

    def around(self, _method: str, context: Context) -> AbstractAsyncContextManager[None]:
        """Return what gives out the receipts that were noted."""
        return _given_out(context)


@asynccontextmanager
async def _given_out(context: Context) -> AsyncIterator[None]:
    noted = receipts.begin()
    yield
    if noted:
        messages = (
            invocation_pb2.Receipt(log_origin=one.log_origin, index=one.index, leaf_hash=one.leaf_hash) for one in noted
        )
        context.set_trailing_metadata(tuple((METADATA_KEY, one.SerializeToString()) for one in messages))
