"""Grading, and the loss: the share of tasks failed."""

import math
import re
from collections.abc import Sequence
from typing import Final

from jigsmith_optimizer.datasets import Task

_ANSWER: Final = re.compile(r"ANSWER:[ \t]*(.+)")
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|-?\.\d+")


def answer_in(text: str) -> str:
    """Return what the last `ANSWER:` line says, or the whole text if there is none."""
    found = _ANSWER.findall(text[-20_000:])
    return (found[-1] if found else text).strip()


def solved(task: Task, text: str) -> bool:
    """Return whether an agent's final text solves a task."""
    given = answer_in(text)
    if task.grader == "text":
        return " ".join(given.casefold().split()) == " ".join(task.answer.casefold().split())
    found = _NUMBER.search(given)
    if found is None:
        return False
    value, wanted = float(found[0].replace(",", "")), float(task.answer.replace(",", ""))
    return math.isclose(value, wanted, rel_tol=task.tolerance, abs_tol=task.tolerance)


def loss(outcomes: Sequence[bool]) -> float:
    """Return the share of tasks failed. Raises ZeroDivisionError never: no tasks at all is a loss of 0."""
    return 1 - sum(outcomes) / len(outcomes) if outcomes else 0.0
