"""Training with models and endpoints that misbehave, over both wires and with both agents: it ends, and learns what it can."""

import json
from pathlib import Path

import pytest
from jigsmith_optimizer import pipeline
from jigsmith_optimizer.agents import ReactAgent
from jigsmith_optimizer.agents.react import parse
from jigsmith_optimizer.budget import Budget
from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.llm import Access, Model, ModelError
from jigsmith_optimizer.session import Means, RuntimeAddress, Session, Who
from jigsmith_optimizer.training import Settings
from jigsmith_scripted import Behaviour, Call, First, Reply, ScriptedServer
from jigsmith_scripted.policies import Arithmetic, ScriptedSteps

from tests.e2e.training import THRICE, TWICE, Run, Silent, names, splits

BACKENDS = ["bubblewrap"]
PLAN = ScriptedSteps(
    {2: [Reply(calls=(Call(name, json.dumps(arguments)),)) for name, arguments in (TWICE, THRICE)]},
    r'"epoch": (\d+)',
    Arithmetic(),
)


@pytest.fixture
def run(runtime, tmp_path) -> Run:
    """Give a training in a set of its own."""
    return Run(runtime, tmp_path)


async def train(run: Run, behaviour: Behaviour, *, wire: str = "chat", agent: str = "tools", **settings):
    """Train by the trusted algorithm against a scripted endpoint; return the session's spend beside the run's outcome."""
    with ScriptedServer(PLAN, behaviour) as server:
        means = Means(
            RuntimeAddress(run.runtime.address, run.runtime.token("optimizer")),
            Access(server.base_url, "x", wire, timeout_s=2.0, backoff_s=0.01),
            concurrency=8,
        )
        wanted = Settings("run-test", epochs=2, **settings)
        on = splits(train=5, validation=20, test=5)
        async with Session(run.folder, "run-test", Who(run.set, "m", "m", agent), means, seed=0) as session:
            await session.probe(optimizer=True)
            run.outcome = await pipeline.train(session, on, wanted, Silent())
            run.summary = pipeline.write(session, on, wanted, run.outcome)
        return session.budget.spent, server.counts


@pytest.mark.parametrize("agent", ["tools", "react"])
@pytest.mark.parametrize("wire", ["chat", "responses"])
async def test_each_agent_learns_over_each_wire(run: Run, wire: str, agent: str) -> None:
    """From nothing to the whole of it."""
    spent, counts = await train(run, Behaviour(), wire=wire, agent=agent)
    assert names(run.outcome.training.best) == ["thrice", "twice"]
    assert run.summary["test_loss_after"] == 0
    assert spent.requests == counts[200]
    assert spent.prompt_tokens > 1_000


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(rate_limited=First(2), retry_after_s=0),
        Behaviour(error_rate=0.2),
        Behaviour(truncated=0.2),
        Behaviour(malformed_tool_calls=0.1, seed=2),
        Behaviour(parallel_tool_calls=0.5),
        Behaviour(noise=0.05),
        Behaviour(slow_s=0.01),
    ],
    ids=["429", "500", "truncated", "malformed", "parallel", "noise", "slow"],
)
async def test_what_an_endpoint_or_model_does_wrong_does_not_stop_training(run: Run, behaviour: Behaviour) -> None:
    """Attempts are repeated and counted; a model's mistakes are answered with errors that it reads."""
    spent, counts = await train(run, behaviour)
    learned = names(run.outcome.training.best)
    assert learned  # a malformed proposal costs one of the two
    assert set(learned) <= {"twice", "thrice"}
    assert run.summary["test_loss_after"] < 1
    assert spent.requests >= sum(counts.values()) - 5


@pytest.mark.parametrize("behaviour", [Behaviour(refusing=1.0), Behaviour(stubborn=1.0)], ids=["refusing", "stubborn"])
async def test_a_model_that_never_gets_anywhere_ends_training_without_a_result(run: Run, behaviour: Behaviour) -> None:
    """Nothing is learned, and nothing is said to be."""
    await train(run, behaviour)
    assert names(run.outcome.training.best) == []
    assert run.summary["test_loss_after"] == 1


async def test_an_endpoint_that_hangs_is_given_up_after_bounded_attempts(tmp_path: Path) -> None:
    """Each within its time-out; each counted."""
    with ScriptedServer(Arithmetic(), Behaviour(hang=1.0)) as server:
        async with Journal(tmp_path / "j") as journal:
            budget = Budget()
            async with Model(
                "m", Access(server.base_url, "x", timeout_s=0.1, backoff_s=0.01), journal, budget
            ) as model:
                with pytest.raises(ModelError, match="6 attempts"):
                    await model.ask([{"role": "user", "content": "Use twice on 3."}], [], 0)
            assert budget.spent.requests == 6


@pytest.mark.parametrize(
    ("text", "action", "kept"),
    [
        (
            'Thought: x\nAction: f\nAction Input: {"n": 1}\nObservation: 7\nFINAL ANSWER: 7',
            ("f", '{"n": 1}'),
            '{"n": 1}',
        ),
        ("Thought: x\nFINAL ANSWER: 3\nAction: f\nAction Input: {}", None, "Action Input: {}"),
        ("Action: `f`", ("f", "{}"), "Action: `f`"),
        ("Action: f\nAction Input: not json\nObservation: 9", ("f", "not json"), "not json"),
        ('Action: f\nAction Input: {"n": {"m": [1, 2]}} and then', ("f", '{"n": {"m": [1, 2]}}'), "]}}"),
        ("I do not know.", None, "I do not know."),
        ("", None, ""),
    ],
)
def test_react_believes_no_observation_that_the_model_imagined(text: str, action, kept: str) -> None:
    """What follows an action's input is cut off; the first of action and answer counts."""
    found, parsed = parse(text)
    assert parsed == action
    assert found.endswith(kept)
    assert ReactAgent.name == "react"
