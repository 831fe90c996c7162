"""Training through answers that no endpoint should give: it ends, learns what it can, and leaves a journal and a report."""

import json
import re

import pytest
from jigsmith_optimizer.session import JOURNAL
from jigsmith_optimizer.training import Settings

from tests.e2e.raw_endpoint import RawEndpoint, call, chat, refusal
from tests.e2e.training import TWICE, Run, names, splits

BACKENDS = ["bubblewrap"]
HALF = "\ud800"
NAME, GOOD = TWICE
NOT_A_NUMBER = json.dumps(GOOD | {"examples": [{"arguments": {"n": "HERE"}}]}).replace('"HERE"', "NaN")
PROPOSALS = [
    call(NAME, GOOD | {"name": ["twice"]}),
    call(NAME, NOT_A_NUMBER),
    call(f"add{HALF}", "{}"),
    call(
        NAME,
        GOOD
        | {
            "reason": f"why {HALF}",
            "description": f"what {HALF}",
            "examples": [{"arguments": {"n": 3}, "expected": 6.0}],
        },
    ),
]
"""The optimizer's model gives them in turn; three are sent back, the last is mended and taken."""
WRONG = [
    call("twice", {"n": HALF}),
    call("twice", '{"n": NaN}'),
    call("twice", '{"n": 1e999}'),
    call("twice", '{"n": "\\ud800"}'),
    call("twice", "[" * 100_000),
    call("twice", '{"n": ' + "9" * 5_000 + "}"),
    call("twice", '{"n": "\\u0000"}'),
    call("twice", ""),
    call(f"twice{HALF}\x00", "{}"),
    call("twice/../x" * 100, "{}"),
    call("", "{}"),
]
"""An agent's model calls them all in one answer, beside the right one."""


def answer(request: dict):
    """Answer as both models: everything is wrong that can be, and then right."""
    messages = request["messages"]
    offered = {one["function"]["name"] for one in request.get("tools", ())}
    usage = {"prompt_tokens": None, "completion_tokens": -1}
    if "ping" in offered:
        return 200, chat(None, [call("ping", {"text": HALF})], usage=usage)
    if "terminate" in offered:
        given = sum(one["role"] == "assistant" for one in messages)
        found = PROPOSALS[given] if given < len(PROPOSALS) else call("terminate", {"reason": f"enough {HALF}"})
        return 200, chat(f"so {HALF}", [found], usage=usage)
    task, n = re.search(r"Use (\w+) on (\d+)", messages[1]["content"]).groups()
    if task == "thrice":
        return 400, refusal(f"This model's maximum context length is 9 tokens {HALF}", 400)
    if messages[-1]["role"] == "tool":
        right = next(one["content"] for one in messages if one.get("tool_call_id") == "right")
        return 200, chat(f"{' ' * 30_000}{HALF}\nANSWER: {right}{' ' * 30_000}", usage=[])
    if "twice" not in offered:
        return 200, chat(f"\\boxed{{{HALF}" * 3_000, usage=usage)
    return 200, chat(None, [call("twice", {"n": int(n)}, "right"), *WRONG], usage=usage)


@pytest.fixture
def run(runtime, tmp_path) -> Run:
    """Give a training in a set of its own."""
    return Run(runtime, tmp_path)


async def test_training_lives_through_answers_that_no_endpoint_should_give(run: Run) -> None:
    """Texts that are none, arguments of other types, calls of what is not there, a context that is too small for some tasks.

    A second run in the same folder takes all of it from the journal.
    """
    settings = Settings("run-test", algorithm="agent-optimizer", epochs=2)
    with RawEndpoint(answer) as server:
        await run.train_at(server.base_url, settings, splits())
        asked = len(server.requests)
        for _ in range(2):
            assert names(run.outcome.training.best) == ["twice"]
            assert run.outcome.training.epochs[1].repairs == 3
            assert run.summary["test_loss_after"] == 0.5
            await run.train_at(server.base_url, settings, splits())
        assert len(server.requests) == asked
    function = run.outcome.training.best.functions["twice"]
    assert function.description == "what \ufffd"
    report = (run.folder / "report.html").read_text()
    assert "maximum context length" in report
    assert (run.folder / JOURNAL).stat().st_size < 8 * 1024 * 1024
