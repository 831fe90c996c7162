"""What is measured over RPC: the bare echo and a runtime for each backend, asked in the same way by the same client."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import grpc
import grpc.aio
from jigsmith.aio import AsyncClient
from jigsmith.errors import JigsmithError
from jigsmith.v1 import function_pb2, function_pb2_grpc, invocation_pb2, invocation_pb2_grpc

from benchmarks.echo_server import METHOD
from benchmarks.flood import Flood
from benchmarks.processes import Process

_MESSAGE_BYTES_MAX = 16 << 20
_OPTIONS = [
    ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.use_local_subchannel_pool", 1),  # each channel has a connection of its own
]
_CALLER = (("jigsmith-principal", "user:benchmark"),)
_TOKEN = ("authorization", "Bearer benchmark")
"""A front knows callers by it; a `--dev` runtime does not look at it."""
_DEADLINE_S = 120.0
_OVERLOAD_DEADLINE_S = 2.0
_CROWD_CONNECTIONS = 8
_ECHOED = b"x" * 200

MEAN = "def f(values):\n    return sum(values) / len(values)\n"
LENGTH = "def f(text):\n    return len(text)\n"
NUMPY = "import numpy as np\ndef f(n):\n    m = np.eye(n) + 1\n    return float(np.linalg.solve(m, np.ones(n)).sum())\n"
SYMPY = """
from sympy import Symbol, diff, sin
def f(n):
    x = Symbol("x")
    return str(diff(sin(x) * x**n, x))
"""


class Echo:
    """The bare server."""

    def __init__(self, process: Process, channel: grpc.aio.Channel) -> None:
        self.process = process
        self._echo = channel.unary_unary(METHOD)

    async def call(self) -> None:
        """Send 200 bytes there and back."""
        await self._echo(_ECHOED)


@dataclass
class Kind:
    """One kind of call: what runs, and with what."""

    source: str
    arguments: Mapping[str, object]
    profile: str = "python"
    packages: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "": Kind(MEAN, {"values": [1, 2, 6]}),
    "1mb": Kind(LENGTH, {"text": "x" * 1_000_000}),
    "scientific": Kind(MEAN, {"values": [1, 2, 6]}, "scientific"),
    "numpy": Kind(NUMPY, {"n": 20}, "scientific", ("numpy",)),
    "sympy": Kind(SYMPY, {"n": 3}, "scientific", ("sympy",)),
}
"""By the word that their keys have; the first is the small call."""


class Runtime:
    """A runtime on one backend."""

    def __init__(self, name: str, process: Process, channel: grpc.aio.Channel) -> None:
        self.name = name
        self.process = process
        self._functions = function_pb2_grpc.FunctionServiceStub(channel)
        self._invocations = invocation_pb2_grpc.InvocationServiceStub(channel)
        self._requests: dict[str, invocation_pb2.InvokeRequest] = {}
        self._new = itertools.count(time.time_ns())
        self._client: AsyncClient | None = None

    async def prepare(self) -> None:
        """Register what will be called."""
        for word, kind in KINDS.items():
            version = await self._register(kind)
            self._requests[word] = invocation_pb2.InvokeRequest(
                name=version.name, arguments_json=json.dumps(kind.arguments)
            )

    async def call(self, word: str = "") -> None:
        """Make a call of a kind. Raises AioRpcError."""
        await self._invocations.Invoke(self._requests[word], metadata=_CALLER, timeout=_DEADLINE_S)

    async def client_answers(self) -> bool:
        """Make the same call by our client, which heeds when a runtime asks to come back; return whether it was answered."""
        if self._client is None:
            self._client = AsyncClient(self.process.address, principal="user:benchmark", timeout_s=_OVERLOAD_DEADLINE_S)
        with contextlib.suppress(JigsmithError):
            await self._client.invoke(self._requests[""].name, self._requests[""].arguments_json)
            return True
        return False

    async def close(self) -> None:
        """Close what `client_answers` opened."""
        if self._client is not None:
            await self._client.close()

    @property
    def small_call(self) -> invocation_pb2.InvokeRequest:
        """The call that all but the larger kinds make."""
        return self._requests[""]

    def flood(
        self, server: Process, *, seconds: float, per_s: float | None = None, callers: int | None = None
    ) -> Flood:
        """Return a flood of small calls, to the runtime itself or to what stands before it."""
        return Flood(
            address=server.address,
            path="/jigsmith.v1.InvocationService/Invoke",
            message_hex=self.small_call.SerializeToString().hex(),
            metadata=(*_CALLER, _TOKEN),
            seconds=seconds,
            per_s=per_s,
            callers=callers,
            patience_s=_OVERLOAD_DEADLINE_S,
            connections=_CROWD_CONNECTIONS,
        )

    async def call_over(self, channel: grpc.aio.Channel) -> None:
        """Make a small call by a connection to what stands before the runtime. Raises AioRpcError."""
        stub = invocation_pb2_grpc.InvocationServiceStub(channel)
        await stub.Invoke(self.small_call, metadata=(*_CALLER, _TOKEN), timeout=_DEADLINE_S)

    async def first_call(self) -> tuple[float, float]:
        """Register a function that was never seen and call it; return how long each took, in ms."""
        begin = time.perf_counter()
        version = await self._register(Kind(f"{MEAN}# {next(self._new)}\n", {}))
        registered = time.perf_counter()
        request = invocation_pb2.InvokeRequest(name=version.name, arguments_json='{"values": [1, 2]}')
        await self._invocations.Invoke(request, metadata=_CALLER, timeout=_DEADLINE_S)
        return (registered - begin) * 1_000, (time.perf_counter() - registered) * 1_000

    async def batch(self, count: int) -> float:
        """Make calls in one stream; return ms per item."""

        async def requests() -> AsyncIterator[invocation_pb2.InvokeBatchRequest]:
            for number in range(count):
                yield invocation_pb2.InvokeBatchRequest(tag=str(number), invoke=self._requests[""])
                await asyncio.sleep(0)

        begin = time.perf_counter()
        answers = self._invocations.InvokeBatch(requests(), metadata=_CALLER, timeout=_DEADLINE_S)
        answered = [answer.WhichOneof("outcome") async for answer in answers]
        if answered != ["response"] * count:
            raise AssertionError("a call of a batch failed")
        return (time.perf_counter() - begin) * 1_000 / count

    async def _register(self, kind: Kind) -> function_pb2.FunctionVersion:
        version = function_pb2.FunctionVersion(
            description="Measured.",
            parameters_json='{"type": "object"}',
            source=kind.source,
            profile=kind.profile,
            packages=kind.packages,
        )
        request = function_pb2.CreateFunctionVersionRequest(parent="functions/f", function_version=version)
        answer: function_pb2.FunctionVersion = await self._functions.CreateFunctionVersion(
            request, metadata=_CALLER, timeout=_DEADLINE_S
        )
        return answer


class Crowd:
    """Callers over several connections, who heed nothing that a runtime tells them."""

    def __init__(self, runtime: Runtime) -> None:
        self._request = runtime.small_call
        self._channels = [channel(runtime.process) for _ in range(_CROWD_CONNECTIONS)]
        self._stubs = itertools.cycle(map(invocation_pb2_grpc.InvocationServiceStub, self._channels))

    async def answers(self) -> bool:
        """Make a small call over the next connection; return whether it was answered and not refused."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            await next(self._stubs).Invoke(self._request, metadata=_CALLER, timeout=_DEADLINE_S)
            return True
        return False

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(one.close() for one in self._channels))


def channel(process: Process) -> grpc.aio.Channel:
    """Return a channel to a server."""
    return grpc.aio.insecure_channel(process.address, options=_OPTIONS)
