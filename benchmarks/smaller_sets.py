"""How often a smaller set is taken for as good, and what is lost by it: simulated runs whose truth is planted.

`ties`: nine candidates in a row, each smaller, on 200 validation tasks, of which some only the candidate solves and some only
the reference. `prune`: a set of four functions that help on a tenth of the tasks each and one that helps nowhere; what wins no
more than it loses when it is left out is proposed for removal. In `luck` every rollout is a throw of its own, in `fixed` an
agent does the same whenever it is asked the same (temperature 0).

Beside ours stands the plain rule, level or ahead and a 90 % interval above minus five points: without an error of its own, and
pruned by the tasks that judge it.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from jigsmith_optimizer.intervals import paired_gain
from jigsmith_optimizer.paired import Paired
from jigsmith_optimizer.ties import TIE_MARGIN, TieBudget, as_good, in_reach

TASKS: Final = 200
TRAIN: Final = 150
EPOCHS: Final = 9
USEFUL: Final = 4
SHARE: Final = 0.1
"""Of the tasks, on which a function is called."""
SUCCESS: Final = 0.6
BASE: Final = 0.5
"""The chance to solve a task whose function is of no use, or lacking."""
HELP: Final = 0.3
"""What a useful function adds to the chance of solving them."""

Judge = Callable[[Sequence[int], TieBudget, bool], bool]
"""Differences, the run's budget, whether it is the last test of the run → whether the smaller set is kept."""


def ours(differences: Sequence[int], budget: TieBudget, last: bool) -> bool:
    """Judge by the product's own code."""
    share, found = budget.last_share if last else budget.share, Paired([1] * len(differences))
    while (size := found.next_look()) and in_reach(found, share):
        found.add(differences[found.tasks : found.tasks + size])
    accepted = as_good(found, share)
    budget.tested(share, accepted=accepted)
    return accepted


def plain(differences: Sequence[int], _: TieBudget, last: bool) -> bool:  # noqa: ARG001 - one of two judges
    """Judge by an interval, as often as there is something to judge."""
    low = paired_gain(differences, [1] * len(differences), confidence=0.9).low
    return sum(differences) >= 0 and low > -TIE_MARGIN


JUDGES: Final[dict[str, Judge]] = {"ours": ours, "plain": plain}


def measure(runs: int = 1_000, seed: int = 0) -> dict[str, float]:
    """Return shares of runs: in which a tie was found, a worse set kept, losses added up, something useful removed."""
    results: dict[str, float] = {}
    for name, judge in JUDGES.items():
        throws = random.Random(f"{seed} smaller {name}")
        results |= {f"ties_{name}_{what}": share for what, share in _ties(judge, throws, runs).items()}
        results |= {f"prune_{name}_{what}": share for what, share in _prunings(judge, throws, runs).items()}
    return results


def _ties(judge: Judge, throws: random.Random, runs: int) -> dict[str, float]:
    cases = {"equal": (0.0, 0.0, 1), "nearly_equal": (0.01, 0.01, 1)}
    cases |= {"2_points_worse_in_9": (0.01, 0.03, EPOCHS), "5_points_worse_in_9": (0.01, 0.06, EPOCHS)}
    found = {f"{name}_kept": sum(_kept(judge, throws, *case) for _ in range(runs)) for name, case in cases.items()}
    found["5_points_lost_by_steps_of_2"] = sum(_crept(judge, throws) for _ in range(runs))
    return {name: count / runs for name, count in found.items()}


def _prunings(judge: Judge, throws: random.Random, runs: int) -> dict[str, float]:
    found = {}
    for kind in ("luck", "fixed"):
        removed = [_pruned(judge, throws, luck=kind == "luck") for _ in range(runs)]
        found[f"{kind}_useful_removed"] = sum(any(one < USEFUL for one in gone) for gone in removed) / runs
        found[f"{kind}_idle_removed"] = sum(USEFUL in gone for gone in removed) / runs
    return found


def _kept(judge: Judge, throws: random.Random, wins: float, losses: float, tries: int) -> bool:
    """Return whether any of so many candidates is kept, each with these chances of a win and a loss on a task."""
    budget = TieBudget(0.05)
    return any(judge(_outcomes(throws, wins, losses), budget, False) for _ in range(tries))


def _outcomes(throws: random.Random, wins: float, losses: float) -> list[int]:
    thrown = [throws.random() for _ in range(TASKS)]
    return [1 if one < wins else -1 if one < wins + losses else 0 for one in thrown]


def _crept(judge: Judge, throws: random.Random) -> bool:
    """Return whether a run loses five points in nine steps, each candidate two points worse than the set before it."""
    budget, start = TieBudget(0.05), [throws.random() < SUCCESS for _ in range(TASKS)]
    best, share = start, SUCCESS
    for _ in range(EPOCHS):
        now = [throws.random() >= 0.03 / SUCCESS if one else throws.random() < 0.01 / (1 - SUCCESS) for one in best]
        # The plain rule compares with the last set that was kept, ours with the one that all of them are to replace.
        against = best if judge is plain else start
        if judge([int(new) - int(old) for new, old in zip(now, against, strict=True)], budget, False):
            best, share = now, share - share * 0.03 / SUCCESS + (1 - share) * 0.01 / (1 - SUCCESS)
    return SUCCESS - share >= TIE_MARGIN


@dataclass(frozen=True, slots=True)
class _Tasks:
    """Tasks of which each calls one function or none, and whether they are solved."""

    called: Sequence[int | None]
    whole: Sequence[bool]
    """With all functions."""
    lacking: Sequence[bool]
    """Without the one that it calls."""

    def differences(self, without: frozenset[int]) -> list[int]:
        """Return what a set that lacks these functions wins and loses against the whole one."""
        outcomes = zip(self.called, self.whole, self.lacking, strict=True)
        return [int(lacking) - int(whole) if called in without else 0 for called, whole, lacking in outcomes]

    def idle(self) -> frozenset[int]:
        """Return the functions that win no more than they lose."""
        functions = range(USEFUL + 1)
        return frozenset(one for one in functions if sum(self.differences(frozenset([one]))) >= 0)


def _tasks(throws: random.Random, count: int, *, luck: bool) -> _Tasks:
    called = [number if (number := int(throws.random() / SHARE)) <= USEFUL else None for _ in range(count)]
    hard = [(throws.random(), throws.random()) for _ in range(count)]
    whole = [one < BASE + (HELP if called[index] in range(USEFUL) else 0) for index, (one, _) in enumerate(hard)]
    return _Tasks(called, whole, [(other if luck else one) < BASE for one, other in hard])


def _pruned(judge: Judge, throws: random.Random, *, luck: bool) -> frozenset[int]:
    """Return which functions are removed at the end of a run."""
    train, validation = _tasks(throws, TRAIN, luck=luck), _tasks(throws, TASKS, luck=luck)
    idle = (validation if judge is plain else train).idle()
    kept = bool(idle) and judge(validation.differences(idle), TieBudget(0.05), True)
    return idle if kept else frozenset()
