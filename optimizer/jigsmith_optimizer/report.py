"""The training report: one HTML file with a learning curve and the lineage of the set. Everything in it is escaped.

Names, reasons and sources were written by a model and are hostile; the page loads nothing and runs no script.
"""

import difflib
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jigsmith_optimizer.loop import Epoch, Training

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5d6778; --line: #d9dee7; --page: #fff; --train: #2457c5;
  --validation: #b4540a; --good: #1a7f4b; --bad: #b3261e; --panel: #f6f8fb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf2; --soft: #9aa5b8; --line: #333c4b; --page: #14181f;
  --train: #7aa5ff; --validation: #f0a35e; --good: #5fd29a; --bad: #ff8a80; --panel: #1c222c; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.5rem } .soft { color: var(--soft) }
table { border-collapse: collapse } td, th { padding: .3rem 1rem .3rem 0; text-align: left;
  border-bottom: 1px solid var(--line) }
.epoch { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1.2rem 0 }
.accepted { border-color: var(--good) } .rolled_back { border-color: var(--bad) }
pre { background: var(--panel); padding: .8rem; overflow-x: auto; font-size: 13px; line-height: 1.4; border-radius: 4px }
.plus { color: var(--good) } .minus { color: var(--bad) } svg text { font: 12px system-ui, sans-serif; fill: var(--soft) }
"""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 860, 300, 50, 40, 20


def training_sections(training: Training) -> str:
    """Return the learning curve and the lineage as HTML, to stand in a page of their own or in a larger one."""
    return f"<h2>Learning curve</h2>{_curve(training.epochs)}<h2>Lineage of the set</h2>{_lineage(training.epochs)}"


def page(title: str, body: str) -> str:
    """Return a whole page."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{html.escape(title)}</h1>{body}</body></html>\n"
    )


def write(path: Path, training: Training) -> None:
    """Write the report of a run."""
    first = training.epochs[0]
    best = min(training.epochs, key=lambda one: one.train_loss if one.verdict != "rolled_back" else 2.0)
    rows = (
        ("train", first.train_loss, best.train_loss),
        ("validation", first.validation_loss, best.validation_loss),
        ("test (unseen)", training.test_loss_before, training.test_loss_after),
    )
    table = "".join(
        f"<tr><th>{name}</th><td>{before:.3f}</td><td>{after:.3f}</td></tr>" for name, before, after in rows
    )
    head = (
        f"<p class=soft>{len(training.epochs)} epochs, {training.rollbacks} rolled back"
        f"{', stopped early' if training.early_stopped else ''}. Loss is the share of tasks failed.</p>"
        f"<table><tr><th>loss</th><th>before</th><th>after</th></tr>{table}</table>"
    )
    path.write_text(page("What the function set learned", head + training_sections(training)), encoding="utf-8")


def _curve(epochs: Sequence[Epoch]) -> str:
    def x(number: int) -> float:
        return _LEFT + (number - 1) * (_WIDTH - _LEFT - 20) / max(1, len(epochs) - 1)

    def y(loss: float) -> float:
        return _TOP + (1 - loss) * (_HEIGHT - _TOP - _BOTTOM)

    grid = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y(v / 4)}" y2="{y(v / 4)}" stroke="var(--line)"/>'
        f'<text x="{_LEFT - 8}" y="{y(v / 4) + 4}" text-anchor="end">{v / 4:.2f}</text>'
        for v in range(5)
    )
    kept = [one for one in epochs if one.verdict != "rolled_back"]
    lines = "".join(
        f'<polyline fill="none" stroke="var(--{name})" stroke-width="2" points="'
        + " ".join(f"{x(one.number):.1f},{y(getattr(one, f'{name}_loss')):.1f}" for one in kept)
        + '"/>'
        for name in ("train", "validation")
    )
    marks = "".join(
        f'<circle cx="{x(one.number):.1f}" cy="{y(getattr(one, f"{name}_loss")):.1f}" r="{radius}" stroke="var(--{name})" '
        f'stroke-width="2" fill="{"var(--page)" if one.verdict == "rolled_back" else f"var(--{name})"}">'
        f"<title>epoch {one.number}, {name} {getattr(one, f'{name}_loss'):.3f}, {one.verdict}</title></circle>"
        for one in epochs
        for name, radius in (("train", 6.5), ("validation", 3.5))  # where both are equal, both are seen
    )
    numbers = "".join(
        f'<text x="{x(one.number):.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{one.number}</text>' for one in epochs
    )
    numbers += f'<text x="{(_WIDTH + _LEFT) / 2}" y="{_HEIGHT - 4}" text-anchor="middle">epoch</text>'
    legend = (
        f'<text x="{_WIDTH - 330}" y="14"><tspan fill="var(--train)">● train</tspan>  '
        '<tspan fill="var(--validation)" dx="10">● validation</tspan><tspan dx="10">○ rolled back</tspan></text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="loss by epoch">'
        f"{grid}{lines}{marks}{numbers}{legend}</svg>"
    )


def _lineage(epochs: Sequence[Epoch]) -> str:
    return "".join(_epoch(one) for one in epochs)


def _epoch(epoch: Epoch) -> str:
    said = "".join(
        f"<p><b>{html.escape(one.kind.replace('_', ' '))} {html.escape(one.name)}</b>: {html.escape(one.reason)}</p>"
        for one in epoch.actions
    )
    return (
        f'<div class="epoch {epoch.verdict}"><p><b>Epoch {epoch.number}</b>, {epoch.verdict.replace("_", " ")}: train loss '
        f"{epoch.train_loss:.3f}, validation loss {epoch.validation_loss:.3f} "
        f'<span class="soft">{html.escape(epoch.weights.revision)}</span></p>{said}{_diff(epoch)}</div>'
    )


def _diff(epoch: Epoch) -> str:
    if epoch.parent is None:
        return ""
    before = {name: one.source for name, one in epoch.parent.versions.items()}
    after = {name: one.source for name, one in epoch.weights.versions.items()}
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
