"""What was learned, proposed for release: the optimizer asks, an evaluator signs what was measured, people decide."""

import hashlib
from pathlib import Path
from typing import Any

from jigsmith import AsyncClient
from jigsmith.v1 import release_pb2


async def propose(client: AsyncClient, function_set: str, summary: dict[str, Any], channel: str) -> str:
    """Ask for a release of the learned revision; return its resource name."""
    test = summary["test"]
    reason = (
        f"Learned by {summary['run']} ({summary['algorithm']}, {summary['model']}): loss on {test['tasks']} sealed test "
        f"tasks {test['before']['estimate']:.3f} before, {test['after']['estimate']:.3f} after; paired gain "
        f"{test['gain']['estimate']:+.3f} ({test['gain']['low']:+.3f} to {test['gain']['high']:+.3f})."
    )
    release = await client.request_release(function_set, summary["revision"], channel=channel, reason=reason)
    return release.name


async def attach(evaluator: AsyncClient, release: str, summary: dict[str, Any], report: Path) -> None:
    """Attach the sealed test's result as evidence, signed by the runtime in the evaluator's name.

    It names the report and the journal's summary by their digests, so that nobody can show others later.
    """
    test = summary["test"]
    solved = round(test["tasks"] * (1 - test["after"]["estimate"]))
    better = test["gain"]["low"] > 0
    evidence = release_pb2.Evidence(
        suite=f"sealed test split of {summary['run']}",
        suite_digest=summary["split_digests"]["test"],
        result=release_pb2.EVIDENCE_RESULT_PASSED if better else release_pb2.EVIDENCE_RESULT_FAILED,
        passed=solved,
        failed=test["tasks"] - solved,
        note=(
            f"paired gain {test['gain']['estimate']:+.4f} ({test['gain']['low']:+.4f} to {test['gain']['high']:+.4f}); "
            f"without functions at an equal budget the loss is {test['baseline']['loss']['estimate']:.4f}; "
            f"report.html sha256 {hashlib.sha256(report.read_bytes()).hexdigest()}"
        ),
    )
    await evaluator.attach_evidence(await evaluator.get_release(release), evidence)
