"""Datasets, graders and the generator of word problems."""

import json
from pathlib import Path

import pytest
from jigsmith_demo import agent_rules
from jigsmith_optimizer.datasets import DatasetError, Task, load
from jigsmith_optimizer.datasets.word_problems import KINDS, write_splits
from jigsmith_optimizer.loss import loss, solved


def test_splits_are_the_same_for_a_seed_and_share_no_table(tmp_path: Path) -> None:
    """Byte for byte; another seed gives other tasks; every kind is there."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        write_splits(tmp_path / name, seed=seed)
    for split, count in (("train", 40), ("validation", 40), ("test", 80)):
        texts = [(tmp_path / name / f"{split}.jsonl").read_text() for name in "abc"]
        assert texts[0] == texts[1] != texts[2]
        tasks = load(tmp_path / "a" / f"{split}.jsonl")
        assert len(tasks) == count
        assert {task.id.split("-")[1] for task in tasks} == set(KINDS)
    questions = [
        task.question for split in ("train", "validation", "test") for task in load(tmp_path / "a" / f"{split}.jsonl")
    ]
    assert len(set(questions)) == 160


def test_the_answers_are_right(tmp_path: Path) -> None:
    """By a second computation, for kinds where that is short; the stand-in reads every question."""
    write_splits(tmp_path, seed=3)
    for task in load(tmp_path / "train.jsonl"):
        kind = task.id.split("-")[1]
        function, arguments = agent_rules.next_step(
            task.question,
            {
                "mean",
                "median",
                "value_range",
                "total_price",
                "percent_change",
                "days_between",
                "kilometres_to_miles",
                "weighted_mean",
            },
            None,
        )
        values = arguments.get("values")
        match kind:
            case "mean":
                assert solved(task, str(sum(values) / len(values)))
            case "range":
                assert solved(task, str(max(values) - min(values)))
            case "total_price":
                assert solved(
                    task, str(sum(q * p for q, p in zip(arguments["quantities"], arguments["prices"], strict=True)))
                )
        assert function


@pytest.mark.parametrize(
    ("answer", "text", "expected"),
    [
        ("12", "It is so.\nANSWER: 12", True),
        ("12", "ANSWER: 12.0", True),
        ("12", "ANSWER: 13", False),
        ("1200", "ANSWER: 1,200", True),
        ("12", "ANSWER: 1\nANSWER: 12", True),
        ("12", "12", True),
        ("-3", "ANSWER: -3", True),
        ("12", "", False),
        ("12", "ANSWER: none", False),
        ("0.5", "ANSWER: .5", True),
        ("12", "ANSWER: nan", False),
    ],
)
def test_numbers_are_graded_as_numbers(answer: str, text: str, *, expected: bool) -> None:
    """The last ANSWER line counts."""
    assert solved(Task("1", "?", answer, "number", 1e-6), text) == expected


def test_texts_are_graded_as_texts() -> None:
    """Case and white space do not count."""
    task = Task("1", "?", "New York", "text")
    assert solved(task, "ANSWER: new  york")
    assert not solved(task, "ANSWER: york")


def test_loss_is_the_share_of_tasks_failed() -> None:
    """Zero for none at all: no division by zero."""
    assert loss([True, False, False, True]) == 0.5
    assert loss([]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no task"),
        ("{", "line 1: not JSON"),
        ('{"id": 1}', "line 1: needs"),
        ('{"id": 1, "question": "?", "answer": "1", "grader": "vote"}', "grader"),
        ('{"id": 1, "question": "?", "answer": "1", "tolerance": -1}', "tolerance"),
        ('{"id": 1, "question": "?", "answer": "1"}\n' * 2, "same id"),
    ],
)
def test_a_faulty_dataset_is_named_by_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    """So that a person can mend it."""
    path = tmp_path / "tasks.jsonl"
    path.write_text(text)
    with pytest.raises(DatasetError, match=said) as caught:
        load(path)
    assert "tasks.jsonl" in str(caught.value)


def test_a_dataset_of_ones_own(tmp_path: Path) -> None:
    """The least that a line needs."""
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"id": "a", "question": "1 + 1?", "answer": "2"}) + "\n\n")
    assert load(path) == [Task("a", "1 + 1?", "2")]
