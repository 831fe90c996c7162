"""The form of our interceptors: something before a handler, something after it, whichever kind of handler it is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, Final

import grpc
import grpc.aio

GUARDED: Final = "/jigsmith.v1."
"""Services below this get every interceptor; health and reflection say nothing that is not public."""

Context = grpc.aio.ServicerContext[Any, Any]
"""The context of an RPC, whatever its messages."""


class AroundInterceptor(grpc.aio.ServerInterceptor, ABC):
    """Runs every guarded handler inside of `around`."""

    @abstractmethod
    def around(self, method: str, context: Context) -> AbstractAsyncContextManager[None]:
        """Return what surrounds the handler of an RPC; `method` is its full name."""

    def __init__(self) -> None:
        self._handlers: dict[str, Any] = {}
        """What became of each handler: an RPC then passes all interceptors within a look-up."""

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap the handler. Any, here and below: messages are of no concern to an interceptor."""
        method: str = handler_call_details.method
        if method in self._handlers:
            return self._handlers[method]  # type: ignore[no-any-return]
        handler: Any = await continuation(handler_call_details)
        if handler is None or not method.startswith(GUARDED):
            return handler  # type: ignore[no-any-return]  # it is what the continuation returns
        self._handlers[method] = self._wrapped(method, handler)
        return self._handlers[method]  # type: ignore[no-any-return]

    def _wrapped(self, method: str, handler: Any) -> Any:
        codecs = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary is not None:

            async def unary(request: Any, context: Context) -> Any:
                async with self.around(method, context):
                    return await handler.unary_unary(request, context)

            return grpc.unary_unary_rpc_method_handler(unary, **codecs)

        if handler.unary_stream is not None:

            async def answers(request: Any, context: Context) -> AsyncIterator[Any]:
                async with self.around(method, context), aclosing(handler.unary_stream(request, context)) as responses:
                    async for response in responses:
                        yield response

            return grpc.unary_stream_rpc_method_handler(answers, **codecs)

        async def stream(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            async with self.around(method, context), aclosing(handler.stream_stream(requests, context)) as responses:
                async for response in responses:
                    yield response

        return grpc.stream_stream_rpc_method_handler(stream, **codecs)
