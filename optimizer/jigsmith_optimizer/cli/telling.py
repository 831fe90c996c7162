"""What a person is told at the end of a run."""

from pathlib import Path
from typing import Any

from jigsmith_optimizer.budget import Spend
from jigsmith_optimizer.cli.running import say
from jigsmith_optimizer.progress import spent_words


def tell(out: Path, summary: dict[str, Any]) -> None:
    """Say what was learned, what it is worth, and what it cost."""
    learned = ", ".join(summary["functions"]) or "nothing"
    say(f"learned: {learned} ({summary['revision']})")
    test = summary["test"]
    if test is not None:
        before, after, gain = test["before"], test["after"], test["gain"]
        say(
            f"loss on {test['tasks']} sealed test tasks: {before['estimate']:.3f} before, {after['estimate']:.3f} after; "
            f"paired gain {gain['estimate']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f}); without functions at an "
            f"equal budget {test['baseline']['loss']['estimate']:.3f}"
        )
    if summary["unfinished"]:
        say(f"unfinished: {summary['unfinished']}")
    spent = summary["spent"]
    counted = Spend(spent["requests"], spent["prompt_tokens"], spent["completion_tokens"], spent["money"])
    say(f"spent: {spent_words(counted, estimated=spent['estimated'])}")
    say(f"{out}/report.html shows every step; {out}/summary.json has the figures")
