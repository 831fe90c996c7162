"""The cheap look before the test: a few tasks of D_train, most of them such as the best set failed."""

import random
from collections.abc import Sequence


def screen_tasks(solved: Sequence[bool], count_max: int, seed: str) -> list[int]:
    """Return which training tasks a candidate is rolled out on first: two in three such as the best set failed.

    `solved` is what the best set did on each; what is returned are indices into it.
    """
    order = list(range(len(solved)))
    random.Random(seed).shuffle(order)  # noqa: S311 - a choice of tasks, no secret
    failed, held = [one for one in order if not solved[one]], [one for one in order if solved[one]]
    most = min(count_max, len(order))
    chosen = failed[: max(2 * most // 3, most - len(held))]
    return chosen + held[: most - len(chosen)]


def passes_screen(gain: int, *, smaller: bool) -> bool:
    """Return whether a candidate that solved so many more of these tasks than the best set is worth a test on D_val."""
    return gain > 0 or (gain == 0 and smaller)
