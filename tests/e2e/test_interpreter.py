"""The sandboxed interpreter that agents may have: a function of the runtime like any other, but without a policy."""

import json
import re
import uuid

import pytest
from jigsmith import AsyncClient
from jigsmith_optimizer import pipeline, run_python
from jigsmith_optimizer.llm import Access
from jigsmith_optimizer.run_python import InterpreterRefusedError
from jigsmith_optimizer.session import Means, RuntimeAddress, Session, Who
from jigsmith_optimizer.training import Settings

from tests.e2e.endpoint import Endpoint
from tests.e2e.training import STOP, TWICE, Silent, names, remove, splits

BACKENDS = ["bubblewrap"]


def programmer(messages: list[dict], offered: set[str]):
    """Solve every task by a program; as the optimizer, try to take the interpreter away, then add a function."""
    if "terminate" in offered:
        given = sum(one["role"] == "assistant" for one in messages)
        return [[remove("run_python")], [TWICE], [STOP]][min(given, 2)]
    name, n = re.search(r"Use (\w+) on (\d+)", messages[1]["content"]).groups()
    if messages[-1]["role"] == "tool":
        return f"ANSWER: {json.loads(messages[-1]['content']).get('output', '').strip()}"
    factor = {"twice": 2, "thrice": 3}[name]
    return [("run_python", {"code": f"import os\nprint({n} * {factor})\nos.environ['LEFT'] = 'behind'"})]


async def train(runtime, folder, function_set: str):
    """Train one epoch with an interpreter."""
    on = splits(train=3, validation=8, test=2)
    with Endpoint(programmer) as endpoint:
        means = Means(
            RuntimeAddress(runtime.address, runtime.token("optimizer")), Access(endpoint.base_url, "x"), concurrency=4
        )
        who = Who(function_set, "m", "m", interpreter=True)
        async with Session(folder, "run-test", who, means, seed=0) as session:
            settings = Settings("run-test", algorithm="agent-optimizer", epochs=2)
            outcome = await pipeline.train(session, on, settings, Silent())
            return outcome, pipeline.summarise(session, on, settings, outcome), endpoint.requests


async def test_an_interpreter_needs_an_admin_and_is_not_the_models_to_change(runtime, tmp_path) -> None:
    """Without permission training does not begin and says who can give it; with it, agents solve tasks by programs."""
    function_set = f"set-{uuid.uuid4().hex[:8]}"
    (tmp_path / "refused").mkdir()
    with pytest.raises(InterpreterRefusedError, match="allow-policy"):
        await train(runtime, tmp_path / "refused", function_set)
    async with AsyncClient(runtime.address, token=runtime.token("admin")) as admin:
        await admin.allow_policy(function_set, "none", reason="run_python, which is code by nature")
    (tmp_path / "run").mkdir()
    outcome, summary, requests = await train(runtime, tmp_path / "run", function_set)
    assert names(outcome.training.initial) == ["run_python"]
    assert outcome.training.epochs[0].train_loss == 0
    assert "run_python" in outcome.training.best.functions
    told = json.dumps(requests)
    assert "belongs to the agent" in told
    # Without functions still means with the interpreter: that is the agent, not what was learned.
    assert summary["test"]["baseline"]["loss"]["estimate"] == 0


async def test_what_a_program_did_is_gone_with_its_call_and_its_errors_are_answers(runtime) -> None:
    """No state between calls; a traceback of the program alone."""
    function_set = f"set-{uuid.uuid4().hex[:8]}"
    async with AsyncClient(runtime.address, token=runtime.token("optimizer")) as client:
        await client.create_set(function_set)
        version = await run_python.register(client, function_set)
        async with AsyncClient(runtime.address, token=runtime.token("admin")) as admin:
            await admin.allow_policy(function_set, "none", reason="a test")
        revision = await client.create_revision(function_set, [version])
        tools = await client.tools(revision.name)
        first = json.loads(await tools.call("run_python", json.dumps({"code": "x = 1\nprint(x)"})))
        assert first == {"output": "1\n"}
        second = json.loads(await tools.call("run_python", json.dumps({"code": "print('before')\nprint(x)"})))
        assert second["output"] == "before\n"
        assert "NameError" in second["error"]
        for code in ("import socket; socket.create_connection(('127.0.0.1', 1))", "print(open('/etc/shadow').read())"):
            assert "error" in json.loads(await tools.call("run_python", json.dumps({"code": code})))
