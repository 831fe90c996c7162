"""What two sets did on the same tasks, by group: all that tests and intervals of a gain are made from.

Tasks of one group (questions about one table) succeed and fail together. Each is still a task, but all of them are one
observation: whatever counts errors here counts groups.
"""

import math
import random
from collections.abc import Sequence
from typing import Final

from jigsmith_optimizer.intervals import Interval, paired_gain
from jigsmith_optimizer.tasks import Task

_LOOKS_MAX: Final = 10
_LOOK_TASKS_MIN: Final = 10


def group_of(task: Task) -> str:
    """Return what a task shares with those of its group; a question that stands twice in a split is a group, too."""
    return task.group or task.question


def in_groups(tasks: Sequence[Task], seed: str) -> list[list[Task]]:
    """Return tasks by group, the groups in an order that the seed decides."""
    groups: dict[str, list[Task]] = {}
    for task in sorted(tasks, key=lambda one: one.id):
        groups.setdefault(group_of(task), []).append(task)
    found = list(groups.values())
    random.Random(seed).shuffle(found)  # noqa: S311 - an order of tasks, no secret
    return found


class Paired:
    """Differences by task, in an order in which those of a group stand side by side: 1 won, -1 lost, 0 equal."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """`sizes` are the numbers of tasks of all groups that there are, in the order in which they will be added."""
        self.sizes: Final = tuple(sizes)
        self.total: Final = sum(sizes)
        """Tasks that there are."""
        self.tasks = 0
        """Tasks that were added so far."""
        self.wins = 0
        self.losses = 0
        self.sums: list[int] = []
        """Wins less losses of each group that was added."""
        self.squares = 0
        """Of these sums, added up: the variance of `difference` if a win is no likelier than a loss."""

    @property
    def difference(self) -> int:
        """Wins less losses."""
        return self.wins - self.losses

    @property
    def seen(self) -> tuple[int, ...]:
        """The sizes of the groups that were added."""
        return self.sizes[: len(self.sums)]

    @property
    def gain(self) -> Interval:
        """The share of tasks won less the share lost."""
        return paired_gain(self.sums, self.seen)

    def next_look(self) -> int:
        """Return how many more tasks to add before the next look: about a tenth, whole groups; 0 if there is none left."""
        wanted, count = max(_LOOK_TASKS_MIN, math.ceil(self.total / _LOOKS_MAX)), 0
        for size in self.sizes[len(self.sums) :]:
            if count >= wanted:
                break
            count += size
        return count

    def add(self, differences: Sequence[int]) -> None:
        """Take the outcomes of further whole groups. Raises ValueError at a piece of one."""
        begin = 0
        while begin < len(differences):
            size = self.sizes[len(self.sums)]
            group = differences[begin : begin + size]
            if len(group) < size:
                raise ValueError(f"{len(group)} of {size} tasks of a group were added: they count together")
            begin += size
            self.tasks += size
            self.wins += sum(one > 0 for one in group)
            self.losses += sum(one < 0 for one in group)
            self.sums.append(sum(group))
            self.squares += self.sums[-1] ** 2
