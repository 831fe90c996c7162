"""What a name to invoke stands for now, and whether the caller may run it."""

import math
import time
from dataclasses import dataclass

from jigsmith.names import (
    ChannelFunctionName,
    ChannelName,
    ReleaseName,
    RevisionFunctionName,
    RevisionName,
    Target,
    VersionName,
)

from jigsmith_runtime.admission import LaneName
from jigsmith_runtime.audit import AuditLog
from jigsmith_runtime.audit.entries import EntryWriter
from jigsmith_runtime.changes import Changes
from jigsmith_runtime.errors import NotApprovedError, NotFoundError, NotPermittedError, QuarantinedError
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.model import FunctionVersion, Release, Revision
from jigsmith_runtime.observations import Observation, PolicyObservation, ReleaseObservation
from jigsmith_runtime.registry import quarantines, releases, sets, versions
from jigsmith_runtime.registry.database import Connection, Database
from jigsmith_runtime.releases import rules
from jigsmith_runtime.releases.enforcement import Enforcement, check_content
from jigsmith_runtime.roles import DRAFT_RUNNERS, Role
from jigsmith_runtime.visibility import check_version

_CACHED_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is run, and on what grounds."""

    version: FunctionVersion
    revision: RevisionName | None
    release: ReleaseName | None
    """What put the revision into the channel; None for drafts."""
    lane: LaneName
    epoch: int
    """In which epoch of the channels this was so."""
    until: float
    """Until when its approvals hold, in seconds since 1970."""
    read_at: float
    """When it was read from the registry, in monotonic seconds."""


class Targets:
    """Resolves names. Answers are remembered until a channel moves or a policy changes; versions never change."""

    def __init__(
        self, database: Database, changes: Changes, enforcement: Enforcement, log: AuditLog, entries: EntryWriter
    ) -> None:
        self._database = database
        self._changes = changes
        self._enforcement = enforcement
        self._log = log
        self._entries = entries
        self._told: dict[str, str] = {}
        self._known: dict[Target, Resolution] = {}

    def holds(self, resolution: Resolution) -> bool:
        """Return whether a resolution still holds. True until the caller next gives up control."""
        return (
            resolution.epoch == self._changes.epoch
            and not self._changes.moving
            and self._changes.is_fresh(resolution.read_at)
            and time.time() < resolution.until
        )

    async def resolve(self, target: Target, principal: Principal) -> Resolution:
        """Return what a name stands for.

        Raises NotPermittedError, NotFoundError, NotApprovedError, QuarantinedError, PolicyNotAllowedError.
        """
        permit(target, principal)
        if principal.is_tenant and isinstance(target, VersionName):
            await self._check_tenant(target, principal)
        known = self._known.get(target)
        if known is not None and self.holds(known):
            return known
        if self._changes.moving:
            await self._changes.settled()
        epoch, read_at = self._changes.epoch, time.monotonic()
        async with self._database.reading() as connection:
            found = await _find(connection, self._enforcement, target)
        if found.observed is not None and self._database.is_shared:
            await self._tell(found.observed)
        if len(self._known) >= _CACHED_MAX:
            self._known.clear()
        resolution = self._known[target] = Resolution(
            found.version, found.revision, found.release, lane_of(target), epoch, found.until, read_at
        )
        return resolution

    async def _check_tenant(self, target: VersionName, principal: Principal) -> None:
        async with self._database.reading() as connection:
            await check_version(connection, principal, await _version(connection, target, target))

    async def _tell(self, observed: Observation) -> None:
        """Log what this node's log may not know, because another runtime did it; once for each state of things."""
        if self._told.get(observed.about) == observed.state:
            return
        await self._log.append(observed.entry(self._entries))
        self._told[observed.about] = observed.state


def lane_of(target: Target) -> LaneName:
    """Return the lane of calls of a target."""
    return LaneName.PRODUCTION if isinstance(target, ChannelFunctionName) else LaneName.OPTIMIZER


def permit(target: Target, principal: Principal) -> None:
    """Refuse what is not for a principal to run. Raises NotPermittedError, NotFoundError."""
    if not isinstance(target, ChannelFunctionName):
        if not principal.has(DRAFT_RUNNERS):
            raise NotPermittedError(f"{principal.name} may run what channels point at, no drafts")
        return
    if not principal.has({Role.AGENT}):
        raise NotPermittedError(f"{principal.name} may not call through channels: that is for agents")
    if not principal.may_invoke_channel(str(ChannelName(target.function_set, target.channel))):
        raise NotFoundError(target)


@dataclass(frozen=True, slots=True)
class _Found:
    version: FunctionVersion
    revision: RevisionName | None = None
    release: ReleaseName | None = None
    until: float = math.inf
    observed: Observation | None = None


async def _find(connection: Connection, enforcement: Enforcement, target: Target) -> _Found:
    if isinstance(target, VersionName):
        version = await _version(connection, target, target)
        rules.check_policy(version, None)
        return _Found(version)
    release: Release | None = None
    until = math.inf
    if isinstance(target, RevisionFunctionName):
        revision = await _revision(connection, RevisionName(target.function_set, target.revision), target)
    else:
        revision, release, until = await _released(connection, enforcement, target)
    held = next((name for name in revision.versions if name.function == target.function), None)
    rules.check_usable(revision, await quarantines.find(connection, (revision.name, *([held] if held else []))))
    if held is None:
        raise NotFoundError(target)
    version = await _version(connection, held, target)
    function_set = await sets.find_set(connection, revision.name.function_set)
    rules.check_policy(version, function_set)
    observed: Observation | None = None
    if release is not None and function_set is not None:
        authors = enforcement.authors(release)
        observed = ReleaseObservation(release, revision, authors, function_set.policy, active=True)
    elif version.definition.policy == "none" and function_set is not None:
        observed = PolicyObservation(function_set)
    return _Found(version, revision.name, None if release is None else release.name, until, observed)


async def _released(
    connection: Connection, enforcement: Enforcement, target: ChannelFunctionName
) -> tuple[Revision, Release, float]:
    """Return what a channel has, by which release, and until when (seconds since 1970) that is approved."""
    channel = await sets.find_channel(connection, ChannelName(target.function_set, target.channel))
    if channel is None:
        raise NotFoundError(target)
    if channel.revision is None:
        raise NotApprovedError(f"{channel.name} points at no revision")
    revision = await _revision(connection, channel.revision, target)
    rules.check_usable(revision, await quarantines.find(connection, [revision.name]))
    release = None if channel.release is None else await releases.find(connection, channel.release)
    until = enforcement.check_released(channel, revision, release)
    assert release is not None
    return revision, release, until.timestamp()


async def _revision(connection: Connection, name: RevisionName, target: Target) -> Revision:
    revision = await sets.find_revision(connection, name)
    if revision is None:
        raise NotFoundError(target)
    return revision


async def _version(connection: Connection, name: VersionName, target: Target) -> FunctionVersion:
    version = await versions.find(connection, name)
    if version is None:
        raise NotFoundError(target)
    check_content(version)
    if await quarantines.find(connection, [name]):
        raise QuarantinedError(f"{name} was taken out of use", resource=str(name))
    return version
