"""Which rule for accepting a candidate errs how often: simulated runs whose truth is planted.

An agent solves 60 % of the tasks with the incumbent. In `luck` every rollout is a throw of its own; in `tasks` a task is
easy or hard for both sets (its chance of success is drawn from a beta distribution); in `tables` tasks come in groups as those
of TAT-QA do, two or three to a table, and all tasks of a table share one throw. A run has ten candidates that change nothing,
or one that is truly 15 points better in the place of the first. The incumbent's rollouts are kept over a run, as in training.

Ours is the whole procedure, by the product's own code: a screen on D_train, looks at D_val, a second pass. All rollouts that
it takes are counted, the incumbent's second pass among them; the other rules have no screen.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from jigsmith_optimizer.acceptance import ErrorBudget, SequentialTest
from jigsmith_optimizer.paired import Paired
from jigsmith_optimizer.training.screen import passes_screen, screen_tasks
from jigsmith_optimizer.training.settings import Settings

from benchmarks import smaller_sets

CANDIDATES: Final = 10
TASKS: Final = 200
TRAIN: Final = 150
"""Tasks are split 30, 40, 30 by default."""
SCREEN: Final = Settings("").screen
SUCCESS: Final = 0.6
GAIN: Final = 0.15
WORLDS: Final = ("luck", "tasks", "tables")
_BETA: Final = 2.0
_TABLES: Final = (3, 3, 2, 3, 3, 3, 2)
"""Sizes in turn; of 277 tables of TAT-QA 197 have three questions, 79 two, one has one."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely each group of a split is solved, all of it at once, with the incumbent and with the candidate."""

    sizes: Sequence[int]
    incumbent: Sequence[float]
    candidate: Sequence[float]

    def throw(self, throws: random.Random, chances: Sequence[float]) -> list[bool]:
        """Roll out every task once."""
        return list(
            chain.from_iterable(
                [throws.random() < chance] * size for size, chance in zip(self.sizes, chances, strict=True)
            )
        )


@dataclass(slots=True)
class World:
    """A run's tasks, and what the incumbent did on them."""

    train: Chances
    validation: Chances
    throws: random.Random
    trained: list[bool] = field(init=False)
    passes: list[list[bool]] = field(init=False)
    """On D_val."""
    paid: bool = False
    """Whether the incumbent's second pass on D_val was counted."""

    def __post_init__(self) -> None:
        """Roll the incumbent out."""
        self.trained = self.train.throw(self.throws, self.train.incumbent)
        self.passes = [self.validation.throw(self.throws, self.validation.incumbent) for _ in range(2)]

    def differences(self, attempt: int = 0) -> list[int]:
        """Roll the candidate out on D_val."""
        mine = self.validation.throw(self.throws, self.validation.candidate)
        return [int(new) - int(old) for new, old in zip(mine, self.passes[attempt], strict=True)]

    def screen(self) -> tuple[int, int]:
        """Roll the candidate out on a few tasks of D_train; return what it gains there, and how many they were."""
        mine = self.train.throw(self.throws, self.train.candidate)
        chosen = screen_tasks(self.trained, SCREEN, str(self.throws.random()))
        return sum(mine[one] - self.trained[one] for one in chosen), len(chosen)


def world(throws: random.Random, kind: str, gain: float) -> World:
    """Draw tasks."""
    return World(_chances(throws, kind, TRAIN, gain), _chances(throws, kind, TASKS, gain), throws)


def _chances(throws: random.Random, kind: str, tasks: int, gain: float) -> Chances:
    sizes = [1] * tasks
    if kind == "tables":
        sizes = []
        while (left := tasks - sum(sizes)) > 0:
            sizes.append(min(_TABLES[len(sizes) % len(_TABLES)], left))
    if kind == "tasks":
        before = [throws.betavariate(SUCCESS * _BETA, (1 - SUCCESS) * _BETA) for _ in sizes]
        return Chances(sizes, before, [min(1.0, one + gain * (1 - one) / (1 - SUCCESS)) for one in before])
    return Chances(sizes, [SUCCESS] * len(sizes), [SUCCESS + gain] * len(sizes))


Rule = Callable[[World, ErrorBudget], tuple[bool, int]]
"""World, the run's budget → accepted, rollouts."""


def sequential(found: World, budget: ErrorBudget) -> tuple[bool, int]:
    """Ours."""
    return _sequential(found, budget, found.validation.sizes)


def sequential_by_task(found: World, budget: ErrorBudget) -> tuple[bool, int]:
    """Ours, if it were not told which tasks belong together."""
    return _sequential(found, budget, [1] * TASKS)


def _sequential(found: World, budget: ErrorBudget, sizes: Sequence[int]) -> tuple[bool, int]:
    gain, rollouts = found.screen()
    if not passes_screen(gain, smaller=False):
        budget.passed_by()
        return False, rollouts
    alpha, paired = budget.share, Paired(sizes)
    test = SequentialTest(paired, alpha)
    differences, decision = found.differences(), None
    while decision is None and (size := paired.next_look()):
        paired.add(differences[paired.tasks : paired.tasks + size])
        decision = test.look()
    rollouts += paired.tasks
    if decision is None and test.worth_repeating:
        again = Paired(sizes)
        again.add(found.differences(1))
        decision = test.repeat(again)
        rollouts += TASKS if found.paid else 2 * TASKS
        found.paid = True
    budget.tested(alpha, accepted=decision == "accept")
    return decision == "accept", rollouts


def fixed(share: float) -> Rule:
    """Return the exact one-sided McNemar test on all tasks, with a share of 5 % for each candidate."""

    def rule(found: World, _: ErrorBudget) -> tuple[bool, int]:
        differences = found.differences()
        wins, losses = differences.count(1), differences.count(-1)
        return _binomial_tail(wins, wins + losses) <= 0.05 * share, TASKS

    return rule


def one_standard_error(found: World, _: ErrorBudget) -> tuple[bool, int]:
    """Accept a paired gain that is larger than its standard error."""
    differences = found.differences()
    return statistics.mean(differences) > statistics.stdev(differences) / TASKS**0.5, TASKS


def strict_gain(found: World, _: ErrorBudget) -> tuple[bool, int]:
    """Accept any gain over the incumbent's kept score: the paper's rule."""
    return sum(found.differences()) > 0, TASKS


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
    "sequential_by_task": sequential_by_task,
    "fixed_bonferroni": fixed(1 / CANDIDATES),
    "mcnemar": fixed(1.0),
    "one_standard_error": one_standard_error,
    "strict_gain": strict_gain,
}


def measure(runs: int = 1_000, seed: int = 0) -> dict[str, float]:
    """Return by rule and world: runs with a false acceptance, power, rollouts of worthless and of good candidates."""
    results: dict[str, float] = {}
    for kind in WORLDS:
        for name, rule in RULES.items():
            if name == "sequential_by_task" and kind != "tables":
                continue  # the same as ours
            results |= _measured(name, rule, kind, runs, random.Random(f"{seed} {kind} {name}"))
    return results | smaller_sets.measure(runs, seed)


def _measured(name: str, rule: Rule, kind: str, runs: int, throws: random.Random) -> dict[str, float]:
    false_runs, null_rollouts, found_runs, good_rollouts = 0, [], 0, []
    for _ in range(runs):
        null, budget = world(throws, kind, 0.0), ErrorBudget(CANDIDATES)
        outcomes = [rule(null, budget) for _ in range(CANDIDATES)]
        false_runs += any(accepted for accepted, _ in outcomes)
        null_rollouts += [rollouts for _, rollouts in outcomes]
        accepted, rollouts = rule(world(throws, kind, GAIN), ErrorBudget(CANDIDATES))
        found_runs += accepted
        good_rollouts.append(rollouts)
    return {
        f"accept_{name}_{kind}_false_runs": false_runs / runs,
        f"accept_{name}_{kind}_power": found_runs / runs,
        f"accept_{name}_{kind}_rollouts_worthless": statistics.mean(null_rollouts),
        f"accept_{name}_{kind}_rollouts_good": statistics.mean(good_rollouts),
    }
