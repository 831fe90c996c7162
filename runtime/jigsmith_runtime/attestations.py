"""What the runtime signs about functions and releases.

Whoever may only write to the database can make no such statement, so nothing that a row alone says brings code into a channel.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

from jigsmith.attestation import APPROVAL, CHANNEL, PROVENANCE, TEST_RESULT, Statement
from jigsmith.canonical import JsonValue

from jigsmith_runtime import clock
from jigsmith_runtime.model import Approval, Channel, Evidence, FunctionVersion, Release, Revision

_BUILD_TYPE: Final = "urn:jigsmith:function-version:v1"


def provenance(version: FunctionVersion, *, node: str) -> Statement:
    """State where a version comes from, in the form of SLSA provenance v1."""
    made = version.provenance
    parameters: dict[str, JsonValue] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in asdict(made).items()
    }
    materials: list[JsonValue] = [
        {"name": name, "digest": {"sha256": digest}}
        for name, digest in (("prompt", made.prompt_digest), ("response", made.response_digest))
        if digest
    ]
    predicate: dict[str, JsonValue] = {
        "buildDefinition": {
            "buildType": _BUILD_TYPE,
            "externalParameters": parameters | {"creator": version.creator},
            "resolvedDependencies": materials,
        },
        "runDetails": {
            "builder": {"id": f"urn:jigsmith:node:{node}"},
            "metadata": {"invocationId": made.run, "finishedOn": clock.to_text(version.create_time)},
        },
    }
    return Statement({str(version.name): version.digest}, PROVENANCE, predicate)


def approval(release: Release, revision: Revision, given: Approval, *, authors: Iterable[str]) -> Statement:
    """State that a person approved a release: of exactly these contents, for this channel, until then."""
    subjects = {str(revision.name): revision.digest} | {str(one): one.digest for one in revision.versions}
    evidence: list[JsonValue] = [envelope_digest(one.envelope) for one in release.evidence]
    return Statement(
        subjects,
        APPROVAL,
        {
            "release": str(release.name),
            "channel": str(release.channel),
            "previous_revision": None if release.previous_revision is None else str(release.previous_revision),
            "requester": release.requester,
            "authors": sorted(authors),
            "approvals_needed": release.approvals_needed,
            "raised_limits": list(release.raised_limits),
            "evidence": evidence,
            "reviewer": given.reviewer,
            "reason": given.reason,
            "approved_on": clock.to_text(given.create_time),
            "expires_on": clock.to_text(given.expire_time),
        },
    )


def test_result(release: Release, revision: Revision, found: Evidence) -> Statement:
    """State how a test of a revision ended, in the form of the in-toto test-result predicate v0.1."""
    configuration: list[JsonValue] = [{"name": found.suite}]
    if found.suite_digest:
        configuration = [{"name": found.suite, "digest": {"sha256": found.suite_digest}}]
    return Statement(
        {str(revision.name): revision.digest},
        TEST_RESULT,
        {
            "result": found.result.value,
            "configuration": configuration,
            "passed": found.passed,
            "failed": found.failed,
            "note": found.note,
            "release": str(release.name),
            "evaluator": found.evaluator,
            "attached_on": clock.to_text(found.create_time),
        },
    )


def channel(value: Channel, revision_digest: str | None, *, mover: str) -> Statement:
    """State where a channel points, and by which release."""
    subjects = {} if value.revision is None else {str(value.revision): revision_digest or ""}
    return Statement(
        subjects,
        CHANNEL,
        {
            "channel": str(value.name),
            "release": None if value.release is None else str(value.release),
            "generation": value.generation,
            "moved_on": clock.to_text(value.update_time),
            "mover": mover,
        },
    )


def envelope_digest(envelope: str) -> str:
    """Return how entries and statements name an envelope: the sha256 of its text, hexadecimal."""
    return hashlib.sha256(envelope.encode()).hexdigest()
