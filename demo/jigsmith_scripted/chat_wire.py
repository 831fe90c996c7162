"""Chat Completions (platform.openai.com/docs/api-reference/chat)."""

from collections.abc import Iterator
from typing import Any, Final

from jigsmith_scripted import conversation, fields
from jigsmith_scripted.errors import RequestInvalidError
from jigsmith_scripted.fields import Json
from jigsmith_scripted.policy import Message, Reply, Request, Role, Tool, ToolCall
from jigsmith_scripted.wire import CREATED, event, identifier, pieces, token_counts

_ROLES: Final[dict[str, Role]] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_DONE: Final = b"data: [DONE]\n\n"


class ChatWire:
    """POST /v1/chat/completions. Sampling parameters are accepted and count for nothing: no model samples here."""

    path = "/v1/chat/completions"

    def read(self, body: Json) -> Request:
        """Return what a body asks. Raises RequestInvalidError."""
        model = fields.text(fields.required(body, "model"), "model")
        sent = fields.objects(fields.required(body, "messages"), "messages")
        messages = tuple(_message(one, f"messages[{index}]") for index, one in enumerate(sent))
        conversation.check(messages, "messages")
        if body.get("n") not in (None, 1):
            raise RequestInvalidError("Invalid 'n': this server gives one choice.", "n")
        tools = _tools(body)
        choice = body.get("tool_choice")
        left, must_call = fields.chosen(tools, choice, _chosen_name(choice))
        parallel = body.get("parallel_tool_calls")
        seed = body.get("seed")
        return Request(
            model,
            messages,
            left,
            None if seed is None else fields.number(seed, "seed"),
            must_call,
            parallel is None or fields.flag(parallel, "parallel_tool_calls"),
        )

    def answer(self, request: Request, reply: Reply) -> dict[str, Any]:
        """Return a `chat.completion`."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": reply.text or (None if reply.calls or reply.refusal else ""),
            "refusal": reply.refusal or None,
        }
        if reply.calls:
            message["tool_calls"] = [
                {
                    "id": identifier("call_", request, ordinal),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments_json},
                }
                for ordinal, call in enumerate(reply.calls)
            ]
        prompt, completion = token_counts(request, reply)
        finish = "tool_calls" if reply.calls else "stop"
        return {
            "id": identifier("chatcmpl-", request),
            "object": "chat.completion",
            "created": CREATED,
            "model": request.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
            },
        }

    def events(self, body: Json, answer: dict[str, Any]) -> Iterator[bytes]:
        """Return an answer as `chat.completion.chunk` events; usage comes only if `stream_options` asks for it."""
        head = {key: answer[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
        choice = answer["choices"][0]
        for delta in _deltas(choice["message"]):
            yield event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
        if fields.mapping(body.get("stream_options") or {}, "stream_options").get("include_usage"):
            yield event(head | {"choices": [], "usage": answer["usage"]})
        yield _DONE


def _message(sent: Json, where: str) -> Message:
    role = _ROLES.get(fields.text(fields.required(sent, "role", where), f"{where}.role"))
    if role is None:
        raise RequestInvalidError(
            f"Invalid value: '{sent['role']}'. Supported values are: {', '.join(_ROLES)}.", f"{where}.role"
        )
    calls = fields.objects(sent.get("tool_calls") or [], f"{where}.tool_calls") if role == "assistant" else []
    if role != "assistant":
        fields.required(sent, "content", where)
    elif sent.get("content") is None and not calls and sent.get("refusal") is None:
        raise RequestInvalidError(
            f"Invalid value for '{where}.content': expected a string, got null.", f"{where}.content"
        )
    said = fields.content(sent.get("content"), f"{where}.content")
    return Message(
        role,
        said or fields.content(sent.get("refusal"), f"{where}.refusal"),
        tuple(_call(one, f"{where}.tool_calls[{index}]") for index, one in enumerate(calls)),
        fields.text(fields.required(sent, "tool_call_id", where), f"{where}.tool_call_id") if role == "tool" else "",
    )


def _call(sent: Json, where: str) -> ToolCall:
    function = fields.mapping(fields.required(sent, "function", where), f"{where}.function")
    return ToolCall(
        fields.text(fields.required(sent, "id", where), f"{where}.id"),
        fields.text(fields.required(function, "name", where), f"{where}.function.name"),
        fields.text(fields.required(function, "arguments", where), f"{where}.function.arguments"),
    )


def _tools(body: Json) -> tuple[Tool, ...]:
    if body.get("tools") is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if body.get(name) not in (None, "none"):
                raise RequestInvalidError(f"'{name}' is only allowed when 'tools' are specified.", name)
        return ()
    sent = fields.objects(body["tools"], "tools")
    if not sent:
        raise RequestInvalidError("Invalid 'tools': empty array. Expected at least one.", "tools", "empty_array")
    return tuple(_tool(one, f"tools[{index}]") for index, one in enumerate(sent))


def _tool(sent: Json, where: str) -> Tool:
    if sent.get("type") != "function":
        raise RequestInvalidError(f"Invalid '{where}.type': only 'function' is understood here.", f"{where}.type")
    function = fields.mapping(fields.required(sent, "function", where), f"{where}.function")
    return fields.tool(function, f"{where}.function")


def _chosen_name(choice: Any) -> str | None:  # whatever the client sent
    if not isinstance(choice, dict) or choice.get("type") != "function":
        return None
    function = fields.mapping(fields.required(choice, "function", "tool_choice"), "tool_choice.function")
    return fields.text(fields.required(function, "name", "tool_choice.function"), "tool_choice.function.name")


def _deltas(message: Json) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if message["content"] is None else ""}
    for key in ("content", "refusal"):
        for piece in pieces(message[key] or ""):
            yield {key: piece}
    for index, call in enumerate(message.get("tool_calls", ())):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        begun = {"id": call["id"], "type": "function", "function": {"name": name, "arguments": ""}}
        yield {"tool_calls": [{"index": index, **begun}]}
        for piece in pieces(arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
