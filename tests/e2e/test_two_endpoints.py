"""Models at endpoints of their own: one that proposes, and several that use what was learned."""

import json
from pathlib import Path

import pytest

from tests.e2e.endpoint import Endpoint
from tests.e2e.raw_endpoint import RawEndpoint, call, chat, refusal
from tests.e2e.test_optimizer_commands import Shell
from tests.e2e.training import THRICE, TWICE, scripted, tasks

BACKENDS = ["bubblewrap"]

pytestmark = pytest.mark.training


@pytest.fixture
def shell(runtime, tmp_path) -> Shell:
    """Give a shell."""
    return Shell(runtime, tmp_path)


def model_file(folder: Path, name: str, base_url: str, model: str) -> Path:
    """Write where a model is."""
    path = folder / f"{name}.toml"
    path.write_text(f'model = "{model}"\nbase_url = "{base_url}"\napi_key = "k"\n')
    return path


def test_proposals_may_come_from_another_endpoint_than_answers(shell: Shell) -> None:
    """Each is probed and asked at its own; a run goes on only with both, and a replay needs neither."""
    script = scripted([[TWICE], [THRICE]])
    with Endpoint(script) as agent, Endpoint(script) as optimizer:
        more = ("--optimizer-model-file", model_file(shell.folder, "optimizer", optimizer.base_url, "thinker"))
        code, said = shell.train(agent, *more)
        assert code == 0, said
        assert "0.000 after" in said
        assert {one["model"] for one in agent.requests} == {"m"}
        assert {one["model"] for one in optimizer.requests} == {"thinker"}
        assert all("terminate" not in str(one.get("tools")) for one in agent.requests)
        count = len(agent.requests) + len(optimizer.requests)
        out = ["train", "--resume", "--out", shell.folder / "run"]
        code, said = shell.run(*out, endpoint=agent)
        assert "--optimizer-model-file" in said
        assert code != 0
        code, said = shell.run(*out, *more, endpoint=agent)
        assert code == 0, said
        assert len(agent.requests) + len(optimizer.requests) == count
    assert shell.report() == 0


def test_what_was_learned_is_used_by_models_elsewhere(shell: Shell) -> None:
    """Also if two of them have the same name; each is probed before the first has cost anything."""
    learner = Endpoint(scripted([[TWICE], [THRICE]]))
    with learner:
        assert shell.train(learner)[0] == 0
    best = json.loads((shell.folder / "run" / "summary.json").read_text())["revision"]
    fresh = shell.rows("fresh", tasks(range(1_000, 1_005)))

    def ignorant(request: dict):
        return 200, chat(None, [call("ping", {})]) if "ping" in str(request.get("tools")) else chat("ANSWER: 0")

    with (
        Endpoint(scripted()) as able,
        RawEndpoint(ignorant) as other,
        RawEndpoint(lambda _: (400, refusal("no tools"))) as down,
    ):
        a, b, c = (
            model_file(shell.folder, name, one.base_url, "m") for name, one in (("a", able), ("b", other), ("c", down))
        )
        arguments = ["transfer", "--revision", best, "--tasks", fresh, "--json", "--model"]
        code, said = shell.run(*arguments, a, "--model", b)
        assert code == 0, said
        assert [one["loss"]["estimate"] for one in json.loads(said)] == [0, 1]
        before = len(able.requests)
        code, said = shell.run(*arguments, a, "--model", c)
        assert code != 0
        assert "no tools" in said
        assert len(able.requests) == before + 1  # its probe
