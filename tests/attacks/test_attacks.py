"""Every attack succeeds outside of a sandbox and fails inside, on every backend, with the policy layer switched off."""

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jigsmith_sandbox.call_groups import MemoryScope
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.self_check import memory_scope_meaning
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from tests.attacks import attacks, system_calls
from tests.conformance.conftest import BACKENDS, call, working_backend

ATTACKS: dict[str, tuple[str, dict[str, int]]] = (
    {
        name: (attacks.function(body), {})
        for group in (attacks.FILES, attacks.NETWORK, attacks.PROCESSES)
        for name, body in group.items()
    }
    | {name: (attacks.function(body), limits) for name, (body, limits) in attacks.LIMITS.items()}
    | {f"calls {name}": (system_calls.source(*one), {}) for name, one in system_calls.SYSTEM_CALLS.items()}
)

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the system calls are numbered for x86_64")

NOT_EVERYWHERE = {"opens sysrq for writing", "opens an AF_ALG socket", "opens a vsock"}


SEEN_WITHOUT_MOUNTS = {
    "reads its own environment in /proc",
    "reads the memory map",
    "reads the mounts",
    "reads the kernel's command line",
    "looks at /sys",
    "finds devices",
    "lists processes",
}
"""Where a call has no mounts of its own, it sees the sandbox's /proc: gVisor's, with no process of the host."""


NEEDS_GROUPS = {"allocates in many children"}
"""What only a control group of the call stops."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BACKENDS)
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    """Give one warm sandbox of each backend for all attacks."""
    async with Pool(await working_backend(request.param), owner=f"attacks-{os.getpid()}", slots=2) as warm:
        yield warm


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_fails(pool: Pool, target: dict[str, Any], name: str) -> None:
    """It gets nothing, and the sandbox serves the next call."""
    if name in SEEN_WITHOUT_MOUNTS and pool.isolation is not Isolation.NAMESPACES:
        pytest.skip(
            f"calls see the sandbox's /proc and /sys in {pool.backend.name} (isolation: {pool.isolation.value})"
        )
    if name in NEEDS_GROUPS and pool.memory_scope is not MemoryScope.CALL:
        pytest.skip(memory_scope_meaning(pool))
    source, limits = ATTACKS[name]
    outcome = await pool.run(
        call(source, json.dumps({"target": target}), **({"wall_ms": 8_000, "cpu_ms": 8_000} | limits))
    )
    got = json.loads(outcome.result_json or "null") if outcome.kind is OutcomeKind.RETURNED else None
    assert not got, got
    after = await pool.run(call("def f():\n    return 'well'"))
    assert after.result_json == '"well"', after


@pytest.mark.parametrize("name", ATTACKS)
def test_the_same_attack_succeeds_outside(target: dict[str, Any], name: str, tmp_path: Path) -> None:
    """As a plain program on the host: otherwise its failure inside would prove nothing."""
    if os.geteuid() != 0:
        pytest.skip("the attacks are shown to be live as root")
    program = f"{ATTACKS[name][0]}\nimport json, sys\nsys.exit(0 if f(json.loads(sys.argv[1])) else 3)\n"
    command = [sys.executable, "-I", "-c", program, json.dumps(target)]
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=file, stderr=file, start_new_session=True)
    try:
        code = process.wait(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what the attack left behind
    said = log.read_bytes()[-500:].decode("utf-8", "replace")
    if (name.startswith("calls ") and code == 3) or (name in NOT_EVERYWHERE and code != 0):
        pytest.skip("this kernel does not have what the attack is after, or has it switched off")
    assert code == 0, said
