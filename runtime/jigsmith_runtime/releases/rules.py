"""The rules of releases, as functions of values: each returns if all is well and raises the error that says what is not.

Revisions:  DRAFT → PROPOSED → ACTIVE → APPROVED (a later release took its place), or → ROLLED_BACK
            PROPOSED → REJECTED
Releases:   PENDING → ACTIVE → SUPERSEDED → ACTIVE (the later one was rolled back), or → ROLLED_BACK
            PENDING → REJECTED
QUARANTINED is outside of both: nothing leads back from it here.
"""

from collections.abc import Collection
from typing import Final

from jigsmith_runtime.errors import (
    EtagMismatchError,
    NotApprovedError,
    NotPermittedError,
    PolicyNotAllowedError,
    QuarantinedError,
    RequestInvalidError,
    StateInvalidError,
)
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.model import (
    Channel,
    FunctionSet,
    FunctionVersion,
    Release,
    ReleaseState,
    Revision,
    RevisionState,
)

REASON_CHARS_MAX: Final = 4_096

RELEASABLE: Final = frozenset(
    {RevisionState.DRAFT, RevisionState.PROPOSED, RevisionState.APPROVED, RevisionState.ACTIVE}
)
"""From which states a release may be asked for. What was refused or did harm comes back as a new revision."""


def check_reason(reason: str) -> None:
    """Refuse a decision without a reason. Raises RequestInvalidError."""
    if not reason.strip():
        raise RequestInvalidError.of("reason", "is mandatory")
    if len(reason) > REASON_CHARS_MAX:
        raise RequestInvalidError.of("reason", f"may have {REASON_CHARS_MAX} characters")


def check_not_quarantined(revision: Revision) -> None:
    """Raises QuarantinedError."""
    if revision.state is RevisionState.QUARANTINED:
        raise QuarantinedError(f"{revision.name} was taken out of use", revision=str(revision.name))


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
    """Check that the channel may be moved to the revision. Raises QuarantinedError, StateInvalidError."""
    check_not_quarantined(revision)
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


def check_reviewer(principal: Principal, release: Release, revision: Revision, new_authors: Collection[str]) -> None:
    """Check that the reviewer is a person who had no hand in what is reviewed. Raises NotPermittedError.

    `new_authors` are the creators of the versions that the channel does not have yet.
    """
    if not principal.is_person:
        raise NotPermittedError(f"{principal.name} is not a person; only people review releases")
    if principal.name == release.requester:
        raise NotPermittedError("whoever asked for a release does not review it")
    if principal.name == revision.creator or principal.name in new_authors:
        raise NotPermittedError("whoever wrote a part of a revision does not review it")


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


def check_approved(channel: Channel, revision: Revision, release: Release | None) -> None:
    """Check, before a call through a channel, that an approved release put its revision there.

    The registry's rows are not believed for what they say of themselves: a revision that someone wrote into a channel by
    hand has no release that fits it. Raises QuarantinedError, NotApprovedError.
    """
    check_not_quarantined(revision)
    fits = (
        release is not None
        and release.state is ReleaseState.ACTIVE
        and (release.channel, release.revision, release.revision_digest)
        == (channel.name, revision.name, revision.digest)
        and release.reviewer.startswith("user:")
        and release.reviewer not in (release.requester, revision.creator)
    )
    if not fits or revision.state is not RevisionState.ACTIVE:
        raise NotApprovedError(f"no approved release put {revision.name} into {channel.name}")
