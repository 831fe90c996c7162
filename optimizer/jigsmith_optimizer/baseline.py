"""The agent without any function, at an equal budget: whether learning functions pays at all.

What training cost is spent on asking again instead: several answers to each task, of which the most frequent counts
(self-consistency, arXiv:2203.11171). At equal compute much of what learned functions seem to gain is gained so, too
(arXiv:2507.22069).
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from jigsmith_optimizer.agents import Conversation
from jigsmith_optimizer.grading import answer_in
from jigsmith_optimizer.rollout import Evaluation, Rollouts
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.weights import Weights

VOTE_TEMPERATURE: Final = 0.7
"""What several answers are drawn at, as in arXiv:2203.11171, section 3.1. At temperature 0 they are all the same answer, and a
majority of them says no more than one."""


def vote_temperature(own: float | None, samples: int) -> float | None:
    """Return the temperature of so many answers to each task: the agent's own if that is higher, or there is but one.

    None is a model that refuses the parameter: it samples as it does.
    """
    return own if own is None or samples == 1 else max(own, VOTE_TEMPERATURE)


def samples_for(budget_tokens: int, one_pass_tokens: int) -> int:
    """Return how many answers to each task cost what the budget holds; at least one."""
    return max(1, math.floor(budget_tokens / one_pass_tokens)) if one_pass_tokens else 1


async def majority(
    tasks: Sequence[Task],
    empty: Weights,
    samples: int,
    *,
    rollouts: Rollouts,
    evaluating: Callable[[str, int], Callable[[], None]],
) -> Evaluation:
    """Roll out every task several times without functions; the most frequent answer counts, of several the first."""
    passes = []
    for number in range(samples):
        done = evaluating(f"no functions, {number + 1} of {samples}", len(tasks))
        passes.append(await rollouts.evaluate(tasks, empty, attempt=number, done=done))
    found = []
    for index, task in enumerate(tasks):
        conversations = [one.rollouts[index].conversation for one in passes]
        answer = _most_frequent([answer_in(one.final_text) for one in conversations])
        voted = Conversation(
            final_text=f"ANSWER: {answer}",
            prompt_tokens=sum(one.prompt_tokens for one in conversations),
            completion_tokens=sum(one.completion_tokens for one in conversations),
        )
        found.append(await rollouts.judge(task, voted))
    return Evaluation(tuple(found))


def _most_frequent(answers: list[str]) -> str:
    counted = Counter(" ".join(one.casefold().split()) for one in answers)
    best = max(counted.values())
    return next(one for one in answers if counted[" ".join(one.casefold().split())] == best)
