"""Which rule for accepting a candidate errs how often: simulated runs whose truth is planted.

An agent solves 60 % of the tasks with the incumbent. In `luck` every rollout is a throw of its own; in `tasks` a task is
easy or hard for both sets (its chance of success is drawn from a beta distribution). A run has ten candidates that change
nothing, or one that is truly 15 points better in the place of the first. The incumbent's rollouts are kept over a run, as in
training.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from jigsmith_optimizer.acceptance import ErrorBudget, SequentialTest

CANDIDATES: Final = 10
TASKS: Final = 200
SUCCESS: Final = 0.6
GAIN: Final = 0.15
_BETA: Final = 2.0


@dataclass(frozen=True, slots=True)
class World:
    """The chance of each task to be solved, with the incumbent and with the candidate."""

    incumbent: Sequence[float]
    candidate: Sequence[float]

    def differences(self, throws: random.Random, incumbent: Sequence[bool]) -> list[int]:
        """Roll the candidate out once on every task."""
        return [(throws.random() < chance) - old for chance, old in zip(self.candidate, incumbent, strict=True)]

    def roll_incumbent(self, throws: random.Random) -> list[bool]:
        """Roll the incumbent out once on every task."""
        return [throws.random() < chance for chance in self.incumbent]


def world(throws: random.Random, kind: str, gain: float) -> World:
    """Draw tasks."""
    if kind == "luck":
        return World([SUCCESS] * TASKS, [SUCCESS + gain] * TASKS)
    chances = [throws.betavariate(SUCCESS * _BETA, (1 - SUCCESS) * _BETA) for _ in range(TASKS)]
    return World(chances, [min(1.0, one + gain * (1 - one) / (1 - SUCCESS)) for one in chances])


Rule = Callable[[World, random.Random, list[list[bool]], ErrorBudget], tuple[bool, int]]
"""World, throws, the incumbent's two passes, the run's budget → accepted, rollouts of the candidate."""


def sequential(found: World, throws: random.Random, kept: list[list[bool]], budget: ErrorBudget) -> tuple[bool, int]:
    """Ours, by the product's own code."""
    alpha = budget.share
    test = SequentialTest(TASKS, alpha)
    differences, done, decision = found.differences(throws, kept[0]), 0, None
    while decision is None and (size := test.next_look()):
        decision = test.look(differences[done : done + size])
        done += size
    rollouts = done
    if decision is None and test.worth_repeating:
        decision, rollouts = test.repeat(found.differences(throws, kept[1])), done + TASKS
    budget.tested(alpha, accepted=decision == "accept")
    return decision == "accept", rollouts


def fixed(share: float) -> Rule:
    """Return the exact one-sided McNemar test on all tasks, with a share of 5 % for each candidate."""

    def rule(found: World, throws: random.Random, kept: list[list[bool]], _: ErrorBudget) -> tuple[bool, int]:
        differences = found.differences(throws, kept[0])
        wins, losses = differences.count(1), differences.count(-1)
        return _binomial_tail(wins, wins + losses) <= 0.05 * share, TASKS

    return rule


def one_standard_error(found: World, throws: random.Random, kept: list[list[bool]], _: ErrorBudget) -> tuple[bool, int]:
    """Accept a paired gain that is larger than its standard error."""
    differences = found.differences(throws, kept[0])
    return statistics.mean(differences) > statistics.stdev(differences) / TASKS**0.5, TASKS


def strict_gain(found: World, throws: random.Random, kept: list[list[bool]], _: ErrorBudget) -> tuple[bool, int]:
    """Accept any gain over the incumbent's kept score: the paper's rule."""
    return sum(found.differences(throws, kept[0])) > 0, TASKS


_BINOMIAL: dict[int, list[float]] = {}


def _binomial_tail(wins: int, total: int) -> float:
    """Return the chance of at least so many heads."""
    if total not in _BINOMIAL:
        row = [1.0]
        for _ in range(total):
            row = [(a + b) / 2 for a, b in zip([0.0, *row], [*row, 0.0], strict=True)]
        _BINOMIAL[total] = row
    return sum(_BINOMIAL[total][wins:])


RULES: Final[dict[str, Rule]] = {
    "sequential": sequential,
    "fixed_bonferroni": fixed(1 / CANDIDATES),
    "mcnemar": fixed(1.0),
    "one_standard_error": one_standard_error,
    "strict_gain": strict_gain,
}


def measure(runs: int = 1_000, seed: int = 0) -> dict[str, float]:
    """Return by rule and world: runs with a false acceptance, power, rollouts of worthless and of good candidates."""
    results: dict[str, float] = {}
    for kind in ("luck", "tasks"):
        for name, rule in RULES.items():
            throws = random.Random(f"{seed} {kind} {name}")
            false_runs, null_rollouts, found_runs, good_rollouts = 0, [], 0, []
            for _ in range(runs):
                null, budget = world(throws, kind, 0.0), ErrorBudget(CANDIDATES)
                kept = [null.roll_incumbent(throws) for _ in range(2)]
                outcomes = [rule(null, throws, kept, budget) for _ in range(CANDIDATES)]
                false_runs += any(accepted for accepted, _ in outcomes)
                null_rollouts += [rollouts for _, rollouts in outcomes]
                good = world(throws, kind, GAIN)
                kept = [good.roll_incumbent(throws) for _ in range(2)]
                accepted, rollouts = rule(good, throws, kept, ErrorBudget(CANDIDATES))
                found_runs += accepted
                good_rollouts.append(rollouts)
            results |= {
                f"accept_{name}_{kind}_false_runs": false_runs / runs,
                f"accept_{name}_{kind}_power": found_runs / runs,
                f"accept_{name}_{kind}_rollouts_worthless": statistics.mean(null_rollouts),
                f"accept_{name}_{kind}_rollouts_good": statistics.mean(good_rollouts),
            }
    return results
