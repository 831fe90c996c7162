"""Rollouts: the agent solves tasks, several at a time, with the same outcome in whatever order they end."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jigsmith_optimizer.agents.tool_calling import Conversation, ToolSet, solve
from jigsmith_optimizer.datasets import Task
from jigsmith_optimizer.llm import Model
from jigsmith_optimizer.loss import loss, solved


@dataclass(frozen=True, slots=True)
class Rollout:
    """One task and how it went."""

    task: Task
    conversation: Conversation
    solved: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A function set on a split."""

    rollouts: tuple[Rollout, ...]

    @property
    def loss(self) -> float:
        """The share of tasks failed."""
        return loss([rollout.solved for rollout in self.rollouts])

    def calls(self) -> dict[str, int]:
        """Return how often each function was called."""
        counts: dict[str, int] = {}
        for rollout in self.rollouts:
            for step in rollout.conversation.steps:
                counts[step["function"]] = counts.get(step["function"], 0) + 1
        return counts


async def evaluate(
    tasks: Sequence[Task], model: Model, tools: ToolSet, *, seed: int, concurrency: int, done: Callable[[], None]
) -> Evaluation:
    """Roll out every task; `done` is called after each. The result is in the order of the tasks."""
    places = asyncio.Semaphore(concurrency)

    async def one(index: int, task: Task) -> Rollout:
        async with places:
            conversation = await solve(task.question, model, tools, seed + index)
        done()
        return Rollout(task, conversation, solved(task, conversation.final_text))

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(one(index, task)) for index, task in enumerate(tasks)]
    return Evaluation(tuple(task.result() for task in running))
