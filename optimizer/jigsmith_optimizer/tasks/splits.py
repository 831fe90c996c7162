"""Splits: disjoint, stratified, and the same for the same seed whatever the order of the file."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jigsmith_optimizer.tasks.sealed import SealedTasks
from jigsmith_optimizer.tasks.task import DatasetError, Task, digest

FRACTIONS: Final = (0.3, 0.4, 0.3)
"""Train, validation, test. Validation is the largest: it decides what is accepted, and the fewer it has the less it can."""


@dataclass(frozen=True, slots=True)
class Splits:
    """D_train, D_val and D_test."""

    train: Sequence[Task]
    validation: Sequence[Task]
    test: SealedTasks

    def digests(self) -> dict[str, str]:
        """Return the sha256 of each: what the audit log is told before training."""
        return {"train": digest(self.train), "validation": digest(self.validation), "test": self.test.digest}

    def __post_init__(self) -> None:
        """Refuse tasks that stand in two splits. Raises DatasetError."""
        seen: dict[str, str] = {}
        for name, questions in (
            ("train", [one.question for one in self.train]),
            ("validation", [one.question for one in self.validation]),
            ("test", self.test.questions()),
        ):
            for question in questions:
                if seen.setdefault(question, name) != name:
                    raise DatasetError(f"a task stands in {seen[question]} and in {name}: {question[:100]!r}")


def split(tasks: Sequence[Task], seed: int, fractions: tuple[float, float, float] = FRACTIONS) -> Splits:
    """Split tasks by category and group. Raises DatasetError if a part would be empty."""
    strata: dict[str, dict[str, list[Task]]] = defaultdict(lambda: defaultdict(list))
    for task in sorted(tasks, key=lambda one: one.id):
        strata[task.category][task.group or task.question].append(task)
    home: dict[str, int] = {}
    parts: tuple[list[Task], list[Task], list[Task]] = ([], [], [])
    owed = [0.0, 0.0, 0.0]
    for category in sorted(strata):
        groups = sorted(strata[category].items())
        random.Random(f"{seed}\n{category}").shuffle(groups)  # noqa: S311 - a split, no secret
        for name, group in groups:
            # Each part is owed its share; the one that lacks most takes the group, unless another category put it elsewhere.
            for index, fraction in enumerate(fractions):
                owed[index] += fraction * len(group)
            index = home.setdefault(name, max(range(3), key=owed.__getitem__))
            owed[index] -= len(group)
            parts[index].extend(group)
    if not all(parts):
        raise DatasetError(f"{len(tasks)} tasks are too few to be split in {fractions}")
    return Splits(parts[0], parts[1], SealedTasks(parts[2]))
