"""An agent that calls functions through the model's own tool calls."""

from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final, Protocol

from jigsmith_optimizer.llm import Model

STEPS_MAX: Final = 6


class ToolSet(Protocol):
    """The functions that an agent may call."""

    def openai(self) -> list[dict[str, Any]]:
        """Return their definitions."""

    async def call(self, name: str, arguments_json: str) -> str:
        """Return the result of a call as JSON text, or a JSON object `error`."""


@dataclass(slots=True)
class Conversation:
    """What was said while a task was solved."""

    final_text: str = ""
    steps: list[dict[str, str]] = field(default_factory=list)
    """Calls in order: function, arguments, result."""

    def errors(self) -> list[str]:
        """Return the results of calls that failed."""
        return [f"{step['function']}: {step['result']}" for step in self.steps if step["result"].startswith('{"error"')]


async def solve(question: str, model: Model, tools: ToolSet, seed: int) -> Conversation:
    """Let the model work on a question, calling functions, until it answers or has used its steps."""
    system = resources.files("jigsmith_optimizer.prompts").joinpath("agent.md").read_text()
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    conversation = Conversation()
    for _ in range(STEPS_MAX):
        answer = await model.ask(messages, tools.openai(), seed)
        conversation.final_text = answer.text
        if not answer.tool_calls:
            break
        messages.append(answer.message)
        for call in answer.tool_calls:
            result = await tools.call(call.name, call.arguments_json)
            conversation.steps.append({"function": call.name, "arguments": call.arguments_json, "result": result})
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return conversation
