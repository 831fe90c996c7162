"""What the optimizer's model is shown of a training: bounded, so that training sets larger than a context work.

Chosen by rule, not by chance: failed tasks before solved ones, those with errors of functions first, and of each kind of
failure one before a second of the same kind. How many there are in all is told. Every part has a share of the characters that
it cannot go beyond, whatever it holds: the functions theirs (jigsmith_optimizer.described), rejected candidates and remarks
theirs, and tasks and conversations what is left.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.described import beginning_in_json, described, json_length, within
from jigsmith_optimizer.intervals import wilson
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.texts import both_ends
from jigsmith_optimizer.weights import Weights

PROMPT_CHARS_MAX: Final = 60_000
"""Of the whole state; some 15,000 tokens."""
_SHARE_FUNCTIONS: Final = 0.35
_SHARE_REJECTED: Final = 0.15
_SHARE_CALLS: Final = 0.03
_SHARE_NOTES: Final = 0.02
_SHARE_CONVERSATIONS: Final = 0.6
"""Of what the others leave; the rest is for the table of tasks."""
_TASKS_MAX: Final = 60
_QUESTION_CHARS_MAX: Final = 600
_RESULT_CHARS_MAX: Final = 400
_STEPS_MAX: Final = 6
_REJECTED_MAX: Final = 12
_ERRORS_MAX: Final = 3
_NAME_CHARS_MAX: Final = 100
"""Of what is named by whoever wrote a task, or a model that calls what is not there."""
_WHY_CHARS_MAX: Final = 300


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
    best_last = sorted(rejected, key=lambda one: -math.inf if one.loss is None else -one.loss)
    told = within(chars_max * _SHARE_REJECTED, [_rejected(one) for one in reversed(best_last[-_REJECTED_MAX:])])
    facts: dict[str, Any] = {
        "epoch": epoch,
        "best": {
            "loss": round(evaluation.loss, 4),
            "functions": described(incumbent, round(chars_max * _SHARE_FUNCTIONS)),
        },
        "functions_total": len(incumbent.functions),
        "rejected": told[::-1],
        "calls": _calls(evaluation, chars_max * _SHARE_CALLS),
        "tasks_total": len(evaluation.rollouts),
        "tasks_failed": len(evaluation.rollouts) - evaluation.solved,
        "loss_interval": wilson(len(evaluation.rollouts) - evaluation.solved, len(evaluation.rollouts)).as_dict(),
        "notes": _notes(notes, chars_max * _SHARE_NOTES),
    }
    room = chars_max - json_length(facts)
    order = list(by_worth(evaluation.rollouts))
    facts["tasks"] = within(room * (1 - _SHARE_CONVERSATIONS), [_task(one) for one in order[:_TASKS_MAX]])
    facts["conversations"] = within(room * _SHARE_CONVERSATIONS, [_conversation(one) for one in order])
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


def _calls(evaluation: Evaluation, room: float) -> dict[str, int]:
    """Return how often functions were called, those called most first, as far as there is room."""
    found: dict[str, int] = {}
    for name, count in sorted(evaluation.calls().items(), key=lambda one: (-one[1], one[0])):
        room -= json_length({name[:_NAME_CHARS_MAX]: count})
        if room < 0:
            break
        found[name[:_NAME_CHARS_MAX]] = count
    return found


def _notes(notes: Sequence[str], room: float) -> list[str]:
    each = round(room / len(notes)) if notes else 0
    return [beginning_in_json(one, max(_WHY_CHARS_MAX, each)) for one in notes[: max(1, round(room / _WHY_CHARS_MAX))]]


def _rejected(one: Rejected) -> dict[str, object]:
    taken = [{"kind": action.kind, "name": action.name, "reason": action.reason[:200]} for action in one.actions]
    loss = None if one.loss is None else round(one.loss, 4)
    why = both_ends(one.why, _WHY_CHARS_MAX)
    return {"epoch": one.epoch, "functions": list(one.functions), "loss": loss, "actions": taken, "why": why}


def _task(one: Rollout) -> dict[str, object]:
    return {
        "id": one.task.id[:_NAME_CHARS_MAX],
        "question": both_ends(one.task.question, _QUESTION_CHARS_MAX),  # a table stands first, and what is asked last
        "solved": one.solved,
        "answer_given": one.conversation.final_text[-_RESULT_CHARS_MAX:],
        "errors": [error[:_RESULT_CHARS_MAX] for error in one.conversation.errors()[:_ERRORS_MAX]],
    }


def _conversation(one: Rollout) -> dict[str, object]:
    steps = [
        {
            "function": step.function[:_NAME_CHARS_MAX],
            "arguments": both_ends(step.arguments, _RESULT_CHARS_MAX),
            "result": both_ends(step.result, _RESULT_CHARS_MAX),
        }
        for step in one.conversation.steps[:_STEPS_MAX]
    ]
    final = one.conversation.final_text[-_RESULT_CHARS_MAX:]
    return {"task": one.task.id[:_NAME_CHARS_MAX], "steps": steps, "final": final}
