"""What the optimizer's model is shown of a training: bounded, so that training sets larger than a context work.

Chosen by rule, not by chance: failed tasks before solved ones, those with errors of functions first, and of each kind of
failure one before a second of the same kind. How many there are in all is told.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.intervals import wilson
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.weights import Weights

PROMPT_CHARS_MAX: Final = 60_000
"""Of the whole state; some 15,000 tokens."""
_SHARE_CONVERSATIONS: Final = 0.6
"""Of the characters; the rest is for the table of tasks."""
_TASKS_MAX: Final = 60
_QUESTION_CHARS_MAX: Final = 600
_RESULT_CHARS_MAX: Final = 400
_STEPS_MAX: Final = 6
_REJECTED_MAX: Final = 12
_ERRORS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was rolled back."""

    epoch: int
    functions: tuple[str, ...]
    loss: float | None
    """On D_train; None if it was turned down before it cost a rollout."""
    actions: tuple[Action, ...]
    why: str = ""
    """Never more about D_val than that it was not accepted."""


def state(
    *,
    epoch: int,
    incumbent: Weights,
    evaluation: Evaluation,
    rejected: Sequence[Rejected],
    notes: Sequence[str] = (),
    chars_max: int = PROMPT_CHARS_MAX,
) -> str:
    """Return what the model is told, as JSON text. `notes` are remarks such as a warning of oscillation."""
    worst_last = sorted(rejected, key=lambda one: -1.0 if one.loss is None else -one.loss)
    facts: dict[str, Any] = {
        "epoch": epoch,
        "best": {"loss": round(evaluation.loss, 4), "functions": _described(incumbent)},
        "rejected": [_rejected(one) for one in worst_last[-_REJECTED_MAX:]],
        "calls": evaluation.calls(),
        "tasks_total": len(evaluation.rollouts),
        "tasks_failed": len(evaluation.rollouts) - evaluation.solved,
        "loss_interval": wilson(len(evaluation.rollouts) - evaluation.solved, len(evaluation.rollouts)).as_dict(),
        "notes": list(notes),
    }
    room = chars_max - len(json.dumps(facts, ensure_ascii=False))
    order = list(by_worth(evaluation.rollouts))
    facts["tasks"] = _within(room * (1 - _SHARE_CONVERSATIONS), map(_task, order[:_TASKS_MAX]))
    facts["conversations"] = _within(room * _SHARE_CONVERSATIONS, map(_conversation, order))
    return json.dumps(facts, ensure_ascii=False)


def by_worth(rollouts: Iterable[Rollout]) -> Iterator[Rollout]:
    """Yield rollouts in the order of their worth: failures first, and of every kind one before a second."""
    kinds: dict[tuple[object, ...], list[Rollout]] = defaultdict(list)
    for one in rollouts:
        kinds[_kind(one)].append(one)
    for solved in (False, True):
        queues = [list(reversed(kinds[kind])) for kind in sorted(kinds, key=str) if kind[0] is solved]
        queues.sort(key=lambda queue: not queue[0].conversation.errors())
        while queues:
            for queue in queues:
                yield queue.pop()
            queues = [queue for queue in queues if queue]


def _kind(one: Rollout) -> tuple[object, ...]:
    errors = one.conversation.errors()
    return one.solved, one.task.category, errors[0][:80] if errors else "", tuple(sorted(_called(one)))


def _called(one: Rollout) -> set[str]:
    return {step.function for step in one.conversation.steps}


def _within(room: float, rows: Iterable[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Return the first rows that have room, in characters of JSON."""
    found: list[Mapping[str, object]] = []
    for row in rows:
        room -= len(json.dumps(row, ensure_ascii=False))
        if room < 0:
            break
        found.append(row)
    return found


def _described(weights: Weights) -> list[dict[str, object]]:
    return [one | {"source": weights.functions[str(one["name"])].source} for one in weights.signatures()]


def _rejected(one: Rejected) -> dict[str, object]:
    taken = [{"kind": action.kind, "name": action.name, "reason": action.reason[:200]} for action in one.actions]
    loss = None if one.loss is None else round(one.loss, 4)
    return {"epoch": one.epoch, "functions": list(one.functions), "loss": loss, "actions": taken, "why": one.why}


def _task(one: Rollout) -> dict[str, object]:
    return {
        "id": one.task.id,
        "question": _cut(one.task.question, _QUESTION_CHARS_MAX),
        "solved": one.solved,
        "answer_given": one.conversation.final_text[-_RESULT_CHARS_MAX:],
        "errors": [error[:_RESULT_CHARS_MAX] for error in one.conversation.errors()[:_ERRORS_MAX]],
    }


def _conversation(one: Rollout) -> dict[str, object]:
    steps = [
        {"function": step.function, "arguments": _cut(step.arguments), "result": _cut(step.result)}
        for step in one.conversation.steps[:_STEPS_MAX]
    ]
    return {"task": one.task.id, "steps": steps, "final": one.conversation.final_text[-_RESULT_CHARS_MAX:]}


def _cut(text: str, chars_max: int = _RESULT_CHARS_MAX) -> str:
    """Return both ends of a text: of a question the table stands first and what is asked last."""
    half = chars_max // 2
    return text if len(text) <= chars_max else f"{text[:half]} … {text[-half:]}"
