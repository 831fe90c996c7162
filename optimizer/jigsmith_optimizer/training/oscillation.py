"""Whether proposals go round in circles: the same function added, taken away, and added again."""

import itertools
from collections.abc import Sequence
from typing import Final

from jigsmith_optimizer.training.epoch import Epoch

_TURNS_MAX: Final = 2
"""How often the direction may change before it is called a circle."""


def oscillations(epochs: Sequence[Epoch]) -> list[str]:
    """Return a remark for the model on each function that keeps being added and removed."""
    taken: dict[str, list[tuple[str, int]]] = {}
    for epoch in epochs:
        for action in epoch.actions:
            if action.kind in ("add_function", "remove_function"):
                taken.setdefault(action.name, []).append((action.kind, epoch.number))
    return [
        f"{name} was added and removed in turn (epochs {', '.join(str(number) for _, number in turns)}): leave it as it is"
        for name, turns in sorted(taken.items())
        if sum(one[0] != other[0] for one, other in itertools.pairwise(turns)) >= _TURNS_MAX
    ]
