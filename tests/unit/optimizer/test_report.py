"""The report: what a run did, escaped, bounded, each thing where one looks for it."""

import re
from dataclasses import replace
from typing import Any

import pytest
from jigsmith_optimizer import report
from jigsmith_optimizer.acceptance import Verdict
from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.agents import Conversation, Step
from jigsmith_optimizer.effects import Effect
from jigsmith_optimizer.intervals import Interval
from jigsmith_optimizer.pipeline import Outcome, TestResult
from jigsmith_optimizer.report.changes import changes
from jigsmith_optimizer.report.conversations import conversations
from jigsmith_optimizer.report.curve import curve
from jigsmith_optimizer.report.lineage import lineage
from jigsmith_optimizer.report.messages import conversation
from jigsmith_optimizer.report.page import escaped
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.tasks import Task, digest
from jigsmith_optimizer.training import Epoch, Training
from jigsmith_optimizer.weights import Function, Weights

GAIN = Interval(0.1, 0.05, 0.15)
HOSTILE = "</pre><script>alert(1)</script>\u202e\ud800"
TASKS = {name: Task("same-id", f"Question of {name}?", "1") for name in ("train", "validation", "test")}


def function(name: str, **more: Any) -> Function:
    """Return a function."""
    made = Function(name, f"functions/{name}/versions/1", "does it", '{"type": "object"}', f"def {name}(): pass", [])
    return replace(made, **more)


def step(name: str = "twice", invocation: str = "invocations/ab12") -> Step:
    """Return a call that returned."""
    return Step(
        name,
        '{"n": 3}',
        "6",
        failed=False,
        invocation=invocation,
        log_index=41,
        log_origin="log/x",
        leaf_hash="cd" * 32,
    )


def called(name: str = "twice") -> dict[str, Any]:
    """Return a tool call of a message."""
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": '{"n": 3}'}}


MESSAGES = [
    {"role": "system", "content": "the prompt that all share"},
    {"role": "user", "content": "Question?"},
    {"role": "assistant", "content": "first", "tool_calls": [called()]},
    {"role": "tool", "tool_call_id": "1", "content": "6"},
    {"role": "assistant", "content": f"ANSWER: 6 {HOSTILE}"},
]


def journalled(weights: Weights, task: Task, *, solved: bool = True, attempt: int = 0, temperature: float = 0.0):
    """Return a rollout as the journal has it."""
    said = Conversation("ANSWER: 6", [step()], MESSAGES).as_json()
    where = {"task": task.id, "row": digest([task]), "set": weights.digest, "attempt": attempt}
    return {"conversation": said, "solved": solved, **where, "sampling": {"temperature": temperature}}


EMPTY = Weights("functionSets/s/revisions/1", {})
BOTH = Weights("functionSets/s/revisions/2", {name: function(name) for name in ("twice", "idle")})
PRUNED = Weights("functionSets/s/revisions/3", {"twice": function("twice")})
FAILED = Evaluation((Rollout(TASKS["train"], Conversation(), solved=False),))
VERDICT = Verdict("accept", "why", 40, 80, 5, 3, GAIN, 0.01, wins_again=8, losses_again=2)


@pytest.fixture
def outcome() -> Outcome:
    """Give a run that learned two functions, stopped early, and took one away again."""
    add = (Action("add_function", "twice", reason=HOSTILE),)
    training = Training(
        [
            Epoch(1, "baseline", "start", EMPTY, None, train=FAILED),
            Epoch(2, "accepted", "better", BOTH, EMPTY, add, train=FAILED, test=VERDICT),
            Epoch(3, "rolled_back", "worse", EMPTY, BOTH),
            Epoch(4, "accepted", "as good", PRUNED, BOTH, (Action("remove_function", "idle"),), train=FAILED),
        ],
        stopped_at=3,
    )
    effects = [Effect("twice", 1, 1, 1, 0, GAIN), Effect("idle", 1, 1, 0, 0, GAIN)]
    test = TestResult(FAILED, FAILED, FAILED, 5, 5, 0.7, EMPTY)
    split_of = {digest([TASKS[name]]): name for name in ("train", "validation")}
    return Outcome(
        training, effects, test, {2: [*MESSAGES[:2], {"role": "assistant", "content": "I add twice"}]}, split_of
    )


def rollouts() -> list[dict[str, Any]]:
    """Return rollouts of every kind of set on every split."""
    return [
        journalled(EMPTY, TASKS["train"], solved=False),
        journalled(EMPTY, TASKS["validation"]),
        journalled(EMPTY, TASKS["test"], attempt=2, temperature=0.7),
        journalled(BOTH, TASKS["validation"], attempt=1),
        journalled(PRUNED, TASKS["train"]),
        journalled(Weights("", {"idle": function("idle")}), TASKS["train"]),
    ]


def test_rollouts_say_split_set_and_how_they_were_drawn(outcome: Outcome) -> None:
    """Also of sets that no epoch has, and of tasks whose ids stand in several splits."""
    found = conversations(outcome, rollouts(), 0.0).html
    for text in (
        "epoch 1 (baseline), functionSets/s/revisions/1; without functions, the baseline at an equal budget: test 1",
        "test 1 of 1 solved, train 0 of 1 solved, validation 1 of 1 solved",
        "the set without twice, for its effect",
        "epoch 4 (accepted), functionSets/s/revisions/3; the set without idle, for its effect",
        "same-id: solved (test, again (3), at temperature 0.7)",
        "same-id: failed (train)",
        "same-id: solved (validation, again (2))",
    ):
        assert text in found, text


def test_calls_stand_at_their_message_and_lead_to_receipts() -> None:
    """In tool calls as in plain text; the receipt is what `jigsmith audit verify receipt` reads."""
    plain = [
        {"role": "assistant", "content": "Action: twice\nAction Input: {}"},
        {"role": "user", "content": "Observation: 6"},
        {"role": "assistant", "content": "the end"},
    ]
    steps = [vars_of(step())]
    for messages, last in ((MESSAGES[1:], "ANSWER"), (plain, "the end")):
        found = conversation(messages, steps)
        assert found.index("audit log entry 41") < found.index(last)
        for where in re.findall(r'href="#([^"]+)"', found):
            assert f'id="{where}"' in found
        assert (
            "{&quot;log_origin&quot;: &quot;log/x&quot;, &quot;index&quot;: 41, &quot;leaf_hash&quot;: &quot;cdcd"
            in found
        )
        assert "invocations/ab12" in found


def vars_of(one: Step) -> dict[str, Any]:
    """Return a step as the journal has it."""
    return Conversation(steps=[one]).as_json()["steps"][0]


def test_all_that_a_proposal_changes_is_in_the_diff() -> None:
    """What the agent is told of a function may change alone, and what it imports."""
    before = Weights("1", {"f": function("f")})
    for change, text in (
        ({"description": "does that"}, "+description: does that"),
        ({"parameters_json": '{"type": "object", "required": ["n"]}'}, "+  &quot;required&quot;"),
        ({"packages": ["numpy"]}, "+packages: numpy"),
        ({"source": "def f(): return 1"}, "+def f(): return 1"),
    ):
        assert text in changes(before, Weights("2", {"f": function("f", **change)}))
    assert changes(before, before) == ""


def test_the_lineage_has_both_passes_and_the_optimizers_conversation(outcome: Outcome) -> None:
    """And links to failed tasks only where their rollouts are shown."""
    shown = conversations(outcome, rollouts(), 0.0)
    found = lineage(outcome, shown)
    assert "First pass: 5 won, 3 lost of 40" in found
    assert "8 won, 2 lost" in found
    assert "I add twice" in found
    links = re.findall(r'href="#(r-[^"]+)"', found)
    assert links
    assert all(f'id="{one}"' in shown.html for one in links)
    assert 'href="#r-' not in lineage(outcome, conversations(outcome, [], 0.0))


def test_early_stop_is_marked_where_it_was(outcome: Outcome) -> None:
    """Not at what was taken away afterwards."""
    drawn = curve(outcome.training)
    at = re.search(r'x="([\d.]+)"[^>]*>○?✕<', drawn)[1]
    assert re.search(rf'x="{at}"[^>]*>3<', drawn)


def test_every_roll_back_is_marked(outcome: Outcome) -> None:
    """At what little was rolled out with it; below the axis if nothing was."""
    epochs = outcome.training.epochs
    rolled_back = sum(one.verdict == "rolled_back" for one in epochs)
    assert rolled_back
    drawn = curve(outcome.training)
    hollow = len(re.findall(r'<circle[^>]*fill="var\(--page\)"', drawn)) + len(re.findall(r">○✕?<title", drawn))
    assert hollow >= rolled_back
    for number, one in enumerate(epochs):
        if one.verdict == "rolled_back":
            epochs[number] = replace(one, train=None, validation=None, screen=None)
    assert len(re.findall(r">○✕?<title", curve(outcome.training))) == rolled_back


def test_a_page_is_bounded_whatever_a_run_did(outcome: Outcome) -> None:
    """Failures come first; how much was left out is said."""
    many = [journalled(EMPTY, Task(f"t{n}", f"{n}?", "1"), solved=n % 2 == 0) for n in range(2_000)]
    found = conversations(outcome, many, 0.0, chars_max=100_000).html
    assert len(found) < 110_000
    assert "more rollouts are in the run&#x27;s journal" in found or "more rollouts are in the run's journal" in found
    assert "failed (test)" in found
    assert "solved (test)" not in found
    assert len(lineage(outcome, conversations(outcome, [], 0.0), chars_max=2_000)) < 4_000
    long = [{"role": "user", "content": "x" * 10**6, "tool_calls": [called()] * 10**4}] * 100
    assert len(conversation(long)) < 4_000_000


def test_what_models_wrote_cannot_act(outcome: Outcome) -> None:
    """Markup is text, what turns or hides text is written out, and half a character does not end the report."""
    assert escaped("<a&\u202e\x07\ud800") == "&lt;a&amp;\\u202e\\u0007\\ud800"
    body = conversations(outcome, rollouts(), 0.0).html + lineage(outcome, conversations(outcome, [], 0.0))
    text = report.page("title", body)
    assert "<script" not in text
    assert text.encode()
