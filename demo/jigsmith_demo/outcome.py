"""What the demo leaves behind: build/demo/summary.json and build/demo/report.html."""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jigsmith_demo.hazards import Shown

_TRAINING_KEYS = (
    "train_loss_before",
    "train_loss_after",
    "validation_loss_before",
    "validation_loss_after",
    "test_loss_before",
    "test_loss_after",
    "functions",
    "actions",
    "repairs",
    "rollbacks",
    "early_stopped",
    "revision",
    "model",
)


def summarise(
    training: dict[str, Any],  # Any: JSON
    log: dict[str, Any],
    *,
    backend: str,
    p50_ms: float,
    tamper_detected: bool,
) -> dict[str, Any]:
    """Return the summary; all of it was measured or read from what the processes wrote."""
    return {key: training[key] for key in _TRAINING_KEYS} | {
        "invocations": log["finished"],
        "invoke_p50_ms": round(p50_ms, 2),
        "backend": backend,
        "audit_entries": log["entries"],
        "audit_verified": log["ok"],
        "tamper_detected": tamper_detected,
    }


def write(directory: Path, summary: dict[str, Any], shown: Sequence[Shown], tampering: str) -> None:
    """Write both files; the report is the optimizer's, with the rest of the demo behind it."""
    (directory / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    rows = "".join(f"<tr><td>{html.escape(one.tried)}</td><td>{html.escape(one.got)}</td></tr>" for one in shown)
    sections = (
        f"<h2>What went wrong, on purpose</h2><table><tr><th>tried</th><th>got</th></tr>{rows}</table>"
        f"<h2>Calls and their log</h2><p>{summary['invocations']} calls ran in {summary['backend']} sandboxes, "
        f"{summary['invoke_p50_ms']} ms each at the median, both log entries durable. "
        f"{summary['audit_entries']} log entries verified. After one byte was edited: {html.escape(tampering)}</p>"
    )
    page, end, rest = (directory / "training" / "report.html").read_text().rpartition("</body>")
    (directory / "report.html").write_text(page + sections + end + rest)
