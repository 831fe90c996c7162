"""What was learned, proposed for release: the optimizer asks, an evaluator signs what was measured, people decide."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jigsmith import AsyncClient
from jigsmith.v1 import release_pb2


class ProposalError(Exception):
    """A run cannot be proposed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A finished run whose files are what its journal gives."""

    summary: Mapping[str, Any]
    digests: Mapping[str, str]
    """The sha256 of the summary, the report and the journal's content, by name."""


def prove(folder: Path, summary: Mapping[str, Any], files: Mapping[str, str], journal_sha256: str) -> Proven:
    """Compare a run's files with those that a replay of its journal gives. Raises ProposalError."""
    if summary["test"] is None:
        raise ProposalError(f"the run in {folder} was not finished: {summary['unfinished']}")
    digests = {"journal": journal_sha256}
    for name, text in files.items():
        try:
            found = (folder / name).read_bytes()
        except OSError as error:
            raise ProposalError(f"{folder / name}: {error.strerror}: {_anew(folder)}") from error
        if found != text.encode():
            raise ProposalError(
                f"{folder / name} is not what the run's journal gives, so nothing was proposed: {_anew(folder)}"
            )
        digests[name] = hashlib.sha256(found).hexdigest()
    return Proven(summary, digests)


def _anew(folder: Path) -> str:
    return f"`jigsmith-optimizer report {folder}` writes it anew"


async def propose(client: AsyncClient, run: Proven, channel: str) -> str:
    """Ask for a release of the learned revision; return its resource name."""
    summary, test = run.summary, run.summary["test"]
    reason = (
        f"Learned by {summary['run']} ({summary['algorithm']}, {summary['model']}): loss on {test['tasks']} sealed test "
        f"tasks {test['before']['estimate']:.3f} before, {test['after']['estimate']:.3f} after; paired gain "
        f"{test['gain']['estimate']:+.3f} ({test['gain']['low']:+.3f} to {test['gain']['high']:+.3f})."
    )
    release = await client.request_release(summary["function_set"], summary["revision"], channel=channel, reason=reason)
    return release.name


async def attach(evaluator: AsyncClient, release: str, run: Proven) -> None:
    """Attach the sealed test's result as evidence, signed by the runtime in the evaluator's name.

    It names summary, report and journal by their digests, so that nobody can show others later.
    """
    summary, test = run.summary, run.summary["test"]
    solved = round(test["tasks"] * (1 - test["after"]["estimate"]))
    better = test["gain"]["low"] > 0
    named = ", ".join(f"{name} sha256 {digest}" for name, digest in sorted(run.digests.items()))
    evidence = release_pb2.Evidence(
        suite=f"sealed test split of {summary['run']}",
        suite_digest=summary["split_digests"]["test"],
        result=release_pb2.EVIDENCE_RESULT_PASSED if better else release_pb2.EVIDENCE_RESULT_FAILED,
        passed=solved,
        failed=test["tasks"] - solved,
        note=(
            f"paired gain {test['gain']['estimate']:+.4f} ({test['gain']['low']:+.4f} to {test['gain']['high']:+.4f}); "
            f"without functions at an equal budget the loss is {test['baseline']['loss']['estimate']:.4f}; {named}"
        ),
    )
    await evaluator.attach_evidence(await evaluator.get_release(release), evidence)
