"""Whether a candidate may replace the incumbent: a sequential paired test on D_val, its error bounded over the whole run.

Each validation task is solved with both sets. A task that only the candidate solves is a win, one that only the incumbent
solves a loss. Under the null hypothesis, that the candidate is no better, a win is no likelier than a loss, whatever the tasks
are like; given how many tasks differ, the number of wins is binomial with one half (McNemar 1947). The test looks at it
several times, and what it may spend of its error by each look follows Lan and DeMets (1983) with Kim and DeMets' family
(1987). Boundaries are not approximated: the distribution of wins minus losses that have not yet led to acceptance is carried
along exactly. Giving up early on a candidate that will not make it costs no error at all.

A test that ends open may look at the same tasks once more, rolled out anew, with a part of the error that was set aside:
agents that are moved by chance need it. There a task's two outcomes count together, and signs are flipped by task.

Over the run, the shares of all candidates add up to the error that the run may make. Candidates are made from D_train alone,
and until one is accepted they do not depend on D_val, because a proposer hears of D_val only whether a candidate was accepted.
So the chance that any of a run's worthless candidates is accepted is at most the sum (Bonferroni). A candidate that never gets
to its test leaves its share to those after it, and so does one that was accepted (the fallback procedure of Wiens, 2003).
docs/optimizer.md says what this does not cover.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

from jigsmith_optimizer.intervals import Interval, paired_gain

Decision = Literal["accept", "reject", "inconclusive"]

ALPHA: Final = 0.05
TARGET_GAIN: Final = 0.15
"""The gain, as a share of tasks, that is worth finding: hope is given up when it has become unlikely."""
TIE_MARGIN: Final = 0.05
"""How much worse a smaller set may be at most, to count as equal."""
_FIRST_PASS: Final = 0.75
"""The part of a test's error that is spent before tasks are rolled out a second time. At 200 tasks it keeps the power for a
gain of 15 points above 80 %, whether luck or the task decides what an agent solves (benchmarks/acceptance.py)."""
_RHO: Final = 3.0
"""How slowly the error is spent: by a share t of the tasks, t to this power (Kim and DeMets)."""
_LOOKS_MAX: Final = 10
_LOOK_TASKS_MIN: Final = 10
_HOPE_MIN: Final = 0.08
"""Below this chance of acceptance at the end, if the target gain were true, a test gives up."""
_POWER: Final = 0.8
_DISCORDANT: Final = 0.35
"""The share of tasks on which two sets differ, before any was seen: what agents moved by chance show at a success of 60 %."""

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test found."""

    decision: Decision
    why: str
    tasks: int
    """Validation tasks looked at, out of those there are."""
    rollouts: int
    """Rollouts of the candidate: more than `tasks` if they were rolled out twice."""
    wins: int
    losses: int
    gain: Interval
    """The share of tasks won minus the share lost; the interval is for reading, the decision does not rest on it."""
    alpha: float
    """The error that this test was allowed."""
    tie: bool = False
    """Accepted because it is as good with fewer functions, not because it is better."""
    tasks_needed: int | None = None
    """If inconclusive: with about so many tasks a true gain of what was seen would be found with a chance of 80 %."""


class ErrorBudget:
    """How much error the tests of a run may still make together."""

    def __init__(self, candidates: int, alpha: float = ALPHA) -> None:
        """`candidates` is how many the run may propose at most."""
        self._candidates, self._left = candidates, alpha

    @property
    def share(self) -> float:
        """What the next test may spend."""
        return self._left / max(1, self._candidates)

    def passed_by(self) -> None:
        """Tell that a candidate never got to its test: what it would have had stays for the others."""
        self._candidates -= 1

    def tested(self, alpha: float, *, accepted: bool) -> None:
        """Tell that a candidate was tested with an error of `alpha`."""
        self._candidates -= 1
        if not accepted:
            self._left -= alpha


class SequentialTest:
    """One candidate against the incumbent. Feed it differences by task, a look at a time, until it decides."""

    def __init__(self, tasks: int, alpha: float, *, target_gain: float = TARGET_GAIN, repeats: bool = True) -> None:
        """`tasks` is how many there are; `repeats` is whether they may be rolled out a second time."""
        self._total, self._alpha, self._target, self._repeats = tasks, alpha, target_gain, repeats
        self._first = alpha * _FIRST_PASS if repeats else alpha
        self._differences: list[int] = []
        self._alive = {0: 1.0}
        """Wins minus losses → its probability under the null, together with not having been accepted before."""
        self._spent = 0.0

    def next_look(self) -> int:
        """Return how many more tasks the next look takes; 0 when all were looked at."""
        size = max(_LOOK_TASKS_MIN, math.ceil(self._total / _LOOKS_MAX))
        return min(size, self._total - len(self._differences))

    def look(self, differences: Sequence[int]) -> Decision | None:
        """Take the outcomes of further tasks: 1 won, -1 lost, 0 equal. Returns a decision, or None to go on."""
        for one in differences:
            self._differences.append(one)
            if one:
                self._alive = _flipped(self._alive, 1)
        bound = self._bound(self._first * (len(self._differences) / self._total) ** _RHO - self._spent)
        if bound is not None and sum(self._differences) >= bound:
            return "accept"
        if self.next_look() and self.hope() < _HOPE_MIN:
            return "reject"
        return None

    def _bound(self, allowed: float) -> int | None:
        """Spend what is allowed: return the least difference that is accepted now, and take it out of what goes on."""
        tail, bound = 0.0, None
        for difference in sorted(self._alive, reverse=True):
            if tail + self._alive[difference] > allowed:
                break
            tail, bound = tail + self._alive[difference], difference
        if bound is not None:
            self._alive = {key: value for key, value in self._alive.items() if key < bound}
            self._spent += tail
        return bound

    def hope(self) -> float:
        """Return the chance that the first pass ends in acceptance if the target gain is true (normal approximation)."""
        seen = len(self._differences)
        left, differing = self._total - seen, sum(map(abs, self._differences))
        discordant = max(self._target, (differing + 1) / (seen + 2))
        bar = _NORMAL.inv_cdf(1 - self._first) * math.sqrt(differing + left * discordant)
        expected = sum(self._differences) + self._target * left
        spread = math.sqrt(max(left * (discordant - self._target**2), 1e-9))
        return _NORMAL.cdf((expected - bar) / spread)

    @property
    def worth_repeating(self) -> bool:
        """Whether rolling every task out once more may still decide: the candidate is ahead, and not by luck alone."""
        return self._repeats and sum(self._differences) > 0 and -1 in self._differences

    def repeat(self, differences: Sequence[int]) -> Decision:
        """Take the outcomes of a second pass over all tasks, in the same order, and decide.

        Signs are flipped by task, so that what a task does twice counts as one observation.
        """
        both = [first + second for first, second in zip(self._differences, differences, strict=True)]
        null = {0: 1.0}
        for one in both:
            if one:
                null = _flipped(null, abs(one))
        tail = sum(value for difference, value in null.items() if difference >= sum(both))
        return "accept" if tail <= self._alpha - self._first else "inconclusive"

    def verdict(self, decision: Decision, why: str, *, rollouts: int) -> Verdict:
        """Return a decision with the figures behind it."""
        wins, losses, seen = self._differences.count(1), self._differences.count(-1), len(self._differences)
        needed = None
        if decision == "inconclusive" and wins > losses:
            needed = tasks_needed((wins - losses) / seen, (wins + losses) / seen, self._alpha)
        return Verdict(
            decision,
            why,
            seen,
            rollouts,
            wins,
            losses,
            paired_gain(wins, losses, seen),
            self._alpha,
            tasks_needed=needed,
        )


def _flipped(null: dict[int, float], size: int) -> dict[int, float]:
    """Return the distribution after one more task, which moves the difference by `size` either way."""
    after: dict[int, float] = {}
    for difference, probability in null.items():
        half = probability / 2
        after[difference + size] = after.get(difference + size, 0.0) + half
        after[difference - size] = after.get(difference - size, 0.0) + half
    return after


def not_worse(wins: int, losses: int, tasks: int, *, margin: float = TIE_MARGIN) -> bool:
    """Return whether a smaller set may count as equal: level or ahead, and hardly (5 %, one-sided) worse by `margin`."""
    return wins >= losses and paired_gain(wins, losses, tasks, confidence=0.9).low > -margin


def tasks_needed(gain: float, discordant: float, alpha: float, power: float = _POWER) -> int:
    """Return how many paired tasks find a true gain with a chance of `power` (normal approximation, one-sided)."""
    if gain <= 0:
        raise ValueError(f"a gain of {gain} needs no test")
    discordant = max(discordant, gain)
    spread = max(discordant - gain**2, 1e-9)
    root = _NORMAL.inv_cdf(1 - alpha) * math.sqrt(discordant) + _NORMAL.inv_cdf(power) * math.sqrt(spread)
    return max(wins_needed(alpha), math.ceil((root / gain) ** 2))


def wins_needed(alpha: float) -> int:
    """Return how many wins without a loss are the least that can be accepted."""
    return math.ceil(-math.log2(alpha))


def gain_detectable(tasks: int, alpha: float, discordant: float = _DISCORDANT) -> float | None:
    """Return the least true gain, in whole points, that so many tasks find with a chance of 80 %, or None if none is."""
    for points in range(1, 101):
        if tasks_needed(points / 100, max(discordant, points / 100), alpha) <= tasks:
            return points / 100
    return None
