"""The HTTP server, in a thread with an event loop of its own. The only door to aiohttp here.

It speaks as much of OpenAI's API (platform.openai.com/docs/api-reference) as the `openai` package and Jigsmith's optimizer ask
for.
Whatever it answers was written down in a policy: it is a stand-in, and never evidence of what an LLM can do.
"""

import asyncio
import hashlib
import json
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import uvloop
from aiohttp import web

from jigsmith_scripted import tool_choice
from jigsmith_scripted.behaviour import Behaviour, Fault
from jigsmith_scripted.chat_wire import ChatWire
from jigsmith_scripted.errors import ListenError, NotServingError, PolicyError, RequestInvalidError
from jigsmith_scripted.policy import Policy, Request
from jigsmith_scripted.responses_wire import ResponsesWire
from jigsmith_scripted.wire import CREATED, Wire

MODEL: Final = "scripted-stand-in"
"""What GET /v1/models lists; requests may name any model."""
REQUESTS_KEPT: Final = 10_000
"""Bodies in `.requests` by default; older ones go."""
_BODY_BYTES_MAX: Final = 8 * 1024 * 1024
_UNDER_RETRY_MAX: Final = 100_000
"""Requests whose attempts are counted; the oldest is forgotten, and begins anew."""
_BACKLOG: Final = 4_096
"""Connections not yet accepted: a benchmark opens many at once."""
_STOP_S: Final = 0.2
"""Time for answers under way when the server stops."""
_WILDCARDS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound
_ERROR_TYPES: Final = {400: "invalid_request_error", 404: "invalid_request_error", 429: "rate_limit_error"}


class ScriptedServer:
    """Serves a policy, by default on a free port of loopback. A context manager; it cannot be entered twice.

    The same request gets the same answer, to the last byte, in whatever order requests come. A request that got an answer in
    full is over: its next occurrence counts as a first attempt again.
    """

    def __init__(
        self,
        policy: Policy,
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - frozen
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        requests_kept: int = REQUESTS_KEPT,
    ) -> None:
        self._policy, self._behaviour = policy, behaviour
        self._host, self._port = host, port
        self._lock = threading.Lock()
        self._requests: deque[dict[str, Any]] = deque(maxlen=requests_kept)
        self._counts: Counter[int] = Counter()
        self._attempts: OrderedDict[bytes, int] = OrderedDict()
        self._base_url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="scripted-server", daemon=True)
        self._started: Future[None] = Future()

    def __enter__(self) -> Self:
        """Start serving. Raises ListenError."""
        self._thread.start()
        try:
            self._started.result()
        except OSError as error:
            self._thread.join()
            raise ListenError(f"cannot listen on {self._host}:{self._port}: {error.strerror or error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving; requests that hang are broken off."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    @property
    def base_url(self) -> str:
        """The address for an `openai` client, with `/v1`. Raises NotServingError before the server was entered."""
        if not self._base_url:
            raise NotServingError("enter the server first: its port is not known before")
        return self._base_url

    @property
    def requests(self) -> list[dict[str, Any]]:
        """A copy of the bodies received, in their order of arrival: all that were JSON objects, `requests_kept` at most."""
        with self._lock:
            return list(self._requests)

    @property
    def counts(self) -> dict[int, int]:
        """A copy of how many answers were given by status; one that breaks off counts, a request that hangs does not."""
        with self._lock:
            return dict(self._counts)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        application = web.Application(client_max_size=_BODY_BYTES_MAX)
        application.router.add_get("/v1/models", self._models)
        for wire in (ChatWire(), ResponsesWire()):
            application.router.add_post(wire.path, partial(self.serve, wire))
        application.router.add_route("*", "/{path:.*}", self._unknown)
        # A client that has gone away needs no answer: a time-out must not leave a handler behind for each attempt.
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=_STOP_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, backlog=_BACKLOG).start()
        except OSError as error:
            await runner.cleanup()
            self._started.set_exception(error)
            return
        host = _WILDCARDS.get(self._host, self._host)
        self._base_url = f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}/v1"
        self._started.set_result(None)
        await self._stopping.wait()
        await runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "jigsmith"}
        return self.answered(200, {"object": "list", "data": [model]})

    async def _unknown(self, request: web.Request) -> web.Response:
        return self.failed(404, f"Invalid URL ({request.method} {request.path})")

    def answered(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
        """Count an answer, and return it."""
        self._count(status)
        return web.json_response(body, status=status, headers=headers)

    def failed(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """Count an error, and return it in OpenAI's form."""
        error = {"message": message, "type": _ERROR_TYPES.get(status, "server_error"), "param": param, "code": code}
        return self.answered(status, {"error": error}, headers)

    def _count(self, status: int) -> None:
        with self._lock:
            self._counts[status] += 1

    async def serve(self, wire: Wire, asked: web.Request) -> web.StreamResponse:
        """Answer one request of a wire, or do what the behaviour has planned in its place."""
        try:
            body = self._received(await asked.read())
            request = wire.read(body)
            reply = tool_choice.kept(request, self._behaviour.said(request, self._policy.answer(request)))
        except RequestInvalidError as error:
            return self.failed(400, str(error), param=error.param, code=error.code)
        except PolicyError as error:
            return self.failed(400, f"the script has no answer: {error}")
        answer, key = wire.answer(request, reply), _key(wire, request)
        fault = self._behaviour.fault(request, self._attempt(key))
        if fault is not None:
            return await self._fault(fault, asked, answer)
        await asyncio.sleep(self._behaviour.slow_s)
        self._attempts.pop(key, None)
        return (
            await self._streamed(asked, wire.events(body, answer)) if body.get("stream") else self.answered(200, answer)
        )

    def _received(self, data: bytes) -> dict[str, Any]:
        """Keep a body and return it. Raises RequestInvalidError."""
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            raise RequestInvalidError("We could not parse the JSON body of your request.") from None
        if not isinstance(body, dict):
            raise RequestInvalidError("The body of a request is a JSON object.")
        with self._lock:
            self._requests.append(body)
        return body

    async def _fault(self, fault: Fault, asked: web.Request, answer: dict[str, Any]) -> web.StreamResponse:
        match fault:
            case Fault.RATE_LIMITED:
                after = {"Retry-After": str(self._behaviour.retry_after_s)}
                return self.failed(429, "Rate limit reached: planned.", code="rate_limit_exceeded", headers=after)
            case Fault.HANG:
                await asyncio.Event().wait()
            case Fault.TRUNCATED:
                await asyncio.sleep(self._behaviour.slow_s)
                return await self._truncated(asked, json.dumps(answer).encode())
        return self.failed(500, "The server had an error: planned.")

    def _attempt(self, key: bytes) -> int:
        """Return which attempt of a request this is, from 1."""
        number = self._attempts[key] = self._attempts.pop(key, 0) + 1
        if len(self._attempts) > _UNDER_RETRY_MAX:
            self._attempts.popitem(last=False)
        return number

    async def _streamed(self, asked: web.Request, events: Iterable[bytes]) -> web.StreamResponse:
        self._count(200)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(asked)
        for event in events:
            await response.write(event)
        await response.write_eof()
        return response

    async def _truncated(self, asked: web.Request, data: bytes) -> web.StreamResponse:
        """Send half of what the head announces, and close the connection."""
        self._count(200)
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
        await response.prepare(asked)
        await response.write(data[: len(data) // 2])
        if asked.transport is not None:
            asked.transport.close()
        return response


def _key(wire: Wire, request: Request) -> bytes:
    """Return what a request is known by while it is tried again."""
    return hashlib.sha256(f"{wire.path}\n{request.model}\n".encode() + request.digest).digest()
