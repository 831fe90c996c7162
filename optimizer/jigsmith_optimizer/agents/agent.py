"""What every agent has in common: a task goes in, a conversation comes out."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

from jigsmith import Called

from jigsmith_optimizer.llm import Answer
from jigsmith_optimizer.texts import beginning

STEPS_MAX: Final = 10
"""Answers of the model per task; the last one counts, whatever it says."""
RESULT_CHARS_MAX: Final = 8_000
"""Of a function's result, in the conversation and in the journal; the cut is told."""


class Asker(Protocol):
    """A model."""

    async def ask(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], seed: int) -> Answer:
        """Return the model's answer."""


class Caller(Protocol):
    """The functions that an agent may call."""

    def openai(self) -> list[dict[str, Any]]:
        """Return their definitions, as the `tools` of a Chat Completions request."""

    async def called(self, name: str, arguments_json: str) -> Called:
        """Call one; what goes wrong is an answer that a model can act on."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a function."""

    function: str
    arguments: str
    result: str
    failed: bool
    invocation: str
    log_index: int | None
    log_origin: str = ""
    leaf_hash: str = ""
    """With index and origin the receipt of the call (jigsmith.Called)."""


@dataclass(slots=True)
class Conversation:
    """What was said while a task was solved."""

    final_text: str = ""
    steps: list[Step] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Everything, in the form of Chat Completions."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cut_short: str = ""
    """Why it ended without an answer of the model's own; empty if it did not."""

    def errors(self) -> list[str]:
        """Return the results of calls that failed."""
        return [f"{one.function}: {one.result}" for one in self.steps if one.failed]

    def heard(self, answer: Answer) -> None:
        """Add an answer of the model."""
        self.messages.append(answer.message())
        self.final_text = answer.text
        self.prompt_tokens += answer.usage.prompt_tokens
        self.completion_tokens += answer.usage.completion_tokens

    async def call(self, functions: Caller, name: str, arguments_json: str) -> str:
        """Call a function; return what the model is told."""
        called = await functions.called(name, arguments_json)
        told = beginning(called.text, RESULT_CHARS_MAX)
        where = called.invocation, called.log_index, called.log_origin, called.leaf_hash
        self.steps.append(Step(name, arguments_json, told, called.failed, *where))
        return told

    def as_json(self) -> dict[str, Any]:
        """Return the conversation for the journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Conversation":
        """Return a conversation that `as_json` wrote."""
        return cls(**{**value, "steps": [Step(**one) for one in value["steps"]]})


class Agent(Protocol):
    """A way to solve tasks."""

    name: str

    async def solve(self, question: str, model: Asker, functions: Caller, seed: int) -> Conversation:
        """Let the model work on a question, calling functions, until it answers or has used its steps."""
