"""The two forms in which OpenAI-compatible endpoints are asked: Chat Completions, and Responses.

Messages and tools are kept in the form of Chat Completions throughout; the other wire translates
(platform.openai.com/docs/api-reference/chat and /responses).
"""

from collections.abc import Sequence
from typing import Any, Protocol

import openai

from jigsmith_optimizer.llm.answers import Answer, ToolCall, Usage

Messages = Sequence[dict[str, Any]]
Tools = Sequence[dict[str, Any]]


class EmptyAnswerError(Exception):
    """The endpoint answered with nothing that is an answer."""


class WireForm(Protocol):
    """One way to ask."""

    async def ask(
        self, client: openai.AsyncOpenAI, model: str, messages: Messages, tools: Tools, sampling: dict[str, Any]
    ) -> Answer:
        """Ask once. Raises openai.APIError, EmptyAnswerError."""


class ChatCompletions:
    """The wire that every compatible server has."""

    async def ask(
        self, client: openai.AsyncOpenAI, model: str, messages: Messages, tools: Tools, sampling: dict[str, Any]
    ) -> Answer:
        """Ask once."""
        sent: Any = list(messages)  # the package's types are one TypedDict per role
        more = dict(sampling)
        if "max_output_tokens" in more:
            more["max_tokens"] = more.pop("max_output_tokens")
        if tools:
            more["tools"] = list(tools)
        completion = await client.chat.completions.create(model=model, messages=sent, **more)
        if not completion.choices:
            raise EmptyAnswerError("it answered with no choice")
        message = completion.choices[0].message
        calls = tuple(
            ToolCall(one.id, one.function.name, one.function.arguments)
            for one in message.tool_calls or ()
            if one.type == "function"
        )
        usage = completion.usage
        return Answer(
            message.content or message.refusal or "",
            calls,
            Usage() if usage is None else Usage(usage.prompt_tokens, usage.completion_tokens),
        )


class Responses:
    """OpenAI's newer wire. Nothing is kept at the endpoint: every request carries the whole conversation."""

    async def ask(
        self, client: openai.AsyncOpenAI, model: str, messages: Messages, tools: Tools, sampling: dict[str, Any]
    ) -> Answer:
        """Ask once."""
        items: Any = [item for message in messages for item in _items(message)]
        more = {key: value for key, value in sampling.items() if key != "seed"}  # this wire has none
        if tools:
            more["tools"] = [{"type": "function", "strict": False, **one["function"]} for one in tools]
        response = await client.responses.create(model=model, input=items, store=False, **more)
        if response.error is not None:
            raise EmptyAnswerError(f"it answered with the error {response.error.code}: {response.error.message}")
        calls = tuple(
            ToolCall(one.call_id, one.name, one.arguments) for one in response.output if one.type == "function_call"
        )
        refusals = [
            part.refusal
            for item in response.output
            if item.type == "message"
            for part in item.content
            if part.type == "refusal"
        ]
        usage = response.usage
        return Answer(
            response.output_text or "\n".join(refusals),
            calls,
            Usage() if usage is None else Usage(usage.input_tokens, usage.output_tokens),
        )


def _items(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a message of Chat Completions as input items of Responses."""
    if message["role"] == "tool":
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}]
    items: list[dict[str, Any]] = []
    if message.get("content"):
        items.append({"role": message["role"], "content": message["content"]})
    items += [
        {
            "type": "function_call",
            "call_id": one["id"],
            "name": one["function"]["name"],
            "arguments": one["function"]["arguments"],
        }
        for one in message.get("tool_calls", ())
    ]
    return items
