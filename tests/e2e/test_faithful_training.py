"""The paper's training against a real runtime and real HTTP: what faults of earlier implementations must not recur."""

import contextlib
import json
import uuid

import pytest
from jigsmith import AsyncClient
from jigsmith_optimizer.llm import Access, ModelError
from jigsmith_optimizer.llm import Endpoint as ModelEndpoint
from jigsmith_optimizer.tasks import SealedTasks, Splits, Task

from tests.e2e.endpoint import Endpoint
from tests.e2e.training import STOP, THRICE, TWICE, Run, function, names, remove, splits

BACKENDS = ["bubblewrap"]


@pytest.fixture
def run(runtime, tmp_path) -> Run:
    """Give a training in a set of its own."""
    return Run(runtime, tmp_path)


async def test_each_function_runs_its_own_code(run: Run) -> None:
    """Not that of the one registered last."""
    training = await run.train([[TWICE], [THRICE]])
    assert training.epochs[1].train_loss == 0
    assert run.summary["test_loss_before"] == 1
    assert run.summary["test_loss_after"] == 0


async def test_a_removed_function_is_gone_for_the_agent(run: Run) -> None:
    """And a set without it that does worse is rolled back; the best set stays."""
    training = await run.train([[TWICE], [THRICE]], [[remove("twice")]])
    assert training.epochs[2].train_loss == 0.5
    assert training.epochs[2].verdict == "rolled_back"
    assert names(training.best) == ["thrice", "twice"]


async def test_after_a_roll_back_the_next_step_starts_from_the_old_set(run: Run) -> None:
    """The rejected function is not there any more, and the prompt shows that it was tried."""
    training = await run.train([[TWICE]], [[function("junk", "0")]], [[THRICE]])
    assert [one.verdict for one in training.epochs] == ["baseline", "accepted", "rolled_back", "accepted"]
    assert names(training.best) == ["thrice", "twice"]
    prompt = run.requests[-1]["messages"][1]["content"]
    assert '"junk"' in prompt.partition('"rejected"')[2]


async def test_terminate_ends_the_step(run: Run) -> None:
    """What a model would say after it is not asked for."""
    training = await run.train([[STOP], [TWICE]])
    assert names(training.epochs[1].weights) == []


async def test_ties_are_rolled_back(run: Run) -> None:
    """No better is not better."""
    training = await run.train([[function("useless", "n")]])
    assert training.epochs[1].verdict == "rolled_back"
    assert names(training.best) == []


async def test_of_parallel_tool_calls_the_first_counts(run: Run) -> None:
    """One action at a time, and three in a step at most."""
    many = [function(f"f{n}", "n") for n in range(10)]
    training = await run.train([[TWICE, *many]])
    assert names(training.epochs[1].weights) == ["twice"]
    answers = [one for one in run.requests[1]["messages"] if one["role"] == "tool"]
    assert len(answers) == 11
    assert all("one action at a time" in one["content"] for one in answers[1:])


async def test_three_actions_end_a_step(run: Run) -> None:
    """Algorithm 1: t < 3."""
    training = await run.train([[function(f"f{n}", "n")] for n in range(5)])
    assert len(training.epochs[1].actions) == 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (function("twice", "n * 2", "revise_function"), "no function 'twice'"),
        (remove("twice"), "no function 'twice'"),
        (function("twice", "n", source="def other(n):\n    return n\n"), "twice"),
        (function("twice", "open('/etc/passwd')"), "policy"),
        (function("twice", "n", source="def twice(n:\n"), "line 1"),
        (function("not a name", "n"), "identifier"),
        (function("twice", "n", parameters={"type": "array"}), "parameters"),
        (function("twice", "n", examples=[{"arguments": {"n": 2}, "expected": 4}]), "gave 2, not 4"),
        (function("twice", "1 / 0", examples=[{"arguments": {"n": 2}}]), "ZeroDivisionError"),
        (("add_function", '{"name": "twi'), "not JSON"),
        (("format_disk", {}), "no action"),
    ],
)
async def test_a_wrong_action_is_sent_back_and_mended(run: Run, wrong: tuple[str, dict], said: str) -> None:
    """The model reads what was wrong; what it then does right counts."""
    training = await run.train([[wrong], [TWICE]])
    (answer,) = [one for one in run.requests[1]["messages"] if one["role"] == "tool"]
    assert answer["content"].startswith("error:")
    assert said in answer["content"]
    assert names(training.best) == ["twice"]
    assert training.epochs[1].repairs == 1


async def test_repairs_are_bounded(run: Run) -> None:
    """A model that never gets it right costs a step, not the training."""
    training = await run.train([[remove("nothing")] for _ in range(20)])
    assert training.epochs[1].repairs <= 4
    assert training.epochs[1].verdict == "rolled_back"


async def test_early_stop_after_patience_roll_backs_in_a_row(run: Run) -> None:
    """An acceptance in between starts the count anew."""
    useless = [[function("useless", "n")]]
    training = await run.train(useless, [[TWICE]], useless, useless, [[THRICE]], patience=2)
    assert training.early_stopped
    assert [one.verdict for one in training.epochs] == [
        "baseline",
        "rolled_back",
        "accepted",
        "rolled_back",
        "rolled_back",
    ]


async def test_a_raising_function_is_an_answer_that_the_agent_and_the_optimizer_read(run: Run) -> None:
    """With the error's type, so that the next step can mend it."""
    training = await run.train(
        [[function("twice", "n / 0")], [THRICE]], [[function("twice", "n * 2", "revise_function")]]
    )
    assert [one.train_loss for one in training.epochs] == [1, 0.5, 0]
    facts = next(one for one in run.requests if '"epoch": 3' in one["messages"][1]["content"])["messages"][1]["content"]
    assert "ZeroDivisionError" in facts


async def test_prompts_are_bounded(run: Run) -> None:
    """However many tasks there are and however long they get."""
    long = [Task(str(n), f"Use twice on {n}. " + "x" * 20_000, str(2 * n)) for n in range(100)]
    on = Splits(long, splits().validation, SealedTasks([Task("t", "Use twice on 999.", "1998")]))
    await run.train([[STOP]], on=on)
    assert len(json.dumps(run.requests[0])) < 150_000


async def test_every_version_says_where_it_comes_from(run: Run, runtime) -> None:
    """Run, its owner, epoch, action, reason, model, and the digests of prompt and answer."""
    # A version is its content: one that another training made first would keep that one's story.
    training = await run.train([[function("twice", f"n * 2  # {uuid.uuid4()}")]])
    async with AsyncClient(runtime.address, token=runtime.token("optimizer")) as client:
        version = await client.get_function_version(training.best.functions["twice"].version)
    made = version.provenance
    assert (made.run, made.epoch, made.action, made.reason, made.model) == (
        "run-test",
        2,
        "add_function",
        "a test",
        "m",
    )
    assert len(made.prompt_digest) == len(made.response_digest) == 64
    assert made.prompt_digest != made.response_digest
    assert made.owner == "user:olga"
    assert made.task_ids


async def test_a_model_that_fails_for_a_while_is_asked_again_and_each_attempt_is_counted() -> None:
    """Two faults of the server, then an answer; a refusal is told at once."""
    attempts = []
    with Endpoint(lambda *_: "ANSWER: 1") as endpoint:
        endpoint.failures = [500, 429]
        async with ModelEndpoint("m", Access(endpoint.base_url, "x")) as model:

            def attempt():
                attempts.append(1)
                return contextlib.nullcontext()

            assert (await model.ask([{"role": "user", "content": "?"}], [], 0, attempt)).text == "ANSWER: 1"
            assert len(attempts) == 3
            endpoint.failures = [401]
            with pytest.raises(ModelError, match="refused"):
                await model.ask([{"role": "user", "content": "?"}], [], 0)
