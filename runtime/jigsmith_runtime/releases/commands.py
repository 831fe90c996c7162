"""Plans of the changes that releases make: request, approve, reject, roll back."""

from dataclasses import dataclass, replace

from jigsmith.names import ChannelName, ReleaseName, RevisionName

from jigsmith_runtime import clock
from jigsmith_runtime.audit.entries import Entry, EntryWriter
from jigsmith_runtime.changes import Decision
from jigsmith_runtime.errors import NotFoundError, RequestInvalidError
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.model import Channel, Release, ReleaseState, Revision, RevisionState
from jigsmith_runtime.registry import releases, sets, versions
from jigsmith_runtime.registry.database import Connection
from jigsmith_runtime.registry.writes import Write
from jigsmith_runtime.releases import rules


@dataclass(frozen=True, slots=True)
class ReleaseCommands:
    """Each method plans one change; it is to be called with the lock of all changes held."""

    entries: EntryWriter

    async def request(
        self, connection: Connection, principal: Principal, channel: ChannelName, revision: RevisionName, *, reason: str
    ) -> Decision[Release]:
        """Plan the request to move a channel to a revision of the same set."""
        rules.check_reason(reason)
        if channel.function_set != revision.function_set:
            raise RequestInvalidError.of("release.revision", "must be of the same set as the channel")
        wanted = await _revision(connection, revision)
        current = await sets.find_channel(connection, channel)
        rules.check_request(wanted, current)
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
        )
        writes = [releases.insertion(release)]
        if wanted.state is RevisionState.DRAFT:
            writes.append(sets.state_update(wanted, RevisionState.PROPOSED))
        return Decision(release, str(release.name), self._entry("requested", principal, release, reason), tuple(writes))

    async def approve(
        self, connection: Connection, principal: Principal, name: ReleaseName, *, reason: str, digest: str, etag: str
    ) -> Decision[Release]:
        """Plan an approval: the channel moves, the release that it had is superseded."""
        rules.check_reason(reason)
        old = await _release(connection, name)
        revision = await _revision(connection, old.revision)
        channel = await sets.find_channel(connection, old.channel)
        rules.check_reviewer(principal, old, revision, await _new_authors(connection, revision, channel))
        rules.check_pending(old, etag)
        rules.check_request(revision, channel)
        rules.check_contents(old, revision, digest)
        rules.check_channel_unmoved(old, channel)
        new = _changed(old, ReleaseState.ACTIVE, principal, reason)
        new = replace(new, previous_release=None if channel is None else channel.release)
        writes = [releases.replacement(old, new)]
        if channel is not None and channel.release is not None:
            writes += await _supersede(connection, channel, channel.release)
        if revision.state is not RevisionState.ACTIVE:
            writes.append(sets.state_update(revision, RevisionState.ACTIVE))
        writes.append(_move(old.channel, channel, revision.name, new.name))
        entry = self._entry("approved", principal, new, reason)
        return Decision(new, str(name), entry, tuple(writes), changes_targets=True)

    async def reject(
        self, connection: Connection, principal: Principal, name: ReleaseName, *, reason: str, etag: str
    ) -> Decision[Release]:
        """Plan a refusal; the revision is REJECTED with it unless something else still speaks for it."""
        rules.check_reason(reason)
        old = await _release(connection, name)
        revision = await _revision(connection, old.revision)
        channel = await sets.find_channel(connection, old.channel)
        rules.check_reviewer(principal, old, revision, await _new_authors(connection, revision, channel))
        rules.check_pending(old, etag)
        new = _changed(old, ReleaseState.REJECTED, principal, reason)
        writes = [releases.replacement(old, new)]
        if revision.state is RevisionState.PROPOSED and await releases.count_pending(connection, revision.name) == 1:
            writes.append(sets.state_update(revision, RevisionState.REJECTED))
        return Decision(new, str(name), self._entry("rejected", principal, new, reason), tuple(writes))

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
            writes.append(_move(channel.name, channel, None, None))
        else:
            release, revision = before
            again = replace(
                release, state=ReleaseState.ACTIVE, update_time=new.update_time, generation=release.generation + 1
            )
            writes.append(releases.replacement(release, again))
            if revision.state is not RevisionState.ACTIVE:
                writes.append(sets.state_update(revision, RevisionState.ACTIVE))
            writes.append(_move(channel.name, channel, revision.name, release.name))
        entry = self._entry("rolled_back", principal, new, reason)
        return Decision(new, str(name), entry, tuple(writes), changes_targets=True)

    def _entry(self, change: str, principal: Principal, release: Release, reason: str) -> Entry:
        return self.entries.release(
            change,
            principal.name,
            release=str(release.name),
            channel=str(release.channel),
            revision=str(release.revision),
            revision_digest=release.revision_digest,
            reason=reason,
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


async def _new_authors(connection: Connection, revision: Revision, channel: Channel | None) -> set[str]:
    """Return who wrote the versions that the channel does not have yet."""
    current = None if channel is None or channel.revision is None else await _revision(connection, channel.revision)
    known = set() if current is None else set(current.versions)
    found = [await versions.find(connection, name) for name in revision.versions if name not in known]
    return {version.creator for version in found if version is not None}


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
    if revision.state not in (RevisionState.APPROVED, RevisionState.ACTIVE):
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


def _move(name: ChannelName, old: Channel | None, revision: RevisionName | None, release: ReleaseName | None) -> Write:
    now = clock.now()
    if old is None:
        return sets.channel_insertion(Channel(name, revision, release, 1, now))
    return sets.channel_move(old, Channel(name, revision, release, old.generation + 1, now))
