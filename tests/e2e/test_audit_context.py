"""What entries say about the circumstances of a call: the caller's trace, the image, the profile, the files in force."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import docker
import pytest
from jigsmith import AsyncClient
from jigsmith.ocsf import event
from jigsmith.v1 import invocation_pb2, invocation_pb2_grpc
from jigsmith_runtime.settings import IMAGE_DEFAULT
from jigsmith_sandbox.limits import data_directory

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def client(runtime, role: str) -> AsyncClient:
    """Return a client of the principal with a role."""
    return AsyncClient(runtime.address, token=runtime.token(role), timeout_s=30)


def image(runtime) -> str | None:
    """Return the content address of what the runtime's sandboxes are made of, as the engine has it."""
    return None if runtime.backend == "bubblewrap" else docker.from_env().images.get(IMAGE_DEFAULT).id


async def entries(runtime, *kinds: str) -> list[dict[str, Any]]:
    """Return the log's entries of some kinds."""
    async with client(runtime, "auditor") as auditor:
        found = [json.loads(one.entry_json) async for one in auditor.list_audit_entries()]
    return [one for one in found if one["kind"] in kinds]


async def test_a_start_says_what_sandboxes_rest_on(runtime) -> None:
    """The image, and the digests of the shipped files, which anybody can compute."""
    started = (await entries(runtime, "runtime.started"))[-1]
    assert started["image"] == image(runtime)
    for name in ("profiles", "limits", "seccomp"):
        assert started[f"{name}_sha256"] == hashlib.sha256((data_directory() / f"{name}.toml").read_bytes()).hexdigest()
    assert len(started["policy_sha256"]) == 64


async def test_the_operators_profiles_are_those_that_count(new_runtime, tmp_path: Path) -> None:
    """A file of profiles that is given by option is what the digest is of."""
    profiles = tmp_path / "profiles.toml"
    profiles.write_text("[python]\n# mine\n")
    runtime = new_runtime("--profiles", str(profiles))
    started = (await entries(runtime, "runtime.started"))[-1]
    assert started["profiles_sha256"] == hashlib.sha256(profiles.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"01-{TRACE}-00f067aa0ba902b7-01-of-a-later-version", TRACE),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}", None),
        ("x" * 4_000, None),
    ],
)
async def test_a_call_is_found_by_its_callers_trace(runtime, traceparent: str, trace_id: str | None) -> None:
    """By Invoke and InvokeBatch alike; what is no valid `traceparent` is left out, and the call runs all the same."""
    async with client(runtime, "optimizer") as optimizer:
        version = await optimizer.register_source(
            "traced",
            f"def traced():\n    return {uuid.uuid4().hex!r}",
            description="Returns text of its own.",
            parameters={"type": "object"},
        )
    request = invocation_pb2.InvokeRequest(name=version.name)
    async with runtime.channel("optimizer") as channel:
        stub = invocation_pb2_grpc.InvocationServiceStub(channel)
        await stub.Invoke(request, metadata=(("traceparent", traceparent),))
        batch = stub.InvokeBatch(
            iter([invocation_pb2.InvokeBatchRequest(tag="1", invoke=request)]), metadata=(("traceparent", traceparent),)
        )
        async for answer in batch:
            assert answer.HasField("response")
    calls = [one for one in await entries(runtime, "call.accepted") if one["function_version"] == version.name]
    assert [(one["trace_id"], one["profile"], one["image"]) for one in calls] == [
        (trace_id, "python", image(runtime))
    ] * 2
    assert event("log", 0, calls[0])["metadata"].get("correlation_uid") == trace_id
