"""The two forms in which OpenAI-compatible endpoints are asked: Chat Completions, and Responses.

Messages and tools are kept in the form of Chat Completions throughout; the other wire translates
(platform.openai.com/docs/api-reference/chat and /responses). Bodies are read here, up to a bound, and not by the openai
package, which builds its types from whatever it is sent and reads as much of it as comes.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import openai

from jigsmith_optimizer.llm.answers import Answer
from jigsmith_optimizer.llm.bodies import FaultyAnswerError, chat_answer, responses_answer

Messages = Sequence[dict[str, Any]]
Tools = Sequence[dict[str, Any]]

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of one answer, unpacked: several times what the longest answers of today take."""


class WireForm(Protocol):
    """One way to ask."""

    async def ask(
        self, client: openai.AsyncOpenAI, model: str, messages: Messages, tools: Tools, sampling: dict[str, Any]
    ) -> Answer:
        """Ask once. Raises openai.APIError, FaultyAnswerError."""


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
        asked = client.chat.completions.with_streaming_response.create(model=model, messages=sent, **more)
        return chat_answer(await _body(asked))


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
        asked = client.responses.with_streaming_response.create(model=model, input=items, store=False, **more)
        return responses_answer(await _body(asked))


async def _body(asked: Any) -> bytes:  # a context manager of a class that the package does not export
    """Return a body. Raises FaultyAnswerError if it is larger than BODY_BYTES_MAX, and openai.APIError."""
    async with asked as response:
        try:
            found = await _read(response)
        except openai.OpenAIError:
            raise
        except Exception as error:  # of an HTTP library that is the package's own business, and has had two names
            said = f"the body broke off: {type(error).__name__}"
            raise openai.APIConnectionError(message=said, request=response.http_request) from error
    if len(found) > BODY_BYTES_MAX:
        raise FaultyAnswerError(f"it answered with more than {BODY_BYTES_MAX >> 20} MiB")
    return found


async def _read(response: Any) -> bytes:
    """Return a body, or more than BODY_BYTES_MAX of it."""
    found = bytearray()
    async for part in response.iter_bytes():
        found += part
        if len(found) > BODY_BYTES_MAX:
            break
    return bytes(found)


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
