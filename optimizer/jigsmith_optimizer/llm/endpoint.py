"""An endpoint that is asked over and over: time-outs, bounded retries with backoff, and every attempt counted.

What an endpoint does wrong falls into two kinds: it may be better at another time (429, 5xx, no connection, a body that breaks
off), or the request is at fault and asking again would be in vain.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self

import openai

from jigsmith_optimizer.llm.answers import Answer
from jigsmith_optimizer.llm.wires import ChatCompletions, EmptyAnswerError, Messages, Responses, Tools, WireForm

ATTEMPTS_MAX: Final = 6
_BACKOFF_MAX_S: Final = 30.0
_RETRIED: Final = (
    openai.APIConnectionError,  # its subclass APITimeoutError, too
    openai.RateLimitError,
    openai.InternalServerError,
    openai.APIResponseValidationError,
    EmptyAnswerError,
    json.JSONDecodeError,
)

Wire = Literal["chat", "responses"]
WIRES: Final[dict[Wire, type[WireForm]]] = {"chat": ChatCompletions, "responses": Responses}

Attempt = Callable[[], AbstractContextManager[None]]
"""Surrounds each attempt: counts it, or raises if there may be no more."""


class ModelError(Exception):
    """The model cannot be used; the message says what to do."""


class PromptTooLongError(ModelError):
    """The conversation has outgrown the model's context window."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where a model is and how to ask it."""

    base_url: str | None = None
    api_key: str | None = None
    """Without either of the two, the openai package's own environment variables count."""
    wire: Wire = "chat"
    temperature: float | None = 0.0
    """None sends none, for models that refuse the parameter."""
    max_output_tokens: int | None = None
    timeout_s: float = 120.0
    backoff_s: float = 0.5
    """The first pause before another attempt; each further one is twice as long."""


class Endpoint:
    """Asks one model. An async context manager."""

    def __init__(self, model: str, access: Access) -> None:
        """Raises ModelError without a key."""
        self._model, self._access = model, access
        self._wire = WIRES[access.wire]()
        try:
            self._client = openai.AsyncOpenAI(
                base_url=access.base_url, api_key=access.api_key, timeout=access.timeout_s, max_retries=0
            )
        except openai.OpenAIError as error:
            raise ModelError("no API key: set OPENAI_API_KEY, or --base-url of a server that needs none") from error

    async def __aenter__(self) -> Self:
        """Return the endpoint."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._client.close()

    @property
    def sampling(self) -> dict[str, Any]:
        """What every request says beside its messages, the seed apart."""
        found = {"temperature": self._access.temperature, "max_output_tokens": self._access.max_output_tokens}
        return {name: value for name, value in found.items() if value is not None}

    async def ask(self, messages: Messages, tools: Tools, seed: int, attempt: Attempt = nullcontext) -> Answer:
        """Return the model's answer. Raises ModelError, and what `attempt` raises."""
        sampling = self.sampling | {"seed": seed}
        for number in range(1, ATTEMPTS_MAX + 1):
            try:
                with attempt():
                    return await self._wire.ask(self._client, self._model, messages, tools, sampling)
            except _RETRIED as error:
                if number == ATTEMPTS_MAX:
                    raise ModelError(f"{self._model} did not answer in {number} attempts; the last: {error}") from error
                await asyncio.sleep(_pause_s(self._access.backoff_s, number, error))
            except openai.APIError as error:
                raise self._refusal(error) from error
        raise AssertionError("the last attempt returns or raises")

    def _refusal(self, error: openai.APIError) -> ModelError:
        if getattr(error, "code", None) == "context_length_exceeded":
            return PromptTooLongError(f"{self._model}: the prompt is longer than its context window")
        advice = {
            401: "check the key: OPENAI_API_KEY or --api-key-file",
            403: "the key has no right to this model",
            404: "check --model and --base-url",
        }.get(getattr(error, "status_code", 0), "check --base-url, --wire and --temperature")
        return ModelError(f"{self._model} refused the request: {error}; {advice}")


def _pause_s(backoff_s: float, attempt: int, error: Exception) -> float:
    """Return how long to wait: what the endpoint asked for, or twice as long each time, with some scatter."""
    backoff: float = min(_BACKOFF_MAX_S, backoff_s * 2 ** (attempt - 1)) * random.uniform(0.75, 1.25)  # noqa: S311 - scatter
    asked: str = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    try:
        return min(_BACKOFF_MAX_S, max(backoff, float(asked)))
    except ValueError:
        return backoff
