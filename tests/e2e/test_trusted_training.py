"""Training whose verdicts can be trusted, against a real runtime: what D_val decides, and what it is kept from."""

import json
from dataclasses import replace

import pytest
from jigsmith import AsyncClient
from jigsmith_optimizer.tasks import SealedError, Splits

from tests.e2e.training import STOP, THRICE, TWICE, Run, function, names, remove, splits, tasks

BACKENDS = ["bubblewrap"]
ON = {"train": 6, "validation": 40, "test": 5}


@pytest.fixture
def run(runtime, tmp_path) -> Run:
    """Give a training in a set of its own."""
    return Run(runtime, tmp_path)


async def train(run: Run, *steps, **settings):
    """Train by the trusted algorithm, with tasks enough."""
    return await run.train(*steps, on=splits(**ON), algorithm="trusted", **settings)


async def test_a_candidate_that_helps_is_kept_and_the_sealed_test_shows_it(run: Run) -> None:
    """With a paired interval, beside the agent without functions; the effect of each function is measured."""
    training = await train(run, [[TWICE], [THRICE]])
    assert [one.verdict for one in training.epochs] == ["baseline", "accepted"]
    verdict = training.epochs[1].test
    assert verdict.losses == 0
    assert verdict.tasks < 80  # it did not take all of them
    test = run.summary["test"]
    assert (test["before"]["estimate"], test["after"]["estimate"]) == (1.0, 0.0)
    assert test["gain"]["low"] > 0.4
    assert test["baseline"]["loss"]["estimate"] == 1.0
    assert test["baseline"]["samples"] >= 1
    effects = {one["function"]: one for one in run.summary["effects"]}
    assert {name: (one["tasks"], one["wins"], one["earns_its_place"]) for name, one in effects.items()} == {
        "twice": (6, 6, True),
        "thrice": (6, 6, True),
    }


async def test_a_gain_on_training_tasks_alone_is_not_kept(run: Run) -> None:
    """A function that has learned the training tasks by heart passes the screen, and D_val turns it down."""
    learned = {task.question.split()[-1].strip("."): task.answer for task in splits(**ON).train if "twice" in task.id}
    by_heart = function("twice", f"{ {int(n): int(value) for n, value in learned.items()} }.get(n, 0)")
    training = await train(run, [[by_heart]])
    epoch = training.epochs[1]
    assert epoch.screen.loss < 1
    assert epoch.verdict == "rolled_back"
    assert epoch.test.wins == 0
    assert names(training.best) == []


async def test_what_does_no_better_on_the_screen_costs_no_validation(run: Run) -> None:
    """And a candidate that was tried before, or changes nothing, costs no rollout at all."""
    training = await train(run, [[function("useless", "n")]], [[function("useless", "n")]], [[STOP]])
    assert [one.test for one in training.epochs[1:]] == [None, None, None]
    assert training.epochs[1].screen is not None
    assert [one.screen for one in training.epochs[2:]] == [None, None]
    assert "epoch 2 again" in training.epochs[2].why
    assert "changes nothing" in training.epochs[3].why


async def test_of_equal_sets_the_smaller_is_kept(run: Run) -> None:
    """A function that no task needs is taken away again, though nothing gets better by it."""
    training = await train(run, [[TWICE], [THRICE], [function("idle", "n")]], [[remove("idle")]])
    assert [one.verdict for one in training.epochs] == ["baseline", "accepted", "accepted"]
    assert training.epochs[2].test.tie
    assert names(training.best) == ["thrice", "twice"]


async def test_functions_that_earn_nothing_are_proposed_for_removal(run: Run) -> None:
    """At the end, and judged like any other candidate."""
    training = await train(run, [[TWICE], [THRICE], [function("idle", "n")]])
    assert [one.verdict for one in training.epochs] == ["baseline", "accepted", "accepted"]
    last = training.epochs[-1]
    assert [(one.kind, one.name) for one in last.actions] == [("remove_function", "idle")]
    assert "no training task called it" in last.actions[0].reason
    assert names(training.best) == ["thrice", "twice"]


async def test_a_removal_that_hurts_is_not_kept(run: Run) -> None:
    """Fewer functions are better only if nothing is lost."""
    training = await train(run, [[TWICE], [THRICE]], [[remove("twice")]])
    assert training.epochs[2].verdict == "rolled_back"
    assert names(training.best) == ["thrice", "twice"]


async def test_a_set_that_fails_too_little_is_not_trained(run: Run) -> None:
    """Nothing could be accepted: that is said after the baseline, no proposal is asked for, the sealed test stays sealed."""
    solved = [replace(task, answer="0") for task in tasks(range(1_000, 1_020))]
    on = splits(6, 3, 5)
    on = Splits(on.train, [*solved, *on.validation], on.test)
    training = await run.train([[TWICE]], on=on, algorithm="trusted", epochs=10)
    assert len(training.epochs) == 1
    assert "failed 6 of 46 validation tasks" in run.summary["unfinished"]
    assert run.summary["test"] is None
    assert run.requests == []
    on.test.training_is_over()
    on.test.open()


async def test_wins_about_one_table_are_one_win(run: Run) -> None:
    """Forty questions about one table, all of them won, are not accepted; forty of their own are."""
    whole = splits(**ON)
    alone = [task for task in whole.validation if "thrice" in task.id]
    table = [replace(task, group="a table") for task in whole.validation if "twice" in task.id]
    on = Splits(whole.train, [*alone, *table], whole.test)
    training = await run.train([[TWICE]], on=on, algorithm="trusted")
    verdict = training.epochs[1].test
    assert (verdict.decision, verdict.losses) != ("accept", 0)
    assert training.epochs[1].verdict == "rolled_back"
    assert "groups" in verdict.why


async def test_a_function_that_only_validation_tasks_need_is_not_taken_away(run: Run) -> None:
    """D_train proposes its removal, D_val, which had no say in that, turns it down."""
    on = splits(**ON)
    on = Splits([task for task in on.train if "twice" in task.id], on.validation, on.test)
    training = await run.train([[TWICE], [THRICE]], on=on, algorithm="trusted")
    assert [one.verdict for one in training.epochs] == ["baseline", "accepted", "rolled_back"]
    assert [(one.kind, one.name) for one in training.epochs[2].actions] == [("remove_function", "thrice")]
    assert names(training.best) == ["thrice", "twice"]


async def test_proposals_hear_nothing_of_validation(run: Run) -> None:
    """But that a candidate was not accepted: that is what bounds the error of the whole run."""
    on = splits(**ON)
    await run.train([[function("twice", "n * 2 if n < 9 else 0")]], [[STOP]], on=on, algorithm="trusted")
    told = json.dumps(run.requests)
    assert "not accepted on tasks that are held out" in told
    for task in on.validation:
        assert task.id not in told
    with pytest.raises(SealedError):
        on.test.open()  # it was read, once


async def test_the_audit_log_names_the_splits_before_training_begins(run: Run, runtime) -> None:
    """Their digests stand in the entry of the revision that training starts from."""
    on = splits(**ON)
    await run.train([[TWICE]], on=on, algorithm="trusted")
    async with AsyncClient(runtime.address, token=runtime.token("auditor")) as auditor:
        entries = [json.loads(one.entry_json) async for one in auditor.list_audit_entries()]
    first = next(
        one
        for one in entries
        if one["kind"] == "revision.created" and one["revision"].startswith(f"functionSets/{run.set}/")
    )
    assert all(digest in first["message"] for digest in on.digests().values())
    calls = [index for index, one in enumerate(entries) if run.set in str(one.get("target"))]
    assert calls
    assert entries.index(first) < calls[0]


async def test_going_round_in_circles_is_pointed_out(run: Run) -> None:
    """A function that is added and removed in turn."""
    add, drop = [[function("idle", "n")], [TWICE]], [[remove("idle")]]
    training = await train(run, add, drop, [[function("idle", "n + 0")], [remove("idle")]], [[STOP]])
    assert len(training.epochs) >= 4
    notes = [
        json.loads(one["messages"][1]["content"].split("```json\n")[1].split("\n```")[0])["notes"]
        for one in run.requests
    ]
    assert any("idle was added and removed in turn" in note for found in notes for note in found)
