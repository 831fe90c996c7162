"""Intervals of shares and of paired differences of shares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between two bounds, all of them shares."""

    estimate: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return the three, rounded to four digits."""
        return {"estimate": round(self.estimate, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def wilson(count: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """Return a share and its interval (Wilson 1927). Of nothing nothing is known: 0, between 0 and 1."""
    if total == 0:
        return Interval(0.0, 0.0, 1.0)
    z = _z(confidence)
    share, spread = count / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def paired_gain(sums: Sequence[int], sizes: Sequence[int], confidence: float = CONFIDENCE) -> Interval:
    """Return the share won less the share lost of paired tasks that come in groups, and its interval.

    `sums` are wins less losses of each group, `sizes` its tasks. Tasks of a group may depend on each other in any way: the
    variance is that of a ratio of sums over groups (Rao and Scott 1992). For
    groups of one task the bounds are those of Agresti and Min (2005): Wald's, after half a task was added to each of the four
    cells; in general half a group of the size that a task finds itself in.
    """
    total = sum(sizes)
    if total == 0:
        return Interval(0.0, -1.0, 1.0)
    size, difference = sum(one * one for one in sizes) / total, sum(sums)
    n = total + 2 * size
    middle = difference / n
    added = size**2 * (1 + 2 * middle**2)
    squares = sum((one - middle * tasks) ** 2 for one, tasks in zip(sums, sizes, strict=True))
    half = _z(confidence) * math.sqrt(squares + added) / n
    return Interval(difference / total, max(-1.0, middle - half), min(1.0, middle + half))


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)
