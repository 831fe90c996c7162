"""A function set as OpenAI tools: definitions for Chat Completions, and the way from a model's tool call to an answer.

A model can act on what went wrong, so the failure of a function (or of its arguments) is an answer. That the runtime cannot
be reached or refuses the caller is not the model's business: it raises.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jigsmith.errors import ArgumentsInvalidError, FunctionError, JigsmithError
from jigsmith.requests import Invocation
from jigsmith.v1 import function_set_pb2

ToolDefinition = dict[str, Any]
ToolMessage = dict[str, Any]

_ADVICE: Final[Mapping[str, str]] = {
    "ARGUMENTS_INVALID": "call again with arguments that fit the schema",
    "FUNCTION_RAISED": "check the arguments; if they are right, the function has a fault: do without it",
    "TIME_LIMIT": "call with smaller input, or do without this function",
    "MEMORY_LIMIT": "call with smaller input, or do without this function",
}


@dataclass(frozen=True, slots=True)
class Called:
    """What became of a tool call."""

    text: str
    """The result as JSON text, or a JSON object `error` that a model can act on."""
    failed: bool = False
    invocation: str = ""
    """The run's resource name; empty if nothing ran."""
    log_index: int | None = None
    """Where the audit log says how the run ended."""
    log_origin: str = ""
    """Which log that is."""
    leaf_hash: str = ""
    """Of that entry, hexadecimal: with it `jigsmith audit verify receipt` shows that the log still holds the same."""


class _Set:
    """What both kinds of tools know."""

    def __init__(self, parent: str, revision: function_set_pb2.Revision) -> None:
        self.parent = parent
        self.revision = revision.name
        self._versions = {version.name.split("/")[1]: version for version in revision.resolved_versions}

    def names(self) -> list[str]:
        """Return the functions' names."""
        return sorted(self._versions)

    def openai(self) -> list[ToolDefinition]:
        """Return the `tools` of a Chat Completions request."""
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": self._versions[name].description,
                    "parameters": json.loads(self._versions[name].parameters_json),
                },
            }
            for name in self.names()
        ]

    def _target(self, name: str) -> str:
        return f"{self.parent}/functions/{name}"

    def _unknown(self, name: str) -> str | None:
        if name in self._versions:
            return None
        advice = f"call one of: {', '.join(self.names()) or '(there are none)'}"
        return _error_text("UNKNOWN_FUNCTION", f"there is no function {name[:100]!r}", advice)


def _error_text(reason: str, message: str, advice: str, **more: str) -> str:
    return json.dumps({"error": {"reason": reason, "message": message, "what_to_do": advice, **more}})


def _called(run: Invocation) -> Called:
    where = run.receipt
    return Called(
        run.result_json,
        invocation=run.name,
        log_index=where.index,
        log_origin=where.log_origin,
        leaf_hash=where.leaf_hash.hex(),
    )


def _failed(error: JigsmithError) -> Called:
    """Return a failure as what became of the call. Raises it again if it is not for the model."""
    index = error.metadata.get("log_index", "")
    return Called(
        _answer_of(error),
        failed=True,
        invocation=error.metadata.get("invocation", ""),
        log_index=int(index) if index.isdecimal() else None,
        log_origin=error.metadata.get("log_origin", ""),
        leaf_hash=error.metadata.get("leaf_hash", ""),
    )


def _answer_of(error: JigsmithError) -> str:
    """Return a failure as an answer. Raises it again if it is not for the model."""
    if isinstance(error, ArgumentsInvalidError):
        faults = "; ".join(f"{one.field or 'arguments'}: {one.description}" for one in error.violations)
        return _error_text(error.reason, faults or error.message, _ADVICE[error.reason])
    if isinstance(error, FunctionError):
        failure = error.failure
        message = f"{failure.exception_type}: {failure.message}" if failure.exception_type else error.message
        more = {"traceback": failure.traceback} if failure.traceback else {}
        return _error_text(error.reason, message, _ADVICE.get(error.reason, "do without this function"), **more)
    raise error


class Tools(_Set):
    """The functions of a channel or revision, for a synchronous agent."""

    def __init__(
        self, parent: str, revision: function_set_pb2.Revision, invoke: Callable[[str, str], Invocation]
    ) -> None:
        super().__init__(parent, revision)
        self._invoke = invoke

    def call(self, name: str, arguments_json: str) -> str:
        """Return the result of a tool call as JSON text, or a JSON object `error` that a model can act on."""
        return self.called(name, arguments_json).text

    def called(self, name: str, arguments_json: str) -> Called:
        """Return what became of a tool call, with the run that it led to."""
        if unknown := self._unknown(name):
            return Called(unknown, failed=True)
        try:
            return _called(self._invoke(self._target(name), arguments_json))
        except JigsmithError as error:
            return _failed(error)

    def run(
        self, tool_calls: Iterable[Any]
    ) -> list[ToolMessage]:  # Any: objects of the openai package, not imported here
        """Return the tool messages that answer a model's tool calls."""
        return [
            {"role": "tool", "tool_call_id": one.id, "content": self.call(one.function.name, one.function.arguments)}
            for one in tool_calls
        ]


class AsyncTools(_Set):
    """The functions of a channel or revision, for an asynchronous agent."""

    def __init__(
        self, parent: str, revision: function_set_pb2.Revision, invoke: Callable[[str, str], Awaitable[Invocation]]
    ) -> None:
        super().__init__(parent, revision)
        self._invoke = invoke

    async def call(self, name: str, arguments_json: str) -> str:
        """Return the result of a tool call as JSON text, or a JSON object `error` that a model can act on."""
        return (await self.called(name, arguments_json)).text

    async def called(self, name: str, arguments_json: str) -> Called:
        """Return what became of a tool call, with the run that it led to."""
        if unknown := self._unknown(name):
            return Called(unknown, failed=True)
        try:
            return _called(await self._invoke(self._target(name), arguments_json))
        except JigsmithError as error:
            return _failed(error)

    async def run(self, tool_calls: Iterable[Any]) -> list[ToolMessage]:  # Any: objects of the openai package
        """Return the tool messages that answer a model's tool calls, one after the other."""
        return [
            {
                "role": "tool",
                "tool_call_id": one.id,
                "content": await self.call(one.function.name, one.function.arguments),
            }
            for one in tool_calls
        ]
