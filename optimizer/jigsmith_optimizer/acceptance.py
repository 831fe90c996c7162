"""Whether a candidate may replace the incumbent: a sequential paired test on D_val, its error bounded over the whole run.

Each validation task is solved with both sets. A task that only the candidate solves is a win, one that only the incumbent
solves a loss. Tasks of one group are one observation: its wins less its losses. If the candidate changes nothing, the two
could have been exchanged in any group, so that this difference, given its size, has either sign with one half (for groups of
one task McNemar's test, 1947; in general Fisher's randomization test of paired sums, 1935). The test looks at the sum several
times, at group borders, and what it may spend of its error by each look follows Lan and DeMets (1983) with Kim and DeMets'
family (1987). Boundaries are not approximated: the distribution of sums that have not yet led to acceptance is carried along
exactly. Giving up early on a candidate that will not make it costs no error at all.

A test that ends open may look at the same tasks once more, rolled out anew, with a part of the error that was set aside:
agents that are moved by chance need it. There a group's two outcomes count together, and signs are flipped by group.

Over the run, the shares of all candidates add up to the error that the run may make. Candidates are made from D_train alone,
and until one is accepted they do not depend on D_val, because a proposer hears of D_val only whether a candidate was accepted.
So the chance that any of a run's worthless candidates is accepted is at most the sum (Bonferroni). A candidate that never gets
to its test leaves its share to those after it, and so does one that was accepted (the fallback procedure of Wiens, 2003).
docs/optimizer.md says what this does not cover. Sets that are as good and smaller have a test and an error of their own:
jigsmith_optimizer.ties.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import Final, Literal

from jigsmith_optimizer.intervals import Interval, paired_gain
from jigsmith_optimizer.paired import Paired

Decision = Literal["accept", "reject", "inconclusive"]

ALPHA: Final = 0.05
TARGET_GAIN: Final = 0.15
"""The gain, as a share of tasks, that is worth finding: hope is given up when it has become unlikely."""
_FIRST_PASS: Final = 0.75
"""The part of a test's error that is spent before tasks are rolled out a second time. At 200 tasks it keeps the power for a
gain of 15 points above 80 %, whether luck or the task decides what an agent solves (benchmarks/acceptance.py)."""
_RHO: Final = 3.0
"""How slowly the error is spent: by a share t of the tasks, t to this power (Kim and DeMets)."""
_HOPE_MIN: Final = 0.04
"""Below this chance of acceptance at the end, if the target gain were true, a test gives up."""
_POWER: Final = 0.8

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
    """Of the first pass, as `wins` are."""
    gain: Interval
    """The share of tasks won minus the share lost, over all passes; the interval is for reading, the decision does not rest
    on it."""
    alpha: float
    """The error that this test was allowed."""
    tie: bool = False
    """Accepted because it is as good with fewer functions, not because it is better."""
    tasks_needed: int | None = None
    """If inconclusive: with about so many tasks a true gain of what was seen would be found with a chance of 80 %."""
    wins_again: int | None = None
    """Of the second pass, in which every task was rolled out anew; None if there was none."""
    losses_again: int | None = None
    groups: int = 0
    """Groups of tasks looked at: what the test counts. As many as tasks where each stands alone."""


class ErrorBudget:
    """How much error the tests of a run may still make together."""

    def __init__(self, candidates: int, alpha: float = ALPHA) -> None:
        """`candidates` is how many the run may propose at most."""
        self._candidates, self._left = candidates, alpha

    @property
    def share(self) -> float:
        """What the next test may spend. Raises ValueError if all of the candidates have had theirs."""
        if self._candidates < 1:
            raise ValueError("more candidates than the error was divided among")
        return self._left / self._candidates

    def passed_by(self) -> None:
        """Tell that a candidate never got to its test: what it would have had stays for the others."""
        self._candidates -= 1

    def tested(self, alpha: float, *, accepted: bool) -> None:
        """Tell that a candidate was tested with an error of `alpha`."""
        self._candidates -= 1
        if not accepted:
            self._left -= alpha


class SequentialTest:
    """One candidate against the incumbent. Add to what was found, a look at a time, and look, until it decides."""

    def __init__(self, found: Paired, alpha: float, *, target_gain: float = TARGET_GAIN, repeats: bool = True) -> None:
        """`found` is what is looked at; `repeats` is whether all tasks may be rolled out a second time."""
        self._found, self._alpha, self._target, self._repeats = found, alpha, target_gain, repeats
        self._first = first_share(alpha, repeats=repeats)
        self._null = _Null()
        self._looked = 0
        """Groups that were looked at."""
        self._spent = 0.0

    def look(self) -> Decision | None:
        """Look at what was added since the last time. Returns a decision, or None to go on."""
        found = self._found
        for one in found.sums[self._looked :]:
            self._null.flip(abs(one))
        self._looked = len(found.sums)
        bound, spent = self._null.split(self._first * (found.tasks / found.total) ** _RHO - self._spent)
        self._spent += spent
        if bound is not None and found.difference >= bound:
            return "accept"
        if found.next_look() and self.hope() < _HOPE_MIN:
            return "reject"
        return None

    def hope(self) -> float:
        """Return the chance that the first pass ends in acceptance if the target gain is true (normal approximation)."""
        found, left = self._found, self._found.total - self._found.tasks
        size = sum(one * one for one in found.sizes) / found.total
        # The variance that a task adds to the sum, taken to be a little higher than it was seen to be.
        rate = max(self._target, (found.squares + size) / (found.tasks + 2 * size))
        bar = _NORMAL.inv_cdf(1 - self._first) * math.sqrt(found.squares + left * rate)
        expected = found.difference + self._target * left
        spread = math.sqrt(max(left * (rate - size * self._target**2), 1e-9))
        return _NORMAL.cdf((expected - bar) / spread)

    @property
    def worth_repeating(self) -> bool:
        """Whether rolling every task out once more may still decide: the candidate is ahead, and not by luck alone."""
        return self._repeats and self._found.difference > 0 and self._found.losses > 0

    def repeat(self, again: Paired) -> Decision:
        """Take the outcomes of a second pass over all tasks, in the same order, and decide.

        Signs are flipped by group, so that what a group does twice counts as one observation.
        """
        both = [first + second for first, second in zip(self._found.sums, again.sums, strict=True)]
        null = _Null()
        for one in both:
            null.flip(abs(one))
        return "accept" if null.tail(sum(both)) <= self._alpha - self._first else "inconclusive"


class _Null:
    """The distribution of a sum whose terms have either sign with one half, together with not having been accepted.

    All sums that are possible differ by two: a list of probabilities, of the least one first.
    """

    def __init__(self) -> None:
        self._least, self._chances = 0, [1.0]

    def flip(self, size: int) -> None:
        """Add a term of this size."""
        if size:
            nothing = [0.0] * size
            self._chances = [(a + b) / 2 for a, b in zip(nothing + self._chances, self._chances + nothing, strict=True)]
            self._least -= size

    def tail(self, sum_min: int) -> float:
        """Return the chance of at least this sum."""
        return math.fsum(self._chances[max(0, (sum_min - self._least + 1) // 2) :])

    def split(self, allowed: float) -> tuple[int | None, float]:
        """Take out the largest sums of which the chance is no more than `allowed`; return their least, and that chance."""
        count, spent = 0, 0.0
        for tail in accumulate(reversed(self._chances)):
            if tail > allowed:
                break
            count, spent = count + 1, tail
        if not count:
            return None, 0.0
        del self._chances[-count:]
        return self._least + 2 * len(self._chances), spent


def verdict(decision: Decision, found: Paired, alpha: float, *, again: Paired | None = None) -> Verdict:
    """Return a decision with the figures behind it, of both passes if there were two; `why` is left empty."""
    sums, sizes = found.sums, found.seen
    if again is not None:
        sums = [first + second for first, second in zip(sums, again.sums, strict=True)]
        sizes = tuple(2 * one for one in sizes)
    gain, needed = paired_gain(sums, sizes), None
    if decision == "inconclusive" and gain.estimate > 0:
        # The variance of the gain, as if of single tasks: rolled out twice, they need be fewer.
        variance = sum(one * one for one in sums) / sum(sizes) ** 2
        needed = tasks_needed(gain.estimate, variance * found.tasks, alpha * _FIRST_PASS)
    return Verdict(
        decision,
        "",
        found.tasks,
        found.tasks + (again.tasks if again else 0),
        found.wins,
        found.losses,
        gain,
        alpha,
        tasks_needed=needed,
        wins_again=again.wins if again else None,
        losses_again=again.losses if again else None,
        groups=len(found.sums),
    )


def first_share(alpha: float, *, repeats: bool) -> float:
    """Return what of a test's error its first pass may spend."""
    return alpha * _FIRST_PASS if repeats else alpha


def wins_needed(alpha: float, *, repeats: bool = True) -> int:
    """Return how many groups won without a loss are the least that can be accepted.

    A candidate that never loses is not rolled out twice: it has what the first pass may spend.
    """
    return math.ceil(-math.log2(first_share(alpha, repeats=repeats)))


def tasks_needed(gain: float, discordant: float, alpha: float, power: float = _POWER) -> int:
    """Return how many paired tasks find a true gain with a chance of `power` (normal approximation, one-sided).

    `discordant` is the share of tasks that differ; of tasks in groups, their squared differences by group over all tasks.
    """
    if gain <= 0:
        raise ValueError(f"a gain of {gain} needs no test")
    discordant = max(discordant, gain)
    spread = max(discordant - gain**2, 1e-9)
    root = _NORMAL.inv_cdf(1 - alpha) * math.sqrt(discordant) + _NORMAL.inv_cdf(power) * math.sqrt(spread)
    return max(wins_needed(alpha, repeats=False), math.ceil((root / gain) ** 2))


def failing_groups(failed: Sequence[bool], sizes: Sequence[int]) -> int:
    """Return in how many groups a task was failed: what a candidate can win at most. `failed` is in the groups' order."""
    ends = list(accumulate(sizes))
    return sum(any(failed[end - size : end]) for end, size in zip(ends, sizes, strict=True))
