"""Gives each child random numbers of its own, where they come from a state that it has inherited.

What reads the kernel's (os.urandom, secrets, uuid, numpy's default_rng) has no state; these have one for everybody.
"""

import _random
import functools
import random
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

_SEEDS: Final = (("numpy.random", "seed"), ("sympy.core.random", "seed"))


def seeds() -> tuple[Callable[[], Any], ...]:  # Any: what they return says nothing
    """Return the functions that seed anew what is imported in this process."""
    random.seed()  # forgets the second half of a pair of normal variates, if there is one
    standard = functools.partial(_random.Random.seed, random._inst)  # noqa: SLF001 - what random.seed ends in
    return standard, *(getattr(sys.modules[module], seed) for module, seed in _SEEDS if module in sys.modules)


def renew(functions: Iterable[Callable[[], Any]]) -> None:
    """Seed everything from the kernel's random numbers."""
    for seed in functions:
        seed()
