"""What surrounds every RPC: who calls and whether they may, what becomes of errors, receipts, and a line in the log.

One interceptor for all of it: an RPC passes here however little it asks for, and in an overload most ask in vain.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc
import grpc.aio

from jigsmith_runtime import receipts
from jigsmith_runtime.errors import QueueFullError, RuntimeFault
from jigsmith_runtime.interceptors import access_log
from jigsmith_runtime.interceptors.context import Context, read_metadata
from jigsmith_runtime.interceptors.errors import as_fault, status_of
from jigsmith_runtime.interceptors.identity import Gate, caller_name
from jigsmith_runtime.interceptors.receipts import attach
from jigsmith_runtime.refusals import Refusals

_GUARDED: Final = "/jigsmith.v1."
"""Services below this are guarded; health and reflection say nothing that is not public."""
_CALLS: Final = f"{_GUARDED}InvocationService/"
"""Calls are many, and their answers hold their receipts."""


class RpcInterceptor(grpc.aio.ServerInterceptor):
    """Surrounds every guarded handler, whichever kind of handler it is."""

    def __init__(self, gate: Gate, refusals: Refusals) -> None:
        self._gate = gate
        self._refusals = refusals
        self._handlers: dict[str, Any] = {}
        """What became of each handler: an RPC then passes with a look-up."""

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Surround the handler. Any, here and below: messages are of no concern to an interceptor."""
        method: str = handler_call_details.method
        read_metadata(handler_call_details)
        if method in self._handlers:
            return self._handlers[method]  # type: ignore[no-any-return]  # it was put there below
        handler: Any = await continuation(handler_call_details)
        if handler is None or not method.startswith(_GUARDED):
            return handler  # type: ignore[no-any-return]  # it is what the continuation returns
        surrounded = self._handlers[method] = self._surrounded(method, handler)
        return surrounded  # type: ignore[no-any-return]  # one of gRPC's, made by its functions

    def _surrounded(self, method: str, handler: Any) -> Any:
        codecs = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary is not None:

            async def unary(request: Any, context: Context) -> Any:
                rpc = _Rpc(self._refusals, method, context)
                try:
                    self._gate.admit(method, context)
                    response = await handler.unary_unary(request, context)
                except BaseException as error:
                    await rpc.failed(error)
                    raise
                rpc.succeeded()
                return response

            return grpc.unary_unary_rpc_method_handler(unary, **codecs)

        inner = handler.unary_stream or handler.stream_stream

        async def answers(asked: Any, context: Context) -> AsyncIterator[Any]:
            rpc = _Rpc(self._refusals, method, context)
            try:
                self._gate.admit(method, context)
                async with aclosing(inner(asked, context)) as responses:
                    async for response in responses:
                        yield response
            except BaseException as error:
                await rpc.failed(error)
                raise
            rpc.succeeded()

        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(answers, **codecs)
        return grpc.stream_stream_rpc_method_handler(answers, **codecs)


class _Rpc:
    """One RPC, from its beginning to one of its two ends."""

    __slots__ = ("_began", "_context", "_method", "_noted", "_peer", "_refusals")

    def __init__(self, refusals: Refusals, method: str, context: Context) -> None:
        self._refusals = refusals
        self._method = method
        self._context = context
        self._began = time.monotonic()
        self._peer = context.peer()  # asked now: of a stream that its caller left, nothing may be asked at the end
        self._noted = None if method.startswith(_CALLS) else receipts.begin()

    def succeeded(self) -> None:
        """Give out receipts."""
        attach(self._noted, self._context)
        self._log("ok")

    async def failed(self, error: BaseException) -> None:
        """End the RPC with the status of an error, by raising grpc.aio.AbortError; leave it alone if it has ended already."""
        if not isinstance(error, Exception):
            self._log("cancelled")
        elif isinstance(error, grpc.aio.AbortError):
            self._log("error")
        else:
            await self._refuse(as_fault(error, self._method))

    async def _refuse(self, fault: RuntimeFault) -> None:
        self._refusals.count(caller_name(), self._name, fault)
        try:
            await self._context.abort_with_status(status_of(fault))
        finally:
            if not isinstance(fault, QueueFullError):  # counted, that is enough: an overload must not be made worse
                self._log("error", fault.reason.value)

    @property
    def _name(self) -> str:
        return self._method.removeprefix(_GUARDED)

    def _log(self, ended: str, reason: str | None = None) -> None:
        """Have a line written when the reply is on its way: nobody should wait for a line in a log."""
        milliseconds = round((time.monotonic() - self._began) * 1_000, 3)
        asyncio.get_running_loop().call_soon(access_log.write, self._name, self._peer, ended, milliseconds, reason)
