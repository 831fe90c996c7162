"""The training report: one HTML file that loads nothing, runs no script, and is bounded. Everything in it is escaped.

Names, reasons, sources and conversations were written by models and are hostile.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from jigsmith_optimizer.report.conversations import conversations
from jigsmith_optimizer.report.curve import curve
from jigsmith_optimizer.report.lineage import lineage
from jigsmith_optimizer.report.page import page
from jigsmith_optimizer.report.results import details, head

if TYPE_CHECKING:
    from jigsmith_optimizer.pipeline import Outcome

__all__ = ["page", "report"]


def report(summary: dict[str, Any], outcome: "Outcome", rollouts: Iterable[Mapping[str, Any]]) -> str:
    """Return the report of a run; `summary` is what summary.json holds, `rollouts` what the journal does."""
    shown = conversations(outcome, rollouts, summary["temperature"])
    body = (
        f"{head(summary)}<h2>Learning curve</h2>{curve(outcome.training)}"
        f"<h2>Lineage of the set</h2>{lineage(outcome, shown)}{details(summary)}<h2>Rollouts</h2>{shown.html}"
    )
    return page("What the function set learned", body)
