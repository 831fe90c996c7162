"""With no filter of ours: what capabilities, namespaces and the kernel make of system calls that root may make outside."""

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jigsmith_sandbox import seccomp
from jigsmith_sandbox._syscalls import NUMBERS
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.attacks.effects import ROWS, everything, source
from tests.attacks.layers import LAYERS
from tests.attacks.system_calls import SYSTEM_CALLS
from tests.conformance.conftest import BACKENDS, call, working_backend

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the system calls are numbered for x86_64")

MISSING = "ENOSYS"
REFUSED = {"EPERM", "EACCES"}
REFUSED_OUTSIDE = {"mounts /proc in namespaces of its own"}
"""Where the host's own /proc is covered in part, as in a container, root's new user namespace gets no other."""
SENSELESS = {"socket of an unknown family", "unshare with an unknown flag"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BACKENDS)
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    """Give sandboxes without any filter of ours."""
    backend = await working_backend(request.param)
    with pytest.MonkeyPatch.context() as patch:
        LAYERS["both filters"].take_out(patch, backend)
        async with Pool(backend, owner=f"effects-{os.getpid()}", slots=2) as warm:
            yield warm


@pytest.fixture(scope="module")
def outside(target: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give what root gets, by the call's name."""
    if os.geteuid() != 0:
        pytest.skip("the calls are shown to be live as root")
    log = tmp_path_factory.mktemp("outside") / "log"
    with log.open("wb") as file:
        command = [sys.executable, "-I", "-c", everything(), json.dumps(target)]
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        process.wait(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # children that wait for nothing
    answers: dict[str, str] = json.loads(log.read_text())
    return answers


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("powers", [False, True], ids=["plain", "with powers over a user namespace of its own"])
@pytest.mark.parametrize("name", ROWS)
async def test_a_call_without_filters_gets_what_the_table_says(
    pool: Pool, target: dict[str, Any], name: str, *, powers: bool
) -> None:
    """An error, or something of its own: a layer that is lost changes the answer."""
    row = ROWS[name]
    if row.setting and Path("/proc/sys/kernel", row.setting).read_text().strip() == "0":
        pytest.skip(f"this kernel lets everybody have it: kernel.{row.setting} is 0")
    outcome = await pool.run(
        call(source(row, powers=powers), json.dumps({"target": {**target, "inside": True}}), wall_ms=8_000)
    )
    assert outcome.kind is OutcomeKind.RETURNED, outcome
    answer = json.loads(outcome.result_json or "null")
    assert answer in {row.expected(pool.backend.name, powers=powers), MISSING}


@pytest.mark.parametrize("name", ROWS)
def test_the_same_call_gets_further_outside(outside: dict[str, str], name: str) -> None:
    """Otherwise a refusal inside would prove nothing."""
    if outside[name] == MISSING or (name in REFUSED_OUTSIDE and outside[name] in REFUSED):
        pytest.skip("this kernel does not have what the call is after, or has it switched off")
    assert outside[name] not in REFUSED
    if ROWS[name].plain == "done":
        assert outside[name] == "done"


def test_the_table_has_every_dangerous_call() -> None:
    """What the filters kill a process for, and every system call of the attacks."""
    numbers = NUMBERS["x86_64"]
    bodies = " ".join(row.body for row in ROWS.values())
    assert {name for name in seccomp.load().call_kill if f"c({numbers[name]}, " not in bodies} - {"vhangup"} == set()
    tried = {number for name, (number, _) in SYSTEM_CALLS.items() if name not in SENSELESS}
    assert {number for number in tried if f"c({number}" not in bodies} == set()
