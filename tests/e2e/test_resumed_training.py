"""A run that is cut off goes on, to the same set, with no request paid for twice; and it can be replayed without a network."""

import json
import math
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest
from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.tasks import Task

from tests.e2e.endpoint import Endpoint
from tests.e2e.training import THRICE, TWICE, function, remove, scripted, tasks

BACKENDS = ["bubblewrap"]

pytestmark = pytest.mark.training
STEPS = ([[TWICE]], [[function("junk", "0")]], [[THRICE]], [[remove("twice")]])


def write(path: Path, rows: list[Task]) -> Path:
    """Write tasks as JSON lines."""
    path.write_text("".join(json.dumps(one.as_json()) + "\n" for one in rows))
    return path


class Program:
    """`jigsmith-optimizer train` as a process."""

    def __init__(self, runtime, endpoint: Endpoint, folder: Path) -> None:
        self.out, self._set = folder / "run", f"set-{uuid.uuid4().hex[:8]}"
        token = folder / "token"
        token.write_text(runtime.token("optimizer"))
        files = {
            name: write(folder / f"{name}.jsonl", tasks(range(begin, begin + count)))
            for name, begin, count in (("train", 3, 5), ("validation", 100, 20), ("test", 200, 5))
        }
        self._command = [Path(sys.executable).parent / "jigsmith-optimizer", "train", "--set", self._set]
        self._command += ["--out", self.out, "--address", runtime.address, "--token-file", token, "--model", "m"]
        self._command += ["--base-url", endpoint.base_url, "--epochs", "6", "--patience", "2"]
        for name, path in files.items():
            self._command += [f"--{name}", path]
        self._environment = os.environ | {"OPENAI_API_KEY": "x"}

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Start it."""
        listening = ["env", "--default-signal=INT"]  # to ctrl-c, which what a shell starts in the background ignores
        return subprocess.Popen(
            [*listening, *self._command, *more],
            env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *more: str) -> tuple[int, str]:
        """Run it to its end; return its exit code and what it said."""
        process = self.start(*more)
        said, _ = process.communicate(timeout=100)
        return process.returncode, said

    def summary(self) -> dict:
        """Return what it left behind, without what differs from run to run."""
        found = json.loads((self.out / "summary.json").read_text())
        found["spent"].pop("seconds")
        return found


def counted(endpoint: Endpoint) -> Counter[str]:
    """Return how often each request was answered."""
    return Counter(json.dumps(one, sort_keys=True) for one in endpoint.requests)


def comparable(summary: dict) -> dict:
    """Return the outcome without names that the runtime or the run chose."""
    return {
        name: summary[name] for name in ("functions", "set_digest", "train_loss_after", "test", "actions", "rollbacks")
    }


@pytest.fixture
def endpoint():
    """Give a model that takes its time, so that a kill falls into the middle of a request now and then."""

    def slow(messages, offered):
        time.sleep(0.003)
        return scripted(*STEPS)(messages, offered)

    with Endpoint(slow) as found:
        yield found


def test_a_killed_run_goes_on_to_the_same_end_and_pays_nothing_twice(runtime, endpoint, tmp_path: Path) -> None:
    """Killed over and over, it asks again only what had not been answered when it died."""
    whole = tmp_path / "whole"
    whole.mkdir()
    program = Program(runtime, endpoint, whole)
    code, said = program.run("--concurrency", "4")
    assert code == 0, said
    expected, requests = comparable(program.summary()), sum(counted(endpoint).values())
    assert expected["functions"] == ["thrice", "twice"]
    endpoint.requests.clear()

    cut = tmp_path / "cut"
    cut.mkdir()
    program, kills = Program(runtime, endpoint, cut), 0
    for attempt in range(40):
        process = program.start(*(["--resume"] if attempt else []), "--concurrency", "4")
        before = len(endpoint.requests)
        while process.poll() is None and len(endpoint.requests) < before + 20 + 13 * attempt:
            time.sleep(0.005)
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        kills += 1
        process.communicate()
        if not (program.out / "journal.sqlite").exists():
            continue
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert kills >= 3
    assert comparable(program.summary()) == expected
    again = sum(count - 1 for count in counted(endpoint).values())
    assert again <= 4 * kills  # those that were under way
    assert sum(counted(endpoint).values()) - again <= requests

    # What is finished can be gone through again with nobody there to ask.
    endpoint.requests.clear()
    (program.out / "report.html").unlink()
    code, said = program.run("--replay", "--base-url", "http://127.0.0.1:9", "--address", "127.0.0.1:9")
    assert code == 0, said
    assert comparable(program.summary()) == expected
    assert (program.out / "report.html").exists()
    assert endpoint.requests == []


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(runtime, endpoint, tmp_path: Path) -> None:
    """Exit code 130, no traceback; a second run without --resume is refused, with it goes on."""
    program = Program(runtime, endpoint, tmp_path)
    endpoint.served_max = 30
    process = program.start()
    while len(endpoint.requests) <= 30:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(1)  # it takes note before what is under way is answered
    endpoint.served_max = math.inf
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert "Traceback" not in said
    code, said = program.run()
    assert (code, "--resume" in said) == (2, True)
    code, said = program.run("--resume")
    assert code == 0, said


def test_a_budget_ends_a_run_before_the_next_request(runtime, endpoint, tmp_path: Path) -> None:
    """What was left undone is said; with a larger budget the run goes on."""
    program = Program(runtime, endpoint, tmp_path)
    code, said = program.run("--max-requests", "20")
    assert (code, len(endpoint.requests)) == (1, 20)  # not even the baseline
    assert "--max-requests" in said
    code, said = program.run("--resume", "--max-requests", "130")
    assert code == 0, said
    assert len(endpoint.requests) <= 130
    assert "unfinished" in said
    assert "--max-requests" in said
    assert program.summary()["test"] is None
    code, said = program.run("--resume")
    assert code == 0, said
    assert program.summary()["functions"] == ["thrice", "twice"]
    assert max(counted(endpoint).values()) == 1


def test_failed_attempts_count_for_the_whole_run(runtime, endpoint, tmp_path: Path) -> None:
    """Those of a part that ended in them, and those of a part that was killed in the midst of one: no more are made."""
    program = Program(runtime, endpoint, tmp_path)
    endpoint.failures = [500] * 50
    code, said = program.run("--max-requests", "3")
    assert (code, len(endpoint.failures)) == (1, 47), said
    code, said = program.run("--resume", "--max-requests", "3")
    assert (code, len(endpoint.failures)) == (1, 47), said
    assert "--max-requests" in said
    process = program.start("--resume", "--max-requests", "5")
    while len(endpoint.failures) > 46:
        time.sleep(0.001)
    time.sleep(0.05)  # it waits before its next attempt
    process.send_signal(signal.SIGKILL)
    process.communicate()
    code, said = program.run("--resume", "--max-requests", "5")
    assert (code, len(endpoint.failures)) == (1, 45), said
    code, said = program.run("--resume", "--max-requests", "5")
    assert (code, len(endpoint.failures)) == (1, 45), said


def test_seconds_count_also_in_parts_that_were_killed(runtime, endpoint, tmp_path: Path) -> None:
    """A run that is killed and resumed again and again has no more time for it."""
    program, used = Program(runtime, endpoint, tmp_path), 0.0
    for attempt in range(2):
        process = program.start(*(["--resume"] if attempt else []))
        began, before = time.monotonic(), len(endpoint.requests)
        while len(endpoint.requests) < before + 20:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        used += time.monotonic() - began
    journal = Journal(program.out / "journal.sqlite")
    _, seconds = journal.fact("spent")
    journal.close()
    assert 0 < seconds < used
    endpoint.requests.clear()
    _, said = program.run("--resume", "--max-seconds", str(seconds / 2))
    assert "--max-seconds" in said
    assert endpoint.requests == []


def test_the_outcome_does_not_depend_on_how_many_rollouts_run_side_by_side(runtime, endpoint, tmp_path: Path) -> None:
    """The same seed, the same end."""
    found = []
    for concurrency in ("1", "16"):
        folder = tmp_path / concurrency
        folder.mkdir()
        program = Program(runtime, endpoint, folder)
        code, said = program.run("--concurrency", concurrency)
        assert code == 0, said
        found.append(comparable(program.summary()))
    assert found[0] == found[1]
