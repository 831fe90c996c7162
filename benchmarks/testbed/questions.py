"""What TAT-QA's questions need: the function and the numbers of their gold derivation (Zhu et al. 2021, `derivation`)."""

import json
import random
import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jigsmith_optimizer.tasks import Splits, Task, load, split

TASKS: Final = 400
"""Of one seed, chosen by it. More would cost time and tell little: what differs from seed to seed is mostly the proposals."""
_FRACTIONS: Final = (0.15, 0.4, 0.45)
"""For training, validation and test."""
_NUMBER: Final = r"-?\(?-?\d+(?:\.\d+)?\)?"
_SUM: Final = rf"{_NUMBER}(?:\+{_NUMBER})+"
_FORMS: Final[dict[str, re.Pattern[str]]] = {
    "difference": re.compile(rf"({_NUMBER})-({_NUMBER})"),
    "percent_change": re.compile(rf"\(({_NUMBER})-({_NUMBER})\)/(?P<old>{_NUMBER})"),
    "average": re.compile(rf"\(({_SUM})\)/\d+"),
    "ratio": re.compile(rf"({_NUMBER})/({_NUMBER})"),
    "total": re.compile(rf"\(?({_SUM})\)?"),
}
SOURCES: Final = {
    "difference": "return values[0] - values[1]",
    "percent_change": "return 100 * (values[0] - values[1]) / values[1]",
    "average": "return sum(values) / len(values)",
    "ratio": "return (100 if percent else 1) * values[0] / values[1]",
    "total": "return sum(values)",
}
"""The bodies of the right functions, by name; their parameters are `values` and `percent`."""


@dataclass(frozen=True)
class Need:
    """What a question needs."""

    function: str
    arguments: dict[str, Any]

    def value(self) -> float:
        """Return what the right function gives."""
        return _value(self.function, self.arguments)


Known = Mapping[str, tuple[Task, Need]]
"""Tasks and what they need, by the text of the question."""


def needs(path: Path) -> dict[str, tuple[Task, Need]]:
    """Return the rows whose derivation is of a known form and gives the stated answer, by question text."""
    found = {}
    derivations = {row["id"]: row for row in map(json.loads, path.read_text().splitlines())}
    for task in load(path):
        row = derivations[task.id]
        need = _need(str(row["derivation"]), percent=row["scale"] == "percent")
        if need is not None and abs(need.value() - float(task.answer)) <= 0.01:
            found[task.question] = (task, need)
    return found


def _need(derivation: str, *, percent: bool) -> Need | None:
    text = re.sub(r"[\s$,%]", "", derivation).replace("[", "(").replace("]", ")")
    for name, form in _FORMS.items():
        match = form.fullmatch(text)
        if match is None:
            continue
        parts = match[1].split("+") if name in ("average", "total") else [match[1], match[2]]
        values = [float(one.replace("(", "").replace(")", "").replace("--", "")) for one in parts]
        if name == "percent_change" and float(match["old"].strip("()")) != values[1]:
            return None
        return Need(name, {"values": values, "percent": percent})
    return None


def _value(name: str, arguments: Mapping[str, Any]) -> float:
    values = arguments["values"]
    known: dict[str, Callable[[], float]] = {
        "difference": lambda: values[0] - values[1],
        "percent_change": lambda: 100 * (values[0] - values[1]) / values[1] if values[1] else 0.0,
        "average": lambda: statistics.mean(values),
        "ratio": lambda: (100 if arguments["percent"] else 1) * values[0] / values[1] if values[1] else 0.0,
        "total": lambda: sum(values),
    }
    return known[name]()


def splits(known: Known, seed: int) -> Splits:
    """Return the splits of a seed: the same for every contender, the test sealed anew for each."""
    tasks = [task for task, _ in known.values()]
    return split(random.Random(seed).sample(tasks, min(TASKS, len(tasks))), seed, _FRACTIONS)
