"""The training report: one HTML file that loads nothing and runs no script. Everything in it is escaped.

Names, reasons, sources and conversations were written by models and are hostile.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.report.conversations import conversations
from jigsmith_optimizer.report.curve import curve
from jigsmith_optimizer.report.lineage import lineage
from jigsmith_optimizer.report.page import page
from jigsmith_optimizer.report.results import details, head

if TYPE_CHECKING:
    from jigsmith_optimizer.pipeline import Outcome

__all__ = ["page", "write"]


def write(path: Path, summary: dict[str, Any], outcome: "Outcome", journal: Journal) -> None:
    """Write the report of a run; `summary` is what summary.json holds."""
    training = outcome.training
    body = (
        f"{head(summary)}<h2>Learning curve</h2>{curve(training)}"
        f"<h2>Lineage of the set</h2>{lineage(training, outcome.effects)}{details(summary)}"
        f"<h2>Rollouts</h2>{conversations(training, journal.all('rollout'))}"
    )
    path.write_text(page("What the function set learned", body), encoding="utf-8")
