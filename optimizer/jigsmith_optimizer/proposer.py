"""One optimizer step: Algorithm 1 of arXiv:2402.11359. The model takes up to three actions, one at a time.

An action that is malformed, refused by the runtime or fails its own examples is answered with the error and may be mended a
bounded number of times. Of several tool calls in one answer only the first counts. `terminate` ends the step.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from jigsmith.v1 import function_pb2

from jigsmith_optimizer import actions
from jigsmith_optimizer.actions import Action, ActionInvalidError
from jigsmith_optimizer.llm import Answer, Model
from jigsmith_optimizer.rollout import Evaluation, Rollout
from jigsmith_optimizer.weights import FunctionStore, ProposalRefusedError, Weights

ACTIONS_MAX: Final = 3
REPAIRS_MAX: Final = 3
_CONVERSATIONS_MAX: Final = 8
_TASKS_MAX: Final = 60
_QUESTION_CHARS_MAX: Final = 600
_RESULT_CHARS_MAX: Final = 400
_REASON_TASKS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was rolled back, and its loss."""

    functions: tuple[str, ...]
    loss: float
    actions: tuple[Action, ...]


@dataclass(slots=True)
class Proposal:
    """What a step made of the incumbent."""

    versions: dict[str, function_pb2.FunctionVersion]
    actions: list[Action] = field(default_factory=list)
    repairs: int = 0
    """Answers that were sent back with an error."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the model is told before its first action."""

    run: str
    owner: str
    """The person who started the run, `user:NAME`; empty if nobody said."""
    epoch: int
    incumbent: Weights
    evaluation: Evaluation
    rejected: Sequence[Rejected]


class Proposer:
    """Asks a model for changes and turns them into registered versions."""

    def __init__(self, model: Model, store: FunctionStore) -> None:
        self._model = model
        self._store = store

    async def propose(self, situation: Situation, seed: int) -> Proposal:
        """Return the candidate that the model's actions lead to. Equal to the incumbent if it takes none."""
        proposal = Proposal(dict(situation.incumbent.versions))
        system = resources.files("jigsmith_optimizer.prompts").joinpath("optimizer.md").read_text()
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": system},
            {"role": "user", "content": _prompt(situation, proposal)},
        ]
        while len(proposal.actions) < ACTIONS_MAX and proposal.repairs <= REPAIRS_MAX:
            answer = await self._model.ask(messages, actions.tools(), seed)
            messages.append(answer.message)
            if not answer.tool_calls:
                break
            first = answer.tool_calls[0]
            try:
                action = actions.parse(first.name, first.arguments_json, frozenset(proposal.versions))
                if action.kind == "terminate":
                    proposal.actions.append(action)
                    break
                await self._apply(action, proposal, situation, messages)
                reply = f"done; functions now: {', '.join(sorted(proposal.versions)) or 'none'}"
            except (ActionInvalidError, ProposalRefusedError) as error:
                proposal.repairs += 1
                reply = f"error: {error}"
            messages += _replies(answer, reply)
        return proposal

    async def _apply(
        self, action: Action, proposal: Proposal, situation: Situation, messages: list[dict[str, Any]]
    ) -> None:
        if action.kind == "remove_function":
            del proposal.versions[action.name]
        else:
            provenance = function_pb2.Provenance(
                run=situation.run,
                epoch=situation.epoch,
                action=action.kind,
                reason=action.reason,
                task_ids=[one.task.id for one in situation.evaluation.rollouts if not one.solved][:_REASON_TASKS_MAX],
                model=self._model.name,
                prompt_digest=_digest(messages[:-1]),
                response_digest=_digest(messages[-1]),
                owner=situation.owner,
            )
            proposal.versions[action.name] = await self._store.register(action, provenance)
        proposal.actions.append(action)


def _digest(value: object) -> str:
    """Return how provenance names a prompt or an answer: the sha256 of its JSON text, hexadecimal."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _replies(answer: Answer, reply: str) -> list[dict[str, Any]]:
    first, *others = answer.tool_calls
    return [{"role": "tool", "tool_call_id": first.id, "content": reply}] + [
        {"role": "tool", "tool_call_id": one.id, "content": "error: one action at a time; this one was not taken"}
        for one in others
    ]


def _prompt(situation: Situation, proposal: Proposal) -> str:
    evaluation = situation.evaluation
    facts = {
        "epoch": situation.epoch,
        "best": {"loss": round(evaluation.loss, 4), "functions": situation.incumbent.signatures()},
        "current": {"functions": sorted(proposal.versions), "actions_taken": len(proposal.actions)},
        "rejected": [_rejected(one) for one in sorted(situation.rejected, key=lambda one: one.loss)],
        "calls": evaluation.calls(),
        "tasks": [_task(one) for one in _failed_first(evaluation)[:_TASKS_MAX]],
        "conversations": [_conversation(one) for one in _failed_first(evaluation)[:_CONVERSATIONS_MAX]],
    }
    return f"The state of the training:\n\n```json\n{json.dumps(facts, ensure_ascii=False)}\n```\n\nTake one action."


def _failed_first(evaluation: Evaluation) -> list[Rollout]:
    """Return the rollouts in the order in which they are worth their place: with tool errors, failed, solved."""
    return sorted(evaluation.rollouts, key=lambda one: (one.solved, not one.conversation.errors()))


def _rejected(one: Rejected) -> dict[str, object]:
    taken = [{"kind": action.kind, "name": action.name, "reason": action.reason[:200]} for action in one.actions]
    return {"functions": list(one.functions), "loss": round(one.loss, 4), "actions": taken}


def _task(one: Rollout) -> dict[str, object]:
    return {
        "id": one.task.id,
        "question": one.task.question[:_QUESTION_CHARS_MAX],
        "solved": one.solved,
        "answer_given": one.conversation.final_text[-_RESULT_CHARS_MAX:],
        "errors": [error[:_RESULT_CHARS_MAX] for error in one.conversation.errors()[:3]],
    }


def _conversation(one: Rollout) -> dict[str, object]:
    steps = [{key: value[:_RESULT_CHARS_MAX] for key, value in step.items()} for step in one.conversation.steps[:4]]
    return {"task": one.task.id, "steps": steps, "final": one.conversation.final_text[-_RESULT_CHARS_MAX:]}
