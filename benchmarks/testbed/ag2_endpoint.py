"""The scripted model as AG2 asks it: `functions` of the older API, its own prompt for proposals, and an end to its requests.

AG2's agents use `functions` and `function_call`, which `tools` replaced (platform.openai.com/docs/api-reference/chat).
Form alone is translated; what the model decides is the same policy's business.
"""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from aiohttp import web
from jigsmith_scripted import Behaviour, Call, Message, Reply, Request, ScriptedServer
from jigsmith_scripted.chat_wire import ChatWire
from jigsmith_scripted.wire import Wire

from benchmarks.testbed.model import Testbed

_PRESENT: Final = re.compile(r"^List B: (\[.*\])\.$", re.MULTILINE)
_ACTIONS_TAKEN: Final = re.compile(r"after taking (\d+) actions to manipulate List A")
_FIRST_PROPOSAL: Final = 2
"""The epoch that ours number so: the first one measures the set to begin with."""


class Ag2Model:
    """The testbed's policy, in AG2's forms. It counts proposals, because AG2's prompt does not: one training at a time."""

    def __init__(self, testbed: Testbed) -> None:
        self._testbed, self._epoch = testbed, _FIRST_PROPOSAL

    def answer(self, request: Request) -> Reply:
        """Return the next move."""
        if request.tool("add_function") is None:
            return self._testbed.answer(replace(request, messages=tuple(map(_as_ours, request.messages))))
        prompt = request.first("user")
        taken = _ACTIONS_TAKEN.search(prompt)
        if taken is None or int(taken[1]) > 0:
            return Reply("TERMINATE")  # one change at a time; AG2 asks on nevertheless
        action = self._testbed.proposal(self._epoch, present_in(prompt))
        self._epoch += 1
        return Reply(calls=(as_ag2(action),))


def present_in(prompt: str) -> dict[str, str]:
    """Return the sources by name of the functions that AG2's prompt lists as present."""
    listed = _PRESENT.search(prompt)
    return {} if listed is None else {one["name"]: one["code"] for one in ast.literal_eval(listed[1])}


def as_ag2(action: Call) -> Call:
    """Return an action in AG2's form: `code` for `source`, the parameters' properties as text, no reason."""
    given = json.loads(action.arguments_json)
    if action.name == "remove_function":
        return Call(action.name, json.dumps({"name": given["name"]}))
    told = {
        "name": given["name"],
        "description": given["description"],
        "arguments": json.dumps(given["parameters"]["properties"]),
        "packages": "",
        "code": given["source"],
    }
    return Call(action.name, json.dumps(told))


def _as_ours(message: Message) -> Message:
    """Return a result as a model reads it: AG2 prints a headline before the value, and a traceback for an error."""
    if message.role != "tool":
        return message
    said = message.content.strip()
    return replace(message, content=f"error: {said}" if said.startswith("Error") else said.rpartition("\n")[2])


class FunctionsWire(ChatWire):
    """Chat Completions with `functions`, for one request."""

    def __init__(self) -> None:
        self._older = False

    def read(self, body: Mapping[str, Any]) -> Request:
        """Return what a body asks. Raises RequestInvalidError."""
        self._older = "tools" not in body
        return super().read(as_tools(body) if self._older else body)

    def answer(self, request: Request, reply: Reply) -> dict[str, Any]:
        """Return a `chat.completion`."""
        found = super().answer(request, reply)
        if self._older and reply.calls:
            choice = found["choices"][0]
            choice["message"]["function_call"] = choice["message"].pop("tool_calls")[0]["function"]
            choice["finish_reason"] = "function_call"
        return found


def as_tools(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body of the older form in the newer one."""
    found = {key: value for key, value in body.items() if key not in ("functions", "function_call")}
    if body.get("functions"):
        found["tools"] = [{"type": "function", "function": one} for one in body["functions"]]
    messages, last = [], ""
    for number, one in enumerate(body["messages"]):
        message = {key: value for key, value in one.items() if key != "function_call"}
        if one.get("function_call"):
            last = f"call_{number}"
            message["tool_calls"] = [{"id": last, "type": "function", "function": one["function_call"]}]
        elif one["role"] == "function":
            message |= {"role": "tool", "tool_call_id": last}
        messages.append(message)
    return found | {"messages": messages}


class Ag2Endpoint(ScriptedServer):
    """Answers so many requests, and refuses more with status 403 until the budget is lifted."""

    def __init__(self, testbed: Testbed, behaviour: Behaviour, requests: int) -> None:
        super().__init__(Ag2Model(testbed), behaviour, requests_kept=0)
        self._budget: int | None = requests

    @property
    def answered_requests(self) -> int:
        """How many requests got an answer."""
        return self.counts.get(200, 0)

    def lift_budget(self) -> None:
        """Answer all further requests."""
        self._budget = None

    async def serve(self, wire: Wire, asked: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if self._budget is not None and self.answered_requests >= self._budget:
            return self.failed(403, "The budget of requests is spent.", code="insufficient_quota")
        return await super().serve(FunctionsWire() if wire.path == ChatWire.path else wire, asked)
