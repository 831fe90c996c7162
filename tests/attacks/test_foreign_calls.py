"""System calls of foreign ABIs end the process, by either filter alone, on every backend."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from jigsmith_sandbox.pool import Pool

from tests.attacks.foreign_calls import I386, RUNS_MACHINE_CODE, X32, source
from tests.attacks.layers import LAYERS
from tests.conformance.conftest import BACKENDS, call, working_backend

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="i386 and x32 belong to x86_64")

NO_FILTER = "both filters"
CARRIED_OUT, NOTHING, SIGSYS = "carried out", "not carried out", "SIGSYS"
WITHOUT = [None, "the call's filter", "the sandbox's filter", NO_FILTER]
ATTACKS = {f"i386 {name}": source(body) for name, body in I386.items()} | {
    f"x32 {name}": source(body) for name, body in X32.items()
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BACKENDS)
async def backend_name(request: pytest.FixtureRequest) -> str:
    """Give the name of each backend that works here."""
    await working_backend(request.param)
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WITHOUT, ids=lambda layer: f"without {layer}")
async def pool(request: pytest.FixtureRequest, backend_name: str) -> AsyncIterator[tuple[Pool, str | None]]:
    """Give sandboxes, as they are and without each of their filters, and what they are without."""
    backend = await working_backend(backend_name)
    if request.param == "the sandbox's filter" and backend_name == "docker-runsc":
        pytest.skip("gVisor has no filter of ours around the sandbox")
    with pytest.MonkeyPatch.context() as patch:
        if request.param is not None:
            LAYERS[request.param].take_out(patch, backend)
        async with Pool(backend, owner=f"foreign-{os.getpid()}", slots=2) as warm:
            yield warm, request.param


def expected(name: str, backend: str, missing: str | None) -> set[str]:
    """Say what may become of a process that makes a foreign call."""
    if name.startswith("i386") and backend == "docker-runsc":
        # gVisor's kernel has no i386 calls: it takes int 0x80 for an x86_64 call of that number, and so does its filter.
        return {NOTHING, SIGSYS}
    if backend == "docker-runsc":
        return {NOTHING if missing in {"the call's filter", NO_FILTER} else SIGSYS}
    return {CARRIED_OUT if missing == NO_FILTER else SIGSYS}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ATTACKS)
async def test_a_foreign_call_ends_the_process(pool: tuple[Pool, str | None], name: str) -> None:
    """By either filter alone; without both of them the kernel carries it out, so that it was the filters' doing.

    Machine code itself may run: it gets at nothing but system calls.
    """
    sandboxes, missing = pool
    backend = sandboxes.backend.name
    works = await sandboxes.run(call(RUNS_MACHINE_CODE))
    assert works.result_json == "7", works
    if missing == NO_FILTER and backend != "docker-runsc" and ran_outside(ATTACKS[name]) != CARRIED_OUT:
        pytest.skip("there is no filter left, and this kernel has no such calls")
    outcome = await sandboxes.run(call(ATTACKS[name]))
    assert json.loads(outcome.result_json or "null") in expected(name, backend, missing), outcome


@pytest.mark.parametrize("name", ATTACKS)
def test_a_foreign_call_is_carried_out_outside(name: str) -> None:
    """Where the kernel has that ABI: elsewhere its numbers get ENOSYS outside, too."""
    answer = ran_outside(ATTACKS[name])
    if answer != CARRIED_OUT and ran_outside(ATTACKS[f"{name.partition(' ')[0]} getpid"]) != CARRIED_OUT:
        pytest.skip("this kernel has no such calls (CONFIG_X86_X32_ABI or CONFIG_IA32_EMULATION is not set)")
    assert answer == CARRIED_OUT


def ran_outside(program: str) -> str:
    """Run a function as a plain program."""
    command = [sys.executable, "-I", "-c", f"{program}\nprint(f())"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
