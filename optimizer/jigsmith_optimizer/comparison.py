"""Two evaluations of the same tasks, set against each other."""

from itertools import groupby

from jigsmith_optimizer.paired import Paired, group_of
from jigsmith_optimizer.rollout import Evaluation


def compared(one: Evaluation, other: Evaluation) -> Paired:
    """Return how one set did against another on the same tasks, in whatever order these stand."""
    order = sorted(range(len(one.rollouts)), key=lambda index: group_of(one.rollouts[index].task))
    keys = [group_of(one.rollouts[index].task) for index in order]
    found = Paired([len(list(same)) for _, same in groupby(keys)])
    differences = one.differences(other)
    found.add([differences[index] for index in order])
    return found
