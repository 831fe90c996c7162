"""An endpoint that is asked over and over: time-outs, bounded retries with backoff, and every attempt counted.

What an endpoint does wrong falls into two kinds: it may be better at another time (429, 5xx, no connection, a body that breaks
off), or the request is at fault and asking again would be in vain.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

import openai

from jigsmith_optimizer.llm.answers import Answer
from jigsmith_optimizer.llm.bodies import FaultyAnswerError
from jigsmith_optimizer.llm.refusals import ModelError, advice, refusal, refuses_seed, told
from jigsmith_optimizer.llm.wires import ChatCompletions, Messages, Responses, Tools, WireForm

ATTEMPTS_MAX: Final = 6
_BACKOFF_MAX_S: Final = 30.0
_RETRIED: Final = (
    openai.APIConnectionError,  # its subclass APITimeoutError, too
    openai.RateLimitError,
    openai.InternalServerError,
    FaultyAnswerError,
    TimeoutError,
)

Wire = Literal["chat", "responses"]
WIRES: Final[dict[Wire, type[WireForm]]] = {"chat": ChatCompletions, "responses": Responses}

Attempt = Callable[[], AbstractContextManager[None]]
"""Surrounds each attempt: counts it, or raises if there may be no more."""


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
    """For one attempt, from the first byte sent to the last one read."""
    seed: bool = True
    """Whether requests say a seed; an endpoint that refuses it is asked without one even so."""
    backoff_s: float = 0.5
    """The first pause before another attempt; each further one is twice as long."""
    begun_at: str | None = None
    """The `place` of a run that was begun at another endpoint: what it has paid for there still counts."""

    @property
    def place(self) -> str:
        """The endpoint without user, password and query; empty for OpenAI's own."""
        if self.base_url is None:
            return ""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    def identity(self) -> dict[str, Any]:
        """Return what an answer depends on beside model, messages and seed, for the keys of a journal; never the key."""
        place = self.place if self.begun_at is None else self.begun_at
        sampling = {"temperature": self.temperature, "max_output_tokens": self.max_output_tokens}
        return {"wire": self.wire, "place": place, "sampling": sampling}


class Endpoint:
    """Asks one model. An async context manager."""

    def __init__(self, model: str, access: Access) -> None:
        """Raises ModelError without a key."""
        self._model, self._access = model, access
        self._wire = WIRES[access.wire]()
        self._seeded = access.seed
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
        seeded = self._seeded
        for number in range(1, ATTEMPTS_MAX + 1):
            sampling = self.sampling | ({"seed": seed} if seeded else {})
            try:
                with attempt():
                    async with asyncio.timeout(self._access.timeout_s):  # the package's own is for each read
                        answer = await self._wire.ask(self._client, self._model, messages, tools, sampling)
            except _RETRIED as error:
                if number == ATTEMPTS_MAX:
                    raise self._given_up(error) from error
                await asyncio.sleep(_pause_s(self._access.backoff_s, number, error))
            except openai.APIStatusError as error:
                if not (seeded and refuses_seed(error)) or number == ATTEMPTS_MAX:
                    raise refusal(self._model, error) from error
                seeded = False
            except openai.APIError as error:
                raise ModelError(f"{self._model} cannot be asked: {told(error)}; {advice(0)}") from error
            else:
                self._seeded = seeded  # it was not the seed if without one it was refused, too
                return answer
        raise AssertionError("the last attempt returns or raises")

    def _given_up(self, error: Exception) -> ModelError:
        """Return the error for a model that never answered, with what may be the reason."""
        said = (
            f"no answer within {self._access.timeout_s:g} s (--timeout)"
            if isinstance(error, TimeoutError)
            else told(error)
        )
        why = "; is --base-url right, does it end in /v1?" if isinstance(error, FaultyAnswerError) else ""
        return ModelError(f"{self._model} did not answer in {ATTEMPTS_MAX} attempts; the last: {said}{why}")


def _pause_s(backoff_s: float, attempt: int, error: Exception) -> float:
    """Return how long to wait: what the endpoint asked for, or twice as long each time, with some scatter."""
    backoff: float = min(_BACKOFF_MAX_S, backoff_s * 2 ** (attempt - 1)) * random.uniform(0.75, 1.25)  # noqa: S311 - scatter
    asked: str = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    try:
        return min(_BACKOFF_MAX_S, max(backoff, float(asked)))
    except ValueError:
        return backoff
