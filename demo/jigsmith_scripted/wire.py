"""What the two wires have in common: identifiers, usage, and the form of server-sent events."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final, Protocol

from jigsmith_scripted.fields import Json
from jigsmith_scripted.policy import Reply, Request

CREATED: Final = 0
"""The time in every answer, in seconds: a clock would make equal answers differ."""
_CHARS_PER_TOKEN: Final = 4
"""A rule of thumb for English; nothing here has a tokenizer."""
_PIECE_CHARS: Final = 12
"""Of a text or of arguments, in one event of a stream."""


class Wire(Protocol):
    """One form of asking and answering."""

    path: str

    def read(self, body: Json) -> Request:
        """Return what a body asks. Raises RequestInvalidError."""

    def answer(self, request: Request, reply: Reply) -> dict[str, Any]:
        """Return the body of an answer."""

    def events(self, body: Json, answer: dict[str, Any]) -> Iterator[bytes]:
        """Return an answer as server-sent events, for a body that asked for a stream."""


def identifier(prefix: str, request: Request, ordinal: int = 0) -> str:
    """Return an id that follows from the request, so that equal requests get equal answers to the last byte."""
    return prefix + hashlib.sha256(f"{prefix}{ordinal}".encode() + request.digest).hexdigest()[:24]


def token_counts(request: Request, reply: Reply) -> tuple[int, int]:
    """Return about how many tokens went in and came out; each at least one."""
    said = sum(
        len(one.content) + sum(len(call.name) + len(call.arguments_json) for call in one.tool_calls)
        for one in request.messages
    )
    offered = sum(len(one.name) + len(one.description) + len(str(one.parameters)) for one in request.tools)
    answered = (
        len(reply.text) + len(reply.refusal) + sum(len(one.name) + len(one.arguments_json) for one in reply.calls)
    )
    return max(1, (said + offered) // _CHARS_PER_TOKEN), max(1, answered // _CHARS_PER_TOKEN)


def pieces(text: str) -> Iterator[str]:
    """Cut a text as a stream delivers it."""
    for start in range(0, len(text), _PIECE_CHARS):
        yield text[start : start + _PIECE_CHARS]


def event(data: Json, name: str = "") -> bytes:
    """Return one server-sent event (html.spec.whatwg.org, section 9.2)."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()
