"""A training that tests script: a real runtime, a real HTTP endpoint, real sandboxes; only the model's answers are given."""

import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jigsmith_optimizer import pipeline
from jigsmith_optimizer.llm import Access
from jigsmith_optimizer.session import Means, RuntimeAddress, Session, Who
from jigsmith_optimizer.tasks import SealedTasks, Splits, Task
from jigsmith_optimizer.training import Settings

from tests.e2e.endpoint import Endpoint, Reply

Action = tuple[str, dict[str, Any]]
FACTORS = {"twice": 2, "thrice": 3, "fourfold": 4}


def tasks(numbers: Sequence[int], names: Sequence[str] = ("twice", "thrice")) -> list[Task]:
    """Return a task for each number and each function that it needs."""
    return [Task(f"{name}-{n}", f"Use {name} on {n}.", str(n * FACTORS[name])) for n in numbers for name in names]


def splits(train: int = 2, validation: int = 2, test: int = 2, names: Sequence[str] = ("twice", "thrice")) -> Splits:
    """Return disjoint splits with so many numbers each."""
    numbers = iter(range(3, 10_000))
    parts = [tasks([next(numbers) for _ in range(count)], names) for count in (train, validation, test)]
    return Splits(parts[0], parts[1], SealedTasks(parts[2]))


class Silent:
    """Hears and says nothing."""

    def evaluating(self, what: str, total: int) -> Callable[[], None]:
        """Count nothing."""
        return lambda: None

    def proposing(self, number: int) -> None:
        """Say nothing."""

    def measured(self, epoch) -> None:
        """Say nothing."""


def function(name: str, expression: str, kind: str = "add_function", **more) -> Action:
    """Return an action with a function of n."""
    return kind, {
        "name": name,
        "description": name,
        "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        "source": f"def {name}(n):\n    return {expression}\n",
        "reason": "a test",
    } | more


def remove(name: str) -> Action:
    """Return an action that removes a function."""
    return "remove_function", {"name": name, "reason": "a test"}


STOP: Action = ("terminate", {"reason": "enough"})
TWICE, THRICE = function("twice", "n * 2"), function("thrice", "n * 3")


def agent(messages: list[dict], offered: set[str]) -> Reply:
    """Call the function that the task names, if there is one."""
    name, n = re.search(r"Use (\w+) on (\d+)", messages[1]["content"]).groups()
    if messages[-1]["role"] == "tool":
        return f"ANSWER: {messages[-1]['content']}"
    return [(name, {"n": int(n)})] if name in offered else "ANSWER: 0"


def scripted(*steps: list[list[Action]]) -> Callable[[list[dict], set[str]], Reply]:
    """Return who answers: as the agent above, and as an optimizer that takes these steps and then stops.

    Each step is the model's answers in turn, each a list of tool calls.
    """

    def reply(messages: list[dict], offered: set[str]) -> Reply:
        if "ping" in offered:
            return [("ping", {"text": "hello"})]
        if "terminate" not in offered:
            return agent(messages, offered)
        epoch = int(re.search(r'"epoch": (\d+)', messages[1]["content"])[1])
        answers = steps[epoch - 2] if epoch - 2 < len(steps) else []
        given = sum(one["role"] == "assistant" for one in messages)
        return answers[given] if given < len(answers) else [STOP]

    return reply


class Run:
    """A training in a set and a folder of its own."""

    def __init__(self, runtime, folder: Path) -> None:
        self.runtime, self.folder = runtime, folder
        self.set = f"set-{uuid.uuid4().hex[:8]}"
        self.requests: list[dict] = []
        """What the optimizer's model was asked."""
        self.all_requests: list[dict] = []
        self.outcome: pipeline.Outcome | None = None
        self.summary: dict[str, Any] = {}

    async def train(self, *steps: list[list[Action]], on: Splits | None = None, **settings: Any):
        """Train as scripted, by the paper's algorithm unless the settings say otherwise; return the training."""
        wanted = {"algorithm": "agent-optimizer", "epochs": len(steps) + 1} | settings
        with Endpoint(scripted(*steps)) as endpoint:
            await self.train_at(endpoint.base_url, Settings("run-test", owner="user:olga", **wanted), on or splits())
        self.all_requests = endpoint.requests
        self.requests = [
            one for one in endpoint.requests if any(t["function"]["name"] == "terminate" for t in one.get("tools", []))
        ]
        return self.outcome.training

    async def train_at(self, base_url: str, settings: Settings, on: Splits, **means: Any) -> None:
        """Train with whoever answers there."""
        who = Who(self.set, "m", "m")
        found = Means(
            RuntimeAddress(self.runtime.address, self.runtime.token("optimizer")),
            Access(base_url, "x", timeout_s=10.0),
            **means,
        )
        self.folder.mkdir(exist_ok=True)
        async with Session(self.folder, settings.run, who, found, seed=settings.seed) as session:
            self.outcome = await pipeline.train(session, on, settings, Silent())
            self.summary = pipeline.write(session, on, settings, self.outcome)


def names(weights) -> list[str]:
    """Return the functions' names."""
    return sorted(weights.functions)
