"""The register of sealed tasks: what a run that goes on must not have seen is found, wherever it may be looked for."""

from pathlib import Path

import pytest
from jigsmith_optimizer import seals
from jigsmith_optimizer.tasks import SealedError


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a run that seals two questions, with its tasks in it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    folder = tmp_path / "runs" / "one"
    (folder / "tasks").mkdir(parents=True)
    seals.seal(folder, ["a?", "b  c?"])
    return folder


def test_sealed_questions_are_found_by_what_they_ask(run: Path) -> None:
    """In the run's own copy, in a file beside it, and by a neighbour's folder; white space makes no other question."""
    for file, out in (
        (run / "tasks" / "test.jsonl", None),
        (run.parent / "copy.jsonl", None),
        (Path("/nowhere/t.jsonl"), run.parent / "two"),
    ):
        with pytest.raises(SealedError, match=r"1 of 2 tasks.*runs/one.*not over"):
            seals.check(["b c?", "d?"], files=[file], out=out)
    assert seals.check(["d?"], files=[run / "tasks" / "train.jsonl"]) == []


def test_a_run_may_read_its_own(run: Path) -> None:
    """Its folder is not asked for leave."""
    assert seals.check(["a?"], files=[Path("/nowhere/t.jsonl")], out=run) == []


def test_after_training_they_may_be_read_and_that_is_said(run: Path) -> None:
    """Sealing again, as a resumed run does, does not close it."""
    seals.opened(run)
    seals.seal(run, ["a?"])
    (remark,) = seals.check(["a?"], files=[run / "tasks" / "test.jsonl"])
    assert "has read them" in remark


def test_a_register_that_is_none_is_named(run: Path) -> None:
    """Not taken for an empty one."""
    (run / "sealed.json").write_text("{")
    with pytest.raises(SealedError, match=r"sealed\.json is no register"):
        seals.check(["a?"], files=[run / "tasks" / "test.jsonl"])
