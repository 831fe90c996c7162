"""The lineage of the set: what each epoch changed, why, on the strength of which tasks, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from jigsmith_optimizer.acceptance import Verdict
from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.effects import Effect
from jigsmith_optimizer.report.changes import changes
from jigsmith_optimizer.report.conversations import Shown, place
from jigsmith_optimizer.report.messages import conversation
from jigsmith_optimizer.report.page import details, escaped
from jigsmith_optimizer.tasks import digest
from jigsmith_optimizer.training import Epoch, Training

if TYPE_CHECKING:
    from jigsmith_optimizer.pipeline import Outcome

_TASKS_MAX: Final = 10
_CHARS_MAX: Final = 8_000_000
"""Of the whole lineage: a run may have any number of epochs."""


def lineage(outcome: "Outcome", rollouts: Shown, chars_max: int = _CHARS_MAX) -> str:
    """Return every epoch with its actions, verdict, diff and the conversation that led to it."""
    by_name = {one.function: one for one in outcome.effects}
    training, parts = outcome.training, []
    for epoch in training.epochs:
        said = conversation(outcome.proposals.get(epoch.number, [])[1:])  # the first is the prompt that all share
        talk = details("What the optimizer's model was told and answered", said) if said else ""
        head = _epoch(epoch, training, by_name, rollouts)
        shown = next(
            (one for one in (head + _diff(epoch) + talk, head + _diff(epoch), head) if len(one) <= chars_max), ""
        )
        chars_max -= len(shown)
        parts.append(f'<div class="epoch {epoch.verdict}">{shown or _too_much(epoch)}</div>')
    return "".join(parts)


def _too_much(epoch: Epoch) -> str:
    return f"<p>Epoch {epoch.number}, {epoch.verdict.replace('_', ' ')}: not in this page; summary.json has it</p>"


def _epoch(epoch: Epoch, training: Training, effects: Mapping[str, Effect], rollouts: Shown) -> str:
    said = "".join(
        f"<p><b>{escaped(_title(one))}</b>: {escaped(one.reason)}"
        f"{_effect(effects.get(one.name)) if epoch.verdict == 'accepted' else ''}</p>"
        for one in epoch.actions
    )
    losses = ", ".join(
        f"{name} loss {loss:.3f}"
        for name, loss in (("train", epoch.train_loss), ("validation", epoch.validation_loss))
        if loss is not None
    )
    return (
        f"<p><b>Epoch {epoch.number}</b>, {epoch.verdict.replace('_', ' ')}: "
        f"{escaped(epoch.why)} <span class=soft>{losses} <code>{escaped(epoch.weights.revision)}</code></span></p>"
        f"{_passes(epoch.test)}{said}{_motives(epoch, training, rollouts)}"
    )


def _title(action: Action) -> str:
    return f"{action.kind.replace('_', ' ')} {action.name}".strip()


def _passes(test: Verdict | None) -> str:
    """Return the figures of both passes of a test that needed two."""
    if test is None or test.wins_again is None:
        return ""
    return (
        f"<p class=soft>First pass: {test.wins} won, {test.losses} lost of {test.tasks} validation tasks. Second pass, with "
        f"other seeds: {test.wins_again} won, {test.losses_again} lost. Both together: gain {test.gain.estimate:+.3f} "
        f"({test.gain.low:+.3f} to {test.gain.high:+.3f}).</p>"
    )


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return ""
    return f' <span class="soft">(effect {effect.gain.estimate:+.3f}, called in {effect.tasks} tasks)</span>'


def _motives(epoch: Epoch, training: Training, rollouts: Shown) -> str:
    """Return the failed tasks that the proposal was made from, as links where their rollouts are shown."""
    parent = next((one for one in training.kept if epoch.parent and one.weights.digest == epoch.parent.digest), None)
    if parent is None or parent.train is None or not epoch.actions:
        return ""
    failed = [one.task for one in parent.train.rollouts if not one.solved]
    found: Sequence[str] = [
        _link(place(parent.weights.digest, digest([task])), task.id, rollouts) for task in failed[:_TASKS_MAX]
    ]
    more = f" and {len(failed) - _TASKS_MAX} more" if len(failed) > _TASKS_MAX else ""
    return f"<p class=soft>Failed before: {', '.join(found) or 'none'}{more}</p>"


def _link(where: str, task: str, rollouts: Shown) -> str:
    return f'<a href="#{where}">{escaped(task)}</a>' if where in rollouts.places else escaped(task)


def _diff(epoch: Epoch) -> str:
    return "" if epoch.parent is None else changes(epoch.parent, epoch.weights)
