"""The last check before code runs in a channel: what the registry's rows say must have been signed, all of it.

A channel's position, each approval, and through it the digests of revision and versions are statements signed by a key that is
not in the database. Rows that were edited, added or put back from another place fit none of them, and nothing runs.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jigsmith.attestation import APPROVAL, CHANNEL, AttestationError, Statement, TrustedKeys

from jigsmith_runtime import clock
from jigsmith_runtime.errors import NotApprovedError
from jigsmith_runtime.model import (
    Approval,
    Channel,
    FunctionVersion,
    Release,
    ReleaseState,
    Revision,
    RevisionState,
    revision_digest,
)

_RUNNING = frozenset({RevisionState.ACTIVE, RevisionState.DEPRECATED})


@dataclass(frozen=True, slots=True)
class Enforcement:
    """Believes nothing but what one of the keys signed."""

    keys: TrustedKeys

    def check_released(self, channel: Channel, revision: Revision, release: Release | None) -> dt.datetime:
        """Check that approved releases put a revision into a channel. Returns until when that holds.

        Raises NotApprovedError.
        """
        try:
            self._check_channel(channel, revision)
            return self._until(_active(channel, revision, release), revision)
        except AttestationError as error:
            raise NotApprovedError(f"no approved release put {revision.name} into {channel.name}: {error}") from error

    def authors(self, release: Release) -> set[str]:
        """Return who wrote what a release brings in, as its approvals state it. Raises NotApprovedError."""
        try:
            stated = [self.keys.open(one.envelope, APPROVAL).predicate.get("authors") for one in release.approvals]
        except AttestationError as error:
            raise NotApprovedError(f"an approval of {release.name} cannot be believed: {error}") from error
        return {str(name) for names in stated if isinstance(names, Sequence) for name in names}

    def _check_channel(self, channel: Channel, revision: Revision) -> None:
        stated = self.keys.open(channel.envelope, CHANNEL)
        said = stated.predicate
        if (said.get("channel"), said.get("release"), said.get("generation")) != (
            str(channel.name),
            None if channel.release is None else str(channel.release),
            channel.generation,
        ):
            raise AttestationError("the channel is not where it was put")
        self._check_contents(stated, revision)

    def _until(self, release: Release, revision: Revision) -> dt.datetime:
        """Return until when enough approvals hold."""
        now = clock.now()
        ends: dict[str, dt.datetime] = {}
        needed = release.approvals_needed
        for given in release.approvals:
            stated = self.keys.open(given.envelope, APPROVAL)
            self._check_approval(stated, release, given)
            self._check_contents(stated, revision)
            stated_need = stated.predicate.get("approvals_needed")
            needed = max(needed, stated_need if isinstance(stated_need, int) else needed)
            ends[given.reviewer] = clock.from_text(str(stated.predicate["expires_on"]))
        valid = sorted((end for end in ends.values() if end > now), reverse=True)
        if len(valid) < needed:
            expired = len(ends) - len(valid)
            raise AttestationError(
                f"{len(valid)} of {needed} approvals hold" + (f", {expired} expired" if expired else "")
            )
        return valid[needed - 1]

    @staticmethod
    def _check_approval(stated: Statement, release: Release, given: Approval) -> None:
        said = stated.predicate
        authors = said.get("authors")
        if (said.get("release"), said.get("channel"), said.get("reviewer"), said.get("requester")) != (
            str(release.name),
            str(release.channel),
            given.reviewer,
            release.requester,
        ):
            raise AttestationError("an approval is of another release, or by another person")
        if not given.reviewer.startswith("user:") or given.reviewer == release.requester:
            raise AttestationError("an approval is not by a person other than the requester")
        if not isinstance(authors, Sequence) or given.reviewer in authors:
            raise AttestationError("an approval is by an author")

    @staticmethod
    def _check_contents(stated: Statement, revision: Revision) -> None:
        digest = revision_digest({one.function: one.digest for one in revision.versions})
        if stated.subjects.get(str(revision.name)) != digest or digest != revision.digest:
            raise AttestationError(f"{revision.name} has other contents than were signed")


def _active(channel: Channel, revision: Revision, release: Release | None) -> Release:
    if release is None or (release.name, release.channel) != (channel.release, channel.name):
        raise AttestationError("no release put it there")
    if (release.revision, release.state) != (revision.name, ReleaseState.ACTIVE):
        raise AttestationError(f"{release.name} is about {release.revision} and is {release.state}")
    if revision.state not in _RUNNING:
        raise AttestationError(f"{revision.name} is {revision.state}")
    return release


def check_content(version: FunctionVersion) -> None:
    """Check that a version is what its digest says, whatever the row holds. Raises NotApprovedError."""
    if version.definition.digest() != version.digest:
        raise NotApprovedError(f"{version.name} has another definition than its digest says: the registry was edited")
