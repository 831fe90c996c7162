"""Whether a smaller set may take the place of a larger one without being better: a test of non-inferiority on D_val.

The null hypothesis is that the smaller set solves fewer tasks than the reference by the margin or more. The reference is the
set that was last accepted because it was better (or the one that training started from), not one that was itself accepted as a
tie: losses too small to be seen do not add up over a run. The test is Tango's score test of a paired difference (Statistics in
Medicine 17, 1998), whose variance is that of the null hypothesis: it needs no task that differs, where intervals around what
was seen have no width. For tasks that come in groups its variance is multiplied by the design effect. It is approximate.

It is made once for each candidate, on all of D_val: looking for a good moment would favour sets that are a little worse.
Giving up before costs no error.

A run has an error of its own for these tests. Each takes half of what is left, the last one, when training is over, all of it;
what was accepted gives its share back (Wiens 2003). So their number need not be known, and the first ones, in which most ties
are met, have shares that a few tasks can satisfy.
"""

import math
from statistics import NormalDist
from typing import Final

from jigsmith_optimizer.paired import Paired

TIE_MARGIN: Final = 0.05
"""How much worse than the reference a smaller set may be at most, as a share of tasks."""
_CATCH_UP: Final = 2.33
"""Beyond so many standard deviations of what is left (1 %), a candidate that is behind will not be level at the end."""

_NORMAL: Final = NormalDist()


class TieBudget:
    """How often a run may still be wrong about ties."""

    def __init__(self, alpha: float) -> None:
        """`alpha` is the chance that a run takes any set for a tie that is worse by the margin."""
        self._left = alpha

    @property
    def share(self) -> float:
        """What the next test may spend, others being to come."""
        return self._left / 2

    @property
    def last_share(self) -> float:
        """What the last test of a run may spend."""
        return self._left

    def tested(self, share: float, *, accepted: bool) -> None:
        """Tell that a smaller set met D_val, whatever became of it; `accepted` is whether it was, as a tie or as better."""
        if not accepted:
            self._left -= share


def as_good(found: Paired, share: float, *, margin: float = TIE_MARGIN) -> bool:
    """Return whether a set is level or ahead and shown, with an error of `share`, to be worse by less than the margin."""
    complete = found.tasks == found.total
    return complete and found.difference >= 0 and chance_if_worse(found, found.wins, found.losses, margin) <= share


def in_reach(found: Paired, share: float, *, margin: float = TIE_MARGIN) -> bool:
    """Return whether it may still turn out to be as good: if it caught up and no other task differed."""
    left = found.total - found.tasks
    behind = max(0, -found.difference)
    if found.tasks and behind > _CATCH_UP * math.sqrt(left * (found.squares + 1) / (found.tasks + 2)):
        return False
    return chance_if_worse(found, found.wins + behind, found.losses, margin) <= share


def tasks_without_difference(share: float, *, margin: float = TIE_MARGIN) -> int:
    """Return with how many tasks, none of which differs, a set is shown to be as good."""
    return math.ceil(_NORMAL.inv_cdf(1 - share) ** 2 * (1 - margin) / margin)


def chance_if_worse(found: Paired, wins: int, losses: int, margin: float) -> float:
    """Return the chance of doing so well on all tasks if the set were worse by the margin (Tango 1998, equations 4 to 6)."""
    tasks = found.total
    # The likeliest share of losses if it exceeds that of wins by the margin.
    linear = -wins - losses - (2 * tasks - wins + losses) * margin
    constant = losses * margin * (1 + margin)
    lost = (math.sqrt(linear**2 - 8 * tasks * constant) - linear) / (4 * tasks)
    variance = tasks * (2 * lost - margin * (1 + margin))
    score = (wins - losses + tasks * margin) / math.sqrt(variance * _design_effect(found))
    return 1 - _NORMAL.cdf(score)


def _design_effect(found: Paired) -> float:
    """Return by what factor groups widen the variance of a difference: as seen, and as if of one mind before anything was."""
    size = sum(one * one for one in found.sizes) / found.total
    return max(1.0, (found.squares + size) / (found.wins + found.losses + 1))
