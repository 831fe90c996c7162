"""A model as a run asks it: never twice for the same, and never beyond the budget."""

import json
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from jigsmith_optimizer.budget import Budget, tokens_in
from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.llm.answers import Answer, Usage
from jigsmith_optimizer.llm.endpoint import Access, Endpoint
from jigsmith_optimizer.llm.refusals import PromptTooLongError, RequestRefusedError
from jigsmith_optimizer.llm.wires import Messages, Tools

_PING: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "ping",
        "description": "Answers pong.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}


_READY: Final = "Answer with the word: ready"
_CALL_PING: Final = "Call the function ping with the text hello."


class Model:
    """One model and the journal of what it said. An async context manager."""

    def __init__(self, name: str, access: Access, journal: Journal, budget: Budget) -> None:
        """Raises ModelError if there is no key for the endpoint."""
        self.name = name
        self._access, self._journal, self._budget = access, journal, budget
        self._endpoint: Endpoint | None = None  # a replay asks nobody, and needs no key

    @property
    def identity(self) -> dict[str, Any]:
        """What an answer depends on beside model, messages and seed."""
        return self._access.identity()

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
        """Return the model's answer. Raises ModelError, BudgetExhaustedError, JournalError.

        That the endpoint refuses this request (RequestRefusedError) is kept as an answer is: a run that is resumed does not
        ask again, and a replay comes by the same refusal.
        """
        return await self._ask(messages, tools, seed, keep_refusals=True)

    async def _ask(self, messages: Messages, tools: Tools, seed: int, *, keep_refusals: bool) -> Answer:
        inputs = json.dumps([self.name, self.identity, list(messages), list(tools), seed])
        prompt_tokens = tokens_in(len(inputs))

        def attempt() -> AbstractContextManager[None]:
            return self._budget.request(self.name, prompt_tokens, self._access.max_output_tokens)

        async def step() -> dict[str, Any]:
            try:
                answer = await self._asked().ask(messages, tools, seed, attempt)
            except RequestRefusedError as error:
                if not keep_refusals:
                    raise
                return _refused(error) | {"model": self.name, "estimated": False}
            counted = _counted(answer, prompt_tokens)
            self._budget.estimated |= counted != answer
            self._budget.used(self.name, counted.usage.prompt_tokens, counted.usage.completion_tokens)
            return counted.as_json() | {"model": self.name, "estimated": counted != answer}

        found = await self._journal.once("answer", inputs, step, finish=True)
        if "refused" in found:
            raise (PromptTooLongError if found["too_long"] else RequestRefusedError)(found["refused"])
        return Answer.from_json(found)

    async def probe(self, *, tools: bool) -> str:
        """Ask the endpoint for something small. Returns a remark on what it may lack, or an empty text.

        Raises ModelError saying what to do if it does not answer at all.
        """
        if not tools:
            await self._ask([{"role": "user", "content": _READY}], [], 0, keep_refusals=False)
            return ""
        answer = await self._ask([{"role": "user", "content": _CALL_PING}], [_PING], 0, keep_refusals=False)
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


def _refused(error: RequestRefusedError) -> dict[str, Any]:
    """Return a refusal for the journal: an answer that says nothing and took nothing."""
    told = {"refused": str(error), "too_long": isinstance(error, PromptTooLongError)}
    return Answer("").as_json() | told


def _counted(answer: Answer, prompt_tokens: int) -> Answer:
    """Return an answer with an estimate of what its endpoint does not say that it took."""
    said = answer.usage
    completion = len(answer.text) + sum(len(one.name) + len(one.arguments_json) for one in answer.tool_calls)
    usage = Usage(said.prompt_tokens or prompt_tokens, said.completion_tokens or tokens_in(completion))
    return replace(answer, usage=usage)
