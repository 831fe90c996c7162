"""Task files, splits and the generator of word problems."""

import json
from pathlib import Path

import pytest
from jigsmith_demo import agent_rules
from jigsmith_optimizer.grading.plain import number
from jigsmith_optimizer.tasks import DatasetError, SealedError, SealedTasks, Splits, Task, digest, load, split
from jigsmith_optimizer.tasks.word_problems import KINDS, write_splits

DATA = Path(__file__).parents[4] / "shared" / "data"


def test_splits_are_the_same_for_a_seed_and_share_no_table(tmp_path: Path) -> None:
    """Byte for byte; another seed gives other tasks; every kind is there."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        write_splits(tmp_path / name, seed=seed)
    for name, count in (("train", 40), ("validation", 40), ("test", 80)):
        texts = [(tmp_path / folder / f"{name}.jsonl").read_text() for folder in "abc"]
        assert texts[0] == texts[1] != texts[2]
        tasks = load(tmp_path / "a" / f"{name}.jsonl")
        assert len(tasks) == count
        assert {task.id.split("-")[1] for task in tasks} == set(KINDS)
    questions = [
        task.question for name in ("train", "validation", "test") for task in load(tmp_path / "a" / f"{name}.jsonl")
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
                assert number(task, str(sum(values) / len(values)))
            case "range":
                assert number(task, str(max(values) - min(values)))
            case "total_price":
                assert number(
                    task, str(sum(q * p for q, p in zip(arguments["quantities"], arguments["prices"], strict=True)))
                )
        assert function


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no task"),
        ("{", "line 1: not JSON"),
        ('{"id": 1}', "line 1: needs"),
        ('{"id": 1, "question": "?", "answer": "1", "grader": "vote"}', "grader"),
        ('{"id": 1, "question": "?", "answer": "1", "tolerance": -1}', "tolerance"),
        ('{"id": 1, "question": "?", "answer": "1"}\n' * 2, "has the id"),
        ('{"id": 1, "question": "?", "answer": "1", "tolerance": Infinity}', "Infinity is no number"),
        ('{"id": 1, "question": "\\ud800?", "answer": "1"}', "surrogate"),
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


MATH = {"id": "m1", "question": "Solve $2x = 6$.", "solution": "So \\boxed{x = \\frac{6}{2}}.", "subject": "Algebra"}
GSM8K = {"id": "g1", "question": "3 + 4?", "solution": "3 + 4 = <<3+4=7>>7\n#### 7", "answer": "7"}
TABMWP = {
    "id": "t1", "question": "How much for both?", "choices": None, "answer": "0.30", "unit": "$", "table_title": "Prices",
    "table": "pen | $0.10\ncap | $0.20", "ans_type": "decimal_number", "grade": 3,
}  # fmt: skip
CHOICE = TABMWP | {"id": "t2", "choices": ["pen", "cap"], "answer": "cap", "ans_type": "multi_choice", "unit": None}
TATQA = {
    "id": "q1", "table_id": "x", "answer_type": "arithmetic", "question": "What is the change in Other?", "answer": -12.6,
    "scale": "million", "derivation": "44.1-56.7", "table": [["", "2019", "2018"], ["Other", "44.1", "56.7"]],
    "rel_paragraphs": ["In millions."],
}  # fmt: skip
CONVFINQA = {
    "id": "A/2017/page_3.pdf-4", "questions": ["what was it in 2017?", "and the change?"], "answer": 0.0636,
    "golden_text": "", "table": "income | 11503 | 10815", "golden_table": "", "programs": ["ans = 1"],
}  # fmt: skip
GAIA = {
    "task_id": "a-1", "Question": "What is in the file?", "Level": 1, "Final answer": "42", "file_name": "notes.csv",
    "Annotator Metadata": {},
}  # fmt: skip


def written(tmp_path: Path, *rows: dict) -> Path:
    """Write rows as JSON lines."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "answer", "grader", "seen"),
    [
        (MATH, "x = \\frac{6}{2}", "math", "Solve"),
        (GSM8K, "7", "number", "3 + 4"),
        (TABMWP, "0.30", "number", "pen | $0.10"),
        (CHOICE, "cap", "choice", "Choose from: pen; cap"),
        (TATQA, "-12.6", "tatqa", "Other | 44.1 | 56.7"),
        (CONVFINQA, "0.0636", "number", "and the change?"),
    ],
    ids=["math", "gsm8k", "tabmwp", "choice", "tatqa", "convfinqa"],
)
def test_a_known_data_set_is_known_by_its_fields(
    tmp_path: Path, row: dict, answer: str, grader: str, seen: str
) -> None:
    """And its solution is not shown to the agent."""
    (task,) = load(written(tmp_path, row))
    assert (task.answer, task.grader) == (answer, grader)
    assert seen in task.question
    assert "solution" not in task.question
    assert "derivation" not in task.question


def test_gaia_brings_its_attachment_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    """A file beside the rows is read; one somewhere else, or missing, is an error with its line."""
    (tmp_path / "notes.csv").write_text("a,42\n")
    (task,) = load(written(tmp_path, GAIA))
    assert "a,42" in task.question
    assert (task.grader, task.category) == ("gaia", "level 1")
    for name in ("../secret.txt", "/etc/passwd", "missing.txt"):
        with pytest.raises(DatasetError, match="line 1"):
            load(written(tmp_path, GAIA | {"file_name": name}))


@pytest.mark.parametrize(
    ("name", "count"), [("math", 700), ("gsm8k", 400), ("tabmwp", 400), ("tatqa", 750), ("convfinqa", 210)]
)
def test_real_rows_load_and_split(name: str, count: int) -> None:
    """All of them; no table stands in two splits."""
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("no shared/data beside the project")
    tasks = load(path)
    assert len(tasks) == count
    found = split(tasks, 0)
    found.test.training_is_over()
    parts = [found.train, found.validation, found.test.open()]
    assert sum(map(len, parts)) == count
    groups = [{one.group for one in part if one.group} for part in parts]
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & groups[2]


def test_a_split_is_stratified_and_does_not_depend_on_the_order_of_the_file() -> None:
    """Each category has its share in each part; another seed splits otherwise."""
    tasks = [Task(str(n), f"{n}?", "1", category=f"c{n % 3}") for n in range(300)]
    one, again, other = split(tasks, 1), split(tasks[::-1], 1), split(tasks, 2)
    assert one.digests() == again.digests() != other.digests()
    for part, share in ((one.train, 0.3), (one.validation, 0.4)):
        for category in ("c0", "c1", "c2"):
            assert abs(sum(task.category == category for task in part) - 100 * share) <= 1


def test_a_task_in_two_splits_is_refused() -> None:
    """Whatever its id is there."""
    with pytest.raises(DatasetError, match="stands in train and in test"):
        Splits([Task("a", "1?", "1")], [Task("b", "2?", "2")], SealedTasks([Task("c", "1?", "1")]))


@pytest.mark.parametrize(("first", "second"), [("train", "validation"), ("validation", "test"), ("train", "test")])
def test_a_group_in_two_splits_is_refused(first: str, second: str) -> None:
    """Questions about one table, in files that were given apart: the error names the table, the files and the tasks."""
    parts = {name: [Task(f"{name}-1", f"{name}?", "1")] for name in ("train", "validation", "test")}
    for name in (first, second):
        parts[name] += [Task(f"{name}-{n}", f"{name} {n}?", "1", group="table 7") for n in range(2, 12)]
    with pytest.raises(DatasetError, match=f"'table 7' stand in {first} .{first}-2, .* and 5 more. and in {second}"):
        Splits(parts["train"], parts["validation"], SealedTasks(parts["test"]))


def test_the_test_split_is_read_once_and_only_after_training() -> None:
    """Anything earlier, or a second time, is an error; its digest may be told before."""
    tasks = [Task("a", "1?", "1")]
    sealed = SealedTasks(tasks)
    assert sealed.digest == digest(tasks)
    with pytest.raises(SealedError, match="before"):
        sealed.open()
    sealed.training_is_over()
    assert list(sealed.open()) == tasks
    with pytest.raises(SealedError, match="second"):
        sealed.open()
    sealed.training_is_over()
    with pytest.raises(SealedError):
        sealed.open()
