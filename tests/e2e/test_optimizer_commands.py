"""The optimizer's commands, as one types them: measuring, proposing, real data sets, errors that say what to do."""

import hashlib
import html
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

pytestmark = pytest.mark.training
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

    def verify_a_receipt(self, page: str) -> None:
        """Check a receipt that stands in a report against the audit log, as the report says how."""
        receipt = re.search(r"<code>(\{&quot;log_origin.*?\})</code>", page)[1]
        (self.folder / "receipt.json").write_text(html.unescape(receipt))
        command = [_PROGRAM.parent / "jigsmith", "audit", "verify", "receipt", self.folder / "receipt.json"]
        command += [self.runtime.data / "audit", "--key", self.runtime.data / "audit-key.pub"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

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

    code, said = shell.run("baseline", "--tasks", fresh, "--samples", "3", "--model", "m", "--json", endpoint=endpoint)
    assert code == 0, said
    assert (json.loads(said)["loss"]["estimate"], json.loads(said)["temperature"]) == (1, 0.7)

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
    for name in ("report.html", "summary.json"):
        assert (
            f"{name} sha256 {hashlib.sha256((shell.folder / 'run' / name).read_bytes()).hexdigest()}" in evidence.note
        )
    assert re.search(r"journal sha256 [0-9a-f]{64}", evidence.note)
    assert json.loads(evidence.envelope_json)["signatures"]

    before = {name: (shell.folder / "run" / name).read_bytes() for name in ("report.html", "summary.json")}
    (shell.folder / "run" / "report.html").unlink()
    assert shell.run("report", shell.folder / "run")[0] != 0  # it takes no address: nothing is asked
    assert shell.report() == 0
    shell.verify_a_receipt(before["report.html"].decode())
    # To the byte: a replay adds nothing to what the run was, not even its own seconds.
    assert json.loads(before["summary.json"]) == json.loads((shell.folder / "run" / "summary.json").read_bytes())
    assert before == {name: (shell.folder / "run" / name).read_bytes() for name in before}


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


async def test_a_run_whose_files_were_edited_is_not_proposed(shell: Shell, endpoint: Endpoint) -> None:
    """Neither with a better figure nor with another report; what the journal gives is what counts."""
    code, said = shell.train(endpoint)
    assert code == 0, said
    run = shell.folder / "run"
    for name, old, new in (("summary.json", '"estimate": 1.0', '"estimate": 0.99'), ("report.html", "Epoch", "Epoche")):
        kept = (run / name).read_text()
        assert old in kept
        (run / name).write_text(kept.replace(old, new))
        code, said = shell.run("propose", run, "--channel", "staging")
        assert (code, name in said, "report" in said) == (2, True, True), said
        (run / name).write_text(kept)
    async with AsyncClient(shell.runtime.address, token=shell.runtime.token("reviewer")) as reviewer:
        assert [one async for one in reviewer.list_releases(shell.set)] == []
    assert shell.run("propose", run, "--channel", "staging")[0] == 0


def test_errors_say_what_to_do(shell: Shell, endpoint: Endpoint) -> None:
    """In one line, with 2, and before anything is spent."""
    few, more = shell.rows("few", tasks(range(3, 8))), shell.rows("more", tasks(range(3, 43)))
    out, missing = shell.folder / "other", shell.folder / "missing"
    train = ["train", "--set", shell.set, "--model", "m", "--out", out]
    evaluate = ["evaluate", "--revision", "functionSets/a/revisions/1", "--tasks", few, "--model", "m"]
    (shell.folder / "prices.toml").write_text("[m]\ninput = -1\noutput = 2\n")
    cases = [
        ([*train, "--tasks", few], "--algorithm agent-optimizer"),
        ([*train, "--tasks", missing], "cannot be read"),
        (train, "give --tasks"),
        (["train", "--model", "m", "--tasks", more, "--out", out], "--set"),
        ([*train, "--tasks", few, "--split", "0.5,0.5"], "--split"),
        ([*train, "--tasks", few, "--split", "0.3,0.4,0.3,x"], "--split"),
        ([*train, "--tasks", few, "--algorithm", "magic"], "agent-optimizer"),
        ([*train, "--tasks", few, "--format", "nonsense"], "--format is one of"),
        ([*train, "--tasks", few, "--replay"], "no run to replay"),
        ([*train, "--tasks", more, "--max-cost", "1"], "no price is known for m"),
        ([*train, "--tasks", more, "--prices", shell.folder / "prices.toml"], "`input` is -1"),
        ([*evaluate, "--revision", "nonsense"], "functionSets/SET/revisions/N"),
        ([*evaluate, "--model-file", missing], f"--model-file {missing}"),
        ([*evaluate, "--api-key-file", missing], f"--api-key-file {missing}"),
        ([*evaluate, "--ca", missing], f"--ca {missing}"),
        ([*evaluate, "--format", "nonsense"], "--format is one of"),
        ([*evaluate, "--prices", missing], str(missing)),
        (["propose", shell.folder, "--channel", "staging"], "holds no run"),
    ]
    for arguments, expected in cases:
        given = None if arguments[0] == "propose" else endpoint
        code, said = shell.run(*arguments, endpoint=given)
        assert code == 2, (arguments, said)
        assert expected in " ".join(said.split()), (arguments, said)
        assert len(said.splitlines()) <= 2, said  # what the tasks can show may be said before it
        assert "--resume" not in said.replace("--resume goes on with it", "")
    assert endpoint.requests == []
    code, said = shell.run(*evaluate, "--base-url", "nonsense")
    assert (code, "--base-url" in said) == (2, True), said
    code, said = shell.run(*evaluate)
    assert (code, "OPENAI_API_KEY" in said) == (2, True), said


def test_a_run_that_had_not_begun_may_be_begun_with_other_options(shell: Shell, endpoint: Endpoint) -> None:
    """A mistyped model, key or set is corrected in the same folder; once it has begun, what differs is named."""
    rows = shell.rows("tasks", tasks(range(3, 43)))
    train = ["train", "--set", shell.set, "--tasks", rows, "--out", shell.folder / "run", "--epochs", "2"]
    assert shell.run(*train, "--model", "m", "--revision", "functionSets/none/revisions/1", endpoint=endpoint)[0] == 1
    endpoint.failures = [404]
    code, said = shell.run(*train, "--model", "mistyped", endpoint=endpoint)
    assert (code, "check --model" in said, "--resume" in said) == (1, True, False), said
    code, said = shell.run(*train, "--model", "m", "--max-requests", "60", endpoint=endpoint)
    assert code == 0, said
    assert "unfinished" in said

    resume = ["train", "--resume", "--out", shell.folder / "run"]
    for options, expected in (
        (["--epochs", "30", "--alpha", ".4"], "--epochs 2, not 30, and --alpha 0.05, not 0.4"),
        (["--model", "n"], "--model m, not n"),
        (["--set", "another"], f"--set {shell.set}, not another"),
        (["--tasks", shell.folder / "few"], "--tasks"),
        (["--temperature", "1"], "--temperature 0.0, not 1.0"),
    ):
        code, said = shell.run(*resume, *options, endpoint=endpoint)
        assert (code, expected in said) == (2, True), said
    asked = len(endpoint.requests)
    code, said = shell.run(*resume, endpoint=endpoint)
    assert code == 0, said
    assert len(endpoint.requests) > asked
    assert "unfinished" not in said


def test_a_report_of_an_unfinished_run_shows_what_there_is(shell: Shell, endpoint: Endpoint) -> None:
    """Of one that its budget ended, and of one that was killed; it says what is missing, and cannot be proposed."""
    code, said = shell.train(endpoint, "--max-requests", "150")
    assert (code, "unfinished" in said) == (0, True), said
    run = shell.folder / "run"
    written = {name: (run / name).read_bytes() for name in ("summary.json", "report.html")}
    for name in written:
        (run / name).unlink()
    assert shell.report() == 0
    assert written == {name: (run / name).read_bytes() for name in written}
    assert b"--max-requests" in written["report.html"]
    code, said = shell.run("propose", run, "--channel", "staging")
    assert (code, "not finished" in said) == (2, True), said

    (run / "report.html").unlink()
    endpoint.failures = [401]  # the run ends in an error, and leaves no report of its own
    code, said = shell.run("train", "--resume", "--out", run, endpoint=endpoint)
    assert (code, f"jigsmith-optimizer report {run}" in said) == (1, True), said
    assert not (run / "report.html").exists()
    assert shell.report() == 0
    assert "it was interrupted" in (run / "report.html").read_text()


def test_what_is_rolled_out_is_known_by_how_the_model_was_asked(shell: Shell, endpoint: Endpoint) -> None:
    """Another temperature, wire or endpoint is another rollout; the same again costs nothing."""
    code, said = shell.train(endpoint, "--max-requests", "60")
    assert code == 0, said
    revision = json.loads((shell.folder / "run" / "summary.json").read_text())["revision"]
    fresh = shell.rows("fresh", tasks(range(1_000, 1_003)))
    evaluate = [
        "evaluate",
        "--revision",
        revision,
        "--tasks",
        fresh,
        "--model",
        "m",
        "--out",
        shell.folder / "measured",
    ]
    with Endpoint(scripted()) as elsewhere:
        for asked, more, expected in (
            (endpoint, [], 7), (endpoint, [], 0), (endpoint, ["--temperature", "1.5"], 7), (elsewhere, [], 7),
        ):  # fmt: skip
            endpoint.requests.clear()
            code, said = shell.run(*evaluate, *more, endpoint=asked)
            assert code == 0, said
            assert len(asked.requests) == expected, (more, said)


def test_measuring_has_budgets(shell: Shell, endpoint: Endpoint) -> None:
    """Each of the four commands; with a folder, a larger budget goes on."""
    code, said = shell.train(endpoint, "--max-requests", "60")
    assert code == 0, said
    revision = json.loads((shell.folder / "run" / "summary.json").read_text())["revision"]
    fresh = shell.rows("fresh", tasks(range(1_000, 1_010)))
    measured = ["--tasks", fresh, "--model", "m"]
    for command in (
        ["evaluate", "--revision", revision], ["compare", "--revision", revision, "--against", revision],
        ["baseline"], ["transfer", "--revision", revision],
    ):  # fmt: skip
        endpoint.requests.clear()
        code, said = shell.run(*command, *measured, "--max-requests", "5", endpoint=endpoint)
        assert (code, "--max-requests" in said) == (1, True), said
        assert len(endpoint.requests) == 5
    out = ["--out", shell.folder / "measured"]
    code, said = shell.run("baseline", *measured, *out, "--max-requests", "5", endpoint=endpoint)
    assert (code, "the same command goes on" in said) == (1, True), said
    endpoint.requests.clear()
    code, said = shell.run("baseline", *measured, *out, "--max-requests", "21", endpoint=endpoint)
    assert (code, len(endpoint.requests)) == (0, 16), said


def test_a_sealed_test_split_is_opened_by_its_own_run_alone(shell: Shell, endpoint: Endpoint) -> None:
    """By its questions: in the run's folder, in the file that they came from, and for a second run on it."""
    code, said = shell.train(endpoint, "--max-requests", "60")
    assert code == 0, said
    run = shell.folder / "run"
    revision = json.loads((run / "summary.json").read_text())["revision"]
    evaluate = ["evaluate", "--revision", revision, "--model", "m", "--tasks"]
    endpoint.requests.clear()
    for rows in (run / "tasks" / "test.jsonl", shell.folder / "tasks.jsonl"):
        code, said = shell.run(*evaluate, rows, endpoint=endpoint)
        assert (code, "sealed" in said or "not over" in said, str(run) in said) == (2, True, True), said
    again = ["train", "--set", shell.set, "--tasks", shell.folder / "tasks.jsonl", "--model", "m", "--seed", "5"]
    code, said = shell.run(*again, "--out", shell.folder / "second", endpoint=endpoint)
    assert (code, "not over" in said) == (2, True), said
    assert endpoint.requests == []
    assert shell.run(*evaluate, run / "tasks" / "validation.jsonl", endpoint=endpoint)[0] == 0

    assert shell.run("train", "--resume", "--out", run, endpoint=endpoint)[0] == 0
    code, said = shell.run(*evaluate, run / "tasks" / "test.jsonl", endpoint=endpoint)
    assert (code, "has read them" in said) == (0, True), said


def test_tokens_that_an_endpoint_does_not_tell_are_estimated(shell: Shell, endpoint: Endpoint) -> None:
    """So that they are limited, and the baseline has a budget; that it is an estimate is said once."""
    endpoint.says_usage = False
    code, said = shell.train(endpoint, "--max-tokens", "3000")
    assert (code, "--max-tokens" in said) == (1, True), said
    assert said.count("an estimate") == 1
    assert len(endpoint.requests) < 30
    code, said = shell.run("train", "--resume", "--out", shell.folder / "run", endpoint=endpoint)
    assert code == 0, said
    summary = json.loads((shell.folder / "run" / "summary.json").read_text())
    assert summary["spent"]["estimated"]
    assert summary["spent"]["prompt_tokens"] > 3000
    assert summary["test"]["baseline"]["samples"] > 1
    assert summary["test"]["baseline"]["temperature"] == 0.7
    assert {0.0, 0.7} == {one["temperature"] for one in endpoint.requests}
    page = (shell.folder / "run" / "report.html").read_text()
    assert "estimate" in page
    assert "at temperature 0.7" in page


def test_a_model_without_tool_calls_is_pointed_out(shell: Shell) -> None:
    """Training goes on, because it may have been a whim."""
    with Endpoint(lambda *_: "I cannot call anything.") as endpoint:
        code, said = shell.train(endpoint, "--algorithm", "agent-optimizer")
    assert code == 0, said
    assert "--agent react" in said
