"""The Responses API (platform.openai.com/docs/api-reference/responses). Nothing is kept: each request carries everything."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from jigsmith_scripted import conversation, fields, responses_events
from jigsmith_scripted.errors import RequestInvalidError
from jigsmith_scripted.fields import Json
from jigsmith_scripted.policy import Message, Reply, Request, Role, Tool, ToolCall
from jigsmith_scripted.wire import CREATED, identifier, token_counts

_ROLES: Final[dict[str, Role]] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}
_STATEFUL: Final = ("previous_response_id", "conversation", "prompt", "background")


class ResponsesWire:
    """POST /v1/responses."""

    path = "/v1/responses"

    def read(self, body: Json) -> Request:
        """Return what a body asks. Raises RequestInvalidError."""
        for name in _STATEFUL:
            if body.get(name):
                raise RequestInvalidError(f"'{name}' is not supported: this server keeps nothing.", name)
        model = fields.text(fields.required(body, "model"), "model")
        messages = _messages(fields.required(body, "input"))
        conversation.check(messages, "input")
        if body.get("instructions") is not None:
            messages = (Message("system", fields.text(body["instructions"], "instructions")), *messages)
        sent = fields.objects(body.get("tools") or [], "tools")
        tools = tuple(_tool(one, f"tools[{index}]") for index, one in enumerate(sent))
        choice = body.get("tool_choice")
        left, must_call = fields.chosen(tools, choice, _chosen_name(choice))
        parallel = body.get("parallel_tool_calls")
        return Request(
            model,
            messages,
            left,
            must_call=must_call,
            parallel_tool_calls=parallel is None or fields.flag(parallel, "parallel_tool_calls"),
        )

    def answer(self, request: Request, reply: Reply) -> dict[str, Any]:
        """Return a `response` that is completed."""
        taken, given = token_counts(request, reply)
        return {
            "id": identifier("resp_", request),
            "object": "response",
            "created_at": CREATED,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "model": request.model,
            "output": list(_output(request, reply)),
            "parallel_tool_calls": request.parallel_tool_calls,
            "temperature": None,
            "top_p": None,
            "tool_choice": "required" if request.must_call else "auto",
            "tools": [
                {
                    "type": "function",
                    "name": one.name,
                    "description": one.description,
                    "parameters": dict(one.parameters),
                    "strict": False,
                }
                for one in request.tools
            ],
            "usage": {
                "input_tokens": taken,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": given,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": taken + given,
            },
        }

    def events(self, body: Json, answer: dict[str, Any]) -> Iterator[bytes]:  # noqa: ARG002 - the other wire reads options
        """Return an answer as typed events, numbered from 0."""
        return responses_events.events(answer)


def _messages(sent: Any) -> tuple[Message, ...]:  # whatever the client sent
    if isinstance(sent, str):
        return (Message("user", sent),)
    messages: list[Message] = []
    mergeable = False
    for index, item in enumerate(fields.objects(sent, "input")):
        where = f"input[{index}]"
        kind = item.get("type") or "message"
        match kind:
            case "message":
                messages.append(_message(item, where))
            case "function_call":
                # An answer's text and its calls are items of their own here, and one message on the other wire.
                if not mergeable:
                    messages.append(Message("assistant", ""))
                messages[-1] = replace(messages[-1], tool_calls=(*messages[-1].tool_calls, _call(item, where)))
            case "function_call_output":
                output = fields.content(fields.required(item, "output", where), f"{where}.output")
                messages.append(Message("tool", output, (), _call_id(item, where)))
            case "reasoning":
                continue
            case _:
                raise RequestInvalidError(f"Invalid '{where}.type': '{kind}' is not understood here.", f"{where}.type")
        mergeable = messages[-1].role == "assistant"
    return tuple(messages)


def _message(item: Json, where: str) -> Message:
    role = _ROLES.get(fields.text(fields.required(item, "role", where), f"{where}.role"))
    if role is None:
        raise RequestInvalidError(
            f"Invalid value: '{item['role']}'. Supported values are: {', '.join(_ROLES)}.", f"{where}.role"
        )
    return Message(role, fields.content(fields.required(item, "content", where), f"{where}.content"))


def _call(item: Json, where: str) -> ToolCall:
    return ToolCall(
        _call_id(item, where),
        fields.text(fields.required(item, "name", where), f"{where}.name"),
        fields.text(fields.required(item, "arguments", where), f"{where}.arguments"),
    )


def _call_id(item: Json, where: str) -> str:
    return fields.text(fields.required(item, "call_id", where), f"{where}.call_id")


def _tool(sent: Json, where: str) -> Tool:
    if sent.get("type") != "function":
        raise RequestInvalidError(f"Invalid '{where}.type': only 'function' is understood here.", f"{where}.type")
    return fields.tool(sent, where)


def _chosen_name(choice: Any) -> str | None:  # whatever the client sent
    if not isinstance(choice, dict) or choice.get("type") != "function":
        return None
    return fields.text(fields.required(choice, "name", "tool_choice"), "tool_choice.name")


def _output(request: Request, reply: Reply) -> Iterator[dict[str, Any]]:
    if reply.refusal or reply.text or not reply.calls:
        content: dict[str, Any] = (
            {"type": "refusal", "refusal": reply.refusal}
            if reply.refusal
            else {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        )
        yield {
            "id": identifier("msg_", request),
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [content],
        }
    for ordinal, call in enumerate(reply.calls):
        yield {
            "id": identifier("fc_", request, ordinal),
            "type": "function_call",
            "status": "completed",
            "call_id": identifier("call_", request, ordinal),
            "name": call.name,
            "arguments": call.arguments_json,
        }
