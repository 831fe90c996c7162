"""The test split: opened once, at the end, so that nothing can have been chosen by it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from jigsmith_optimizer.tasks.task import Task, digest, grouped


class SealedError(Exception):
    """The test split was asked for before the end, or a second time."""


class SealedTasks:
    """Tasks behind a seal."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tuple(tasks)
        self._state = "sealed"

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def digest(self) -> str:
        """The sha256 of the tasks, which may be told before they are read."""
        return digest(self._tasks)

    def questions(self) -> list[str]:
        """Return the questions alone, to show that no other split holds them."""
        return [task.question for task in self._tasks]

    def groups(self) -> dict[str, list[str]]:
        """Return the groups with the ids of their tasks, to show that no other split holds one of them."""
        return grouped(self._tasks)

    def copy_to(self, path: Path, write: Callable[[Path, list[Task]], None]) -> None:
        """Copy the tasks into a run's own folder, unread."""
        write(path, list(self._tasks))

    def training_is_over(self) -> None:
        """Let the seal be broken: nothing will be chosen any more."""
        if self._state == "sealed":
            self._state = "ready"

    def open(self) -> Sequence[Task]:
        """Return the tasks, once. Raises SealedError before training is over, and the second time."""
        if self._state != "ready":
            when = "before training is over" if self._state == "sealed" else "a second time"
            raise SealedError(f"the test split is asked for {when}: it is read once, for the final report")
        self._state = "open"
        return self._tasks
