"""Plans of the changes that take code out of use: quarantine, at once and for good; deprecate and retire, in good order."""

from dataclasses import dataclass, replace

from jigsmith.names import ChannelName, RevisionName, VersionName

from jigsmith_runtime.audit.entries import EntryWriter
from jigsmith_runtime.changes import Decision
from jigsmith_runtime.errors import NotFoundError
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.model import Revision, RevisionState
from jigsmith_runtime.registry import quarantines, sets, versions
from jigsmith_runtime.registry.database import Connection
from jigsmith_runtime.registry.writes import Write
from jigsmith_runtime.releases import rules


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What was taken out of use, and which channels it concerns."""

    name: str
    channels: tuple[ChannelName, ...]


@dataclass(frozen=True, slots=True)
class RetirementCommands:
    """Each method plans one change; it is to be called with the lock of all changes held."""

    entries: EntryWriter

    async def quarantine(
        self, connection: Connection, principal: Principal, name: RevisionName | VersionName, *, reason: str, now: bool
    ) -> Decision[Quarantined]:
        """Plan a quarantine. What is quarantined already stays so."""
        rules.check_reason(reason)
        writes: list[Write] = []
        if isinstance(name, RevisionName):
            revision = await _revision(connection, name)
            channels = await sets.channels_at(connection, name)
            if revision.state is not RevisionState.QUARANTINED:
                writes.append(sets.state_update(revision, RevisionState.QUARANTINED))
        else:
            if await versions.find(connection, name) is None:
                raise NotFoundError(name)
            channels = await sets.channels_with(connection, name)
        found = Quarantined(str(name), tuple(channels))
        if await quarantines.find(connection, [name]):
            return Decision(found, str(name))
        writes.append(quarantines.insertion(name, principal=principal.name, reason=reason, ends_running=now))
        entry = self.entries.quarantined(principal.name, name=name, reason=reason, now=now)
        return Decision(found, str(name), entry, tuple(writes), changes_targets=True)

    async def deprecate(
        self, connection: Connection, principal: Principal, name: RevisionName, *, reason: str
    ) -> Decision[Revision]:
        """Plan a deprecation."""
        rules.check_reason(reason)
        revision = await _revision(connection, name)
        if revision.state is RevisionState.DEPRECATED:
            return Decision(revision, str(name))
        rules.check_deprecation(revision)
        return self._moved(principal, revision, RevisionState.DEPRECATED, reason)

    async def retire(
        self, connection: Connection, principal: Principal, name: RevisionName, *, reason: str
    ) -> Decision[Revision]:
        """Plan a retirement."""
        rules.check_reason(reason)
        revision = await _revision(connection, name)
        if revision.state is RevisionState.RETIRED:
            return Decision(revision, str(name))
        rules.check_retirement(revision, await sets.channels_at(connection, name))
        return self._moved(principal, revision, RevisionState.RETIRED, reason)

    def _moved(self, principal: Principal, old: Revision, state: RevisionState, reason: str) -> Decision[Revision]:
        new = replace(old, state=state)
        entry = self.entries.revision_moved(
            state.value.lower(), principal.name, revision=str(old.name), digest=old.digest, reason=reason
        )
        return Decision(new, str(old.name), entry, (sets.state_update(old, state),), changes_targets=True)


async def _revision(connection: Connection, name: RevisionName) -> Revision:
    revision = await sets.find_revision(connection, name)
    if revision is None:
        raise NotFoundError(name)
    return revision
