"""Every rollout's conversation, by set and task; each call of a function names its invocation and its audit entry."""

import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jigsmith_optimizer.report.page import anchor, details
from jigsmith_optimizer.training import Training

_TEXT_CHARS_MAX: Final = 2_000


def conversations(training: Training, rollouts: Sequence[Mapping[str, Any]]) -> str:
    """Return all rollouts, as the journal holds them, to be opened one by one."""
    by_set: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in rollouts:
        by_set[one["set"]].append(one)
    names: dict[str, str] = {}
    for epoch in training.epochs:
        names.setdefault(epoch.weights.digest, f"epoch {epoch.number}, {epoch.weights.revision}")
    return "".join(
        _set(digest, names.get(digest, "without a function, for its effect"), by_set[digest]) for digest in by_set
    )


def _set(digest: str, name: str, rollouts: Sequence[Mapping[str, Any]]) -> str:
    solved = sum(one["solved"] for one in rollouts)
    seen: set[str] = set()
    parts = []
    for one in rollouts:
        place = anchor(digest, one["task"])
        parts.append(_rollout(one, "" if place in seen else place))
        seen.add(place)
    return details(f"{name}: {solved} of {len(rollouts)} rollouts solved", "".join(parts))


def _rollout(one: Mapping[str, Any], place: str) -> str:
    conversation = one["conversation"]
    said = "".join(_message(message) for message in conversation["messages"][1:])
    calls = "".join(_call(step) for step in conversation["steps"])
    cut = f"<p class=soft>{html.escape(conversation['cut_short'])}</p>" if conversation["cut_short"] else ""
    kind = "solved" if one["solved"] else "failed"
    return details(f"{one['task']}: {kind}", f"{said}{calls}{cut}", kind, place)


def _message(message: Mapping[str, Any]) -> str:
    text = _cut(str(message.get("content") or ""))
    for call in message.get("tool_calls", ()):
        text += f"\n→ {call['function']['name']}({_cut(call['function']['arguments'])})"
    return f"<p class=soft>{html.escape(message['role'])}</p><pre>{html.escape(text.strip())}</pre>"


def _call(step: Mapping[str, Any]) -> str:
    where = "ran nothing" if not step["invocation"] else f"{step['invocation']}, audit log entry {step['log_index']}"
    outcome = "failed" if step["failed"] else "returned"
    return f"<p class=soft>{html.escape(step['function'])} {outcome}: <code>{html.escape(where)}</code></p>"


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_CHARS_MAX else f"{text[:_TEXT_CHARS_MAX]} … ({len(text)} characters in all)"
