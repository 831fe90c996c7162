"""The course that the stand-in follows as optimizer LLM: adds, a repair, a revision, a removal, a harmful change, an end.

It has no memory: where the course stands follows from the functions there are, the changes that were rejected, and the
errors among the tasks, all of which the prompt shows.
"""

import re
from typing import Any, Final

Call = tuple[str, dict[str, Any]]

_NUMBERS: Final = {"type": "array", "items": {"type": "number"}, "minItems": 1}


def _schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _function(
    kind: str,
    name: str,
    description: str,
    parameters: dict[str, Any],
    source: str,
    reason: str,
    *examples: dict[str, Any],
) -> Call:
    return kind, {
        "name": name,
        "description": description,
        "parameters": parameters,
        "source": source,
        "reason": reason,
        "examples": list(examples),
    }


MEAN: Final = _function(
    "add_function",
    "mean",
    "The arithmetic mean of numbers.",
    _schema(values=_NUMBERS),
    "def mean(values):\n    return sum(values) / len(values)\n",
    "Several failed tasks ask for a mean, which was only estimated.",
    {"arguments": {"values": [1, 2, 3]}, "expected": 2.0},
)
MEDIAN_ODD: Final = _function(
    "add_function",
    "median",
    "The median of numbers.",
    _schema(values=_NUMBERS),
    "def median(values):\n    ordered = sorted(values)\n    return ordered[len(ordered) / 2 if len(ordered) % 2 == 0 else "
    "len(ordered) // 2]\n",
    "Several failed tasks ask for a median.",
    {"arguments": {"values": [3, 1, 2]}, "expected": 2},
)
MEDIAN: Final = _function(
    "revise_function",
    "median",
    "The median of numbers, of an even count too.",
    _schema(values=_NUMBERS),
    "import statistics\n\ndef median(values):\n    return statistics.median(values)\n",
    "It raised TypeError whenever the count of numbers was even.",
    {"arguments": {"values": [3, 1, 2, 4]}, "expected": 2.5},
)
TOTAL_REFUSED: Final = _function(
    "add_function",
    "total_price",
    "The total of quantities times prices.",
    _schema(quantities=_NUMBERS, prices=_NUMBERS),
    "import os\n\ndef total_price(quantities, prices):\n"
    "    os.nice(1)\n    return sum(q * p for q, p in zip(quantities, prices))\n",
    "Orders were totalled wrongly.",
)
TOTAL: Final = _function(
    "add_function",
    "total_price",
    "The total of quantities times prices.",
    _schema(quantities=_NUMBERS, prices=_NUMBERS),
    "def total_price(quantities, prices):\n    return sum(q * p for q, p in zip(quantities, prices, strict=True))\n",
    "Orders were totalled wrongly; without the import that was refused.",
    {"arguments": {"quantities": [2, 3], "prices": [1.5, 2]}, "expected": 9.0},
)
PERCENT: Final = _function(
    "add_function",
    "percent_change",
    "The change from one number to another, in percent of the first.",
    _schema(before={"type": "number"}, after={"type": "number"}),
    "def percent_change(before, after):\n    return 100 * (after - before) / before\n",
    "Rates of change were guessed.",
    {"arguments": {"before": 50, "after": 75}, "expected": 50.0},
)
SHOUT: Final = _function(
    "add_function",
    "shout",
    "A text in capital letters.",
    _schema(text={"type": "string"}),
    "def shout(text):\n    return text.upper()\n",
    "It may help with headings.",
)
HARMFUL: Final = _function(
    "revise_function",
    "mean",
    "The mean of numbers, rounded to tens.",
    _schema(values=_NUMBERS),
    "def mean(values):\n    return round(sum(values) / len(values), -1)\n",
    "Round numbers are easier to read.",
)
DAYS: Final = _function(
    "add_function",
    "days_between",
    "The number of days between two ISO dates.",
    _schema(start={"type": "string"}, end={"type": "string"}),
    "from datetime import date\n\ndef days_between(start, end):\n"
    "    return (date.fromisoformat(end) - date.fromisoformat(start)).days\n",
    "Differences of dates were guessed.",
    {"arguments": {"start": "2024-02-28", "end": "2024-03-01"}, "expected": 2},
)
MILES: Final = _function(
    "add_function",
    "kilometres_to_miles",
    "The sum of distances in kilometres, in miles.",
    _schema(values=_NUMBERS),
    "def kilometres_to_miles(values):\n    return sum(values) / 1.609344\n",
    "Tours were not converted.",
)
REMOVE_SHOUT: Final = ("remove_function", {"name": "shout", "reason": "No task ever called it."})
_SPURIOUS_SOURCES: Final = {
    "double": "def double(value):\n    return 2 * value\n",
    "halve": "def halve(value):\n    return value / 2\n",
    "negate": "def negate(value):\n    return -value\n",
}
SPURIOUS: Final = tuple(
    _function(
        "add_function",
        name,
        f"To {name} a number.",
        _schema(value={"type": "number"}),
        source,
        "It might help with sums.",
    )
    for name, source in _SPURIOUS_SOURCES.items()
)
TERMINATE: Final = ("terminate", {"reason": "Nothing more to change in this step."})


def next_action(state: dict[str, Any], messages: list[dict[str, Any]]) -> Call:
    """Return the next action of a step, given the state in the prompt and what was done in this step already."""
    present = {one["name"] for one in state["best"]["functions"]}
    taken = sum(message["role"] == "assistant" for message in messages)
    refused = messages[-1]["role"] == "tool" and messages[-1]["content"].startswith("error:")
    course = _course(present, state)
    if refused and "policy" in messages[-1]["content"]:
        return TOTAL
    return course[taken] if taken < len(course) else TERMINATE


def _course(present: set[str], state: dict[str, Any]) -> list[Call]:
    """Return the actions of this step."""
    median_raised = any(
        re.search(r"^median: .*TypeError", error) for task in state["tasks"] for error in task["errors"]
    )
    tried = {action["name"] for one in state["rejected"] for action in one["actions"]}
    if "mean" not in present:
        return [MEAN, MEDIAN_ODD]
    if median_raised:
        return [MEDIAN, SHOUT]
    if "total_price" not in present:
        return [TOTAL_REFUSED, TOTAL, PERCENT] if "mean" in tried else [HARMFUL]
    if "days_between" not in present:
        return [DAYS, MILES, REMOVE_SHOUT]
    return [SPURIOUS[len(state["rejected"]) % len(SPURIOUS)]]
