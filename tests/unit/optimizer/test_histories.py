"""What the optimizer's model is shown: bounded, failures first, one of each kind before a second."""

import json

from jigsmith_optimizer.agents import Conversation, Step
from jigsmith_optimizer.histories import Rejected, by_worth, state
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.weights import Function, Weights

EMPTY = Weights("functionSets/s/revisions/1", {})


def rollout(name: str, *, solved: bool, error: str = "", category: str = "", question: str = "?") -> Rollout:
    """Return a rollout with one call."""
    step = Step("f", "{}", error or "1", bool(error), "invocations/1", 1)
    return Rollout(Task(name, question, "1", category=category), Conversation("ANSWER: 1", [step]), solved)


def test_failures_come_first_and_each_kind_before_a_second_of_it() -> None:
    """Those with errors of functions lead."""
    rollouts = [rollout(f"s{n}", solved=True) for n in range(3)]
    rollouts += [rollout(f"a{n}", solved=False, category="a") for n in range(3)]
    rollouts += [rollout(f"b{n}", solved=False, category="b", error='{"error": "TypeError"}') for n in range(3)]
    order = [one.task.id for one in by_worth(rollouts)]
    assert order[:4] == ["b0", "a0", "b1", "a1"]
    assert order[-3:] == ["s0", "s1", "s2"]
    assert sorted(order) == sorted(one.task.id for one in rollouts)


def test_whatever_there_is_it_stays_within_its_bound() -> None:
    """A thousand long tasks, long errors, many rejected candidates: the counts are told, the text is cut."""
    rollouts = tuple(
        rollout(str(n), solved=n % 3 == 0, error="x" * 5_000, question="y" * 5_000 + "ASKED") for n in range(1_000)
    )
    rejected = [Rejected(n, ("f",) * 20, 0.5, (), "z" * 200) for n in range(100)]
    text = state(epoch=3, incumbent=EMPTY, evaluation=Evaluation(rollouts), rejected=rejected, chars_max=40_000)
    assert len(text) < 42_000
    facts = json.loads(text)
    assert (facts["tasks_total"], facts["tasks_failed"]) == (1_000, 666)
    assert facts["tasks"][0]["question"].endswith("ASKED")
    assert facts["conversations"]
    assert len(facts["rejected"]) == 12


def test_failed_sets_are_told_in_ascending_order_of_what_they_reached() -> None:
    """As the paper has them: the worst first, and before them what was never rolled out."""
    rejected = [Rejected(2, (), 0.2, ()), Rejected(3, (), 0.9, ()), Rejected(4, (), None, (), "tried before")]
    weights = Weights("r", {"f": Function("f", "functions/f/versions/1", "d", '{"type": "object"}', "def f(): pass")})
    text = state(epoch=5, incumbent=weights, evaluation=Evaluation(()), rejected=rejected, notes=["leave f"])
    facts = json.loads(text)
    assert [one["loss"] for one in facts["rejected"]] == [None, 0.9, 0.2]
    assert facts["best"]["functions"][0]["source"] == "def f(): pass"
    assert facts["notes"] == ["leave f"]
