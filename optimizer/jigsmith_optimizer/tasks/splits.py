"""Splits: disjoint, stratified, and the same for the same seed whatever the order of the file."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jigsmith_optimizer.tasks.sealed import SealedTasks
from jigsmith_optimizer.tasks.task import DatasetError, Task, digest, grouped

FRACTIONS: Final = (0.3, 0.4, 0.3)
"""Train, validation, test. Validation is the largest: it decides what is accepted, and the fewer it has the less it can."""

_IDS_TOLD_MAX: Final = 5


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
        """Refuse tasks, and groups of tasks, that stand in two splits. Raises DatasetError."""
        self._check_questions()
        self._check_groups()

    def _check_questions(self) -> None:
        seen: dict[str, str] = {}
        for name, questions in (
            ("train", [one.question for one in self.train]),
            ("validation", [one.question for one in self.validation]),
            ("test", self.test.questions()),
        ):
            for question in questions:
                if seen.setdefault(question, name) != name:
                    raise DatasetError(f"a task stands in {seen[question]} and in {name}: {question[:100]!r}")

    def _check_groups(self) -> None:
        """What is learned from one question about a table may be its next one's answer."""
        seen: dict[str, tuple[str, list[str]]] = {}
        for name, groups in (
            ("train", grouped(self.train)),
            ("validation", grouped(self.validation)),
            ("test", self.test.groups()),
        ):
            for group, ids in groups.items():
                other, theirs = seen.setdefault(group, (name, ids))
                if other != name:
                    raise DatasetError(
                        f"tasks of the group {group[:100]!r} stand in {other} ({_some(theirs)}) and in {name} "
                        f"({_some(ids)}): move them into one file, or let --tasks be split"
                    )


def _some(ids: Sequence[str]) -> str:
    """Return the first ids of many."""
    told = ", ".join(one[:100] for one in ids[:_IDS_TOLD_MAX])
    return told if len(ids) <= _IDS_TOLD_MAX else f"{told} and {len(ids) - _IDS_TOLD_MAX} more"


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
