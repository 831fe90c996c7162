"""The learning curve: loss by epoch on both splits, with 95 % intervals; what was rolled back stands beside the line."""

from collections.abc import Sequence
from typing import Final

from jigsmith_optimizer.report.page import escaped
from jigsmith_optimizer.rollout import Evaluation
from jigsmith_optimizer.training import Epoch, Training

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 860, 320, 50, 44, 28
_RADIUS: Final = {"train": 6.5, "validation": 4.0}
"""Where both are equal, both are seen."""
_SHIFT: Final = {"train": -4.0, "validation": 4.0}


def curve(training: Training) -> str:
    """Return the curve as SVG."""
    epochs = training.epochs
    kept = [one for one in epochs if one.verdict != "rolled_back"]
    marks = "".join(_mark(one, name, epochs) for one in epochs for name in _RADIUS)
    numbers = "".join(
        f'<text x="{_x(one.number, epochs):.1f}" y="{_HEIGHT - 26}" text-anchor="middle">{one.number}</text>'
        for one in epochs
    )
    below = "".join(_below(one, training) for one in epochs)
    legend = (
        f'<text x="{_LEFT}" y="14"><tspan fill="var(--train)">● train</tspan>'
        '<tspan fill="var(--validation)" dx="12">● validation</tspan><tspan dx="12">○ rolled back</tspan>'
        f'<tspan dx="12">{"✕ stopped early" if training.early_stopped else ""}</tspan></text>'
    )
    axis = f'<text x="{(_WIDTH + _LEFT) / 2}" y="{_HEIGHT - 2}" text-anchor="middle">epoch</text>'
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="loss by epoch">'
        f"{_grid()}{''.join(_line(kept, name, epochs) for name in _RADIUS)}{marks}{numbers}{below}{axis}{legend}</svg>"
    )


def _evaluation(epoch: Epoch, name: str) -> Evaluation | None:
    """Return what there is of an epoch on a split: of a candidate that failed the screen, that."""
    return epoch.train or epoch.screen if name == "train" else epoch.validation


def _below(epoch: Epoch, training: Training) -> str:
    """Return what stands under an epoch's number: that nothing was rolled out with its proposal, that training stopped."""
    unmeasured = epoch.verdict == "rolled_back" and not any(_evaluation(epoch, name) for name in _RADIUS)
    # Behind the epoch that training stopped at there may be one more: what earns nothing, taken away.
    stopped = training.early_stopped and epoch.number == (training.stopped_at or training.epochs[-1].number)
    if not unmeasured and not stopped:
        return ""
    x, said = _x(epoch.number, training.epochs), escaped(f"epoch {epoch.number}, {epoch.why}")
    mark = f"{'○' if unmeasured else ''}{'✕' if stopped else ''}"
    return f'<text x="{x:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{mark}<title>{said}</title></text>'


def _x(number: int, epochs: Sequence[Epoch]) -> float:
    return _LEFT + 20 + (number - 1) * (_WIDTH - _LEFT - 50) / max(1, len(epochs) - 1)


def _y(loss: float) -> float:
    return _TOP + (1 - loss) * (_HEIGHT - _TOP - _BOTTOM)


def _grid() -> str:
    return "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{_y(v / 4)}" y2="{_y(v / 4)}" stroke="var(--line)"/>'
        f'<text x="{_LEFT - 8}" y="{_y(v / 4) + 4}" text-anchor="end">{v / 4:.2f}</text>'
        for v in range(5)
    )


def _line(kept: Sequence[Epoch], name: str, epochs: Sequence[Epoch]) -> str:
    points = [
        f"{_x(one.number, epochs) + _SHIFT[name]:.1f},{_y(found.loss):.1f}"
        for one in kept
        if (found := _evaluation(one, name)) is not None
    ]
    return f'<polyline fill="none" stroke="var(--{name})" stroke-width="2" points="{" ".join(points)}"/>'


def _mark(epoch: Epoch, name: str, epochs: Sequence[Epoch]) -> str:
    evaluation = _evaluation(epoch, name)
    if evaluation is None:
        return ""
    x, interval = _x(epoch.number, epochs) + _SHIFT[name], evaluation.interval
    fill = "var(--page)" if epoch.verdict == "rolled_back" else f"var(--{name})"
    said = (
        f"epoch {epoch.number}, {name}: {evaluation.loss:.3f} ({interval.low:.3f} to {interval.high:.3f}) "
        f"on {len(evaluation.rollouts)} tasks, {epoch.verdict.replace('_', ' ')}"
    )
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_y(interval.low):.1f}" y2="{_y(interval.high):.1f}" '
        f'stroke="var(--{name})" stroke-opacity=".45"/>'
        f'<circle cx="{x:.1f}" cy="{_y(evaluation.loss):.1f}" r="{_RADIUS[name]}" stroke="var(--{name})" '
        f'stroke-width="2" fill="{fill}"><title>{said}</title></circle>'
    )
