"""The contender that is not ours: AG2's AgentOptimizer in a process of its own, which trains until its requests are spent."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from jigsmith_optimizer.grading import answer_in
from jigsmith_optimizer.grading.plain import PLAIN
from jigsmith_optimizer.tasks import Task
from jigsmith_scripted import Behaviour

from benchmarks.testbed.ag2_endpoint import Ag2Endpoint
from benchmarks.testbed.model import Testbed
from benchmarks.testbed.outcome import Outcome
from benchmarks.testbed.questions import Known, splits

_DRIVER: Final = Path(__file__).with_name("ag2_driver.py")


class Ag2:
    """The process; it takes one training after the other, because importing AG2 takes seconds. A context manager."""

    def __init__(self, folder: Path) -> None:
        """`folder` has AG2, see benchmarks.ag2_package."""
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(_DRIVER)],  # AG2 warns of its own end
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(folder)},
        )

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process."""
        if kind is not None:
            self._process.terminate()
        with self._process:  # closes its streams, and waits
            pass

    def train(self, known: Known, *, mended: bool, noise: float, seed: int, requests: int) -> Outcome:
        """Train once, and judge what one is left with on the sealed test. `mended`: see ag2_driver."""
        parts = splits(known, seed)
        testbed = Testbed(known, parts.train, seed)
        with Ag2Endpoint(testbed, Behaviour(seed, noise=noise), requests) as endpoint:
            told: dict[str, Any] = {
                "base_url": endpoint.base_url,
                "system": resources.files("jigsmith_optimizer.prompts").joinpath("agent.md").read_text(),
                "questions": [one.question for one in parts.train],
                "mended": mended,
            }
            while "answers" in (said := self._ask(told)):
                told = {"solved": solved(parts.train, said["answers"])}
            endpoint.lift_budget()
            spent = endpoint.answered_requests
            parts.test.training_is_over()
            test = parts.test.open()
            answers = self._ask({"questions": [one.question for one in test]})["answers"]
            self._tell({})  # the driver waits for an answer to each line of its own
        loss = 1 - sum(solved(test, answers)) / len(test)
        functions = tuple(sorted(said["functions"]))
        return Outcome(loss, functions, spent, said["proposals"], said["misbound"], said["lost"])

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        self._tell(message)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # AG2 logs to stdout, too
                said: dict[str, Any] = json.loads(line)
                return said
        raise Ag2EndedError(f"the process with AG2 ended with exit code {self._process.wait()}")

    def _tell(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


class Ag2EndedError(Exception):
    """The driver died; what it said is on stderr."""


def solved(tasks: Sequence[Task], answers: Sequence[str]) -> list[bool]:
    """Grade final texts as a rollout of ours is graded."""
    return [PLAIN[task.grader](task, answer_in(text)) for task, text in zip(tasks, answers, strict=True)]
