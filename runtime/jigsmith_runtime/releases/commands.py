"""Plans of the changes that releases make: request, attach evidence, approve, reject, roll back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from jigsmith.attestation import Attester
from jigsmith.canonical import JsonValue
from jigsmith.names import ChannelName, ReleaseName, RevisionName

from jigsmith_runtime import attestations, clock
from jigsmith_runtime.audit.entries import Entry, EntryWriter
from jigsmith_runtime.changes import Decision
from jigsmith_runtime.errors import NotFoundError, RequestInvalidError
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.model import (
    Approval,
    Channel,
    Evidence,
    EvidenceResult,
    FunctionVersion,
    Release,
    ReleaseState,
    Revision,
    RevisionState,
)
from jigsmith_runtime.observations import ReleaseObservation
from jigsmith_runtime.registry import quarantines, releases, sets, versions
from jigsmith_runtime.registry.database import Connection
from jigsmith_runtime.registry.writes import Write
from jigsmith_runtime.releases import rules
from jigsmith_runtime.releases.policy import ReleasePolicy


@dataclass(frozen=True, slots=True)
class ReleaseCommands:
    """Each method plans one change; it is to be called with the lock of all changes held."""

    entries: EntryWriter
    attester: Attester
    policy: ReleasePolicy
    default_limits: Mapping[str, int]
    """What a version may use that sets no limits: the measure of whether it raises them."""

    async def request(
        self, connection: Connection, principal: Principal, channel: ChannelName, revision: RevisionName, *, reason: str
    ) -> Decision[Release]:
        """Plan the request to move a channel to a revision of the same set."""
        rules.check_reason(reason)
        if channel.function_set != revision.function_set:
            raise RequestInvalidError.of("release.revision", "must be of the same set as the channel")
        wanted = await _revision(connection, revision)
        current = await sets.find_channel(connection, channel)
        rules.check_usable(wanted, await quarantines.find(connection, (wanted.name, *wanted.versions)))
        rules.check_request(wanted, current)
        raised = await self._raised_limits(connection, wanted, current)
        now = clock.now()
        release = Release(
            name=await releases.next_release(connection, channel.function_set),
            channel=channel,
            revision=revision,
            revision_digest=wanted.digest,
            reason=reason,
            state=ReleaseState.PENDING,
            previous_revision=None if current is None else current.revision,
            previous_release=None,
            requester=principal.name,
            reviewer="",
            review_reason="",
            create_time=now,
            update_time=now,
            generation=1,
            approvals_needed=max(self.policy.demand(channel).approvals, 2 if raised else 1),
            raised_limits=tuple(raised),
        )
        writes = [releases.insertion(release)]
        if wanted.state is RevisionState.DRAFT:
            writes.append(sets.state_update(wanted, RevisionState.PROPOSED))
        entry = self._entry("requested", principal, release, reason, approvals_needed=release.approvals_needed)
        return Decision(release, str(release.name), entry, tuple(writes))

    async def attach(
        self, connection: Connection, principal: Principal, name: ReleaseName, found: Evidence, *, digest: str
    ) -> Decision[Release]:
        """Plan the attachment of test results. Results that passed make a revision VERIFIED."""
        old = await _release(connection, name)
        revision = await _revision(connection, old.revision)
        channel = await sets.find_channel(connection, old.channel)
        rules.check_evaluator(principal, await _authors(connection, revision, channel))
        rules.check_pending(old, "")
        rules.check_contents(old, revision, digest)
        found = replace(found, evaluator=principal.name, create_time=clock.now())
        envelope = self.attester.sign(attestations.test_result(old, revision, found))
        found = replace(found, envelope=envelope)
        new = replace(
            old, update_time=found.create_time, generation=old.generation + 1, evidence=(*old.evidence, found)
        )
        writes = [releases.replacement(old, new), releases.evidence_insertion(name, found)]
        if revision.state is RevisionState.PROPOSED and found.result is EvidenceResult.PASSED:
            writes.append(sets.state_update(revision, RevisionState.VERIFIED))
        entry = self._entry(
            "evidence_attached",
            principal,
            new,
            found.note,
            suite=found.suite,
            result=found.result.value,
            passed=found.passed,
            failed=found.failed,
            envelope_sha256=attestations.envelope_digest(envelope),
        )
        return Decision(new, str(name), entry, tuple(writes))

    async def approve(
        self,
        connection: Connection,
        principal: Principal,
        name: ReleaseName,
        *,
        reason: str,
        digest: str,
        etag: str,
        valid_for: timedelta | None,
    ) -> Decision[Release]:
        """Plan an approval. With the last one that is needed the channel moves, and the release that it had is superseded."""
        rules.check_reason(reason)
        old = await _release(connection, name)
        revision = await _revision(connection, old.revision)
        channel = await sets.find_channel(connection, old.channel)
        authors = await _authors(connection, revision, channel)
        rules.check_reviewer(principal, old, authors)
        rules.check_pending(old, etag)
        rules.check_usable(revision, await quarantines.find(connection, (revision.name, *revision.versions)))
        rules.check_request(revision, channel)
        rules.check_contents(old, revision, digest)
        rules.check_channel_unmoved(old, channel)
        rules.check_not_approved_yet(principal, old)
        rules.check_evidence(old, self.policy.demand(old.channel))
        given = self._approval(principal, reason, valid_for)
        given = replace(
            given, envelope=self.attester.sign(attestations.approval(old, revision, given, authors=authors))
        )
        activates = len(old.approvals) + 1 >= old.approvals_needed
        new = _changed(old, ReleaseState.ACTIVE if activates else ReleaseState.PENDING, principal, reason)
        new = replace(new, approvals=(*old.approvals, given))
        writes = [releases.approval_insertion(name, given)]
        if activates:
            new = replace(new, previous_release=None if channel is None else channel.release)
            writes += await self._activation(connection, principal, new, revision, channel)
        writes.append(releases.replacement(old, new))
        entry = self._entry(
            "approved",
            principal,
            new,
            reason,
            activates=activates,
            expires=clock.to_text(given.expire_time),
            envelope_sha256=attestations.envelope_digest(given.envelope),
        )
        observed = await self._observed(connection, old, revision, authors)
        return Decision(new, str(name), entry, tuple(writes), changes_targets=activates, observed=observed)

    async def reject(
        self, connection: Connection, principal: Principal, name: ReleaseName, *, reason: str, etag: str
    ) -> Decision[Release]:
        """Plan a refusal; the revision is REJECTED with it unless something else still speaks for it."""
        rules.check_reason(reason)
        old = await _release(connection, name)
        revision = await _revision(connection, old.revision)
        channel = await sets.find_channel(connection, old.channel)
        authors = await _authors(connection, revision, channel)
        rules.check_reviewer(principal, old, authors)
        rules.check_pending(old, etag)
        new = _changed(old, ReleaseState.REJECTED, principal, reason)
        writes = [releases.replacement(old, new)]
        undecided = revision.state in (RevisionState.PROPOSED, RevisionState.VERIFIED)
        if undecided and await releases.count_pending(connection, revision.name) == 1:
            writes.append(sets.state_update(revision, RevisionState.REJECTED))
        observed = await self._observed(connection, old, revision, authors)
        entry = self._entry("rejected", principal, new, reason)
        return Decision(new, str(name), entry, tuple(writes), observed=observed)

    async def roll_back(
        self, connection: Connection, principal: Principal, name: ReleaseName, *, reason: str
    ) -> Decision[Release]:
        """Plan moving a channel back to what it had before the release, and to the release that had put it there."""
        rules.check_reason(reason)
        old = await _release(connection, name)
        channel = await sets.find_channel(connection, old.channel)
        rules.check_rollback(old, channel)
        assert channel is not None
        new = _changed(old, ReleaseState.ROLLED_BACK, principal, reason)
        writes = [
            releases.replacement(old, new),
            *await _deactivate(connection, old.revision, channel, RevisionState.ROLLED_BACK),
        ]
        if (before := await _predecessor(connection, old)) is None:
            writes.append(self._move(principal, channel.name, channel, None, None))
        else:
            release, revision = before
            again = replace(
                release, state=ReleaseState.ACTIVE, update_time=new.update_time, generation=release.generation + 1
            )
            writes.append(releases.replacement(release, again))
            if revision.state is RevisionState.APPROVED:
                writes.append(sets.state_update(revision, RevisionState.ACTIVE))
            writes.append(self._move(principal, channel.name, channel, revision, release.name))
        entry = self._entry("rolled_back", principal, new, reason)
        leaving = await _revision(connection, old.revision)
        observed = await self._observed(connection, old, leaving, {leaving.creator}, active=True)
        return Decision(new, str(name), entry, tuple(writes), changes_targets=True, observed=observed)

    def _approval(self, principal: Principal, reason: str, valid_for: timedelta | None) -> Approval:
        longest = self.policy.longest
        if valid_for is not None and not timedelta(0) < valid_for <= longest:
            raise RequestInvalidError.of("valid_for", f"must be more than nothing and at most {longest.days} days")
        now = clock.now()
        return Approval(principal.name, reason, now, now + (valid_for or longest), envelope="")

    async def _activation(
        self,
        connection: Connection,
        principal: Principal,
        release: Release,
        revision: Revision,
        channel: Channel | None,
    ) -> list[Write]:
        """Return the writes that move a channel to a release's revision, besides that of the release itself."""
        writes: list[Write] = []
        if channel is not None and channel.release is not None:
            writes += await _supersede(connection, channel, channel.release)
        if revision.state is not RevisionState.ACTIVE:
            writes.append(sets.state_update(revision, RevisionState.ACTIVE))
        writes.append(self._move(principal, release.channel, channel, revision, release.name))
        return writes

    async def _raised_limits(self, connection: Connection, wanted: Revision, current: Channel | None) -> list[str]:
        held = {} if current is None or current.revision is None else await _held(connection, current.revision)
        raised: list[str] = []
        for function, version in (await _held(connection, wanted.name)).items():
            before = held.get(function)
            if before is None or before.digest != version.digest:
                known = None if before is None else before.definition
                raised += rules.raised_limits(version.definition, known, self.default_limits)
        return raised

    def _move(
        self,
        principal: Principal,
        name: ChannelName,
        old: Channel | None,
        revision: Revision | None,
        release: ReleaseName | None,
    ) -> Write:
        target = None if revision is None else revision.name
        new = Channel(name, target, release, 1 if old is None else old.generation + 1, clock.now(), envelope="")
        digest = None if revision is None else revision.digest
        new = replace(new, envelope=self.attester.sign(attestations.channel(new, digest, mover=principal.name)))
        return sets.channel_insertion(new) if old is None else sets.channel_move(old, new)

    async def _observed(
        self, connection: Connection, release: Release, revision: Revision, authors: set[str], *, active: bool = False
    ) -> Entry:
        function_set = await sets.find_set(connection, release.name.function_set)
        assert function_set is not None
        observation = ReleaseObservation(release, revision, authors, function_set.policy, active=active)
        return observation.entry(self.entries)

    def _entry(self, change: str, principal: Principal, release: Release, reason: str, **more: JsonValue) -> Entry:
        return self.entries.release(
            change,
            principal.name,
            release=str(release.name),
            channel=str(release.channel),
            revision=str(release.revision),
            revision_digest=release.revision_digest,
            reason=reason,
            **more,
        )


async def _release(connection: Connection, name: ReleaseName) -> Release:
    release = await releases.find(connection, name)
    if release is None:
        raise NotFoundError(name)
    return release


async def _revision(connection: Connection, name: RevisionName) -> Revision:
    revision = await sets.find_revision(connection, name)
    if revision is None:
        raise NotFoundError(name)
    return revision


async def _held(connection: Connection, name: RevisionName) -> dict[str, FunctionVersion]:
    """Return a revision's versions by function."""
    revision = await _revision(connection, name)
    found = [await versions.find(connection, one) for one in revision.versions]
    return {one.name.function: one for one in found if one is not None}


async def _authors(connection: Connection, revision: Revision, channel: Channel | None) -> set[str]:
    """Return who wrote the revision and the versions that the channel does not have yet, and who owns the runs behind them."""
    known = {} if channel is None or channel.revision is None else await _held(connection, channel.revision)
    old = {one.digest for one in known.values()}
    fresh = [one for one in (await _held(connection, revision.name)).values() if one.digest not in old]
    owners = {one.provenance.owner for one in fresh if one.provenance.owner}
    return {revision.creator, *(one.creator for one in fresh)} | owners


async def _supersede(connection: Connection, channel: Channel, name: ReleaseName) -> list[Write]:
    """Return the writes for what a channel has now and moves on from."""
    current = await _release(connection, name)
    left = replace(current, state=ReleaseState.SUPERSEDED, update_time=clock.now(), generation=current.generation + 1)
    return [
        releases.replacement(current, left),
        *await _deactivate(connection, current.revision, channel, RevisionState.APPROVED),
    ]


async def _deactivate(
    connection: Connection, name: RevisionName, channel: Channel, state: RevisionState
) -> list[Write]:
    """Return the writes for a revision that a channel leaves, unless another channel has it too."""
    if any(at != channel.name for at in await sets.channels_at(connection, name)):
        return []
    revision = await _revision(connection, name)
    return [sets.state_update(revision, state)] if revision.state is RevisionState.ACTIVE else []


async def _predecessor(connection: Connection, leaving: Release) -> tuple[Release, Revision] | None:
    """Return what a channel goes back to, or None if that is nothing or did harm itself: then the channel is emptied."""
    if leaving.previous_release is None or leaving.previous_revision is None:
        return None
    revision = await _revision(connection, leaving.previous_revision)
    if revision.state not in (RevisionState.APPROVED, RevisionState.ACTIVE, RevisionState.DEPRECATED):
        return None
    return await _release(connection, leaving.previous_release), revision


def _changed(old: Release, state: ReleaseState, principal: Principal, reason: str) -> Release:
    return replace(
        old,
        state=state,
        reviewer=old.reviewer if state is ReleaseState.ROLLED_BACK else principal.name,
        review_reason=reason,
        update_time=clock.now(),
        generation=old.generation + 1,
    )
