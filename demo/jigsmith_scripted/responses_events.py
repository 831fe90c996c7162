"""A completed response as the typed events of its stream (platform.openai.com/docs/api-reference/responses-streaming)."""

from collections.abc import Iterator
from typing import Any

from jigsmith_scripted.wire import event, pieces

_Named = tuple[str, dict[str, Any]]


def events(answer: dict[str, Any]) -> Iterator[bytes]:
    """Return the events, numbered from 0: begun, each item in pieces, completed."""
    for number, (name, data) in enumerate(_named(answer)):
        yield event({"type": name, "sequence_number": number} | data, name)


def _named(answer: dict[str, Any]) -> Iterator[_Named]:
    begun = answer | {"status": "in_progress", "output": [], "usage": None}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(answer["output"]):
        yield from _message(index, item) if item["type"] == "message" else _call(index, item)
    yield "response.completed", {"response": answer}


def _message(index: int, item: dict[str, Any]) -> Iterator[_Named]:
    yield (
        "response.output_item.added",
        {
            "output_index": index,
            "item": item | {"status": "in_progress", "content": []},
        },
    )
    part = item["content"][0]
    key = "refusal" if part["type"] == "refusal" else "text"
    name = "response.refusal" if key == "refusal" else "response.output_text"
    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
    logprobs: dict[str, Any] = {} if key == "refusal" else {"logprobs": []}
    yield "response.content_part.added", where | {"part": part | {key: ""}}
    for piece in pieces(part[key]):
        yield f"{name}.delta", where | logprobs | {"delta": piece}
    yield f"{name}.done", where | logprobs | {key: part[key]}
    yield "response.content_part.done", where | {"part": part}
    yield "response.output_item.done", {"output_index": index, "item": item}


def _call(index: int, item: dict[str, Any]) -> Iterator[_Named]:
    yield (
        "response.output_item.added",
        {
            "output_index": index,
            "item": item | {"status": "in_progress", "arguments": ""},
        },
    )
    where = {"item_id": item["id"], "output_index": index}
    for piece in pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", where | {"delta": piece}
    yield (
        "response.function_call_arguments.done",
        where | {"name": item["name"], "arguments": item["arguments"]},
    )
    yield "response.output_item.done", {"output_index": index, "item": item}
