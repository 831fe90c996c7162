"""Word problems over small tables, generated from a seed: tasks with a known answer, owned by nobody.

The kinds need different functions; no table appears in two splits, because each split draws from its own random stream and
every table is remembered.
"""

import datetime as dt
import json
import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from jigsmith_optimizer.tasks.task import Task

_CITIES: Final = ("Aarhus", "Bergen", "Cork", "Delft", "Evora", "Ghent", "Lucerne", "Porto", "Turku", "Vilnius")
_GOODS: Final = ("apples", "bolts", "candles", "doors", "erasers", "flutes", "gloves", "hinges", "inkpots", "jars")
_DECIMALS: Final = 4


def _rows(random_: random.Random, names: Sequence[str], low: int, high: int) -> list[tuple[str, int]]:
    count = random_.randint(4, 8)
    return [(name, random_.randint(low, high)) for name in random_.sample(names, count)]


def _table(header: str, rows: Sequence[Sequence[object]]) -> str:
    return "\n".join([header, *(" | ".join(map(str, row)) for row in rows)])


def _visitors(random_: random.Random, question: str, statistic: Callable[[list[int]], float]) -> tuple[str, float]:
    rows = _rows(random_, _CITIES, 20, 980)
    text = f"Visitors of a museum by city:\n{_table('city | visitors', rows)}\n{question}"
    return text, statistic([value for _, value in rows])


def _mean(random_: random.Random) -> tuple[str, float]:
    return _visitors(random_, "What is the mean number of visitors?", statistics.mean)


def _median(random_: random.Random) -> tuple[str, float]:
    return _visitors(random_, "What is the median number of visitors?", statistics.median)


def _range(random_: random.Random) -> tuple[str, float]:
    return _visitors(random_, "What is the range of the numbers of visitors?", lambda values: max(values) - min(values))


def _total_price(random_: random.Random) -> tuple[str, float]:
    rows = [(name, count, random_.randint(1, 40) + 0.25) for name, count in _rows(random_, _GOODS, 2, 60)]
    text = f"An order:\n{_table('item | pieces | price each', rows)}\nWhat is the total price of the order?"
    return text, sum(count * price for _, count, price in rows)


def _rate_of_change(random_: random.Random) -> tuple[str, float]:
    city, before, after = random_.choice(_CITIES), random_.randint(50, 900), random_.randint(50, 900)
    text = f"Members of the club in {city}:\n{_table('year | members', [(2023, before), (2024, after)])}"
    return f"{text}\nBy how many percent did the number change?", 100 * (after - before) / before


def _days_between(random_: random.Random) -> tuple[str, float]:
    start = dt.date(2020, 1, 1) + dt.timedelta(days=random_.randint(0, 1_500))
    end = start + dt.timedelta(days=random_.randint(10, 900))
    text = f"A project:\n{_table('event | date', [('start', start.isoformat()), ('end', end.isoformat())])}"
    return f"{text}\nHow many days lie between start and end?", (end - start).days


def _miles(random_: random.Random) -> tuple[str, float]:
    rows = _rows(random_, _CITIES, 5, 400)
    text = (
        f"Legs of a tour:\n{_table('to | kilometres', rows)}\nHow many miles is the whole tour (1 mile = 1.609344 km)?"
    )
    return text, sum(value for _, value in rows) / 1.609344


def _weighted_mean(random_: random.Random) -> tuple[str, float]:
    rows = [(name, weight, random_.randint(10, 99)) for name, weight in _rows(random_, _GOODS, 1, 9)]
    text = f"Test results:\n{_table('part | weight | points', rows)}\nWhat is the weighted mean of the points?"
    return text, sum(w * p for _, w, p in rows) / sum(w for _, w, _ in rows)


KINDS: Final[dict[str, Callable[[random.Random], tuple[str, float]]]] = {
    "mean": _mean,
    "median": _median,
    "range": _range,
    "total_price": _total_price,
    "rate_of_change": _rate_of_change,
    "days_between": _days_between,
    "miles": _miles,
    "weighted_mean": _weighted_mean,
}


def generate(random_: random.Random, count: int, prefix: str, seen: set[str]) -> list[Task]:
    """Return `count` tasks, the kinds in turn; questions in `seen` are not used again, new ones are added to it."""
    tasks: list[Task] = []
    kinds = list(KINDS.items())
    while len(tasks) < count:
        kind, make = kinds[len(tasks) % len(kinds)]
        question, answer = make(random_)
        if question not in seen:
            seen.add(question)
            text = f"{round(answer, _DECIMALS):g}" if answer == int(answer) else f"{answer:.{_DECIMALS}f}"
            tasks.append(Task(f"{prefix}-{kind}-{len(tasks) + 1}", question, text, "number", {"tolerance": 1e-3}, kind))
    return tasks


def write_splits(
    directory: Path, *, seed: int, train: int = 40, validation: int = 40, test: int = 80
) -> dict[str, Path]:
    """Write disjoint splits as JSON lines; return their paths by name."""
    seen: set[str] = set()
    paths = {}
    for name, count in (("train", train), ("validation", validation), ("test", test)):
        tasks = generate(random.Random(f"{seed} {name}"), count, name, seen)  # noqa: S311 - tasks, not secrets
        rows = [task.as_json() for task in tasks]
        paths[name] = directory / f"{name}.jsonl"
        paths[name].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths
