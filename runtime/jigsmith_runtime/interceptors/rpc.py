"""What surrounds every RPC: who calls and whether they may, what becomes of errors, receipts, and a line in the log.

One interceptor for all of it: an RPC passes here however little it asks for, and in an overload most ask in vain.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Self

import grpc
import grpc.aio

from jigsmith_runtime import receipts
from jigsmith_runtime.errors import RuntimeFault
from jigsmith_runtime.interceptors import access_log
from jigsmith_runtime.interceptors.context import Context
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
                async with _Rpc(self._gate, self._refusals, method, context) as rpc:
                    rpc.admit()
                    return await handler.unary_unary(request, context)

            return grpc.unary_unary_rpc_method_handler(unary, **codecs)

        inner = handler.unary_stream or handler.stream_stream

        async def answers(asked: Any, context: Context) -> AsyncIterator[Any]:
            async with _Rpc(self._gate, self._refusals, method, context) as rpc:
                rpc.admit()
                async with aclosing(inner(asked, context)) as responses:
                    async for response in responses:
                        yield response

        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(answers, **codecs)
        return grpc.stream_stream_rpc_method_handler(answers, **codecs)


class _Rpc:
    """One RPC."""

    __slots__ = ("_began", "_context", "_gate", "_method", "_noted", "_peer", "_reason", "_refusals")

    def __init__(self, gate: Gate, refusals: Refusals, method: str, context: Context) -> None:
        self._gate = gate
        self._refusals = refusals
        self._method = method
        self._context = context
        self._began = time.monotonic()
        self._peer = context.peer()  # asked now: of a stream that its caller left, nothing may be asked at the end
        self._reason: str | None = None
        self._noted = None if method.startswith(_CALLS) else receipts.begin()

    async def __aenter__(self) -> Self:
        return self

    def admit(self) -> None:
        """Find out who is calling. Raises RuntimeFault if they may not."""
        self._gate.admit(self._method, self._context)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give out receipts, or end the RPC with the status of an error; then have it logged."""
        try:
            if error is None:
                attach(self._noted, self._context)
            elif isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
                await self._fail(as_fault(error, self._method))
        finally:
            ended = "ok" if error is None else "error" if isinstance(error, Exception) else "cancelled"
            milliseconds = round((time.monotonic() - self._began) * 1_000, 3)
            # Written when the reply is on its way: nobody should wait for a line in a log.
            asyncio.get_running_loop().call_soon(
                access_log.write, self._name, self._peer, ended, milliseconds, self._reason
            )

    @property
    def _name(self) -> str:
        return self._method.removeprefix(_GUARDED)

    async def _fail(self, fault: RuntimeFault) -> None:
        self._reason = fault.reason.value
        self._refusals.count(caller_name(), self._name, fault)
        await self._context.abort_with_status(status_of(fault))
