"""How a model is named and reached: options, environment, file; options win."""

from pathlib import Path

import pytest
import typer
from jigsmith_optimizer.cli import options


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from an environment without keys."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def access(
    file: Path | None = None, base_url: str = "", key: Path | None = None, wire: str = "", temperature: str = ""
):
    """Return how models are reached."""
    return options.access(file, base_url, key, wire, temperature, 60.0)


def test_a_file_says_what_options_do_not(tmp_path: Path) -> None:
    """Model, endpoint, key, wire and temperature."""
    path = tmp_path / "model.toml"
    path.write_text('model = "m"\nbase_url = "http://a/v1"\napi_key = "k"\nwire = "responses"\ntemperature = 0.7\n')
    found = access(path)
    assert (found.base_url, found.api_key, found.wire, found.temperature) == ("http://a/v1", "k", "responses", 0.7)
    assert options.who("s", "", "", path, "tools", interpreter=False).model == "m"
    (tmp_path / "key").write_text("other\n")
    found = access(path, "http://b/v1", tmp_path / "key", "chat", "none")
    assert (found.base_url, found.api_key, found.wire, found.temperature) == ("http://b/v1", "other", "chat", None)
    who = options.who("s", "n", "p", path, "react", interpreter=True)
    assert (who.model, who.optimizer_model, who.agent, who.interpreter) == ("n", "p", "react", True)


def test_a_server_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a base URL the openai package's own variable counts, with one a missing key is no error."""
    with pytest.raises(typer.BadParameter, match="OPENAI_API_KEY"):
        access()
    assert access(base_url="http://localhost/v1").api_key == "none"
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert access(base_url="http://localhost/v1").api_key is None


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    """With the option's name."""
    for arguments in ({"wire": "smoke"}, {"temperature": "hot"}, {"temperature": "nan"}, {"base_url": "nonsense"}):
        with pytest.raises(typer.BadParameter, match=next(iter(arguments)).replace("_", "-")):
            access(**arguments)
    with pytest.raises(typer.BadParameter, match="--model"):
        options.who("s", "", "", None, "tools", interpreter=False)
    with pytest.raises(typer.BadParameter, match="--agent"):
        options.who("s", "m", "", None, "magic", interpreter=False)
    (tmp_path / "broken.toml").write_text("model = ")
    for name in ("broken.toml", "missing.toml"):
        with pytest.raises(typer.BadParameter, match=name):
            access(tmp_path / name)
    for bound in (float("nan"), float("inf")):
        with pytest.raises(typer.BadParameter, match="--max-cost"):
            options.limits(None, None, None, bound)
    with pytest.raises(typer.BadParameter, match="--format"):
        options.form("nonsense")


def test_what_answers_depend_on_is_told_without_secrets() -> None:
    """The keys of a journal name endpoint, wire and sampling, and neither key nor password nor query."""
    found = access(base_url="https://user:secret@host:1/v1/?token=secret", temperature="0.7").identity()
    sampling = {"temperature": 0.7, "max_output_tokens": None}
    assert found == {"wire": "chat", "place": "https://host:1/v1", "sampling": sampling}
