"""Ours beside the reference implementation (ag2 0.13.4), driven by the same scripted proposals over real HTTP.

Where nothing differs on purpose, both propose the same sets, score them alike and roll back alike. Each deliberate difference
is a test of its own, and named. AG2 is installed into a folder of its own, for these tests only.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import ag2_package
from tests.e2e.endpoint import Endpoint
from tests.e2e.training import STOP, THRICE, TWICE, Run, function, names, remove, splits

BACKENDS = ["bubblewrap"]
_DRIVER = Path(__file__).with_name("ag2_driver.py")

pytestmark = [pytest.mark.timeout(400), pytest.mark.training]


@pytest.fixture(scope="module")
def ag2() -> Path:
    """Give the folder that AG2 is installed in."""
    try:
        return ag2_package.installed()
    except ag2_package.Ag2MissingError as error:
        pytest.skip(str(error))


def as_ag2(action: tuple[str, dict]) -> tuple[str, dict]:
    """Return an action in AG2's form."""
    kind, given = action
    if kind == "remove_function":
        return kind, {"name": given["name"]}
    return kind, {
        "name": given["name"],
        "description": given["description"],
        "arguments": json.dumps(given["parameters"]["properties"]),
        "packages": "",
        "code": given["source"],
    }


def drive(ag2: Path, steps: list[list[list[tuple[str, dict]]]], tasks) -> dict:
    """Run AG2 through the steps: three requests each, answered with one action after the other, then with text."""
    asked = iter(
        [as_ag2(one) for one in step[index]] if index < len(step) else []
        for step in [[one for one in step if one != [STOP]] for step in steps]
        for index in range(3)
    )

    def answer(_messages, _offered):
        return next(asked) or "Nothing to change."

    with Endpoint(answer) as endpoint:
        scenario = {
            "base_url": endpoint.base_url,
            "epochs": len(steps) + 1,
            "tasks": [[one.id.split("-")[0], int(one.id.split("-")[1]), int(one.answer)] for one in tasks],
        }
        done = subprocess.run(
            [sys.executable, _DRIVER], input=json.dumps(scenario), capture_output=True, text=True, check=False,
            env=os.environ | {"PYTHONPATH": str(ag2)}, timeout=100,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout.splitlines()[-1])


async def both(run: Run, ag2: Path, *steps) -> tuple[list[dict], list[dict], dict]:
    """Run the same steps through both; return their epochs: functions, score, and the best set after each."""
    on = splits(train=2, validation=1, test=1)
    training = await run.train(*steps, on=on)
    ours, best, known = [], [], {}
    for epoch in training.epochs:
        best = best if epoch.verdict == "rolled_back" else names(epoch.weights)
        # A set that was tried before is not rolled out again: its score is known.
        score = known.setdefault(epoch.weights.digest, None if epoch.train is None else 1 - epoch.train.loss)
        ours.append(
            {
                "functions": {name: one.source for name, one in epoch.weights.functions.items()},
                "score": score,
                "best": best,
            }
        )
    theirs = drive(ag2, list(steps), on.train)
    return ours, theirs["epochs"], theirs


@pytest.fixture
def run(runtime, tmp_path) -> Run:
    """Give a training in a set of its own."""
    return Run(runtime, tmp_path)


async def test_the_same_proposals_lead_to_the_same_sets_scores_and_roll_backs(run: Run, ag2: Path) -> None:
    """Additions that help, a revision and a removal that hurt, and an addition after them: five steps without a tie."""
    ours, theirs, _ = await both(
        run, ag2,
        [[TWICE]],
        [[function("twice", "0", "revise_function")]],
        [[remove("twice")]],
        [[THRICE]],
        [[remove("thrice")], [function("twice", "n", "revise_function")]],
    )  # fmt: skip
    assert [one["functions"] for one in ours] == [one["functions"] for one in theirs]
    assert [one["score"] for one in ours] == [one["score"] for one in theirs]
    assert [one["best"] for one in ours[:-1]] == [one["best"] for one in theirs[:-1]]
    assert ours[-1]["best"] == ["thrice", "twice"]


async def test_difference_ties_are_rolled_back(run: Run, ag2: Path) -> None:
    """The paper's text keeps strict gains only; AG2 keeps ties."""
    ours, theirs, _ = await both(run, ag2, [[TWICE]], [[function("idle", "n")]], [[THRICE]])
    assert ours[2]["score"] == theirs[2]["score"]
    assert ours[2]["best"] == ["twice"]
    assert theirs[2]["best"] == ["idle", "twice"]


async def test_difference_of_parallel_calls_one_counts(run: Run, ag2: Path) -> None:
    """AG2 takes all of them, whatever its limit of actions."""
    many = [TWICE, *[function(f"f{number}", "n") for number in range(9)]]
    ours, theirs, _ = await both(run, ag2, [many])
    assert len(ours[1]["functions"]) == 1
    assert len(theirs[1]["functions"]) == 10


async def test_difference_code_defines_what_it_names_and_a_revision_revises_something(run: Run, ag2: Path) -> None:
    """AG2 takes both as they come."""
    wrong = function("twice", "n", source="def other(n):\n    return n\n")
    ours, theirs, _ = await both(run, ag2, [[wrong], [function("unknown", "n", "revise_function")]])
    assert ours[1]["functions"] == {}
    assert sorted(theirs[1]["functions"]) == ["twice", "unknown"]


async def test_difference_every_function_runs_its_own_code(run: Run, ag2: Path) -> None:
    """What AG2 registers runs the code of the last one, whatever its name."""
    ours, _, theirs = await both(run, ag2, [[TWICE], [THRICE]])
    assert ours[1]["score"] == 1
    assert theirs["bound"] == {"twice": "thrice", "thrice": "thrice"}
