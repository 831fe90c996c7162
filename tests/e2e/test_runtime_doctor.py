"""`jigsmith-runtime doctor`: what an operator reads before trusting a machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jigsmith_sandbox.backend import Outcome
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.self_check import PROMISES, judge, self_check
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import working_backend


def test_every_promise_is_kept_here(backend: str) -> None:
    """Each is named, and the program ends well."""
    command = [Path(sys.executable).parent / "jigsmith-runtime", "doctor", "--backend", backend]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert backend in lines[0]
    grouped = lines[-1].startswith("memory scope: call: ")
    expected = ["weaker" if promise.needs_groups and not grouped else "kept" for promise in PROMISES]
    assert [line.split(maxsplit=1)[0] for line in lines[1:-2]] == expected
    assert lines[-2].startswith("isolation: namespaces: ")
    assert grouped or lines[-1].startswith(
        "memory scope: process: a limit holds for each process of a call alone, because"
    )


async def test_what_holds_only_with_mounts_is_said_to_be_weaker_without(tmp_path: Path) -> None:
    """Three promises, and nothing is called broken."""
    async with Pool(await working_backend("bubblewrap"), owner=f"check-test-{os.getpid()}") as pool:
        pool.isolation = Isolation.NAMESPACES_WITHOUT_FILES
        findings = [finding async for finding in self_check(pool)]
    weaker = [finding.promise for finding in findings if finding.kept is None]
    assert weaker == [promise.text for promise in PROMISES if promise.needs_mounts]
    assert len(weaker) == 3
    assert all(finding.kept is not False for finding in findings)


def test_a_backend_that_is_not_there_is_said_so() -> None:
    """No fall-back to a weaker one."""
    command = [Path(sys.executable).parent / "jigsmith-runtime", "doctor", "--backend", "docker"]
    environment = os.environ | {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "no Docker engine answers" in done.stderr) == (3, True)


LEAKS = {
    "no socket of any family": Outcome(OutcomeKind.RETURNED, result_json="[2]"),
    "no file of the host": Outcome(OutcomeKind.RETURNED, result_json="true"),
    "no other process is seen or reached": Outcome(OutcomeKind.RETURNED, result_json='[7, ["1"]]'),
    "and the next one finds none of them": Outcome(OutcomeKind.RETURNED, result_json="true"),
    "becoming root ends the call": Outcome(OutcomeKind.RETURNED, result_json="null"),
    "memory is limited": Outcome(OutcomeKind.RETURNED, result_json="1073741824"),
    "the policy gate refuses": Outcome(OutcomeKind.RETURNED, result_json="null"),
}


@pytest.mark.parametrize("text", LEAKS)
def test_a_promise_that_is_broken_is_called_so(text: str) -> None:
    """What a leaking sandbox would answer does not pass for a kept promise."""
    (promise,) = [one for one in PROMISES if one.text == text]
    finding = judge(promise, LEAKS[text])
    assert not finding.kept
    assert finding.said
