"""One optimizer step: Algorithm 1 of arXiv:2402.11359. The model takes up to three actions, one at a time.

An action that is malformed, refused by the runtime or fails its own examples is answered with the error and may be mended a
bounded number of times. Of several tool calls in one answer only the first counts. `terminate` ends the step.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any, Final

from jigsmith.v1 import function_pb2

from jigsmith_optimizer import actions, histories
from jigsmith_optimizer.actions import Action, ActionInvalidError
from jigsmith_optimizer.histories import Rejected
from jigsmith_optimizer.llm import Answer, Model, PromptTooLongError, RequestRefusedError
from jigsmith_optimizer.rollout import Evaluation
from jigsmith_optimizer.texts import both_ends
from jigsmith_optimizer.weights import REFUSAL_CHARS_MAX, Function, FunctionStore, ProposalRefusedError, Weights

ACTIONS_MAX: Final = 3
REPAIRS_MAX: Final = 3
FUNCTIONS_MAX: Final = 20
_REASON_TASKS_MAX: Final = 10
_SAID_CHARS_MAX: Final = 4_000
"""Of what a model said beside its action, when the conversation is sent back to it."""
_ARGUMENTS_CHARS_MAX: Final = 20_000
"""Of an action's arguments, likewise: a step has seven answers at most, and each is sent back with all that follow."""
_SHORTER: Final = (1.0, 0.5, 0.2)
"""How much of the state is told: less, if the model's window turns out to be too small."""


@dataclass(slots=True)
class Proposal:
    """What a step made of the incumbent."""

    functions: dict[str, Function]
    actions: list[Action] = field(default_factory=list)
    repairs: int = 0
    """Answers that were sent back with an error."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    """The conversation, for the report."""


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
    notes: Sequence[str] = ()


class Proposer:
    """Asks a model for changes and turns them into registered versions."""

    def __init__(
        self,
        model: Model,
        store: FunctionStore,
        *,
        actions_max: int = ACTIONS_MAX,
        functions_max: int = FUNCTIONS_MAX,
        kept: frozenset[str] = frozenset(),
    ) -> None:
        """`kept` names functions that are not the model's to change."""
        self._model, self._store = model, store
        self._actions_max, self._functions_max, self._kept = actions_max, functions_max, kept

    async def propose(self, situation: Situation, seed: int) -> Proposal:
        """Return the candidate that the model's actions lead to. Equal to the incumbent if it takes none.

        An endpoint that refuses a prompt is shown less of the state; if it refuses the least, for what that says (a filter),
        the step ends without an action. Raises ModelError, PromptTooLongError among others.
        """
        refused: RequestRefusedError | None = None
        for share in _SHORTER:
            try:
                return await self._propose(situation, seed, share)
            except RequestRefusedError as error:
                refused = error
        assert refused is not None, "each share returns or is refused"
        if isinstance(refused, PromptTooLongError):
            raise refused
        none = Action("terminate", reason=both_ends(f"no action: {refused}", REFUSAL_CHARS_MAX))
        return Proposal(dict(situation.incumbent.functions), [none])

    async def _propose(self, situation: Situation, seed: int, share: float) -> Proposal:
        proposal = Proposal(dict(situation.incumbent.functions))
        messages = proposal.messages = _first_messages(situation, share)
        while len(proposal.actions) < self._actions_max and proposal.repairs <= REPAIRS_MAX:
            answer = await self._model.ask(list(messages), actions.tools(), seed)
            messages.append(_sent_back(answer))
            if not answer.tool_calls:
                break
            first = answer.tool_calls[0]
            try:
                action = actions.parse(first.name, first.arguments_json, frozenset(proposal.functions))
                if action.kind == "terminate":
                    proposal.actions.append(action)
                    break
                await self._apply(action, proposal, situation, answer)
                reply = f"done; functions now: {', '.join(sorted(proposal.functions)) or 'none'}"
            except (ActionInvalidError, ProposalRefusedError) as error:
                proposal.repairs += 1
                reply = f"error: {both_ends(str(error), REFUSAL_CHARS_MAX)}"
            messages += _replies(answer, reply)
        return proposal

    async def _apply(self, action: Action, proposal: Proposal, situation: Situation, answer: Answer) -> None:
        if action.name in self._kept:
            raise ActionInvalidError(f"{action.name} belongs to the agent and is not to be changed")
        if action.kind == "remove_function":
            del proposal.functions[action.name]
        else:
            if action.kind == "add_function" and len(proposal.functions) >= self._functions_max:
                raise ActionInvalidError(
                    f"the set is full ({self._functions_max} functions): remove or revise one instead"
                )
            provenance = function_pb2.Provenance(
                run=situation.run,
                epoch=situation.epoch,
                action=action.kind,
                reason=action.reason,
                task_ids=[one.task.id for one in situation.evaluation.rollouts if not one.solved][:_REASON_TASKS_MAX],
                model=self._model.name,
                prompt_digest=_digest(proposal.messages[:-1]),
                response_digest=_digest(answer.message()),
                owner=situation.owner,
            )
            proposal.functions[action.name] = await self._store.register(action, provenance)
        proposal.actions.append(action)


def _first_messages(situation: Situation, share: float) -> list[dict[str, Any]]:
    system = resources.files("jigsmith_optimizer.prompts").joinpath("optimizer.md").read_text()
    state = histories.state(
        epoch=situation.epoch,
        incumbent=situation.incumbent,
        evaluation=situation.evaluation,
        rejected=situation.rejected,
        notes=situation.notes,
        chars_max=round(histories.PROMPT_CHARS_MAX * share),
    )
    told = f"The state of the training:\n\n```json\n{state}\n```\n\nTake one action."
    return [{"role": "system", "content": system}, {"role": "user", "content": told}]


def _digest(value: object) -> str:
    """Return how provenance names a prompt or an answer: the sha256 of its JSON text, hexadecimal."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _sent_back(answer: Answer) -> dict[str, Any]:
    """Return an answer as the model is reminded of it: bounded, and of calls that were not taken only the names."""
    first = [replace(one, arguments_json=_arguments(one.arguments_json)) for one in answer.tool_calls[:1]]
    others = [replace(one, arguments_json="{}") for one in answer.tool_calls[1:]]
    return Answer(both_ends(answer.text, _SAID_CHARS_MAX), (*first, *others)).message()


def _arguments(text: str) -> str:
    """Return arguments within their bound; JSON remains JSON, which some servers insist on."""
    return (
        text if len(text) <= _ARGUMENTS_CHARS_MAX else json.dumps({"cut": both_ends(text, _ARGUMENTS_CHARS_MAX // 2)})
    )


def _replies(answer: Answer, reply: str) -> list[dict[str, Any]]:
    first, *others = answer.tool_calls
    late = "error: one action at a time; this one was not taken"
    return [
        {"role": "tool", "tool_call_id": one.id, "name": one.name, "content": said}
        for one, said in ((first, reply), *((one, late) for one in others))
    ]
