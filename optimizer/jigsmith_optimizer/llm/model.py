"""A model as a run asks it: never twice for the same, and never beyond the budget."""

import json
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, Self

from jigsmith_optimizer.budget import Budget
from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.llm.answers import Answer
from jigsmith_optimizer.llm.endpoint import Access, Endpoint
from jigsmith_optimizer.llm.wires import Messages, Tools

_CHARS_PER_TOKEN: Final = 4
"""A guess, only to keep room in a budget before an answer says what it took."""

_PING: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "ping",
        "description": "Answers pong.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}


class Model:
    """One model and the journal of what it said. An async context manager."""

    def __init__(self, name: str, access: Access, journal: Journal, budget: Budget) -> None:
        """Raises ModelError if there is no key for the endpoint."""
        self.name = name
        self._access, self._journal, self._budget = access, journal, budget
        self._endpoint: Endpoint | None = None  # a replay asks nobody, and needs no key

    async def __aenter__(self) -> Self:
        """Return the model."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        if self._endpoint is not None:
            await self._endpoint.__aexit__(kind, error, traceback)

    async def ask(self, messages: Messages, tools: Tools, seed: int) -> Answer:
        """Return the model's answer. Raises ModelError, BudgetExhaustedError, JournalError."""
        sampling = {"temperature": self._access.temperature, "max_output_tokens": self._access.max_output_tokens}
        inputs = json.dumps([self.name, self._access.wire, sampling, list(messages), list(tools), seed])

        attempts = 0

        def attempt() -> AbstractContextManager[None]:
            nonlocal attempts
            attempts += 1
            return self._budget.request(self.name, len(inputs) // _CHARS_PER_TOKEN)

        async def step() -> dict[str, Any]:
            answer = await self._asked().ask(messages, tools, seed, attempt)
            self._budget.used(self.name, answer.usage.prompt_tokens, answer.usage.completion_tokens)
            return answer.as_json() | {"model": self.name, "attempts": attempts}

        return Answer.from_json(await self._journal.once("answer", inputs, step, finish=True))

    async def probe(self, *, tools: bool) -> str:
        """Ask the endpoint for something small. Returns a remark on what it may lack, or an empty text.

        Raises ModelError saying what to do if it does not answer at all.
        """
        if not tools:
            await self.ask([{"role": "user", "content": "Answer with the word: ready"}], [], 0)
            return ""
        answer = await self.ask(
            [{"role": "user", "content": "Call the function ping with the text hello."}], [_PING], 0
        )
        if answer.tool_calls:
            return ""
        return (
            f"{self.name} was asked to call a function and answered with text ({answer.text[:60]!r}): if it has no tool "
            "calls, use --agent react, and --optimizer-model for one that has"
        )

    def _asked(self) -> Endpoint:
        if self._endpoint is None:
            self._endpoint = Endpoint(self.name, self._access)
        return self._endpoint
