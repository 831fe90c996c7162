"""What a rule sees and what it says, whatever wire a request came over.

A policy stands in for a model's decisions. It is a script: what it answers is no measure of any LLM.
"""

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant", "tool"]
"""OpenAI's `developer`, the newer name of `system`, is read as `system`."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call in an earlier answer, as the client sends it back."""

    id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str
    """Empty where the wire has none; parts of text are joined."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    """The call that a message of role `tool` answers."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that may be called."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of its arguments."""


@dataclass(frozen=True)
class Request:
    """One request, the same value over either wire. (No slots: the digest is cached.)."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    """What may be called: what the client offers, narrowed by its `tool_choice`."""
    seed: int | None = None
    """The Responses API has no such parameter; it is None there."""
    must_call: bool = False
    """`tool_choice` asks for a call: `required`, or one function."""
    parallel_tool_calls: bool = True
    """Whether an answer may hold more than one call."""

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the seed and the canonical messages.

        Ids of calls are left out: they name and do not say anything, and a client may number them anew.
        """
        return _digest(self.seed, self.messages)

    @cached_property
    def opening_digest(self) -> bytes:
        """SHA-256 of the seed and the messages before the first answer: the same all through a conversation."""
        answered = [number for number, one in enumerate(self.messages) if one.role == "assistant"]
        return _digest(self.seed, self.messages[: answered[0]] if answered else self.messages)

    def first(self, role: Role) -> str:
        """Return what the first message of a role says; empty if there is none."""
        return next((one.content for one in self.messages if one.role == role), "")

    def answers(self) -> int:
        """Return how many answers the conversation holds already."""
        return sum(one.role == "assistant" for one in self.messages)

    def tool(self, name: str) -> Tool | None:
        """Return the function of that name if it may be called."""
        return next((one for one in self.tools if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that an answer asks for; ids are the wire's business."""

    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: text, calls or both; or a refusal, alone."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    refusal: str = ""


class Policy(Protocol):
    """A script in a model's place.

    It keeps no state: what it answers follows from the request and a seed of its own alone (`keyed_random`), so the same
    request gets the same answer in whatever order requests come. It is called in the server's event loop and must not wait.
    """

    def answer(self, request: Request) -> Reply:
        """Return the answer. Raises PolicyError if the script holds none."""


def keyed_random(seed: int, purpose: str, digest: bytes) -> random.Random:
    """Return randomness that follows from a seed, what it is for, and a request's digest, and from nothing else."""
    key = hashlib.sha256(f"{seed}\n{purpose}\n".encode() + digest).digest()
    return random.Random(int.from_bytes(key))  # noqa: S311 - repeatable is the point; nothing is secret


def _digest(seed: int | None, messages: tuple[Message, ...]) -> bytes:
    said = [[one.role, one.content, [[call.name, call.arguments_json] for call in one.tool_calls]] for one in messages]
    # ASCII: a lone surrogate, which JSON permits, has no UTF-8.
    return hashlib.sha256(json.dumps([seed, said], ensure_ascii=True, separators=(",", ":")).encode()).digest()
