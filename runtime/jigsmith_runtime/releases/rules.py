"""The rules of releases, as functions of values: each returns if all is well and raises the error that says what is not.

Revisions:  DRAFT → PROPOSED → VERIFIED (tests passed) → ACTIVE → APPROVED (a later release took its place), or → ROLLED_BACK
            PROPOSED, VERIFIED → REJECTED
            ACTIVE, APPROVED, ROLLED_BACK → DEPRECATED → RETIRED
            any → QUARANTINED, from where nothing leads back
Releases:   PENDING → ACTIVE → SUPERSEDED → ACTIVE (the later one was rolled back), or → ROLLED_BACK
            PENDING → REJECTED

| transition | who | needs |
|---|---|---|
| request | optimizer | a reason; a revision that is DRAFT, PROPOSED, VERIFIED, APPROVED or ACTIVE |
| attach evidence | evaluator who is no author | the digest that was tested |
| approve | reviewer: a person, no author, not the run's owner, not the requester | a reason, the digest and etag that were |
|         | | seen, the channel unmoved, test results where the channel demands them; two people where limits are raised |
| reject | reviewer, likewise | a reason |
| roll back, quarantine, deprecate, retire | operator | a reason; to retire, DEPRECATED and no channel that points at it |
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from jigsmith_runtime.errors import (
    EtagMismatchError,
    NotPermittedError,
    PolicyNotAllowedError,
    QuarantinedError,
    RequestInvalidError,
    StateInvalidError,
)
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.model import (
    Channel,
    Definition,
    EvidenceResult,
    FunctionSet,
    FunctionVersion,
    Release,
    ReleaseState,
    Revision,
    RevisionState,
)
from jigsmith_runtime.releases.policy import Demand

REASON_CHARS_MAX: Final = 4_096

RELEASABLE: Final = frozenset(
    {
        RevisionState.DRAFT,
        RevisionState.PROPOSED,
        RevisionState.VERIFIED,
        RevisionState.APPROVED,
        RevisionState.ACTIVE,
    }
)
"""From which states a release may be asked for. What was refused or did harm comes back as a new revision."""


def check_reason(reason: str) -> None:
    """Refuse a decision without a reason. Raises RequestInvalidError."""
    if not reason.strip():
        raise RequestInvalidError.of("reason", "is mandatory")
    if len(reason) > REASON_CHARS_MAX:
        raise RequestInvalidError.of("reason", f"may have {REASON_CHARS_MAX} characters")


DEPRECATABLE: Final = frozenset({RevisionState.ACTIVE, RevisionState.APPROVED, RevisionState.ROLLED_BACK})
"""What may be deprecated: what was in a channel once."""


def check_usable(revision: Revision, quarantined: Sequence[str]) -> None:
    """Refuse what was taken out of use; `quarantined` are the names among revision and versions. Raises QuarantinedError."""
    taken = next(iter(quarantined), str(revision.name) if revision.state is RevisionState.QUARANTINED else None)
    if taken is not None:
        raise QuarantinedError(f"{taken} was taken out of use", resource=taken)
    if revision.state is RevisionState.RETIRED:
        raise StateInvalidError(f"{revision.name} is RETIRED", state=revision.state.value)


def check_policy(version: FunctionVersion, function_set: FunctionSet | None) -> None:
    """Check that a version may run as part of a set, or by itself. Raises PolicyNotAllowedError."""
    if version.definition.policy == "restricted" or (function_set is not None and function_set.policy == "none"):
        return
    where = "by itself" if function_set is None else f"in functionSets/{function_set.function_set}"
    raise PolicyNotAllowedError(
        f"{version.name} has the policy none and may not run {where}: an admin can allow it for a set "
        "(`jigsmith sets allow-policy`)",
        function_version=str(version.name),
    )


def check_request(revision: Revision, channel: Channel | None) -> None:
    """Check that the channel may be moved to the revision. Raises StateInvalidError."""
    if revision.state not in RELEASABLE:
        raise StateInvalidError(
            f"{revision.name} is {revision.state}; make a new revision of it to try again", state=revision.state.value
        )
    if channel is not None and channel.revision == revision.name:
        raise StateInvalidError(f"{channel.name} has {revision.name} already")


def check_pending(release: Release, etag: str) -> None:
    """Check that a reviewer may still decide on a release. Raises EtagMismatchError, StateInvalidError."""
    if etag and etag != str(release.generation):
        raise EtagMismatchError(f"{release.name} changed since you read it; read it again")
    if release.state is not ReleaseState.PENDING:
        raise StateInvalidError(f"{release.name} is {release.state}, not PENDING", state=release.state.value)


def check_reviewer(principal: Principal, release: Release, authors: Collection[str]) -> None:
    """Check that the reviewer is a person who had no hand in what is reviewed. Raises NotPermittedError.

    `authors` are the creators of the revision and of the versions that the channel does not have yet, and the owners of the
    runs that these come from.
    """
    if not principal.is_person:
        raise NotPermittedError(f"{principal.name} is not a person; only people review releases")
    if principal.name == release.requester:
        raise NotPermittedError("whoever asked for a release does not review it")
    if principal.name in authors:
        raise NotPermittedError(
            "whoever wrote a part of a revision, or owns the run that learned it, does not review it"
        )


def check_contents(release: Release, revision: Revision, reviewed_digest: str) -> None:
    """Check that what was asked for, what is there and what was reviewed are the same. Raises StateInvalidError."""
    if not reviewed_digest:
        raise RequestInvalidError.of("revision_digest", "is mandatory: the digest of what you reviewed")
    if not release.revision_digest == revision.digest == reviewed_digest:
        raise StateInvalidError(
            f"you reviewed other contents than {release.revision} has", revision_digest=revision.digest
        )


def check_channel_unmoved(release: Release, channel: Channel | None) -> None:
    """Check that the channel is where the requester saw it. Raises EtagMismatchError."""
    if (None if channel is None else channel.revision) != release.previous_revision:
        raise EtagMismatchError(f"{release.channel} moved since the release was asked for; ask for a new one")


def check_rollback(release: Release, channel: Channel | None) -> None:
    """Check that a release is what its channel has now. Raises StateInvalidError."""
    if release.state is not ReleaseState.ACTIVE or channel is None or channel.release != release.name:
        raise StateInvalidError(
            f"{release.name} is {release.state} and not what {release.channel} has now", state=release.state.value
        )


def check_evaluator(principal: Principal, authors: Collection[str]) -> None:
    """Check that whoever tested a revision did not write it. Raises NotPermittedError."""
    if principal.name in authors:
        raise NotPermittedError("whoever wrote a part of a revision does not vouch for its tests")


def check_not_approved_yet(principal: Principal, release: Release) -> None:
    """Check that a reviewer has not approved before. Raises StateInvalidError."""
    if any(one.reviewer == principal.name for one in release.approvals):
        raise StateInvalidError(f"{principal.name} approved {release.name} already; another person is needed")


def check_evidence(release: Release, demand: Demand) -> None:
    """Check that the newest test results passed, where the channel demands results. Raises StateInvalidError."""
    if not demand.evidence:
        return
    newest = release.evidence[-1] if release.evidence else None
    if newest is None:
        raise StateInvalidError(f"{release.channel} demands test results; none are attached to {release.name}")
    if newest.result is not EvidenceResult.PASSED:
        raise StateInvalidError(f"the newest test results of {release.name} failed: {newest.suite}")


def check_deprecation(revision: Revision) -> None:
    """Check that a revision may be deprecated. Raises StateInvalidError."""
    if revision.state not in DEPRECATABLE:
        raise StateInvalidError(f"{revision.name} is {revision.state}", state=revision.state.value)


def check_retirement(revision: Revision, channels: Sequence[object]) -> None:
    """Check that a revision may be retired. Raises StateInvalidError."""
    if revision.state is not RevisionState.DEPRECATED:
        raise StateInvalidError(f"{revision.name} is {revision.state}; deprecate it first", state=revision.state.value)
    if channels:
        raise StateInvalidError(f"{channels[0]} points at {revision.name}; move it first")


def raised_limits(definition: Definition, current: Definition | None, default: Mapping[str, int]) -> list[str]:
    """Return, in words, which limits a version raises over the one that the channel has, or over the operator's defaults."""
    before = default if current is None else {**default, **current.limits}
    return [
        f"{definition.function}: {name} from {before[name]} to {value}"
        for name, value in sorted(definition.limits.items())
        if value > before[name]
    ]
