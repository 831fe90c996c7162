"""The one door to `openai`: Chat Completions with tools, at any compatible endpoint.

Each attempt is counted, retries with their backoff are bounded, and every request has a time-out.
"""

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import openai

_ATTEMPTS_MAX: Final = 4
_BACKOFF_S: Final = 0.5
_RETRIED: Final = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)


class ModelError(Exception):
    """The model cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a function. Both texts are hostile."""

    id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    message: dict[str, Any]
    """The answer as a message, to be sent back with the next request."""


@dataclass(slots=True)
class ModelUse:
    """What was asked of a model so far."""

    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Model:
    """A model at an endpoint. An async context manager."""

    def __init__(self, name: str, *, base_url: str | None, api_key: str | None, timeout_s: float = 60.0) -> None:
        """Without a base URL and key, the openai package's own environment variables count. Raises ModelError."""
        self.name = name
        self.use = ModelUse()
        try:
            self._client = openai.AsyncOpenAI(base_url=base_url, api_key=api_key, timeout=timeout_s, max_retries=0)
        except openai.OpenAIError as error:
            raise ModelError("no API key: set OPENAI_API_KEY, or --base-url of a server that needs none") from error

    async def __aenter__(self) -> Self:
        """Return the model."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], seed: int) -> Answer:
        """Return the model's answer. Raises ModelError if it cannot be had."""
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            self.use.attempts += 1
            try:
                return await self._ask_once(messages, tools, seed)
            except _RETRIED as error:
                if attempt == _ATTEMPTS_MAX:
                    raise ModelError(f"{self.name} did not answer in {attempt} attempts: {error}") from error
                await asyncio.sleep(_BACKOFF_S * 2 ** (attempt - 1))
            except openai.APIError as error:
                raise ModelError(f"{self.name} refused the request: {error}") from error
        raise ModelError(f"{self.name} was not asked")

    async def _ask_once(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], seed: int) -> Answer:
        sent_messages: Any = messages  # the package's types are one TypedDict per role
        more: dict[str, Any] = {"tools": tools} if tools else {}
        completion = await self._client.chat.completions.create(
            model=self.name, messages=sent_messages, temperature=0, seed=seed, **more
        )
        if completion.usage:
            self.use.prompt_tokens += completion.usage.prompt_tokens
            self.use.completion_tokens += completion.usage.completion_tokens
        if not completion.choices:
            raise ModelError(f"{self.name} answered with no choice")
        message = completion.choices[0].message
        calls = tuple(
            ToolCall(one.id, one.function.name, one.function.arguments)
            for one in message.tool_calls or ()
            if one.type == "function"
        )
        sent: dict[str, Any] = {"role": "assistant", "content": message.content or ""}
        if calls:
            sent["tool_calls"] = [
                {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments_json}}
                for one in calls
            ]
        return Answer(message.content or "", calls, sent)
