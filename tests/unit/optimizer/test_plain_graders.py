"""Graders that compare: what counts as the same answer, and what does not."""

from pathlib import Path

import pytest
from jigsmith_optimizer.grading import answer_in
from jigsmith_optimizer.grading.plain import PLAIN
from jigsmith_optimizer.tasks import Task, load

DATA = Path(__file__).parents[4] / "shared" / "data"


def solved(grader: str, answer: str, text: str, **options) -> bool:
    """Grade a text."""
    return PLAIN[grader](Task("1", "?", answer, grader, options), answer_in(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It is so.\nANSWER: 12", "12"),
        ("ANSWER: 1\nFINAL ANSWER: 12", "12"),
        ("**Final Answer: 12**", "12"),
        ("So \\boxed{\\frac{1}{2}} it is.", "\\frac{1}{2}"),
        ("ANSWER: $\\boxed{7}$", "7"),
        ("12", "12"),
        ("", ""),
    ],
)
def test_the_last_answer_counts(text: str, said: str) -> None:
    """A line that says so, else a box, else everything."""
    assert answer_in(text) == said


@pytest.mark.parametrize(
    ("grader", "answer", "text", "expected"),
    [
        ("number", "12", "ANSWER: 12.0", True),
        ("number", "12", "ANSWER: 13", False),
        ("number", "1200", "ANSWER: $1,200", True),
        ("number", "-3", "ANSWER: -3", True),
        ("number", "-3", "ANSWER: (3)", True),
        ("number", "12", "", False),
        ("number", "12", "ANSWER: none", False),
        ("number", "0.5", "ANSWER: .5", True),
        ("number", "12", "ANSWER: nan", False),
        ("number", "1e400", "ANSWER: 5", False),
        ("text", "New York", "ANSWER: new  york", True),
        ("text", "New York", "ANSWER: york", False),
        ("gaia", "17000", "ANSWER: $17,000", True),
        ("gaia", "17000", "ANSWER: 17 thousand", False),
        ("gaia", "a, b, 3", "ANSWER: A,b;3.0", True),
        ("gaia", "a, b, 3", "ANSWER: b, a, 3", False),
        ("gaia", "a, b", "ANSWER: a", False),
        ("gaia", "St. Louis", "ANSWER: st louis", True),
        ("gaia", "inf", "ANSWER: infinity", False),
    ],
)
def test_an_answer_is_graded(grader: str, answer: str, text: str, *, expected: bool) -> None:
    """By the rules of its grader."""
    assert solved(grader, answer, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cap", True),
        ("B", True),
        ("(b)", True),
        ("B. cap", True),
        ("Cap.", True),
        ("A", False),
        ("pen", False),
        ("B. pen", False),
        ("C", False),
        ("pen or cap", False),
    ],
)
def test_a_choice_is_named_by_letter_or_text(text: str, *, expected: bool) -> None:
    """Two at once are none."""
    assert solved("choice", "cap", f"ANSWER: {text}", choices=["pen", "cap"]) == expected


@pytest.mark.parametrize(
    ("answer", "scale", "text", "expected"),
    [
        ("-12.6", "million", "-12.6 million", True),
        ("-12.6", "million", "-12.6", True),
        ("-12.6", "million", "-12,600,000", True),
        ("-12.6", "million", "-12,600 thousand", True),
        ("-12.6", "million", "12.6 million", False),
        ("-12.6", "million", "-12.6 billion", False),
        ("12.35", "percent", "12.35%", True),
        ("12.35", "percent", "0.1235", True),
        ("12.35", "percent", "12.3456", True),
        ("12.35", "percent", "1235", False),
        ("3", "", "3", True),
        ("3", "", "4", False),
        ("(5)", "", "-5", True),
    ],
)
def test_tatqa_minds_scale_and_sign(answer: str, scale: str, text: str, *, expected: bool) -> None:
    """A number without a scale may be in that of the answer, or written out."""
    assert solved("tatqa", answer, f"ANSWER: {text}", scale=scale) == expected


@pytest.mark.parametrize("name", ["gsm8k", "tabmwp", "tatqa", "convfinqa"])
def test_every_real_answer_solves_its_task_and_another_does_not(name: str) -> None:
    """Said as an agent says it."""
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("no shared/data beside the project")
    for task in load(path):
        assert PLAIN[task.grader](task, answer_in(f"Thus.\nANSWER: {task.answer}")), task
        assert not PLAIN[task.grader](task, answer_in("ANSWER: 987654.321")), task
