"""What the optimizer's model is sent, all of it, has bounds, however large functions, errors and its own answers are."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jigsmith_optimizer.agents import Conversation, Step
from jigsmith_optimizer.budget import Budget
from jigsmith_optimizer.described import beginning_in_json, described, json_length
from jigsmith_optimizer.histories import PROMPT_CHARS_MAX, Rejected, state
from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.llm import Access, Model, PromptTooLongError
from jigsmith_optimizer.proposer import Proposal, Proposer, Situation
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.weights import Function, FunctionStore, ProposalRefusedError, Weights

from tests.e2e.raw_endpoint import RawEndpoint, call, chat, refusal

NONE = Evaluation(())
TAKEN = {
    "name": "f",
    "description": "d",
    "parameters": {"type": "object"},
    "source": "def f(): return 1",
    "reason": "r",
}


def weights(*sources: str, description: str = "d", schema: str = '{"type": "object"}') -> Weights:
    """Return a set with these sources."""
    found = {
        f"f{n:03}": Function(f"f{n:03}", f"functions/f/versions/{n}", description, schema, source)
        for n, source in enumerate(sources)
    }
    return Weights("functionSets/s/revisions/1", found)


def told(found: Weights, evaluation: Evaluation = NONE, chars_max: int = PROMPT_CHARS_MAX, **more) -> dict:
    """Return the state that is told, which stays within its bound."""
    text = state(
        epoch=2, incumbent=found, evaluation=evaluation, rejected=more.pop("rejected", ()), chars_max=chars_max, **more
    )
    assert len(text) <= chars_max
    return json.loads(text)


def test_twenty_functions_of_sixty_kilobytes_are_told_within_the_bound() -> None:
    """Each with its signature and the beginning of its source; the cut is told; there is room for conversations."""
    steps = [Step("f001", "{}", '{"error": "x"}', True, "invocations/1", 1)]
    rollouts = tuple(Rollout(Task(str(n), "?" * 900, "1"), Conversation("ANSWER: 1", steps), False) for n in range(50))
    facts = told(weights(*["x = 1\n" * 10_000] * 20), Evaluation(rollouts))
    functions = facts["best"]["functions"]
    assert [one["name"] for one in functions] == [f"f{n:03}" for n in range(20)]
    assert all(one["source"].startswith("x = 1\n" * 20) for one in functions)
    assert all("(cut; 60000 characters in all)" in one["source"] for one in functions)
    assert facts["conversations"]
    assert facts["tasks"]


def test_a_short_function_is_told_whole_beside_long_ones() -> None:
    """What it does not need goes to the others."""
    short = "def f():\n    return 1\n" * 20
    sources = [one["source"] for one in described(weights(short, "y" * 60_000, short), 12_000)]
    assert (sources[0], sources[2]) == (short, short)
    assert len(sources[1]) > 8_000


@pytest.mark.parametrize("chars_max", [60_000, 30_000, 12_000])
def test_nothing_that_a_model_or_a_function_names_goes_beyond_the_bound(chars_max: int) -> None:
    """Long descriptions and schemas, hundreds of names, control characters that take six characters in JSON."""
    schema = json.dumps({"type": "object", "properties": {f"p{n}": {"description": "z" * 100} for n in range(500)}})
    names = tuple("n" * 60 + str(n) for n in range(200))
    steps = [Step(f"{n}" + "\x01" * 300, "\x01" * 900, "\x01" * 900, True, "", None) for n in range(300)]
    rollouts = tuple(
        Rollout(Task("\x01" * 900 + str(n), "\x01" * 900, "1"), Conversation("\x01" * 900, steps), False)
        for n in range(99)
    )
    rejected = [Rejected(n, names, 0.5, (), "\x01" * 9_000) for n in range(50)]
    found = weights(*["\x01" * 9_000] * 128, description="\x01" * 4_000, schema=schema)
    told(found, Evaluation(rollouts), chars_max, rejected=rejected, notes=["\x01" * 5_000] * 100)


@given(st.lists(st.text(max_size=400).map(lambda one: one * 9), max_size=30), st.integers(0, 20_000))
def test_functions_take_no_more_than_their_room(sources: list[str], room: int) -> None:
    """Whatever their sources are."""
    assert json_length(described(weights(*sources), room)) <= room + 2


@given(st.text(max_size=300), st.integers(0, 600))
def test_a_cut_is_told_and_within_its_room(text: str, room: int) -> None:
    """Measured as JSON, escapes included."""
    found = beginning_in_json(text, room)
    assert found == text if json_length(text) <= room else json_length(found) <= max(room, 60)


class Refusing(FunctionStore):
    """A runtime that refuses everything, at length."""

    async def register(self, action, provenance) -> Function:
        """Refuse."""
        raise ProposalRefusedError(f"begin {'x' * 500_000} end")


async def proposed(path: Path, answer) -> tuple[Proposal, list[dict]]:
    """Return what a step leads to, and what the model was asked."""
    with RawEndpoint(answer) as server:
        journal = Journal(path / "j")
        access = Access(server.base_url, "x", backoff_s=0.001)
        async with journal, Model("m", access, journal, Budget()) as model:
            situation = Situation("run", "", 2, weights("def f000(): return 1\n" * 2_000), Evaluation(()), [])
            found = await Proposer(model, Refusing(None, "s", journal, "run")).propose(situation, 0)
        return found, server.requests


async def test_a_repair_is_told_in_two_thousand_characters(tmp_path: Path) -> None:
    """Beginning and end of an error; and all that is sent back of an answer is bounded, too."""
    large = json.dumps(TAKEN | {"source": "y" * 60_000})
    body = chat("t" * 60_000, [call("add_function", large), *[call("add_function", "z" * 30_000)] * 10])
    found, requests = await proposed(tmp_path, lambda _: (200, body))
    assert found.repairs == 4
    replies = [one["content"] for one in requests[-1]["messages"] if one["role"] == "tool"]
    assert replies[0].startswith("error: begin")
    assert replies[0].endswith("end")
    assert max(map(len, replies)) < 2_100
    assert len(json.dumps(requests[-1])) < 200_000
    for one in requests[-1]["messages"]:
        for made in one.get("tool_calls", ()):
            json.loads(made["function"]["arguments"])


async def test_a_prompt_that_is_held_back_ends_the_step_and_not_the_run(tmp_path: Path) -> None:
    """After less of the state was tried; the reason is kept with the proposal."""
    found, requests = await proposed(tmp_path, lambda _: (400, refusal("content management policy")))
    assert len({len(one["messages"][1]["content"]) for one in requests}) == len(requests) == 3
    assert list(found.functions) == ["f000"]
    (action,) = found.actions
    assert action.kind == "terminate"
    assert "content management" in action.reason


async def test_a_window_that_is_too_small_for_the_least_prompt_ends_the_run(tmp_path: Path) -> None:
    """No proposal will ever fit."""
    with pytest.raises(PromptTooLongError, match="context window"):
        await proposed(tmp_path, lambda _: (400, refusal("maximum context length is 1 token")))
