"""What entries say about the circumstances of a call: the caller's trace, the image, the profile, the files in force."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import docker
import jigsmith_sandbox
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


async def _doctor(runtime) -> tuple[str, str, str]:
    """Return the backend, the isolation and the memory scope that `doctor` names for a runtime's kind of sandboxes."""
    command = [
        Path(sys.executable).parent / "jigsmith-runtime",
        "doctor",
        "--backend",
        runtime.backend,
        *runtime.options,
    ]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()  # whether all promises are kept is another test's affair
    assert lines[-2].startswith("isolation: "), done.stdout + done.stderr
    return lines[0].split()[1], lines[-2].split(": ")[1], lines[-1].split(": ")[1]


async def _says_what_doctor_says(runtime) -> tuple[str, str]:
    """Assert that the entries of calls under each policy say what `doctor` says; return the isolation and memory scope."""
    backend, isolation, memory_scope = await _doctor(runtime)
    name = f"context-{uuid.uuid4().hex[:8]}"
    async with client(runtime, "admin") as admin, client(runtime, "optimizer") as optimizer:
        await optimizer.create_set(name)
        await admin.allow_policy(name, "none", reason="To see what entries say of it.")
        for policy in ("restricted", "none"):
            version = await optimizer.register_source(
                "f", "def f():\n    return 1", description=name, parameters={"type": "object"}, policy=policy
            )
            revision = await optimizer.create_revision(name, [version.name])
            answer = await optimizer.invoke(f"{revision.name}/functions/f")
            found = await entries(runtime, "call.accepted", "call.finished")
            accepted, finished = (one for one in found if one["invocation"] == found[-1]["invocation"])
            said = {
                key: accepted[key] for key in ("backend", "isolation", "memory_scope", "policy", "profile", "image")
            }
            assert said == {
                "backend": backend,
                "isolation": isolation,
                "memory_scope": memory_scope,
                "policy": policy,
                "profile": "python",
                "image": image(runtime),
            }
            assert (accepted["kind"], finished["kind"]) == ("call.accepted", "call.finished")
            assert (accepted["function_version"], finished["outcome"]) == (version.name, "OK")
            assert finished["accepted_index"] < answer.receipt.index
    started = (await entries(runtime, "runtime.started"))[-1]
    assert (started["isolation"], started["memory_scope"]) == (isolation, memory_scope)
    return isolation, memory_scope


async def test_a_calls_entry_says_what_doctor_says(runtime) -> None:
    """Backend, isolation and memory scope as tried on this machine, policy and profile as registered."""
    await _says_what_doctor_says(runtime)


@pytest.mark.gvisor
async def test_the_entry_of_a_call_under_gvisor_says_that_less_holds(backend: str, new_runtime) -> None:
    """No mounts of its own, and a limit of memory for each process."""
    if backend != "docker":
        pytest.skip("gVisor is Docker's")
    if "runsc" not in docker.from_env().info()["Runtimes"]:
        pytest.skip("the engine has no runtime runsc")
    said = await _says_what_doctor_says(new_runtime("--container-runtime", "runsc"))
    assert said == ("namespaces-without-files", "process")


async def test_the_entry_of_a_call_without_namespaces_says_so(
    backend: str, new_runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an engine's profile refuses to make namespaces; the profile is a changed copy of ours, all else is as shipped."""
    if backend != "docker":
        pytest.skip("bubblewrap needs namespaces to begin with")
    package = tmp_path / "changed" / "jigsmith_sandbox"
    shutil.copytree(Path(jigsmith_sandbox.__file__).parent, package)
    shutil.copytree(data_directory(), package / "data", dirs_exist_ok=True)
    source, rule = (package / "seccomp.py").read_text(), '{"names": allow, "action": "SCMP_ACT_ALLOW"},'
    flags = '{"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}'
    without = f'{{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{flags}]}},'
    changed = rule.replace("allow", '[name for name in allow if name != "clone"]') + without
    assert rule in source
    (package / "seccomp.py").write_text(source.replace(rule, changed))
    monkeypatch.setenv(
        "PYTHONPATH", f"{package.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)
    )
    isolation, _ = await _says_what_doctor_says(new_runtime())
    assert isolation == "sandbox"
