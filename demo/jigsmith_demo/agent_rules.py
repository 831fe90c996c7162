"""How the stand-in solves a word problem: find its kind by its wording, call a fitting function, or guess."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

_CELL: Final = re.compile(r"\s*\|\s*")
Call = tuple[str, dict[str, Any]]


def _rows(question: str) -> list[list[str]]:
    """Return the table's rows without its header."""
    lines = [_CELL.split(line) for line in question.splitlines() if "|" in line]
    return lines[1:]


def _column(question: str, index: int) -> list[float]:
    return [float(row[index]) for row in _rows(question)]


def _values(question: str) -> dict[str, Any]:
    return {"values": _column(question, 1)}


def _pairs(question: str) -> dict[str, Any]:
    return {"quantities": _column(question, 1), "prices": _column(question, 2)}


def _change(question: str) -> dict[str, Any]:
    before, after = _column(question, 1)
    return {"before": before, "after": after}


def _dates(question: str) -> dict[str, Any]:
    start, end = (row[1] for row in _rows(question))
    return {"start": start, "end": end}


def _weights(question: str) -> dict[str, Any]:
    return {"weights": _column(question, 1), "values": _column(question, 2)}


RULES: Final[tuple[tuple[str, str, Callable[[str], dict[str, Any]]], ...]] = (
    ("weighted mean", "weighted_mean", _weights),
    ("mean", "mean", _values),
    ("median", "median", _values),
    ("range", "value_range", _values),
    ("total price", "total_price", _pairs),
    ("percent", "percent_change", _change),
    ("days lie between", "days_between", _dates),
    ("miles", "kilometres_to_miles", _values),
)
"""A question's wording, the function that it needs, and how to read its arguments; the first that fits counts."""


def next_step(question: str, offered: set[str], result: str | None) -> str | Call:
    """Return the agent's next move: a call, or the final answer."""
    if result is not None and not result.startswith('{"error"'):
        return f"The function gave {result}.\nANSWER: {json.loads(result)}"
    asked = question.splitlines()[-1]
    for wording, function, arguments in RULES:
        if wording in asked:
            if function in offered and result is None:
                return function, arguments(question)
            return f"I estimate it in my head.\nANSWER: {_guess(question, wording)}"
    return "I do not know.\nANSWER: 0"


def _guess(question: str, wording: str) -> float:
    """Return what somebody in a hurry would say: right for a range, which is easy, and hardly ever otherwise."""
    if wording == "days lie between":
        return 365
    values = _column(question, 1)
    return max(values) - min(values) if wording == "range" else round(sum(values) / len(values), -1)
