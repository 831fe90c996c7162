"""What an endpoint's body says, checked: whatever was sent, what comes out is a well-formed answer within its bounds.

The one place where an answer is believed. Base URLs are mistyped, proxies answer with pages of HTML, servers that call
themselves compatible leave fields out or give them other types; and what is believed is kept in a journal and sent back.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jigsmith_optimizer.llm.answers import Answer, ToolCall, Usage
from jigsmith_optimizer.texts import both_ends, well_formed

TEXT_CHARS_MAX: Final = 64_000
"""Of an answer's text; of a longer one both ends are kept."""
TOOL_CALLS_MAX: Final = 32
"""Of one answer; the others are dropped, as if they had not been asked for."""
ARGUMENTS_CHARS_MAX: Final = 160_000
"""Of all calls of an answer together: room for the longest source there may be. A longer text is cut, and is no JSON then."""
_NAME_CHARS_MAX: Final = 256
_TOKENS_MAX: Final = 1_000_000_000
"""Of one answer: a larger count is no count, and would upset whoever adds it up."""


class FaultyAnswerError(Exception):
    """An endpoint answered with something that is no answer of its wire."""


def decoded(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds. Raises FaultyAnswerError."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # a body that is no UTF-8 raises a ValueError, too
        raise FaultyAnswerError(f"it answered with no JSON: {body[:80]!r}") from None
    return _object(value, "the body")


def chat_answer(body: bytes) -> Answer:
    """Return the answer that a body of Chat Completions holds. Raises FaultyAnswerError."""
    value = decoded(body)
    choices = _list(value.get("choices"), "choices")
    if not choices:
        raise FaultyAnswerError(f"it answered with no choice{_error_told(value)}")
    message = _object(_object(choices[0], "choices[0]").get("message"), "choices[0].message")
    functions = [
        (one.get("id"), _object(one.get("function"), "tool_calls[].function"))
        for one in _objects(message.get("tool_calls"), "tool_calls")
        if one.get("type", "function") == "function"
    ]
    text = _text(message.get("content"), "content") or _text(message.get("refusal"), "refusal")
    return _answer(text, functions, value.get("usage"), ("prompt_tokens", "completion_tokens"))


def responses_answer(body: bytes) -> Answer:
    """Return the answer that a body of Responses holds. Raises FaultyAnswerError."""
    value = decoded(body)
    if not isinstance(value.get("output"), list) or value.get("error") is not None:
        raise FaultyAnswerError(f"it answered with no output{_error_told(value)}")
    output = list(_objects(value["output"], "output"))
    functions = [(one.get("call_id"), one) for one in output if one.get("type") == "function_call"]
    parts = [
        part for item in output if item.get("type") == "message" for part in _objects(item.get("content"), "content")
    ]
    texts = [_text(one.get("text"), "text") for one in parts if one.get("type") == "output_text"]
    refusals = [_text(one.get("refusal"), "refusal") for one in parts if one.get("type") == "refusal"]
    text = "".join(texts) or "\n".join(refusals)
    return _answer(text, functions, value.get("usage"), ("input_tokens", "output_tokens"))


def _answer(
    text: str, functions: Sequence[tuple[object, Mapping[str, Any]]], usage: object, fields: tuple[str, str]
) -> Answer:
    """Return an answer within its bounds."""
    room, calls = ARGUMENTS_CHARS_MAX, list[ToolCall]()
    ids: set[str] = set()
    for number, (given, function) in enumerate(functions[:TOOL_CALLS_MAX]):
        arguments = _arguments(function.get("arguments"))[:room]
        room -= len(arguments)
        name = _text(function.get("name"), "a tool call's name")
        identifier = well_formed(given)[:_NAME_CHARS_MAX] if isinstance(given, str) else ""
        if not identifier or identifier in ids:  # what answers a call has to say which
            identifier = f"call_{number}_{len(ids)}"
        ids.add(identifier)
        calls.append(ToolCall(identifier, well_formed(name)[:_NAME_CHARS_MAX], arguments))
        if not room:
            break
    counts = usage if isinstance(usage, dict) else {}
    return Answer(
        both_ends(well_formed(text), TEXT_CHARS_MAX), tuple(calls), Usage(*(_tokens(counts.get(one)) for one in fields))
    )


def _arguments(value: object) -> str:
    """Return a call's arguments as text: compatible servers give the object itself, or nothing at all."""
    if value is None:
        return "{}"
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        try:
            return well_formed(json.dumps(value, ensure_ascii=False))
        except RecursionError:
            raise FaultyAnswerError("the arguments of a tool call are nested too deeply") from None
    raise FaultyAnswerError(f"the arguments of a tool call are {_kind(value)}")


def _tokens(value: object) -> int:
    """Return a count of tokens; zero if there is none that one could be."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _TOKENS_MAX:
        return value
    return 0


def _text(value: object, what: str) -> str:
    """Return a text, or the texts of its parts; empty for null."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list):
        return "".join(_text(part.get("text"), what) for part in _objects(value, what))
    raise FaultyAnswerError(f"{what} is {_kind(value)}")


def _objects(value: object, what: str) -> Iterator[dict[str, Any]]:
    for one in _list(value, what):
        yield _object(one, f"an item of {what}")


def _list(value: object, what: str) -> list[Any]:  # JSON
    if value is None:
        return []
    if not isinstance(value, list):
        raise FaultyAnswerError(f"{what} is {_kind(value)}")
    return value


def _object(value: object, what: str) -> dict[str, Any]:  # JSON
    if not isinstance(value, dict):
        raise FaultyAnswerError(f"{what} is {_kind(value)}")
    return value


def _kind(value: object) -> str:
    return f"of another type than the API's: {type(value).__name__}"


def _error_told(value: Mapping[str, Any]) -> str:
    """Return the error that some servers send with status 200."""
    error = value.get("error") or value.get("message") or value.get("detail")
    return f": {well_formed(json.dumps(error, ensure_ascii=False))[:300]}" if error else ""
