"""The optimizer's commands, as one types them: measuring, proposing, real data sets, errors that say what to do."""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from jigsmith import AsyncClient
from jigsmith_optimizer.tasks import Task, load

from tests.e2e.endpoint import Endpoint
from tests.e2e.training import THRICE, TWICE, scripted, tasks

BACKENDS = ["bubblewrap"]
DATA = Path(__file__).parents[3] / "shared" / "data"
_PROGRAM = Path(sys.executable).parent / "jigsmith-optimizer"


class Shell:
    """Runs commands against a runtime and an endpoint."""

    def __init__(self, runtime, folder: Path) -> None:
        self.runtime, self.folder, self.set = runtime, folder, f"set-{uuid.uuid4().hex[:8]}"
        for role in ("optimizer", "evaluator", "reviewer"):
            (folder / role).write_text(runtime.token(role))

    def run(self, *arguments: object, endpoint: Endpoint | None = None, role: str = "optimizer") -> tuple[int, str]:
        """Run `jigsmith-optimizer`; return its exit code and what it said."""
        reached = ["--address", self.runtime.address, "--token-file", self.folder / role]
        if endpoint is not None:
            reached += ["--base-url", endpoint.base_url]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "JIGSMITH_"))
        }
        done = subprocess.run(
            [_PROGRAM, *map(str, arguments), *map(str, reached)],
            env=environment | {"COLUMNS": "200"}, capture_output=True, text=True, check=False, timeout=110,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def report(self) -> int:
        """Run `jigsmith-optimizer report`, which asks nobody; return its exit code."""
        return subprocess.run([_PROGRAM, "report", self.folder / "run"], capture_output=True, check=False).returncode

    def rows(self, name: str, found: list[Task]) -> Path:
        """Write tasks as JSON lines."""
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(one.as_json()) + "\n" for one in found))
        return path

    def train(self, endpoint: Endpoint, *more: object) -> tuple[int, str]:
        """Train on tasks that are split by the command."""
        rows = self.rows("tasks", tasks(range(3, 43)))
        arguments = ["train", "--set", self.set, "--tasks", rows, "--model", "m", "--out", self.folder / "run"]
        return self.run(*arguments, "--epochs", "3", "--patience", "1", *more, endpoint=endpoint)


@pytest.fixture
def shell(runtime, tmp_path) -> Shell:
    """Give a shell."""
    return Shell(runtime, tmp_path)


@pytest.fixture
def endpoint():
    """Give a model that learns two functions."""
    with Endpoint(scripted([[TWICE], [THRICE]])) as found:
        yield found


async def test_what_was_learned_is_measured_compared_and_proposed(shell: Shell, endpoint: Endpoint) -> None:
    """From the shell alone; the evidence is signed in the evaluator's name and bound to the report."""
    code, said = shell.train(endpoint)
    assert code == 0, said
    assert "sealed test tasks: 1.000 before, 0.000 after" in said
    summary = json.loads((shell.folder / "run" / "summary.json").read_text())
    first, best = summary["epochs"][0]["revision"], summary["revision"]
    fresh = shell.rows("fresh", tasks(range(1_000, 1_010)))

    code, said = shell.run(
        "evaluate", "--revision", best, "--tasks", fresh, "--model", "m", "--json", endpoint=endpoint
    )
    assert code == 0, said
    found = json.loads(said)
    assert found["loss"]["estimate"] == 0
    assert found["calls"] == {"thrice": 10, "twice": 10}

    code, said = shell.run(
        "compare", "--revision", best, "--against", first, "--tasks", fresh, "--model", "m", "--json", endpoint=endpoint
    )
    assert code == 0, said
    assert (json.loads(said)["wins"], json.loads(said)["losses"]) == (20, 0)

    code, said = shell.run(
        "baseline", "--set", shell.set, "--tasks", fresh, "--samples", "3", "--model", "m", "--json", endpoint=endpoint
    )
    assert code == 0, said
    assert json.loads(said)["loss"]["estimate"] == 1

    code, said = shell.run(
        "transfer", "--revision", first, "--revision", best, "--model", "m", "--model", "n", "--tasks", fresh, "--json",
        endpoint=endpoint,
    )  # fmt: skip
    assert code == 0, said
    cells = {(one["model"], one["revision"]): one["loss"]["estimate"] for one in json.loads(said)}
    assert cells == {("m", first): 1, ("n", first): 1, ("m", best): 0, ("n", best): 0}

    code, said = shell.run(
        "propose", shell.folder / "run", "--channel", "staging", "--evaluator-token-file", shell.folder / "evaluator"
    )
    assert code == 0, said
    name = re.search(r"functionSets/\S+/releases/\d+", said)[0]
    async with AsyncClient(shell.runtime.address, token=shell.runtime.token("reviewer")) as reviewer:
        release = await reviewer.get_release(name)
    assert release.revision == best
    (evidence,) = release.evidence
    assert evidence.suite_digest == summary["split_digests"]["test"]
    assert evidence.failed == 0
    assert evidence.evaluator == "service:evaluator"
    assert json.loads(evidence.envelope_json)["signatures"]

    (shell.folder / "run" / "report.html").unlink()
    assert shell.run("report", shell.folder / "run")[0] != 0  # it takes no address: nothing is asked
    assert shell.report() == 0
    page = (shell.folder / "run" / "report.html").read_text()
    assert "invocations/" in page
    assert "audit log entry" in page


@pytest.mark.parametrize("agent", ["tools", "react"])
@pytest.mark.parametrize("wire", ["chat"])
@pytest.mark.parametrize("name", ["math", "tabmwp", "gsm8k", "tatqa"])
def test_real_data_sets_train_start_to_finish(shell: Shell, name: str, agent: str, wire: str) -> None:
    """With each agent, against a model that knows every other answer; nothing is learned, and that is what it says."""
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("no shared/data beside the project")
    answers = {one.question: one.answer for one in load(path)}

    def answer(messages: list[dict], offered: set[str]):
        if "ping" in offered:
            return [("ping", {"text": "hello"})]
        if "terminate" in offered:
            return [("terminate", {"reason": "enough"})]
        known = answers.get(messages[-1]["content"])
        return f"FINAL ANSWER: {known if known and len(known) % 2 else 'I do not know'}"

    with Endpoint(answer) as endpoint:
        code, said = shell.run(
            "train", "--set", shell.set, "--tasks", path, "--limit", "60", "--model", "m", "--agent", agent, "--wire", wire,
            "--out", shell.folder / "run", "--epochs", "2", endpoint=endpoint,
        )  # fmt: skip
    assert code == 0, said
    summary = json.loads((shell.folder / "run" / "summary.json").read_text())
    assert 0 < summary["test_loss_after"] < 1
    assert summary["functions"] == []
    assert sum(summary["split_sizes"].values()) == 60


def test_errors_say_what_to_do(shell: Shell, endpoint: Endpoint) -> None:
    """Before anything is spent where that can be."""
    few = shell.rows("few", tasks(range(3, 8)))
    train = ["train", "--set", shell.set, "--model", "m", "--out", shell.folder / "other"]
    cases = [
        ([*train, "--tasks", few], "--algorithm agent-optimizer"),
        ([*train, "--tasks", shell.folder / "missing.jsonl"], "cannot be read"),
        (train, "give --tasks"),
        ([*train, "--tasks", few, "--split", "0.5,0.5"], "--split"),
        ([*train, "--tasks", few, "--algorithm", "magic"], "agent-optimizer"),
        ([*train, "--tasks", few, "--replay"], "no run to replay"),
        (["evaluate", "--revision", "nonsense", "--tasks", few, "--model", "m"], "functionSets/SET/revisions/N"),
        (["propose", shell.folder, "--channel", "staging"], "no finished run"),
    ]
    for arguments, expected in cases:
        given = None if arguments[0] == "propose" else endpoint
        code, said = shell.run(*arguments, endpoint=given)
        assert code != 0
        assert expected in " ".join(said.split()), (arguments, said)
        assert "Traceback" not in said
    assert endpoint.requests == []
    code, said = shell.run(
        *train, "--tasks", shell.rows("tasks", tasks(range(3, 43))), "--max-cost", "1", endpoint=endpoint
    )
    assert (code, "no price is known for m" in said) == (1, True)


def test_a_model_without_tool_calls_is_pointed_out(shell: Shell) -> None:
    """Training goes on, because it may have been a whim."""
    with Endpoint(lambda *_: "I cannot call anything.") as endpoint:
        code, said = shell.train(endpoint, "--algorithm", "agent-optimizer")
    assert code == 0, said
    assert "--agent react" in said
