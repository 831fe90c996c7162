"""What a model answers, independent of the wire it came over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a function. All three texts are hostile."""

    id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What an endpoint says that an answer took; zero if it does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()

    def message(self) -> dict[str, Any]:
        """Return the answer as an assistant's message of Chat Completions, to be sent back with the next request."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments_json}}
                for one in self.tool_calls
            ]
        return message

    def as_json(self) -> dict[str, Any]:
        """Return the answer as JSON for the journal."""
        return {
            "text": self.text,
            "tool_calls": [[one.id, one.name, one.arguments_json] for one in self.tool_calls],
            "usage": [self.usage.prompt_tokens, self.usage.completion_tokens],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Answer":
        """Return an answer that `as_json` wrote."""
        return cls(value["text"], tuple(ToolCall(*one) for one in value["tool_calls"]), Usage(*value["usage"]))
