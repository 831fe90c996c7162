"""Whatever a model answers is read in time that grows with its length, and no faster."""

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator

import jigsmith_optimizer
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jigsmith_optimizer.agents.react import parse
from jigsmith_optimizer.grading import answer_in
from jigsmith_optimizer.grading.answers import GIVEN_CHARS_MAX
from jigsmith_optimizer.grading.functions import math_equal
from jigsmith_optimizer.grading.plain import PLAIN
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.tasks import boxed as boxed_module
from jigsmith_optimizer.tasks.boxed import last_boxed
from jigsmith_optimizer.tasks.numerals import number_in

from tests.unit.optimizer.regex_steps import TooManyStepsError, size, steps

TROUBLE = [
    " ", "\t", "\n", "\r", "-", "$", "(", ")", "{", "}", "[", "]", "`", ",", ".", ":", ";", "0", "1", "e", "E", "m", "\\",
    "^", "_", "|", "x", "\u00a0", "\u2212", "\ud800", "\\boxed{", "\\boxed ", "\\fboxed", "Action:", "Action: ",
    "Action Input:", "Observation:", "FINAL ", "FINAL ANSWER:", "ANSWER:", "\\text{", "\\text{m", "\\mathrm{", "\\circ", "mm",
    "feet ", "1 ", " m", "- ", "$ ", "( ", "{ ", "` ", "a`", "1,", "1.", "1e", ".1", "seed ",
]  # fmt: skip
TEXTS = st.tuples(st.sampled_from(["", "5", "a ", "\\text{", "^", "Action:", "(", "I think"]), st.lists(
    st.sampled_from(TROUBLE), min_size=1, max_size=3
).map("".join), st.sampled_from(["", "!", "x", "a`b", "\n", ")", "}"]))  # fmt: skip
LENGTH = 300


def patterns() -> list[re.Pattern[str]]:
    """Return every pattern of the optimizer's modules."""
    found = {}
    for module in pkgutil.walk_packages(jigsmith_optimizer.__path__, "jigsmith_optimizer."):
        if "__main__" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                found[value.pattern, value.flags] = value
    return list(found.values())


def text_of(parts: tuple[str, str, str], length: int = LENGTH) -> str:
    """Return a text with a long run in the middle."""
    before, run, after = parts
    return before + run * (length // len(run)) + after


def most_steps(pattern: str, flags: int, text: str) -> int:
    """Return what a linear pattern may take."""
    return 6 * size(pattern, flags) * (len(text) + 10)


def check(pattern: str, flags: int, text: str, *, anchored: bool = False) -> None:
    """Fail if a pattern is not linear on a text."""
    try:
        steps(pattern, flags, text, most=most_steps(pattern, flags, text), anchored=anchored)
    except TooManyStepsError:
        pytest.fail(f"{pattern!r} is not linear on {text[:40]!r}…")


def test_the_counter_tells_patterns_apart() -> None:
    """Among them those that numbers, actions and units were once looked for by."""
    once = [
        (r"\(?-?\s*\$?\s*-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?\)?", 0, "I think" + " " * LENGTH),
        (r"^[ \t]*Action:[ \t]*`?([^\n`]{1,200}?)`?[ \t]*$", re.MULTILINE, "Action:" + " " * LENGTH + "a`b"),
        (r"\\text\s*\{\s*(?:mm|m|\s|\.)*\s*\}", 0, "\\text{" + "m" * LENGTH + "!"),
    ]
    for pattern, flags, text in once:
        with pytest.raises(TooManyStepsError):
            steps(pattern, flags, text, most=most_steps(pattern, flags, text))
    assert steps("a*b", 0, "a" * 80) > 3 * steps("a*b", 0, "a" * 40)


@pytest.mark.parametrize("pattern", patterns(), ids=lambda one: one.pattern[:30])
def test_every_pattern_is_linear_on_a_run_of_whatever_troubles_it(pattern: re.Pattern[str]) -> None:
    """One character or word, hundreds of times, alone and with what makes a match fail behind it."""
    if sys.getrecursionlimit() < 5_000:
        sys.setrecursionlimit(5_000)
    for run in TROUBLE:
        for before, after in (("", ""), ("Action:", "a`b"), ("5", "!"), ("\\text{", "!")):
            check(pattern.pattern, pattern.flags, text_of((before, run, after)))


class Recording:
    """In the place of `re`: does what it does, and keeps the patterns that it was asked for."""

    DOTALL = re.DOTALL

    def __init__(self) -> None:
        self.asked: set[tuple[str, bool]] = set()

    def __getattr__(self, name: str):
        def called(pattern: str, *more):
            self.asked.add((pattern, name in ("match", "fullmatch")))
            return getattr(re, name)(pattern, *more)

        return called


@pytest.mark.parametrize("run", TROUBLE)
def test_the_comparison_of_mathematical_texts_is_linear_where_it_reads(run: str, monkeypatch) -> None:
    """Its patterns, too, although a sandbox would end them."""
    recording = Recording()
    monkeypatch.setattr(math_equal, "re", recording)
    for read in (math_equal.plain, math_equal.bracketed, math_equal.matrix):
        read("x = 1")
    math_equal.equal("x = 1", "y = 2")
    math_equal.decimal("1", "0.5")
    for before, after in (("", ""), ("5", "!"), ("\\text{", "!"), ("^", "x")):
        text = text_of((before, run, after))
        for pattern, anchored in recording.asked:
            # Blanks are pulled together before any pattern that could take a run of them apart.
            check(pattern, 0, " ".join(text.split()) if " ?" in pattern else text, anchored=anchored)


def test_a_list_of_thousands_is_not_compared_with_every_other() -> None:
    """Two lists of different lengths are unequal, whatever is in them."""
    assert not math_equal.unordered(["1"] * 3, ["2"] * 4_000)


class Counting(str):
    """A text that counts how many of its characters are copied out of it."""

    __slots__ = ("copied",)

    def __getitem__(self, index):
        part = super().__getitem__(index)
        self.copied = getattr(self, "copied", 0) + len(part)
        return part


def test_boxes_that_never_end_are_looked_at_once(monkeypatch) -> None:
    """Thousands of them: each brace is met once, and nothing is copied over and over."""
    for text in ("\\boxed{" * 3_000, "\\boxed$" * 3_000, "\\boxed" * 3_000, "\\boxed{" * 3_000 + "}" * 2_999):
        counted, met = Counting(text), []

        class Braces:
            """In the place of the pattern of braces."""

            @staticmethod
            def finditer(given: str, met=met) -> Iterator[re.Match[str]]:
                """Count what is met."""
                for one in re.finditer(r"[{}]", given):
                    met.append(one)
                    yield one

        monkeypatch.setattr(boxed_module, "_BRACE", Braces)
        last_boxed(counted)
        assert len(met) <= len(text)
        assert getattr(counted, "copied", 0) <= 2 * len(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\\boxed{1} and \\boxed{2", "1"),
        ("\\boxed{\\frac{1}{2}} \\boxed", "\\frac{1}{2}"),
        ("\\boxed{a{b}c}", "a{b}c"),
        ("} \\boxed{3} {", "3"),
        ("\\boxed 7 apples", "7"),
        ("\\boxed$", None),
        ("\\fbox", None),
    ],
)
def test_the_last_box_that_ends_counts(text: str, found: str | None) -> None:
    """One that never ends is none."""
    assert last_boxed(text) == found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-5", -5), ("- 5", -5), ("$-5", -5), ("-$5", -5), ("- $ 5", -5), ("(5)", -5), ("($ 5)", -5), ("(-5)", -5), ("(5", 5),
        ("5)", 5), ("\u22125", -5), ("about $1,234.50 or 3", 1234.5), (".5", 0.5), ("5.", 5), ("1e3", 1000), ("1e", 1),
        ("", None), ("-", None), ("x" * 9, None), ("9" * 400, None), ("1e999", None), ("(3) and (4)", -3), ("a-5", -5),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text: str, value: float | None) -> None:
    """With blanks, signs and brackets on either side of a currency sign."""
    assert number_in(text) == value


@settings(max_examples=200, deadline=None)
@given(TEXTS)
@example(("I think", " ", ""))
@example(("", "\\boxed{", ""))
@example(("Action:", " ", "a`b"))
def test_whatever_is_answered_every_reader_comes_to_an_end(parts: tuple[str, str, str]) -> None:
    """With 20,000 characters: none raises, and no grader sees more than its bound."""
    text = text_of(parts, 20_000)
    parse(text)
    for said in (text, f"ANSWER: {text}", f"\\boxed{{{text}}}"):
        answer = answer_in(said)
        assert len(answer) <= GIVEN_CHARS_MAX
        for name, grade in PLAIN.items():
            grade(Task("1", "?", "12", name, {"choices": ["12", "13"]}), answer)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    """Numbers, boxes, answers and actions."""
    number_in(text)
    last_boxed(text)
    answer_in(text)
    found, action = parse(text)
    assert text.startswith(found)
    assert action is None or action[0]


def test_the_value_stands_at_the_beginning_of_a_line_and_at_the_end_of_a_text() -> None:
    """So that is what is kept of long ones."""
    assert answer_in(f"ANSWER: 12 {'because ' * 900}").startswith("12 because")
    assert answer_in("because " * 900 + "12").endswith("12")
