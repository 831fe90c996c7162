"""Rollouts: the agent solves tasks, several at a time, with the same outcome in whatever order they end.

A rollout is known by the set's digest, the task, the agent, the model, how it is asked and where, and its seed: it is never
paid for twice, and never taken for another.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from jigsmith import Called
from jigsmith.tools import AsyncTools
from jigsmith.v1 import function_set_pb2

from jigsmith_optimizer.agents import Agent, Conversation
from jigsmith_optimizer.intervals import Interval, wilson
from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.llm import Model
from jigsmith_optimizer.tasks import Task, digest
from jigsmith_optimizer.weights import FunctionStore, Weights


class Grader(Protocol):
    """Who says whether a task is solved."""

    async def solved(self, task: Task, text: str) -> bool:
        """Return whether an agent's final text solves a task."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One task and how it went."""

    task: Task
    conversation: Conversation
    solved: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A function set on a list of tasks, in their order."""

    rollouts: tuple[Rollout, ...]

    @property
    def loss(self) -> float:
        """The share of tasks failed; of no tasks, 0."""
        return 1 - self.solved / len(self.rollouts) if self.rollouts else 0.0

    @property
    def solved(self) -> int:
        """How many tasks were solved."""
        return sum(one.solved for one in self.rollouts)

    @property
    def interval(self) -> Interval:
        """The loss between its bounds."""
        return wilson(len(self.rollouts) - self.solved, len(self.rollouts))

    def calls(self) -> dict[str, int]:
        """Return how often each function was called."""
        counts: dict[str, int] = {}
        for rollout in self.rollouts:
            for step in rollout.conversation.steps:
                counts[step.function] = counts.get(step.function, 0) + 1
        return counts

    def users(self) -> dict[str, int]:
        """Return in how many tasks each function was called: its reuse."""
        counts: dict[str, int] = {}
        for rollout in self.rollouts:
            for name in {step.function for step in rollout.conversation.steps}:
                counts[name] = counts.get(name, 0) + 1
        return counts

    def differences(self, other: "Evaluation") -> list[int]:
        """Return for each task 1 if only this solved it, -1 if only the other did, 0 otherwise. The tasks must be the same."""
        return [
            int(mine.solved) - int(theirs.solved) for mine, theirs in zip(self.rollouts, other.rollouts, strict=True)
        ]


Progress = Callable[[], None]
"""Called after each rollout."""


class Rollouts:
    """Rolls out tasks with one agent and one model."""

    def __init__(
        self,
        *,
        agent: Agent,
        model: Model,
        store: FunctionStore,
        grader: Grader,
        journal: Journal,
        seed: int,
        concurrency: int,
    ) -> None:
        self._agent, self._model, self._store, self._grader = agent, model, store, grader
        self._journal, self._seed = journal, seed
        self._places = asyncio.Semaphore(concurrency)

    async def evaluate(
        self, tasks: Sequence[Task], weights: Weights, *, attempt: int = 0, done: Progress = lambda: None
    ) -> Evaluation:
        """Roll out every task; another `attempt` uses other seeds. Raises what the model, the runtime or a grader raises."""
        functions = _Functions(self._store, weights)

        async def one(task: Task) -> Rollout:
            async with self._places:
                rollout = await self._rollout(task, weights, functions, attempt)
            done()
            return rollout

        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(one(task)) for task in tasks]
        except ExceptionGroup as group:  # of those that ran side by side, the first says it
            raise group.exceptions[0] from None
        return Evaluation(tuple(task.result() for task in running))

    async def _rollout(self, task: Task, weights: Weights, functions: "_Functions", attempt: int) -> Rollout:
        seed = self.seed_of(task, attempt)

        async def step() -> dict[str, Any]:
            conversation = await self._agent.solve(task.question, self._model, functions, seed)
            solved = await self._grader.solved(task, conversation.final_text)
            where = {"task": task.id, "row": row, "set": weights.digest, "attempt": attempt, "sampling": sampling}
            return {"conversation": conversation.as_json(), "solved": solved, **where}

        asked = self._model.identity
        row, sampling = digest([task]), asked["sampling"]
        inputs = json.dumps([weights.digest, row, self._agent.name, self._model.name, asked, seed], sort_keys=True)
        found: Mapping[str, Any] = await self._journal.once("rollout", inputs, step)
        return Rollout(task, Conversation.from_json(found["conversation"]), found["solved"])

    async def judge(self, task: Task, conversation: Conversation) -> Rollout:
        """Return a conversation that came about in another way as a rollout."""

        async def step() -> bool:
            return await self._grader.solved(task, conversation.final_text)

        inputs = [digest([task]), conversation.final_text]
        return Rollout(task, conversation, await self._journal.once("grade", inputs, step))

    def seed_of(self, task: Task, attempt: int) -> int:
        """Return a task's seed, whatever other tasks there are: 31 bits, which every endpoint takes."""
        text = f"{self._seed}\n{attempt}\n{task.id}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


class _Functions:
    """A set's functions, connected to the runtime only when one is called: a replay calls none, nor does an empty set."""

    def __init__(self, store: FunctionStore, weights: Weights) -> None:
        self._store, self._weights = store, weights
        self._tools: asyncio.Task[Any] | None = None  # Any: AsyncTools

    def openai(self) -> list[dict[str, Any]]:
        """Return their definitions."""
        return self._weights.openai()

    async def called(self, name: str, arguments_json: str) -> Called:
        """Call one."""
        if self._tools is None:
            self._tools = asyncio.create_task(self._connected())
        called: Called = await (await asyncio.shield(self._tools)).called(name, arguments_json)
        return called

    async def _connected(self) -> AsyncTools:
        if self._weights.functions:
            return await self._store.tools(self._weights)
        return AsyncTools("", function_set_pb2.Revision(), _nothing)  # it answers that there is no such function


async def _nothing(_target: str, _arguments_json: str) -> NoReturn:
    raise LookupError("an empty set has nothing to call")
