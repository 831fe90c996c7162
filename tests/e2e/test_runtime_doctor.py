"""`jigsmith-runtime doctor`: what an operator reads before trusting a machine."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jigsmith_sandbox
import jigsmith_worker
import pytest
from jigsmith_sandbox.backend import Outcome
from jigsmith_sandbox.limits import data_directory
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.self_check import PROMISES, judge, self_check
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import working_backend

PATIENCE_S = 60
"""Twice what it may take while others use the machine."""


def doctor(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as an operator does."""
    command = [Path(sys.executable).parent / "jigsmith-runtime", "doctor", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_every_promise_is_kept_here(backend: str) -> None:
    """Each is named, and the program ends well, soon enough for somebody who waits for it."""
    began = time.monotonic()
    done = doctor("--backend", backend)
    assert time.monotonic() - began < PATIENCE_S
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert backend in lines[0]
    grouped = lines[-1].startswith("memory scope: call: ")
    expected = ["weaker" if promise.needs_groups and not grouped else "kept" for promise in PROMISES]
    assert [line.split(maxsplit=1)[0] for line in lines[1:-2]] == expected
    assert [line.split(maxsplit=1)[1] for line in lines[1:-2]] == [promise.text for promise in PROMISES]
    assert lines[-2].startswith(
        "isolation: namespaces: each call is a process in user, pid, mount, ipc and uts namespaces"
    )
    assert grouped or lines[-1].startswith(
        "memory scope: process: a limit holds for each process of a call alone, because"
    )


@pytest.mark.gvisor
async def test_what_holds_under_gvisor() -> None:
    """Less, and each promise that is not made is called weaker; nothing that is made is broken."""
    await (await working_backend("docker-runsc")).close()
    done = doctor("--backend", "docker", "--container-runtime", "runsc")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "docker-runsc" in lines[0]
    weaker = [promise.text for promise in PROMISES if promise.needs_mounts or promise.needs_groups]
    weaker += [promise.text for promise in PROMISES if promise.trial is not Pool.run]
    said = dict(reversed(line.split(maxsplit=1)) for line in lines[1:-2])
    assert {text.partition(" (")[0] for text, kept in said.items() if kept == "weaker"} == set(weaker)
    assert len(said) == len(PROMISES)
    assert set(said.values()) == {"kept", "weaker"}
    assert lines[-2].startswith("isolation: namespaces-without-files: ")
    assert lines[-1].startswith("memory scope: process: ")


PLANTS = {
    "no socket of any family": ("jigsmith_sandbox/data/seccomp.toml", '"poll", "ppoll",', '"poll", "ppoll", "socket",'),
    "and so do others, from mount to io_uring, i386 and x32": (
        "jigsmith_sandbox/data/seccomp.toml", '"keyctl", ', ""
    ),
    "user, pid, mount, ipc, uts and net namespaces are not the host's, the first five not the sandbox's either": (
        "jigsmith_worker/confine.py", "_CLONE_NEWNS | _CLONE_NEWUTS |", "_CLONE_NEWNS |"
    ),
    "and so is their number": ("jigsmith_worker/confine.py", "inodes = temp_files + 1", "inodes = 0"),
    "open files are limited": ("jigsmith_worker/confine.py", "+ limits.open_files", "+ 4_096"),
    "cancelling a call ends all of its processes": (
        "jigsmith_sandbox/sandbox.py", "child.finish(End.CANCELLED)", "await asyncio.sleep(5)"
    ),
}  # fmt: skip
"""What is taken out of a copy of the product, by the promise that it kept."""


@pytest.mark.parametrize("promise", PLANTS)
async def test_what_is_taken_out_is_named(promise: str, tmp_path: Path) -> None:
    """A real sandbox that lacks one thing: `doctor` calls that promise broken, no other, and fails."""
    await (await working_backend("bubblewrap")).close()
    for package in (jigsmith_sandbox, jigsmith_worker):
        shutil.copytree(Path(package.__file__).parent, tmp_path / package.__name__)
    shutil.copytree(data_directory(), tmp_path / "jigsmith_sandbox" / "data", dirs_exist_ok=True)
    name, kept_by, instead = PLANTS[promise]
    file = tmp_path / name
    assert file.read_text().count(kept_by) == 1
    file.write_text(file.read_text().replace(kept_by, instead))
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]).rstrip(os.pathsep)
    done = doctor("--backend", "bubblewrap", PYTHONPATH=path)
    assert done.returncode == 3, done.stdout + done.stderr
    broken = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.split()[0] == "BROKEN"]
    assert [line.partition(" (")[0] for line in broken] == [promise]


async def test_what_holds_only_with_mounts_is_said_to_be_weaker_without(tmp_path: Path) -> None:
    """Those about files and other processes, and nothing is called broken."""
    async with Pool(await working_backend("bubblewrap"), owner=f"check-test-{os.getpid()}") as pool:
        pool.isolation = Isolation.NAMESPACES_WITHOUT_FILES
        findings = [finding async for finding in self_check(pool)]
    weaker = [finding.promise for finding in findings if finding.kept is None]
    assert weaker == [promise.text for promise in PROMISES if promise.needs_mounts]
    assert len(weaker) == 4
    assert all(finding.kept is not False for finding in findings)


def test_a_backend_that_is_not_there_is_said_so() -> None:
    """No fall-back to a weaker one."""
    done = doctor("--backend", "docker", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert (done.returncode, "no Docker engine answers" in done.stderr) == (3, True)


LEAKS = {
    "no socket of any family": Outcome(OutcomeKind.RETURNED, result_json="[2]"),
    "no file of the host": Outcome(OutcomeKind.RETURNED, result_json="true"),
    "no other process is seen or reached": Outcome(OutcomeKind.RETURNED, result_json='[7, ["1"]]'),
    "and the next ones find none of them": Outcome(OutcomeKind.RETURNED, result_json='["umask"]'),
    "and the next ones find no file": Outcome(OutcomeKind.RETURNED, result_json='["mark"]'),
    "no device but null, zero and random, and no terminal": Outcome(OutcomeKind.RETURNED, result_json='["/dev/kvm"]'),
    "a call is the first process, not root": Outcome(OutcomeKind.RETURNED, result_json="[7, 1, true]"),
    "cancelling a call ends all of its processes": Outcome(OutcomeKind.RETURNED, result_json="[3, 1]"),
    "errors printed count as output": Outcome(OutcomeKind.TIME_LIMIT),
    "temporary files are limited": Outcome(OutcomeKind.RAISED, message="[Errno 27] File too large"),
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
