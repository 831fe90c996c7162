"""What the trainings of a contest come to: means over seeds, and the differences between contenders, with their intervals.

Seeds are few, so intervals are Student's; they are shared, so contenders are compared seed by seed.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.testbed.outcome import Outcome
from benchmarks.testbed.questions import SOURCES

_CONFIDENCE: Final = 0.95
_STEPS: Final = 2_000
"""Of the integral over Student's density: by then it is exact to more digits than anyone reads."""


def of_contender(stem: str, found: Sequence[Outcome]) -> dict[str, float]:
    """Return a contender's figures, all of them means over seeds, under keys that begin with `stem`."""
    losses = [one.test_loss for one in found]
    useless = [sum(name not in SOURCES for name in one.functions) for one in found]
    figures = {
        f"{stem}_test_loss": statistics.mean(losses),
        f"{stem}_test_loss_half_width": half_width(losses),
        f"{stem}_functions": statistics.mean(len(one.functions) for one in found),
        f"{stem}_useless_functions": statistics.mean(useless),
        f"{stem}_requests": statistics.mean(one.requests for one in found),
        f"{stem}_proposals": statistics.mean(one.proposals for one in found),
    }
    misbound = [one.misbound for one in found if one.misbound is not None]
    if misbound:
        figures[f"{stem}_misbound_functions"] = statistics.mean(misbound)
        figures[f"{stem}_proposals_lost"] = statistics.mean(one.proposals_lost for one in found)
    return figures


def of_differences(noise: str, found: Mapping[str, Sequence[Outcome]]) -> dict[str, float]:
    """Return trusted's loss minus that of each other contender, paired by seed; below zero is better. Lists go by seed."""
    figures = {}
    for name, others in found.items():
        if name != "trusted":
            gaps = [one.test_loss - other.test_loss for one, other in zip(found["trusted"], others, strict=True)]
            stem = f"testbed_trusted_minus_{name}_{noise}_test_loss"
            figures[stem] = statistics.mean(gaps)
            figures[f"{stem}_half_width"] = half_width(gaps)
    return figures


def half_width(values: Sequence[float]) -> float:
    """Return half the width of the mean's 95 % interval (Student); for a single loss 1, which is all there is."""
    if len(values) < 2:
        return 1.0
    return student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))


def student(freedom: int) -> float:
    """Return the bound that Student's t with so many degrees of freedom stays within at 95 %."""
    low, high = 1.0, 20.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if _within(middle, freedom) > _CONFIDENCE else (middle, high)
    return high


def _within(bound: float, freedom: int) -> float:
    """Return the chance that |t| <= bound, by Simpson's rule."""
    scale: float = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    heights: list[float] = [
        (1 + (bound * step / _STEPS) ** 2 / freedom) ** (-(freedom + 1) / 2) for step in range(_STEPS + 1)
    ]
    inner = 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    return 2 * scale * bound / _STEPS / 3 * (heights[0] + inner + heights[-1])
