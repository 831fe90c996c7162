"""The error table of docs/design.md, each row over a real socket and against each backend."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from jigsmith import AsyncClient, Client, JigsmithError, errors
from jigsmith.v1 import function_pb2
from jigsmith_runtime.server import sandbox_owner

ANY_ARGUMENTS = {"type": "object"}


@pytest.fixture
async def client(runtime) -> AsyncIterator[AsyncClient]:
    """Give a client of the optimizer, who may register and run drafts."""
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as one:
        yield one


async def register(
    client: AsyncClient, source: str, *, returns=None, parameters=None, policy="restricted", **limits: int
) -> str:
    """Register a version of `f` under short limits; return its name."""
    chosen = {"wall_ms": 3_000} | limits
    wanted = function_pb2.Limits(**{name: value for name, value in chosen.items() if not name.endswith("_ms")})
    for name in ("wall", "cpu"):
        if f"{name}_ms" in chosen:
            getattr(wanted, name).FromMilliseconds(chosen[f"{name}_ms"])
    version = await client.register_source(
        "f",
        source,
        description=uuid.uuid4().hex,
        parameters=parameters or ANY_ARGUMENTS,
        returns=returns,
        limits=wanted,
        policy=policy,
    )
    return version.name


MIB = 1 << 20
TIME_LIMIT = (errors.LimitExceededError, "DEADLINE_EXCEEDED", "TIME_LIMIT")
TOO_MUCH = (errors.LimitExceededError, "RESOURCE_EXHAUSTED")
ROWS: dict[str, tuple[str, dict[str, int], type[JigsmithError], str, str]] = {
    "raising": (
        "def f():\n    print('before')\n    return 1 / 0", {}, errors.FunctionRaisedError, "UNKNOWN", "FUNCTION_RAISED",
    ),
    "an endless loop in Python": (
        "def f():\n    while True:\n        pass", {"wall_ms": 700}, *TIME_LIMIT,
    ),
    "one long call in C": (
        "def f():\n    return 7 ** (10 ** 9) % 3", {"wall_ms": 700}, *TIME_LIMIT,
    ),
    "the CPU limit": (
        "def f():\n    while True:\n        pass",
        {"wall_ms": 30_000, "cpu_ms": 1_000}, *TIME_LIMIT,
    ),
    "sleeping past the deadline": (
        "import time\ndef f():\n    time.sleep(60)", {"wall_ms": 500}, *TIME_LIMIT,
    ),
    "a memory bomb": (
        "def f():\n    return len([0] * 10 ** 9)",
        {"memory_bytes": 64 * MIB}, *TOO_MUCH, "MEMORY_LIMIT",
    ),
    "an output flood": (
        "def f():\n    while True:\n        print('x' * 1000)",
        {"output_bytes": 10_000}, *TOO_MUCH, "OUTPUT_LIMIT",
    ),
    "a giant result": (
        "def f():\n    return 'x' * 100_000",
        {"result_bytes": 1_000}, *TOO_MUCH, "RESULT_LIMIT",
    ),
    "a result that is no JSON": (
        "def f():\n    return {1, 2}", {}, errors.ResultError, "UNKNOWN", "RESULT_NOT_SERIALIZABLE",
    ),
    "a result that is not a number": (
        "def f():\n    return float('nan')", {}, errors.ResultError, "UNKNOWN", "RESULT_NOT_SERIALIZABLE",
    ),
    "deep recursion": (
        "def f():\n    return f()", {}, errors.FunctionRaisedError, "UNKNOWN", "FUNCTION_RAISED",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
async def test_a_run_that_fails_says_how(client: AsyncClient, row: str) -> None:
    """Each failure has its status, its reason and its class, and the log knows the call."""
    source, limits, kind, status, reason = ROWS[row]
    name = await register(client, source, **limits)
    with pytest.raises(kind) as caught:
        await client.invoke(name)
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert caught.value.metadata["invocation"].startswith("invocations/")
    assert isinstance(caught.value, errors.FunctionError)


UNGUARDED: dict[str, tuple[str, dict[str, int], str]] = {
    "os._exit": ("import os\ndef f():\n    os._exit(0)", {}, "FUNCTION_DIED"),
    "a segmentation fault": ("import ctypes\ndef f():\n    ctypes.string_at(0)", {}, "FUNCTION_DIED"),
    "a fork bomb": (
        "import os\ndef f():\n    while True:\n        os.fork()", {"processes": 8, "wall_ms": 1_500}, "PROCESS_LIMIT"
    ),
    "a system call that nobody needs": (
        "import ctypes\ndef f():\n    return ctypes.CDLL(None).ptrace(0, 0, 0, 0)", {}, "FUNCTION_DIED"
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", UNGUARDED)
async def test_without_the_policy_layer_the_others_hold(runtime, client: AsyncClient, row: str) -> None:
    """What the policy would refuse to begin with ends the call and nothing else."""
    source, limits, reason = UNGUARDED[row]
    name = f"unguarded-{uuid.uuid4().hex[:8]}"
    await client.create_set(name)
    async with AsyncClient(runtime.address, token=runtime.token("admin"), timeout_s=60) as admin:
        await admin.allow_policy(name, "none", reason="To see what the other layers do.")
    version = await register(client, source, policy="none", **limits)
    revision = await client.create_revision(name, [version])
    with pytest.raises(errors.FunctionError) as caught:
        await client.invoke(f"{revision.name}/functions/f")
    assert caught.value.reason == reason
    fine = await register(client, "def f():\n    return 1")
    assert (await client.invoke(fine)).result == 1


async def test_what_raised_is_told_with_its_line_and_what_it_printed(client: AsyncClient) -> None:
    """Type, message, the function's own frames, the output; no path of the host."""
    name = await register(client, "def g(x):\n    return 1 / x\n\ndef f():\n    print('before')\n    return g(0)")
    with pytest.raises(errors.FunctionRaisedError) as caught:
        await client.invoke(name)
    assert caught.value.exception_type == "ZeroDivisionError"
    assert "line 2, in g" in caught.value.traceback
    assert "/" not in caught.value.traceback
    assert caught.value.output == "before\n"


async def test_arguments_that_do_not_fit(client: AsyncClient) -> None:
    """Every fault is named by its place; nothing is run."""
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    name = await register(client, "def f(n):\n    return n", parameters=schema)
    for arguments in ({}, {"n": "1"}, {"n": 1.5}, {"n": 1, "m": 2}):
        with pytest.raises(errors.ArgumentsInvalidError) as caught:
            await client.invoke(name, arguments)
        assert (caught.value.status, caught.value.reason) == ("INVALID_ARGUMENT", "ARGUMENTS_INVALID")
        assert caught.value.violations
    for text in ("[1]", "{", '{"n": NaN}', '{"n": 1, "n": 2}', '{"n": ' + "[" * 5_000 + "]" * 5_000 + "}"):
        with pytest.raises(errors.ArgumentsInvalidError):
            await client.invoke(name, text)


async def test_integers_stay_integers(client: AsyncClient) -> None:
    """JSON text carries integers of any size, there and back."""
    name = await register(client, "def f(n):\n    return n + 1")
    assert (await client.invoke(name, {"n": 2**90})).result == 2**90 + 1


@pytest.mark.parametrize(
    ("source", "construct"),
    [
        ("import os\ndef f():\n    return os.getcwd()", "os"),
        ("def f():\n    return open('/etc/passwd').read()", "open"),
        ("def f():\n    return ().__class__.__base__", "__base__"),
        ("def f():\n    return eval('1')", "eval"),
        ("def f(:\n", "syntax"),
    ],
)
async def test_a_refused_source_says_where_and_what_instead(client: AsyncClient, source: str, construct: str) -> None:
    """Line, construct and advice; nothing is registered."""
    with pytest.raises(errors.PolicyRefusedError) as caught:
        await register(client, source)
    assert caught.value.reason == "POLICY_REFUSED"
    assert construct in caught.value.construct.lower() + caught.value.message.lower()
    assert caught.value.line is not None
    assert caught.value.advice


SCHEMAS = {
    "no JSON": "{",
    "a list": "[]",
    "a foreign reference": '{"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1/x"}}}',
    "a reference to itself": '{"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}}',
    "an unknown type": '{"type": "objekt"}',
    "not an object": '{"type": "array"}',
}


@pytest.mark.parametrize("row", SCHEMAS)
async def test_a_hostile_or_broken_schema_is_refused(client: AsyncClient, row: str) -> None:
    """At registration, not at the first call."""
    with pytest.raises(errors.RequestInvalidError) as caught:
        await register(client, "def f(a):\n    return a", parameters=SCHEMAS[row])
    assert caught.value.violations[0].field.startswith("function_version.parameters_json")


async def test_a_pattern_cannot_stall_the_runtime(client: AsyncClient) -> None:
    """A pattern that backtracks for ever elsewhere answers at once, or is refused."""
    schema = {"type": "object", "properties": {"s": {"type": "string", "pattern": "^(a+)+$"}}}
    async with asyncio.timeout(20):
        try:
            name = await register(client, "def f(s):\n    return s", parameters=schema)
        except errors.RequestInvalidError:
            return
        with pytest.raises(errors.ArgumentsInvalidError):
            await client.invoke(name, {"s": "a" * 50_000 + "b"})


async def test_a_result_that_breaks_its_schema(client: AsyncClient) -> None:
    """The function's fault, not the caller's."""
    name = await register(client, "def f():\n    return 'x'", returns={"type": "integer"})
    with pytest.raises(errors.ResultError) as caught:
        await client.invoke(name)
    assert caught.value.reason == "RESULT_INVALID"


async def test_what_is_not_there_is_not_found(client: AsyncClient) -> None:
    """By whatever name."""
    for name in (
        f"functions/f/versions/{'0' * 64}",
        "functionSets/none/revisions/1/functions/f",
    ):
        with pytest.raises(errors.NotFoundError):
            await client.invoke(name)
    for name in ("", "f", "functions/f", "functionSets/x/channels/y", "a/" * 5_000):
        with pytest.raises(errors.RequestInvalidError):
            await client.invoke(name)


BRIEFLY_S = 5.0
"""How soon the next call is answered: far from the 50 s that the one before would have slept."""
GONE_S = 2.0
SLEEPERS = 3
SLEEPING = f"""
import os, time
def f(s):
    for _ in range({SLEEPERS} if s else 0):
        if os.fork() == 0:
            os.setsid()
            time.sleep(s)
    time.sleep(s)
    return 1"""


async def _one_place(new_runtime) -> tuple[Any, AsyncClient, str]:
    """Return a runtime that runs one call at a time, a client, and the name of a function that starts processes and sleeps."""
    runtime = new_runtime("--concurrency", "1", "--sandboxes", "1")
    client = AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60)
    await client.create_set("sleeping")
    async with AsyncClient(runtime.address, token=runtime.token("admin"), timeout_s=60) as admin:
        await admin.allow_policy("sleeping", "none", reason="To start processes.")
    revision = await client.create_revision(
        "sleeping", [await register(client, SLEEPING, policy="none", wall_ms=60_000)]
    )
    name = f"{revision.name}/functions/f"
    assert (await client.invoke(name, {"s": 0})).result == 1
    return runtime, client, name


def _started(runtime) -> set[int]:
    """Return the processes that functions started, as the host sees them: in a runtime's sandbox, each leads a session."""
    owner, found = sandbox_owner(runtime.facts["node"]).encode(), set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes().split(b"\0")
            pid, session = int(entry.parent.name), entry.with_name("stat").read_text().rpartition(")")[2].split()[3]
            if owner in words and b"bwrap" not in words[0] and session == str(pid):
                found.add(pid)
    return found


async def _all_started(runtime, before: set[int]) -> set[int]:
    """Wait until a function's processes run; return them."""
    async with asyncio.timeout(20):
        while len(started := _started(runtime) - before) < SLEEPERS:
            await asyncio.sleep(0.02)
    return started


async def _place_is_free(runtime, client: AsyncClient, name: str, started: set[int]) -> None:
    """Assert that the next call is answered soon, and that nothing is left of the one before."""
    began = time.monotonic()
    assert (await client.invoke(name, {"s": 0}, timeout_s=30)).result == 1
    assert time.monotonic() - began < BRIEFLY_S
    while _started(runtime) & started and time.monotonic() - began < GONE_S:
        await asyncio.sleep(0.02)
    assert not _started(runtime) & started


async def test_the_callers_deadline_ends_the_run(new_runtime) -> None:
    """The run ends with its caller's patience, with every process that it started, and the only place is free again."""
    runtime, client, name = await _one_place(new_runtime)
    async with client:
        before = _started(runtime)
        call = asyncio.create_task(client.invoke(name, {"s": 50}, timeout_s=1.5))
        started = await _all_started(runtime, before)
        with pytest.raises((errors.DeadlineError, errors.LimitExceededError)):
            await call
        await _place_is_free(runtime, client, name, started)


async def test_a_cancelled_call_ends_and_is_logged(new_runtime) -> None:
    """Cancelling ends the process tree and frees the only place; the log has both entries."""
    runtime, client, name = await _one_place(new_runtime)
    async with client, AsyncClient(runtime.address, token=runtime.token("auditor")) as auditor:
        before = _started(runtime)
        task = asyncio.create_task(client.invoke(name, {"s": 50}))
        started = await _all_started(runtime, before)
        calls = [json.loads(one.entry_json) async for one in auditor.list_audit_entries()]
        accepted = [one for one in calls if one["kind"] == "call.accepted"][-1]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _place_is_free(runtime, client, name, started)
        ended = await _entry(
            auditor,
            lambda one: one["kind"] == "call.finished" and one["invocation"] == accepted["invocation"],
        )
        assert ended["outcome"] == "CANCELLED"


async def _entry(auditor: AsyncClient, wanted: Callable[[dict], bool]) -> dict:
    """Wait for an entry of the log."""
    async with asyncio.timeout(20):
        while True:
            async for one in auditor.list_audit_entries():
                entry = json.loads(one.entry_json)
                if wanted(entry):
                    return entry
            await asyncio.sleep(0.05)


async def test_nobody_answers() -> None:
    """No runtime at the address: the error says where and what to do."""
    async with AsyncClient("127.0.0.1:9", token="none", timeout_s=2) as client:
        with pytest.raises((errors.UnavailableError, errors.DeadlineError)) as caught:
            await client.invoke("functions/f/versions/latest")
    assert "127.0.0.1:9" in caught.value.message


def test_the_synchronous_client_speaks_the_same(runtime) -> None:
    """Register, run, fail, batch."""
    with Client(runtime.address, token=runtime.token("optimizer")) as client:
        version = client.register_source(
            "twice", "def twice(n):\n    return 2 * n", description="Twice.", parameters={"type": "object"}
        )
        assert client.invoke(version.name, {"n": 4}).result == 8
        calls = [(version.name, {"n": n}) for n in range(20)] + [(version.name, {}), ("nonsense", {})]
        outcomes = dict(client.invoke_batch(calls))
    assert [outcomes[n].result for n in range(20)] == [2 * n for n in range(20)]
    assert isinstance(outcomes[20], errors.FunctionRaisedError)
    assert isinstance(outcomes[21], errors.RequestInvalidError)
