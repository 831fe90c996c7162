"""A conversation as HTML: each call stands at the message that made it, and leads to its invocation and its receipt."""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jigsmith_optimizer.report.page import anchor, cut, escaped

Message = Mapping[str, Any]
"""In the form of Chat Completions."""

_MESSAGES_MAX: Final = 60
_CALLS_MAX: Final = 20
"""Shown of one message: a model may make any number at once."""
_OBSERVED: Final = "Observation: "
"""How an agent that acts in plain text is told a result (jigsmith_optimizer.agents.react)."""
_COMPARED_CHARS: Final = 200


def conversation(messages: Sequence[Message], steps: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return messages with the calls they made; `steps` are what became of the calls, in their order."""
    left = deque(steps)
    parts = []
    for number, message in enumerate(messages[:_MESSAGES_MAX]):
        following = messages[number + 1] if number + 1 < len(messages) else {}
        parts.append(_message(message) + _calls(message, following, left))
    if len(messages) > _MESSAGES_MAX:
        parts.append(f"<p class=soft>… {len(messages) - _MESSAGES_MAX} more messages are in the journal</p>")
    if left:
        parts.append(f"<pre class=calls>{chr(10).join(_step(one) for one in list(left)[:_CALLS_MAX])}</pre>")
    return "".join(parts) + _receipts(steps)


def _message(message: Message) -> str:
    text = cut(str(message.get("content") or "").strip())
    return f"<p class=soft>{escaped(message['role'])}</p>" + (f"<pre>{escaped(text)}</pre>" if text else "")


def _calls(message: Message, following: Message, left: deque[Mapping[str, Any]]) -> str:
    """Return the calls of a message, and take what became of them out of what is left."""
    lines = []
    made = message.get("tool_calls", ())
    for call in made:
        name, given = str(call["function"]["name"]), str(call["function"]["arguments"])
        done = left.popleft() if left and left[0]["function"] == name else None
        lines.append(_line(name, given) if done is None else _step(done))
    if not made and left and _observed(following).startswith(str(left[0]["result"])[:_COMPARED_CHARS]):
        lines.append(_step(left.popleft()))
    more = f"\n… and {len(lines) - _CALLS_MAX} more" if len(lines) > _CALLS_MAX else ""
    return f"<pre class=calls>{chr(10).join(lines[:_CALLS_MAX])}{more}</pre>" if lines else ""


def _observed(message: Message) -> str:
    """Return what a message tells of a call; a text that begins like no result if it does not."""
    text = str(message.get("content") or "")
    return text.removeprefix(_OBSERVED) if message.get("role") == "user" and text.startswith(_OBSERVED) else "\0"


def _line(name: str, arguments: str) -> str:
    return f"→ {escaped(cut(name, 100))}({escaped(cut(arguments))})"


def _step(step: Mapping[str, Any]) -> str:
    """Return a call with what became of it."""
    line = f"{_line(step['function'], step['arguments'])} {'failed' if step['failed'] else 'returned'}"
    if not step["invocation"]:
        return f"{line}, ran nothing"
    run = f'<a href="#{anchor("i", step["invocation"])}">invocation</a>'
    return f'{line}, <a href="#{anchor("e", step["invocation"])}">audit log entry {step["log_index"]}</a>, {run}'


def _receipts(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return what was run, and where the audit log says so."""
    rows = [
        f'<tr><td>{escaped(cut(one["function"], 100))}</td><td id="{anchor("i", one["invocation"])}">'
        f'<code>{escaped(one["invocation"])}</code></td><td id="{anchor("e", one["invocation"])}">'
        f"<code>{escaped(_receipt(one))}</code></td></tr>"
        for one in steps[: _CALLS_MAX * 5]
        if one["invocation"]
    ]
    head = "<tr><th>function</th><th>invocation</th><th>receipt</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>" if rows else ""


def _receipt(step: Mapping[str, Any]) -> str:
    """Return the receipt as `jigsmith audit verify receipt` reads it."""
    return json.dumps({"log_origin": step["log_origin"], "index": step["log_index"], "leaf_hash": step["leaf_hash"]})
