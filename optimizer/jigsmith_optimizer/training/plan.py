"""Whether a run's tasks can show anything, and what: asked before anything is spent, and again of the baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from jigsmith_optimizer.acceptance import ErrorBudget, wins_needed
from jigsmith_optimizer.paired import in_groups
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.ties import TieBudget, tasks_without_difference
from jigsmith_optimizer.training.power import Plan, gain_found
from jigsmith_optimizer.training.settings import Settings


class TooFewTasksError(Exception):
    """No candidate could be accepted, however good; the message says how many tasks it takes."""


@dataclass(frozen=True, slots=True)
class Findable:
    """What validation tasks can show."""

    tasks: int
    groups: int
    gain: float | None
    """The least gain that is found with a chance of 80 %, at worst, if every task stands for itself; None if there is none."""
    gain_together: float | None
    """The same if tasks of a group always succeed and fail together."""
    alpha: float
    tie_tasks: int
    """With how many tasks, none of which differs, a smaller set is shown to be as good."""

    @property
    def sentence(self) -> str:
        """What a person is told before anything is spent."""
        count = f"{self.tasks} validation tasks"
        if self.groups < self.tasks:
            count += f" in {self.groups} groups"
        found = _points(self.gain)
        if self.groups < self.tasks:
            together = _points(self.gain_together).removeprefix("a gain of ")
            found += f" ({together} if tasks of a group succeed and fail together)"
        said = (
            f"{count}: {found} is found with a chance of 80 %, even if chance alone moves the agent; a useless change is "
            f"kept with one of at most {self.alpha:.0%} over the whole run"
        )
        if self.tasks < self.tie_tasks:
            said += f"; to show that a smaller set is as good it takes {self.tie_tasks} tasks at least"
        return said


def _points(gain: float | None) -> str:
    return "no gain" if gain is None else f"a gain of {round(100 * gain)} points or more"


def error_budget(settings: Settings) -> ErrorBudget:
    """Return the error of a run, divided among as many candidates as it may have."""
    return ErrorBudget(_candidates(settings), settings.alpha)


def _candidates(settings: Settings) -> int:
    return max(1, settings.epochs - 1)


def groups_needed(settings: Settings) -> int:
    """Return how many groups a candidate has to win at least, if it loses none."""
    return wins_needed(error_budget(settings).share, repeats=settings.repeats)


def check_tasks(settings: Settings, train: int, validation: Sequence[Task]) -> Findable:
    """Return what D_val can show, `train` being the number of tasks of D_train. Plays the run through, for some seconds.

    To be asked before anything is spent. Raises TooFewTasksError if not even a perfect candidate could be accepted.
    """
    sizes, needed = tuple(map(len, in_groups(validation, ""))), groups_needed(settings)
    if len(sizes) < needed:
        what = "validation tasks" if len(sizes) == len(validation) else "groups of validation tasks"
        raise TooFewTasksError(
            f"{len(sizes)} {what} can accept nothing at an error of {settings.alpha:g} over "
            f"{_candidates(settings)} candidates: it takes at least {needed}. Give more tasks, fewer --epochs, "
            "a larger --alpha, or --algorithm agent-optimizer, which asks for no proof"
        )

    def found(groups: tuple[int, ...]) -> float | None:
        return gain_found(
            Plan(
                groups,
                train,
                settings.screen,
                _candidates(settings),
                settings.alpha,
                settings.target_gain,
                settings.repeats,
            )
        )

    alone = found((1,) * len(validation))
    together = alone if len(sizes) == len(validation) else found(tuple(sorted(sizes)))
    ties = tasks_without_difference(TieBudget(settings.alpha).share)
    return Findable(len(validation), len(sizes), alone, together, settings.alpha, ties)


def too_good(settings: Settings, failed: int, groups: int) -> str:
    """Return why no candidate can be shown to be better than a set that fails so many of D_val's groups; empty if one can."""
    needed = groups_needed(settings)
    if failed >= needed or settings.epochs < 2:
        return ""
    return (
        f"the set to start from failed {failed} of {groups} validation tasks (or groups of them), and nothing is accepted "
        f"with fewer than {needed} wins: no proposal was asked for, the sealed test was not opened. More or harder "
        "validation tasks, fewer --epochs or a larger --alpha would leave something to be won"
    )
