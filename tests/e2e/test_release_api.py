"""Releases, roles, health and reflection, over a real socket."""

import asyncio
import contextlib
import json
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from jigsmith import AsyncClient, errors
from jigsmith_runtime.roles import ROLES_OF_RPC, Role


@pytest.fixture
def runtime(stored_runtime):
    """Give a runtime on each database."""
    return stored_runtime


def client(runtime, role: str) -> AsyncClient:
    """Return a client of the principal with a role."""
    return AsyncClient(runtime.address, token=runtime.token(role), timeout_s=30)


async def revision(one: AsyncClient, name: str, result: int) -> str:
    """Add a revision with one function that returns a number; return its name."""
    version = await one.register_source(
        "answer", f"def answer():\n    return {result}", description=uuid.uuid4().hex, parameters={"type": "object"}
    )
    return (await one.create_revision(name, [version])).name


async def test_a_channel_moves_by_request_and_approval_and_back(runtime) -> None:
    """The whole way: draft, request, approval by a person, calls by an agent, roll-back."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    target = f"functionSets/{name}/channels/production/functions/answer"
    async with (
        client(runtime, "optimizer") as optimizer,
        client(runtime, "reviewer") as reviewer,
        client(runtime, "agent") as agent,
        client(runtime, "operator") as operator,
    ):
        await optimizer.create_set(name)
        first, second = [await revision(optimizer, name, n) for n in (1, 2)]
        with pytest.raises(errors.NotFoundError):
            await agent.invoke(target)
        with pytest.raises(errors.NotAuthorizedError):
            await agent.invoke(f"{first}/functions/answer")  # a draft
        for wanted, result in ((first, 1), (second, 2)):
            release = await optimizer.request_release(name, wanted, channel="production", reason="Better.")
            for other in (optimizer, agent, operator):
                with pytest.raises(errors.NotAuthorizedError):
                    await other.approve_release(release, reason="Me.")
            await reviewer.approve_release(await reviewer.get_release(release.name), reason="Read.")
            assert (await agent.invoke(target)).result == result
        with pytest.raises(errors.NotAuthorizedError):
            await reviewer.roll_back_release(release.name, reason="No.")
        await operator.roll_back_release(release.name, reason="It misbehaves.")
        assert (await agent.invoke(target)).result == 1


async def test_an_approval_is_bound_to_what_was_seen(runtime) -> None:
    """A stale etag, another digest, no reason, a second decision: all refused."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    async with client(runtime, "optimizer") as optimizer, client(runtime, "reviewer") as reviewer:
        await optimizer.create_set(name)
        wanted = await revision(optimizer, name, 1)
        release = await optimizer.request_release(name, wanted, channel="production", reason="Better.")
        for field, value in (("etag", "other"), ("revision_digest", "0" * 64)):
            changed = type(release)()
            changed.CopyFrom(release)
            setattr(changed, field, value)
            with pytest.raises(errors.RequestError):
                await reviewer.approve_release(changed, reason="Read.")
        with pytest.raises(errors.RequestInvalidError):
            await reviewer.approve_release(release, reason="")
        await reviewer.approve_release(release, reason="Read.")
        with pytest.raises(errors.RequestError):
            await reviewer.reject_release(release, reason="Changed my mind.")


async def test_under_dev_everyone_has_every_role_and_four_eyes_stay(backend, tmp_path) -> None:
    """Who asked for a release, or wrote what is in it, does not approve it; another name does."""
    async with dev_runtime(backend, tmp_path) as address:
        async with (
            AsyncClient(address, principal="user:olga") as olga,
            AsyncClient(address, principal="user:ben") as ben,
        ):
            await olga.create_set("demo")
            wanted = await revision(olga, "demo", 1)
            release = await ben.request_release("demo", wanted, channel="production", reason="Better.")
            for one in (olga, ben):
                with pytest.raises(errors.NotAuthorizedError):
                    await one.approve_release(release, reason="Mine.")
        async with AsyncClient(address, principal="service:bot") as bot:
            with pytest.raises(errors.NotAuthorizedError):
                await bot.approve_release(release, reason="I am a program.")
        async with AsyncClient(address, principal="user:ann") as ann:
            assert (await ann.approve_release(release, reason="Read.")).reviewer == "user:ann"


@contextlib.asynccontextmanager
async def dev_runtime(backend: str, directory: Path) -> AsyncIterator[str]:
    """Run `jigsmith-runtime serve --dev`; yield its address."""
    command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--dev", "--listen", "127.0.0.1:0"]
    command += ["--data", str(directory / "data"), "--backend", backend]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    announcement = directory / "data" / "runtime.json"
    async with asyncio.timeout(60):
        while not announcement.exists():
            await asyncio.sleep(0.05)
    yield json.loads(announcement.read_text())["address"]
    process.terminate()
    assert await process.wait() == 0


def _method(full_name: str) -> tuple[str, type]:
    service, method = full_name.strip("/").split("/")
    found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]
    return found, message_factory.GetMessageClass(found.input_type)


@pytest.mark.parametrize("rpc", sorted(ROLES_OF_RPC))
async def test_the_role_table_is_what_is_enforced(runtime, rpc: str) -> None:
    """Each RPC with each role, and with no credentials: denied exactly where the table says so."""
    method, request = _method(rpc)
    for role in Role:
        async with runtime.channel(role.value) as channel:
            code = await _code(channel, rpc, request(), method)
        denied = code is grpc.StatusCode.PERMISSION_DENIED
        assert denied == (role not in ROLES_OF_RPC[rpc]), (rpc, role, code)
    async with grpc.aio.insecure_channel(runtime.address) as channel:
        assert await _code(channel, rpc, request(), method) is grpc.StatusCode.UNAUTHENTICATED


async def _code(channel: grpc.aio.Channel, rpc: str, request, method) -> grpc.StatusCode:
    serialize = type(request).SerializeToString
    try:
        if method.client_streaming:
            async for _ in channel.stream_stream(rpc, serialize, bytes)(iter([])):
                pass
        elif method.server_streaming:
            async for _ in channel.unary_stream(rpc, serialize, bytes)(request):
                break
        else:
            await channel.unary_unary(rpc, serialize, bytes)(request)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_every_rpc_of_the_contract_is_in_the_role_table() -> None:
    """What is not in it is denied, so that a new RPC that was forgotten is closed, and this test says so."""
    services = ("FunctionService", "FunctionSetService", "ReleaseService", "InvocationService", "AuditService")
    names = {
        f"/jigsmith.v1.{service}/{method}"
        for service in services
        for method in descriptor_pool.Default().FindServiceByName(f"jigsmith.v1.{service}").methods_by_name
    }
    assert names == set(ROLES_OF_RPC)


async def test_health_and_reflection_need_no_token(runtime) -> None:
    """A load balancer asks for health, and any gRPC client can list the services and build a request."""
    async with grpc.aio.insecure_channel(runtime.address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="jigsmith.v1.InvocationService")
        )
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="jigsmith.v1.InvocationService"),
        ]
        listed, file = [one async for one in stub.ServerReflectionInfo(iter(requests))]
    names = {one.name for one in listed.list_services_response.service}
    assert {"jigsmith.v1.InvocationService", "jigsmith.v1.ReleaseService", "grpc.health.v1.Health"} <= names
    parsed = descriptor_pb2.FileDescriptorProto.FromString(file.file_descriptor_response.file_descriptor_proto[0])
    assert parsed.name == "jigsmith/v1/invocation.proto"


async def test_a_wrong_token_is_nobody(runtime) -> None:
    """Unknown, foreign and absent credentials are all the same; what cannot be sent is said before it is."""
    for token in ("wrong", "x" * 1_000, "jigsmith_", None):
        async with AsyncClient(runtime.address, token=token, timeout_s=10) as one:
            with pytest.raises(errors.NotAuthorizedError) as caught:
                await one.invoke("functions/f/versions/latest")
        assert caught.value.reason == "UNAUTHENTICATED"
    with pytest.raises(ValueError, match="ASCII"):
        AsyncClient(runtime.address, token="ä")


async def test_a_function_without_a_policy_runs_only_in_a_set_for_which_an_admin_allows_it(runtime) -> None:
    """Not by itself, not in another set, not once it is withdrawn; each run's entry says that nothing checked it."""
    source = "import os\ndef f():\n    return os.getpid() > 0"
    allowed, other = (f"set-{uuid.uuid4().hex[:8]}" for _ in range(2))
    async with (
        client(runtime, "optimizer") as optimizer,
        client(runtime, "admin") as admin,
        client(runtime, "reviewer") as reviewer,
        client(runtime, "agent") as agent,
        client(runtime, "auditor") as auditor,
    ):
        about = {"description": uuid.uuid4().hex, "parameters": {"type": "object"}}
        with pytest.raises(errors.PolicyRefusedError):
            await optimizer.register_source("f", source, **about)
        with pytest.raises(errors.PolicyRefusedError) as caught:  # it is still compiled, and in a sandbox
            await optimizer.register_source("f", "def f(:", policy="none", **about)
        assert caught.value.construct == "syntax error"
        version = await optimizer.register_source("f", source, policy="none", **about)
        harmless = "def f():\n    return True"
        unchecked = await optimizer.register_source("f", harmless, policy="none", **about)
        assert unchecked.name != (await optimizer.register_source("f", harmless, **about)).name

        for name in (allowed, other):
            await optimizer.create_set(name)
        with pytest.raises(errors.NotAuthorizedError):
            await optimizer.allow_policy(allowed, "none", reason="I would like that.")
        with pytest.raises(errors.RequestInvalidError):
            await admin.allow_policy(allowed, "none", reason=" ")
        assert (await admin.allow_policy(allowed, "none", reason="It needs the process's number.")).policy
        for refused in (lambda: optimizer.invoke(version.name), lambda: optimizer.create_revision(other, [version])):
            with pytest.raises(errors.StateError) as not_allowed:
                await refused()
            assert not_allowed.value.reason == "POLICY_NOT_ALLOWED"

        revised = await optimizer.create_revision(allowed, [version])
        release = await optimizer.request_release(allowed, revised.name, channel="production", reason="Useful.")
        await reviewer.approve_release(await reviewer.get_release(release.name), reason="Read.")
        target = f"functionSets/{allowed}/channels/production/functions/f"
        for one, name in ((optimizer, f"{revised.name}/functions/f"), (agent, target)):
            answer = await one.invoke(name)
            assert answer.result is True
        entries = [json.loads(entry.entry_json) async for entry in auditor.list_audit_entries(invocation=answer.name)]
        assert entries[0]["policy"] == "none"

        await admin.allow_policy(allowed, "restricted", reason="No more.")
        for one, name in ((optimizer, f"{revised.name}/functions/f"), (agent, target)):
            with pytest.raises(errors.StateError) as withdrawn:
                await one.invoke(name)
            assert withdrawn.value.reason == "POLICY_NOT_ALLOWED"
