"""The front of deploy/front, a real HAProxy before a real runtime: what it lets through, what it refuses, and how."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from jigsmith import AsyncClient, errors
from jigsmith.requests import audit_filter
from jigsmith.v1 import invocation_pb2, invocation_pb2_grpc

from benchmarks.flood import Flood, answers
from tests.e2e.identities import Authority

BACKENDS = ["bubblewrap"]
CONFIGURATION = Path(__file__).parents[2] / "deploy/front/haproxy.cfg"
SLEEP = "import time\ndef f(s):\n    time.sleep(s)\n    return s"
SMALL_WINDOWS = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1_024)]

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")

Front = Callable[..., str]


def a_free_port() -> int:
    """Return the number of a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def front(runtime, tmp_path: Path) -> Iterator[Front]:
    """Give a way to start a front before the runtime, with settings of the environment; it returns its address."""
    with contextlib.ExitStack() as stack:

        def start(**settings: str) -> str:
            port = a_free_port()
            listen = {"JIGSMITH_LISTEN": f"127.0.0.1:{port}", "JIGSMITH_RUNTIME": runtime.address}
            environment = (
                os.environ | listen | ({} if "JIGSMITH_CERTIFICATE" in settings else {"JIGSMITH_PLAINTEXT": "yes"})
            )
            command = ["haproxy", "-db", "-f", str(CONFIGURATION)]
            log = stack.enter_context((tmp_path / "front.log").open("ab"))
            process = stack.enter_context(subprocess.Popen(command, env=environment | settings, stdout=log))
            stack.callback(process.terminate)
            end = time.monotonic() + 10
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    return f"localhost:{port}"
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.02)

        yield start


@contextlib.asynccontextmanager
async def callers(runtime, address: str, *roles: str, **options: bytes) -> AsyncIterator[list[AsyncClient]]:
    """Give a client for each role."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(AsyncClient(address, token=runtime.token(role), timeout_s=60, **options))
            for role in roles
        ]


async def register(client: AsyncClient, source: str = SLEEP) -> str:
    """Register a version; return its name."""
    version = await client.register_source("f", source, description=uuid.uuid4().hex, parameters={"type": "object"})
    return version.name


async def entries(auditor: AsyncClient, kind: str) -> list[dict[str, Any]]:
    """Return the entries of a kind in the runtime's log."""
    found = auditor.list_audit_entries(wanted=audit_filter(kinds=[kind]))
    return [json.loads(one.entry_json) async for one in found]


async def test_what_is_allowed_goes_through_unchanged(runtime, front: Front) -> None:
    """Results, large arguments, errors with all their details, batches, and streams without an end."""
    address = front()
    async with callers(runtime, address, "optimizer", "auditor") as (client, auditor):
        name = await register(client, "def f(text):\n    return len(text)")
        assert (await client.invoke(name, {"text": "x" * 1_000_000})).result == 1_000_000
        with pytest.raises(errors.FunctionRaisedError) as caught:
            await client.invoke(name, {"text": 5})
        assert "line 2, in f" in caught.value.failure.traceback
        with pytest.raises(errors.NotFoundError):
            await client.invoke("functionSets/none/revisions/1/functions/f")

        async def requests() -> AsyncIterator[invocation_pb2.InvokeBatchRequest]:
            for number in range(200):
                call = invocation_pb2.InvokeRequest(name=name, arguments_json='{"text": "four"}')
                yield invocation_pb2.InvokeBatchRequest(tag=str(number), invoke=call)

        async with grpc.aio.insecure_channel(address) as channel:
            batch = invocation_pb2_grpc.InvocationServiceStub(channel).InvokeBatch(
                requests(), metadata=runtime.metadata("optimizer")
            )
            answers = [one async for one in batch]
        assert {one.response.result_json for one in answers} == {"4"}
        assert len(answers) == 200
        async for entry in auditor.tail_audit_entries(start_index=0):
            assert entry.entry_json
            break


async def test_anybody_may_ask_for_health_and_nobody_without_a_token_for_more(runtime, front: Front) -> None:
    """What has none, or two, is refused before the runtime is asked."""
    address = front()
    token = runtime.metadata("optimizer")
    async with grpc.aio.insecure_channel(address) as channel:
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        for metadata in ((), (*token, *token), (("authorization", "Basic dTpw"),)):
            with pytest.raises(grpc.aio.AioRpcError, match="the front asks for one bearer token") as caught:
                await invocation_pb2_grpc.InvocationServiceStub(channel).Invoke(
                    invocation_pb2.InvokeRequest(name="functions/f"), metadata=metadata
                )
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    async with AsyncClient(address) as client:
        with pytest.raises(errors.NotAuthorizedError, match="the front") as told:
            await client.invoke("functions/f")
    assert told.value.reason == "UNAUTHENTICATED"


SPELLINGS = {"Bearer {}": True, "bearer   {} ": True, "Bearer {} x": False} | {
    f"Bearer {odd}{{}}": False for odd in "\t\v\x1c\xa0"
}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_token_has_one_spelling(runtime, front: Front, spelling: str) -> None:
    """Or those with the same key: others would give its bearer as many shares, as the runtime strips more than spaces."""
    async with callers(runtime, runtime.address, "optimizer") as (client,):
        name = await register(client)
    call = invocation_pb2.InvokeRequest(name=name, arguments_json='{"s": 0}')
    got = await answers(
        Flood(
            address=front().replace("localhost", "127.0.0.1"),
            path="/jigsmith.v1.InvocationService/Invoke",
            message_hex=call.SerializeToString().hex(),
            metadata=[("authorization", spelling.format(runtime.token("optimizer")))],
            seconds=0.2,
            callers=1,
            connections=1,
            patience_s=10.0,
        )
    )
    assert (got.answered > 0, got.refused > 0) == (SPELLINGS[spelling], not SPELLINGS[spelling])


@pytest.mark.parametrize(
    "path", ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/grpc.health.v1.Health/Watch"]
)
async def test_what_is_not_ours_is_nobodys(runtime, front: Front, path: str) -> None:
    """But the health check: what the runtime answers without a look at the token would be anybody's, as often as they like."""
    async with grpc.aio.insecure_channel(front()) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="the front leads to no such service") as caught:
            await channel.unary_unary(path)(b"", metadata=runtime.metadata("optimizer"))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_caller_gets_its_share_of_calls_and_no_more(runtime, front: Front) -> None:
    """The next one is refused at once and says when to come back; others, and the caller's other requests, find room."""
    address = front(CALLS_OF_ONE_MAX="2", CALLS_MAX="3")
    async with callers(runtime, address, "optimizer", "evaluator", "auditor") as (client, other, auditor):
        name = await register(client)
        assert (await other.invoke(name, {"s": 0})).result == 0
        before = await entries(auditor, "call.accepted")
        sleeping = [asyncio.create_task(client.invoke(name, {"s": 6})) for _ in range(2)]
        await asyncio.sleep(0.5)
        async with callers(runtime, address, "optimizer") as (impatient,):
            with pytest.raises(errors.OverloadedError, match="the front is busy") as caught:
                await impatient.invoke(name, {"s": 0})
            assert (caught.value.reason, caught.value.retry_after_ms) == ("QUEUE_FULL", 500)
        async with grpc.aio.insecure_channel(address) as channel:  # the same caller, however it writes its token
            spaced = (("authorization", f"bearer   {runtime.token('optimizer')}  "),)
            with pytest.raises(grpc.aio.AioRpcError, match="the front is busy"):
                await invocation_pb2_grpc.InvocationServiceStub(channel).Invoke(
                    invocation_pb2.InvokeRequest(name=name, arguments_json='{"s": 0}'), metadata=spaced
                )
        assert await register(client)
        third = asyncio.create_task(other.invoke(name, {"s": 4}))
        await asyncio.sleep(0.5)
        async with callers(runtime, address, "evaluator") as (
            impatient,
        ):  # three are under way: nobody's share is left
            with pytest.raises(errors.OverloadedError, match="the front is busy"):
                await impatient.invoke(name, {"s": 0})
        assert [one.result for one in await asyncio.gather(*sleeping, third)] == [6, 6, 4]
        assert (await client.invoke(name, {"s": 0})).result == 0
        assert len(await entries(auditor, "call.accepted")) == len(before) + 4


async def test_other_requests_of_a_caller_are_bounded_apart(runtime, front: Front) -> None:
    """Who follows the log with as many streams as there is room for cannot look at it once more."""
    address = front(OTHERS_OF_ONE_MAX="2")
    async with (
        callers(runtime, address, "auditor", "optimizer") as (auditor, client),
        grpc.aio.insecure_channel(address) as channel,
    ):
        await entries(auditor, "call.accepted")  # and so it is known
        follow = channel.unary_stream("/jigsmith.v1.AuditService/TailAuditEntries")
        following = [follow(b"", metadata=runtime.metadata("auditor")) for _ in range(2)]
        assert (await client.invoke(await register(client), {"s": 0})).result == 0
        await asyncio.gather(*(one.read() for one in following))
        with pytest.raises(errors.OverloadedError, match="the front is busy"):
            [one async for one in auditor.list_audit_entries()]
        for one in following:
            one.cancel()


async def test_who_cancels_or_runs_out_of_time_ends_the_call_behind_the_front(runtime, front: Front) -> None:
    """As without it."""
    address = front()
    async with callers(runtime, address, "optimizer", "auditor") as (client, auditor):
        name = await register(client)
        before = await entries(auditor, "call.finished")
        call = asyncio.create_task(client.invoke(name, {"s": 50}))
        await asyncio.sleep(0.5)
        call.cancel()
        with pytest.raises(errors.JigsmithError):
            await client.invoke(name, {"s": 50}, timeout_s=0.5)
        async with asyncio.timeout(10):
            while len(ended := (await entries(auditor, "call.finished"))[len(before) :]) < 2:
                await asyncio.sleep(0.1)
        assert [one["outcome"] for one in ended] == ["CANCELLED", "TIME_LIMIT"]
        assert all(one["wall_us"] < 2_000_000 for one in ended)


async def guess(address: str) -> str:
    """Send a token that nobody has; return what is said of it."""
    async with AsyncClient(address, token=secrets.token_hex(32)) as client:
        with pytest.raises(errors.JigsmithError) as caught:
            await client.invoke("functions/f")
    return caught.value.reason


async def test_who_guesses_tokens_is_not_heard_but_known_callers_at_the_same_address_are(
    runtime, front: Front, tmp_path: Path
) -> None:
    """Bad tokens cost the runtime so much and no more, and the log a line a second."""
    address = front(UNKNOWN_OF_ADDRESS_IN_10S_MAX="6")
    async with callers(runtime, address, "optimizer") as (known,):
        name = await register(known)  # the first request of the six
        assert [await guess(address) for _ in range(10)] == ["UNAUTHENTICATED"] * 5 + ["QUEUE_FULL"] * 5
        assert (await known.invoke(name, {"s": 0})).result == 0
    lines = (tmp_path / "front.log").read_text().splitlines()
    assert lines
    assert len(lines) <= 2
    assert {line.partition("127.0.0.1")[2] for line in lines} == {
        " refused: busy /jigsmith.v1.InvocationService/Invoke"
    }


@pytest.mark.parametrize("bound", ["UNKNOWN_OF_ADDRESS_MAX", "UNKNOWN_MAX"])
async def test_strangers_who_never_finish_their_requests_keep_nobody_out_who_is_known(
    runtime, front: Front, bound: str
) -> None:
    """Their requests have places of their own, and few from one address."""
    address = front(**{bound: "3"}, CALLS_MAX="3")
    async with (
        callers(runtime, address, "optimizer") as (known,),
        grpc.aio.insecure_channel(address) as channel,
    ):
        name = await register(known)
        endless = channel.stream_unary("/jigsmith.v1.InvocationService/Invoke")
        begun = [endless(metadata=(("authorization", f"Bearer {number}"),)) for number in range(3)]
        await asyncio.sleep(1)
        assert await guess(address) == "QUEUE_FULL"
        assert (await known.invoke(name, {"s": 0})).result == 0
        for one in begun:
            one.cancel()
        await asyncio.sleep(0.5)
        assert await guess(address) == "UNAUTHENTICATED"


async def test_who_does_not_read_answers_stops_nobody_else(runtime, front: Front) -> None:
    """Connections to the runtime are not shared among clients."""
    address = front()
    async with (
        callers(runtime, address, "optimizer", "evaluator") as (client, other),
        grpc.aio.insecure_channel(address, options=SMALL_WINDOWS) as channel,
    ):
        large = await register(client, "def f():\n    return 'x' * 200_000")
        small = await register(client)
        assert (await other.invoke(small, {"s": 0})).result == 0

        async def requests() -> AsyncIterator[invocation_pb2.InvokeBatchRequest]:
            for number in range(20):
                yield invocation_pb2.InvokeBatchRequest(
                    tag=str(number), invoke=invocation_pb2.InvokeRequest(name=large)
                )

        unread = invocation_pb2_grpc.InvocationServiceStub(channel).InvokeBatch(
            requests(), metadata=runtime.metadata("optimizer")
        )
        await unread.read()
        await asyncio.sleep(1)
        assert (await other.invoke(small, {"s": 0}, timeout_s=5)).result == 0
        unread.cancel()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("/grpc.health.v1.Health/Check", b""),
        ("/jigsmith.v1.InvocationService/Unheard", b""),
        ("/jigsmith.v1.InvocationService/InvokeBatch", b""),
        ("/jigsmith.v1.AuditService/TailAuditEntries", b""),
        ("/jigsmith.v1.InvocationService/Invoke", b"\xff"),
        ("/jigsmith.v1.InvocationService/Invoke", b"\x0a\xff\xff\xff\x07"),
    ],
)
async def test_what_is_answered_without_a_look_at_the_token_makes_nobody_known(
    runtime, front: Front, method: str, message: bytes
) -> None:
    """Who asks that stays a stranger."""
    address = front(UNKNOWN_OF_ADDRESS_IN_10S_MAX="2")
    metadata = (("authorization", f"Bearer {secrets.token_hex(32)}"),)
    async with grpc.aio.insecure_channel(address) as channel:
        ask = channel.unary_unary(method)
        for _ in range(2):
            with contextlib.suppress(grpc.aio.AioRpcError):
                await ask(message, metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError, match="the front is busy"):
            await ask(message, metadata=metadata)


async def test_a_caller_is_known_no_longer_than_its_token_is_good(new_runtime, front: Front) -> None:
    """One that was taken back counts as a stranger's from its next request on."""
    runtime = new_runtime()
    address = front(JIGSMITH_RUNTIME=runtime.address, UNKNOWN_OF_ADDRESS_IN_10S_MAX="3")
    async with callers(runtime, address, "optimizer") as (client,):
        name = await register(client)
        assert (await client.invoke(name, {"s": 0})).result == 0
        principals = runtime.directory / "principals.toml"
        principals.write_text("")
        said = []
        async with asyncio.timeout(20):
            while said.count("QUEUE_FULL") < 2:
                try:
                    await client.invoke(name, {"s": 0})
                except errors.JigsmithError as error:
                    said.append(error.reason)
                await asyncio.sleep(0.05)
        assert said[-2:] == ["QUEUE_FULL"] * 2
        assert set(said[:-2]) == {"UNAUTHENTICATED"}


@pytest.mark.parametrize("bound", ["CONNECTIONS_OF_ADDRESS_MAX", "CONNECTIONS_OF_ADDRESS_IN_10S_MAX"])
def test_connections_of_an_address_are_bounded(front: Front, bound: str) -> None:
    """What is too many, or too many in ten seconds, is closed at once."""
    address = front(**{bound: "5"})
    time.sleep(0.5)  # until the connection that saw it come up is forgotten
    with contextlib.ExitStack() as stack:
        several = [stack.enter_context(_connection(address)) for _ in range(8)]
        time.sleep(0.5)
        assert [_is_open(one) for one in several].count(True) == (
            5 if bound == "CONNECTIONS_OF_ADDRESS_MAX" else 4
        )  # that one counts


async def test_the_last_connections_are_for_addresses_of_known_callers(runtime, front: Front) -> None:
    """Strangers cannot take them all."""
    address = front(CONNECTIONS_OF_UNKNOWN_MAX="3")
    await asyncio.sleep(0.5)
    async with callers(runtime, address, "optimizer", "evaluator") as (client, other):
        with contextlib.ExitStack() as stack:
            strangers = [stack.enter_context(_connection(address)) for _ in range(5)]
            await asyncio.sleep(0.5)
            assert [_is_open(one) for one in strangers].count(True) == 3
        await asyncio.sleep(0.2)
        name = await register(client)
        with contextlib.ExitStack() as stack:
            several = [stack.enter_context(_connection(address)) for _ in range(5)]
            await asyncio.sleep(0.5)
            assert all(map(_is_open, several))
            assert (await other.invoke(name, {"s": 0})).result == 0


def _connection(address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


async def test_it_ends_tls(runtime, front: Front, tmp_path: Path) -> None:
    """With a certificate, which the client checks."""
    authority = Authority()
    authority.server(tmp_path)
    (tmp_path / "both.pem").write_bytes((tmp_path / "tls.pem").read_bytes() + (tmp_path / "tls-key.pem").read_bytes())
    address = front(JIGSMITH_CERTIFICATE=str(tmp_path / "both.pem"))
    async with callers(runtime, address, "optimizer", root_certificates=authority.certificate) as (client,):
        assert (await client.invoke(await register(client), {"s": 0})).result == 0


def test_without_a_certificate_it_does_not_start() -> None:
    """And says what to do."""
    bare = subprocess.run(["haproxy", "-c", "-f", str(CONFIGURATION)], capture_output=True, text=True, check=False)
    assert bare.returncode != 0
    assert "set JIGSMITH_CERTIFICATE to a PEM file" in bare.stderr


async def test_a_runtime_that_is_not_there_is_unavailable(front: Front) -> None:
    """As it would be without the front."""
    address = front(JIGSMITH_RUNTIME=f"127.0.0.1:{a_free_port()}")
    async with AsyncClient(address, token="t" * 40, timeout_s=20) as client:
        with pytest.raises(errors.UnavailableError):
            await client.invoke("functions/f")
