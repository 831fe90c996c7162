"""Each limit of a version over a real socket: its status, what was printed until then, how soon; and the operator's ceiling."""

import json
import time
import uuid
from collections.abc import AsyncIterator

import pytest
from jigsmith import AsyncClient, errors
from jigsmith.v1 import function_pb2
from jigsmith_sandbox.limits import shipped

LATE_S = 0.5
"""How long after it has run into a limit a call may still be there."""
SET = "limited"
MIB = 1 << 20

# The body of f after it has printed; the limit; status and reason; how long it takes to run into it, in seconds.
LIMITS = {
    "wall_ms": ("while True: pass", 700, ("DEADLINE_EXCEEDED", "TIME_LIMIT"), 0.7),
    "cpu_ms": ("while True: pass", 700, ("DEADLINE_EXCEEDED", "TIME_LIMIT"), 2.5),  # others have processors meanwhile
    "memory_bytes": ("return len(bytearray(1 << 28))", 64 * MIB, ("RESOURCE_EXHAUSTED", "MEMORY_LIMIT"), 0),
    "processes": ("while True: os.fork()", 4, ("RESOURCE_EXHAUSTED", "PROCESS_LIMIT"), 0),
    "output_bytes": ("while True: print('x' * 99)", 500, ("RESOURCE_EXHAUSTED", "OUTPUT_LIMIT"), 0),
    "result_bytes": ("return 'x' * 600", 500, ("RESOURCE_EXHAUSTED", "RESULT_LIMIT"), 0),
    "result_depth": ("return [[[[1]]]]", 3, ("RESOURCE_EXHAUSTED", "RESULT_LIMIT"), 0),
    "open_files": ("x = [open('/tmp/x', 'w') for _ in range(99)]", 20, ("UNKNOWN", "FUNCTION_RAISED"), 0),
    "temp_bytes": ("open('/tmp/x', 'wb').write(bytes(1 << 20))", 1 << 16, ("UNKNOWN", "FUNCTION_RAISED"), 0),
    "temp_files": ("for n in range(99): open(f'/tmp/{n}', 'w').close()", 20, ("UNKNOWN", "FUNCTION_RAISED"), 0),
}
NEAR = {
    "result_depth": "return [[[1]]]",
    "result_bytes": "return 'x' * 498",
    "output_bytes": "print('x' * 400)",
    "open_files": "x = [open('/tmp/x', 'w') for _ in range(20)]",
}
"""What just fits into the same limit."""


def test_no_limit_is_forgotten() -> None:
    """Arguments are refused before there is a call."""
    assert {*LIMITS, "arguments_bytes"} == set(shipped().ceiling.as_dict())


@pytest.fixture
async def client(runtime) -> AsyncIterator[AsyncClient]:
    """Give a client of the optimizer, whose set `SET` may have functions without a policy."""
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as one:
        try:
            await one.create_set(SET)
        except errors.AlreadyExistsError:
            yield one
            return
        async with AsyncClient(runtime.address, token=runtime.token("admin"), timeout_s=60) as admin:
            await admin.allow_policy(SET, "none", reason="To run into limits that the policy would keep one from.")
        yield one


async def _register(client: AsyncClient, body: str, **limits: int) -> str:
    """Register a version of `f` with a body; return the name by which it is called."""
    version = await client.register_source(
        "f",
        f"import os, time\ndef f(**given):\n print('before', flush=True)\n {body}",
        description=uuid.uuid4().hex,
        parameters={"type": "object"},
        limits=_message(limits),
        policy="none",
    )
    revision = await client.create_revision(SET, [version.name])
    return f"{revision.name}/functions/f"


def _message(limits: dict[str, int]) -> function_pb2.Limits:
    message = function_pb2.Limits(**{name: value for name, value in limits.items() if not name.endswith("_ms")})
    for name in ("wall", "cpu"):
        if f"{name}_ms" in limits:
            getattr(message, name).FromMilliseconds(limits[f"{name}_ms"])
    return message


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_version_has_its_own_limits(client: AsyncClient, limit: str) -> None:
    """What runs into one ends with its status and keeps what it printed; what fits is served."""
    body, value, status, takes_s = LIMITS[limit]
    if limit in NEAR:
        fits = await _register(client, NEAR[limit], **{limit: value})
        await client.invoke(fits)
    name = await _register(client, body, **{limit: value})
    began = time.monotonic()
    with pytest.raises(errors.FunctionError) as caught:
        await client.invoke(name)
    took_s = time.monotonic() - began
    assert (caught.value.status, caught.value.reason) == status
    assert caught.value.output.startswith("before\n")
    assert took_s < takes_s + LATE_S


async def test_arguments_are_limited(client: AsyncClient) -> None:
    """In bytes of their JSON text; nothing is run for those that are larger."""
    name = await _register(client, "return 1", arguments_bytes=100)
    fitting = json.dumps({"a": "x" * 91})
    assert len(fitting) == 100
    assert (await client.invoke(name, fitting)).result == 1
    with pytest.raises(errors.ArgumentsInvalidError, match="100") as caught:
        await client.invoke(name, json.dumps({"a": "x" * 92}))
    assert (caught.value.status, caught.value.reason) == ("INVALID_ARGUMENT", "ARGUMENTS_INVALID")


@pytest.mark.parametrize("limit", shipped().ceiling.as_dict())
async def test_every_limit_has_a_ceiling(client: AsyncClient, limit: str) -> None:
    """At it a version is registered, above it refused by name."""
    ceiling = shipped().ceiling.as_dict()[limit]
    await _register(client, "return 1", **{limit: ceiling})
    with pytest.raises(errors.RequestInvalidError) as caught:
        await _register(client, "return 1", **{limit: ceiling + 1})
    assert limit.removesuffix("_ms") in caught.value.violations[0].field
