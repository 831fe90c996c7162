"""The lineage of the set: what each epoch changed, why, on the strength of which tasks, and what became of it."""

import difflib
import html
from collections.abc import Sequence
from typing import Final

from jigsmith_optimizer.effects import Effect
from jigsmith_optimizer.report.page import anchor
from jigsmith_optimizer.training import Epoch, Training

_TASKS_MAX: Final = 10


def lineage(training: Training, effects: Sequence[Effect]) -> str:
    """Return every epoch with its actions, verdict and diff."""
    by_name = {one.function: one for one in effects}
    return "".join(_epoch(one, training, by_name) for one in training.epochs)


def _epoch(epoch: Epoch, training: Training, effects: dict[str, Effect]) -> str:
    said = "".join(
        f"<p><b>{html.escape(one.kind.replace('_', ' '))} {html.escape(one.name)}</b>: {html.escape(one.reason)}"
        f"{_effect(effects.get(one.name)) if epoch.verdict == 'accepted' else ''}</p>"
        for one in epoch.actions
    )
    losses = ", ".join(
        f"{name} loss {loss:.3f}"
        for name, loss in (("train", epoch.train_loss), ("validation", epoch.validation_loss))
        if loss is not None
    )
    return (
        f'<div class="epoch {epoch.verdict}"><p><b>Epoch {epoch.number}</b>, {epoch.verdict.replace("_", " ")}: '
        f"{html.escape(epoch.why)} <span class=soft>{losses} <code>{html.escape(epoch.weights.revision)}</code></span></p>"
        f"{said}{_motives(epoch, training)}{_diff(epoch)}</div>"
    )


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return ""
    return f' <span class="soft">(effect {effect.gain.estimate:+.3f}, called in {effect.tasks} tasks)</span>'


def _motives(epoch: Epoch, training: Training) -> str:
    """Return links to the failed tasks that the proposal was made from."""
    parent = next((one for one in training.kept if epoch.parent and one.weights.digest == epoch.parent.digest), None)
    if parent is None or parent.train is None or not epoch.actions:
        return ""
    failed = [one.task.id for one in parent.train.rollouts if not one.solved]
    links = ", ".join(
        f'<a href="#{html.escape(anchor(parent.weights.digest, task))}">{html.escape(task)}</a>'
        for task in failed[:_TASKS_MAX]
    )
    more = f" and {len(failed) - _TASKS_MAX} more" if len(failed) > _TASKS_MAX else ""
    return f"<p class=soft>Failed before: {links or 'none'}{more}</p>"


def _diff(epoch: Epoch) -> str:
    if epoch.parent is None:
        return ""
    before = {name: one.source for name, one in epoch.parent.functions.items()}
    after = {name: one.source for name, one in epoch.weights.functions.items()}
    parts = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, "").splitlines(), after.get(name, "").splitlines()
        lines = list(difflib.unified_diff(old, new, f"{name} before", f"{name} after", lineterm=""))
        parts += [_diff_line(line) for line in lines]
    return f"<pre>{chr(10).join(parts)}</pre>" if parts else ""


def _diff_line(line: str) -> str:
    kind = {"+": "plus", "-": "minus"}.get(line[:1])
    text = html.escape(line)
    return f'<span class="{kind}">{text}</span>' if kind else text
