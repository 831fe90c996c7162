"""What each function of a set is good for: how often it is called, in how many tasks, and what is lost without it."""

from collections.abc import Callable
from dataclasses import dataclass

from jigsmith_optimizer.comparison import compared
from jigsmith_optimizer.intervals import Interval
from jigsmith_optimizer.rollout import Evaluation, Rollout, Rollouts
from jigsmith_optimizer.weights import FunctionStore, Weights


@dataclass(frozen=True, slots=True)
class Effect:
    """One function's part in a set."""

    function: str
    calls: int
    tasks: int
    """In which it was called."""
    wins: int
    """Tasks that are solved with it and not without."""
    losses: int
    gain: Interval
    """The share of all tasks that it wins; the interval takes tasks of a group as one observation."""

    @property
    def earns_its_place(self) -> bool:
        """Whether it is called and wins more than it loses."""
        return self.tasks > 0 and self.wins > self.losses


async def leave_one_out(
    weights: Weights,
    evaluation: Evaluation,
    *,
    store: FunctionStore,
    rollouts: Rollouts,
    kept: frozenset[str],
    evaluating: Callable[[str, int], Callable[[], None]],
) -> list[Effect]:
    """Return the effect of each function but those in `kept`, by rolling out the set without it.

    Only tasks in which it was called are rolled out again: in the others it had no part.
    """
    effects = []
    calls, users = evaluation.calls(), evaluation.users()
    for name in sorted(weights.functions.keys() - kept):
        concerned = [
            one for one in evaluation.rollouts if any(step.function == name for step in one.conversation.steps)
        ]
        measured: dict[str, Rollout] = {}
        if concerned:
            others = {key: one for key, one in weights.functions.items() if key != name}
            without = await store.revise(
                others, parent=weights.revision, message=f"without {name}, to measure its effect"
            )
            done = evaluating(f"without {name}", len(concerned))
            found = await rollouts.evaluate([one.task for one in concerned], without, done=done)
            measured = {one.task.id: one for one in found.rollouts}
        others_equal = Evaluation(tuple(measured.get(one.task.id, one) for one in evaluation.rollouts))
        paired = compared(evaluation, others_equal)
        effects.append(Effect(name, calls.get(name, 0), users.get(name, 0), paired.wins, paired.losses, paired.gain))
    return effects
