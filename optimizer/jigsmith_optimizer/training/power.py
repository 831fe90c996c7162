"""What a run's validation tasks can find: its whole procedure, screen and test, played through many times before it begins.

Nothing is known of the agent then, so the worst is assumed: that chance alone decides which tasks it solves, at the success at
which two sets differ on most tasks, (1 - gain) / 2 without the change. A test that was planned by a formula promised 80 % where
it had 45 %: shares, looks, giving up and the screen all take some of it.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from jigsmith_optimizer.acceptance import ErrorBudget, SequentialTest
from jigsmith_optimizer.paired import Paired
from jigsmith_optimizer.training.screen import passes_screen, screen_tasks

POWER: Final = 0.8
_RUNS: Final = 300
"""The standard error of a chance of 80 % is 2.3 points then, that of the gain that is found half a point."""

_TASKS_MAX: Final = 400
"""What is played through: with more tasks it would take minutes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How candidates of a run are judged."""

    sizes: tuple[int, ...]
    """Of the groups of D_val."""
    train: int
    """Tasks of D_train."""
    screen: int
    candidates: int
    alpha: float
    target_gain: float
    repeats: bool


@lru_cache(maxsize=8)
def gain_found(plan: Plan) -> float | None:
    """Return the least true gain, in whole points, that a plan accepts with a chance of 80 %, or None if it accepts none."""
    if sum(plan.sizes) > _TASKS_MAX:
        fewer = replace(plan, sizes=_thinned(plan.sizes))
        found = gain_found(fewer)
        # A gain that is found shrinks with the root of what there is to find it in.
        return None if found is None else math.ceil(100 * found * math.sqrt(sum(fewer.sizes) / sum(plan.sizes))) / 100
    low, high = 0, 100
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance_of_acceptance(plan, middle / 100) >= POWER else (middle, high)
    return high / 100 if high < 100 else None


def _thinned(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return about as many tasks as are played through, in groups of all sizes that there are."""
    return tuple(sizes[:: math.ceil(sum(sizes) / _TASKS_MAX)])


def chance_of_acceptance(plan: Plan, gain: float, *, runs: int = _RUNS) -> float:
    """Return how often the first candidate of a run is accepted if it is truly better by `gain`. Seeded."""
    throws = random.Random(0)  # noqa: S311 - a simulation
    before, after = (1 - gain) / 2, (1 + gain) / 2
    share = ErrorBudget(plan.candidates, plan.alpha).share
    return sum(_accepted(plan, share, before, after, throws) for _ in range(runs)) / runs


def _accepted(plan: Plan, share: float, before: float, after: float, throws: random.Random) -> bool:
    """Play a candidate's way through screen and test. A group is thrown as one."""
    held = [throws.random() < before for _ in range(plan.train)]
    shown = screen_tasks(held, plan.screen, str(throws.random()))
    gain = sum((throws.random() < after) - held[one] for one in shown)
    outcomes = [_differences(plan.sizes, before, after, throws) for _ in range(2)]
    if not passes_screen(gain, smaller=False):
        return False
    found, again = Paired(plan.sizes), Paired(plan.sizes)
    test = SequentialTest(found, share, target_gain=plan.target_gain, repeats=plan.repeats)
    while size := found.next_look():
        found.add(outcomes[0][found.tasks : found.tasks + size])
        if (decision := test.look()) is not None:
            return decision == "accept"
    if not test.worth_repeating:
        return False
    again.add(outcomes[1])
    return test.repeat(again) == "accept"


def _differences(sizes: Sequence[int], before: float, after: float, throws: random.Random) -> list[int]:
    """Roll both sets out on every group."""
    found: list[int] = []
    for size in sizes:
        found += [(throws.random() < after) - (throws.random() < before)] * size
    return found
