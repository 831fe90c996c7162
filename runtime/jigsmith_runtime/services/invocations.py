"""InvocationService."""
# ruff: noqa: N802 - methods are named as the RPCs are

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from jigsmith.names import Target, parse_target
from jigsmith.v1 import invocation_pb2, invocation_pb2_grpc

from jigsmith_runtime.errors import RequestInvalidError
from jigsmith_runtime.execution import Answer, Executor, Request, Stop
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.interceptors.context import Context
from jigsmith_runtime.interceptors.errors import as_fault
from jigsmith_runtime.interceptors.identity import caller
from jigsmith_runtime.quotas import Quotas
from jigsmith_runtime.refusals import Refusals
from jigsmith_runtime.registry.answers import RequestKey
from jigsmith_runtime.repeats import Repeats
from jigsmith_runtime.services import wire
from jigsmith_runtime.services.deadline import deadline_of
from jigsmith_runtime.services.tracing import trace_id
from jigsmith_runtime.status import to_status

BATCH_RUNNING_MAX: Final = 64
"""Requests of one stream that are worked on at a time; the stream is not read further while there are as many."""
_TAG_CHARS_MAX: Final = 256


class InvocationService(invocation_pb2_grpc.InvocationServiceServicer):
    """Runs functions."""

    def __init__(self, executor: Executor, repeats: Repeats, refusals: Refusals, quotas: Quotas) -> None:
        self._executor = executor
        self._repeats = repeats
        self.quotas = quotas
        self.refusals = refusals
        self._running: set[asyncio.Task[Answer]] = set()

    async def Invoke(self, request: invocation_pb2.InvokeRequest, context: Context) -> invocation_pb2.InvokeResponse:
        """Run one function."""
        principal, deadline, target = caller(), deadline_of(context), _target(request)
        self._check_room(request, target, principal, deadline)
        return await self._invoke(request, target, principal, deadline, trace_id())

    async def InvokeBatch(
        self, request_iterator: AsyncIterator[invocation_pb2.InvokeBatchRequest], context: Context
    ) -> AsyncIterator[invocation_pb2.InvokeBatchResponse]:
        """Run many functions over one stream, answered in the order of completion."""
        batch = _Batch(self, caller(), deadline_of(context), trace_id())
        reader = asyncio.create_task(batch.read(request_iterator))
        try:
            while (answer := await batch.answers.get()) is not None:
                batch.taken()
                yield answer
            await reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def close(self) -> None:
        """Wait for the calls that were begun; their callers are gone, so they are being stopped."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def invoke_one(
        self,
        message: invocation_pb2.InvokeRequest,
        principal: Principal,
        deadline: float | None,
        trace_id: str | None,
    ) -> invocation_pb2.InvokeResponse:
        """Run one function. Cancelling this stops the run. Raises RuntimeFault."""
        target = _target(message)
        self._check_room(message, target, principal, deadline)
        return await self._invoke(message, target, principal, deadline, trace_id)

    def _check_room(
        self, message: invocation_pb2.InvokeRequest, target: Target, principal: Principal, deadline: float | None
    ) -> None:
        """Refuse before anything else is done for a request; but an answer that is remembered is given however full it is."""
        if not message.request_id and not message.validate_only:
            self._executor.check_room(target, principal, deadline)

    async def _invoke(
        self,
        message: invocation_pb2.InvokeRequest,
        target: Target,
        principal: Principal,
        deadline: float | None,
        trace_id: str | None,
    ) -> invocation_pb2.InvokeResponse:
        request = Request(
            principal=principal,
            target=target,
            arguments_json=message.arguments_json or "{}",
            deadline=deadline,
            request_id=message.request_id or None,
            trace_id=trace_id,
        )
        if message.validate_only:
            resolution = await self._executor.prepare(request)
            return invocation_pb2.InvokeResponse(function_version=str(resolution.version.name))
        key = wire.request_key(principal.name, message.request_id, message)
        with self.quotas.call(principal):
            return await self._guarded(request, key)

    async def _guarded(self, request: Request, key: RequestKey | None) -> invocation_pb2.InvokeResponse:
        """Serve a request to its end, whatever becomes of its caller, who can only stop the run."""
        stop = Stop()
        task = asyncio.create_task(self._serve(request, key, stop))
        self._running.add(task)
        task.add_done_callback(self._served)
        try:
            return wire.answer_message(await asyncio.shield(task))
        except asyncio.CancelledError:
            stop.request()
            raise

    def _served(self, task: asyncio.Task[Answer]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even if its caller is gone

    async def _serve(self, request: Request, key: RequestKey | None, stop: Stop) -> Answer:
        if key is None:
            return await self._executor.execute(request, stop)
        return await self._repeats.once(key, lambda: self._executor.execute(request, stop))


def _target(message: invocation_pb2.InvokeRequest) -> Target:
    return wire.parse_name(parse_target, "name", message.name)


class _Batch:
    """One stream: its requests are read as fast as they are worked on."""

    def __init__(
        self, service: InvocationService, principal: Principal, deadline: float | None, trace_id: str | None
    ) -> None:
        self._service = service
        self._principal = principal
        self._deadline = deadline
        self._trace_id = trace_id
        self._slots = asyncio.Semaphore(BATCH_RUNNING_MAX)
        self._tags: set[str] = set()
        self.answers: asyncio.Queue[invocation_pb2.InvokeBatchResponse | None] = asyncio.Queue()
        """Bounded by the slots: a request holds its own until its answer is taken."""

    def taken(self) -> None:
        """Tell that an answer was taken from the queue."""
        self._slots.release()

    async def read(self, requests: AsyncIterator[invocation_pb2.InvokeBatchRequest]) -> None:
        """Work on every request of the stream; puts None when all are answered."""
        try:
            async with asyncio.TaskGroup() as group:
                async for request in requests:
                    await self._slots.acquire()
                    group.create_task(self._answer(request))
        finally:
            self.answers.put_nowait(None)

    async def _answer(self, request: invocation_pb2.InvokeBatchRequest) -> None:
        answer = invocation_pb2.InvokeBatchResponse(tag=request.tag[:_TAG_CHARS_MAX])
        claimed = False
        try:
            self._claim(request.tag)
            claimed = True
            self._service.quotas.request(self._principal)
            answer.response.CopyFrom(
                await self._service.invoke_one(request.invoke, self._principal, self._deadline, self._trace_id)
            )
        except Exception as error:  # noqa: BLE001 - the border: an error of one run is an answer, not the stream's end
            fault = as_fault(error, "InvokeBatch")
            self._service.refusals.count(self._principal.name, "InvocationService/InvokeBatch", fault)
            answer.error.CopyFrom(to_status(fault))
        finally:
            if claimed:
                self._tags.remove(request.tag)
        self.answers.put_nowait(answer)

    def _claim(self, tag: str) -> None:
        if len(tag) > _TAG_CHARS_MAX:
            raise RequestInvalidError.of("tag", f"may have {_TAG_CHARS_MAX} characters")
        if tag in self._tags:
            raise RequestInvalidError.of("tag", "is that of another request that has no answer yet")
        self._tags.add(tag)
