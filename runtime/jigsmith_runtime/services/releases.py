"""ReleaseService."""
# ruff: noqa: N802 - methods are named as the RPCs are

from typing import Final

from jigsmith.names import ChannelName, ReleaseName, RevisionName, SetName, VersionName
from jigsmith.v1 import function_set_pb2, release_pb2, release_pb2_grpc

from jigsmith_runtime import pages
from jigsmith_runtime.changes import Changes, Plan, Repeat
from jigsmith_runtime.errors import NotFoundError, RequestInvalidError
from jigsmith_runtime.execution import Executor
from jigsmith_runtime.interceptors.context import Context
from jigsmith_runtime.interceptors.identity import caller
from jigsmith_runtime.model import Release
from jigsmith_runtime.registry import releases, sets
from jigsmith_runtime.registry.answers import RequestKey
from jigsmith_runtime.registry.database import Connection, Database
from jigsmith_runtime.releases.commands import ReleaseCommands
from jigsmith_runtime.releases.retirement import RetirementCommands
from jigsmith_runtime.services import wire

_ALL: Final = "functionSets/-"


class ReleaseService(release_pb2_grpc.ReleaseServiceServicer):
    """Moves channels to revisions, with a human in between."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        commands: ReleaseCommands,
        retirement: RetirementCommands,
        executor: Executor,
    ) -> None:
        self._database = database
        self._changes = changes
        self._commands = commands
        self._retirement = retirement
        self._executor = executor

    async def CreateRelease(self, request: release_pb2.CreateReleaseRequest, _context: Context) -> release_pb2.Release:
        """Ask for a channel to be moved."""
        parent = wire.parse_name(SetName.parse, "parent", request.parent)
        channel = wire.parse_name(ChannelName.parse, "release.channel", request.release.channel)
        revision = wire.parse_name(RevisionName.parse, "release.revision", request.release.revision)
        if channel.function_set != parent.function_set:
            raise RequestInvalidError.of("release.channel", f"must be of {parent}")
        principal = caller()
        return await self._make(
            lambda connection: self._commands.request(
                connection, principal, channel, revision, reason=request.release.reason
            ),
            dry=request.validate_only,
            key=wire.request_key(principal.name, request.request_id, request),
        )

    async def GetRelease(self, request: release_pb2.GetReleaseRequest, _context: Context) -> release_pb2.Release:
        """Return one release."""
        name = wire.parse_name(ReleaseName.parse, "name", request.name)
        async with self._database.reading() as connection:
            return wire.release_message(await _release(connection, name))

    async def ListReleases(
        self, request: release_pb2.ListReleasesRequest, _context: Context
    ) -> release_pb2.ListReleasesResponse:
        """List releases, newest first."""
        everything = request.parent == _ALL
        function_set = None if everything else wire.parse_name(SetName.parse, "parent", request.parent).function_set
        of, limit = f"{request.parent}/releases", pages.size(request.page_size)
        before = pages.cursor(of, request.page_token, pages.NEWEST)
        async with self._database.reading() as connection:
            if function_set is not None and await sets.find_set(connection, function_set) is None:
                raise NotFoundError(request.parent)
            found, following = await releases.list_releases(connection, function_set, limit, before)
        return release_pb2.ListReleasesResponse(
            releases=[wire.release_message(value) for value in found if caller().sees_set(value.name.function_set)],
            next_page_token=pages.token(of, following),
        )

    async def AttachEvidence(
        self, request: release_pb2.AttachEvidenceRequest, _context: Context
    ) -> release_pb2.Release:
        """Attach test results to a release."""
        name, principal = wire.parse_name(ReleaseName.parse, "name", request.name), caller()
        found = wire.evidence(request.evidence)
        return await self._make(
            lambda connection: self._commands.attach(
                connection, principal, name, found, digest=request.revision_digest
            ),
            dry=request.validate_only,
        )

    async def ApproveRelease(
        self, request: release_pb2.ApproveReleaseRequest, _context: Context
    ) -> release_pb2.Release:
        """Approve a release and move its channel."""
        name, principal = wire.parse_name(ReleaseName.parse, "name", request.name), caller()
        return await self._make(
            lambda connection: self._commands.approve(
                connection,
                principal,
                name,
                reason=request.reason,
                digest=request.revision_digest,
                etag=request.etag,
                valid_for=request.valid_for.ToTimedelta() if request.HasField("valid_for") else None,
            ),
            dry=request.validate_only,
        )

    async def RejectRelease(self, request: release_pb2.RejectReleaseRequest, _context: Context) -> release_pb2.Release:
        """Refuse a release."""
        name, principal = wire.parse_name(ReleaseName.parse, "name", request.name), caller()
        return await self._make(
            lambda connection: self._commands.reject(
                connection, principal, name, reason=request.reason, etag=request.etag
            ),
            dry=request.validate_only,
        )

    async def RollbackRelease(
        self, request: release_pb2.RollbackReleaseRequest, _context: Context
    ) -> release_pb2.Release:
        """Move a channel back."""
        name, principal = wire.parse_name(ReleaseName.parse, "name", request.name), caller()
        return await self._make(
            lambda connection: self._commands.roll_back(connection, principal, name, reason=request.reason),
            dry=request.validate_only,
        )

    async def Quarantine(
        self, request: release_pb2.QuarantineRequest, _context: Context
    ) -> release_pb2.QuarantineResponse:
        """Take a revision or a version out of use, at once."""
        name: RevisionName | VersionName
        if request.name.startswith("functions/"):
            name = wire.parse_name(VersionName.parse, "name", request.name)
        else:
            name = wire.parse_name(RevisionName.parse, "name", request.name)
        principal = caller()
        made = await self._changes.make(
            lambda connection: self._retirement.quarantine(
                connection, principal, name, reason=request.reason, now=request.now
            ),
            dry=request.validate_only,
        )
        assert not isinstance(made, Repeat)
        ended = self._executor.end_running(made.name) if request.now and not request.validate_only else 0
        return release_pb2.QuarantineResponse(name=made.name, channels=map(str, made.channels), ended_calls=ended)

    async def DeprecateRevision(
        self, request: release_pb2.DeprecateRevisionRequest, _context: Context
    ) -> function_set_pb2.Revision:
        """Say that a revision should no longer be used."""
        name, principal = wire.parse_name(RevisionName.parse, "name", request.name), caller()
        made = await self._changes.make(
            lambda connection: self._retirement.deprecate(connection, principal, name, reason=request.reason),
            dry=request.validate_only,
        )
        assert not isinstance(made, Repeat)
        return wire.revision_message(made)

    async def RetireRevision(
        self, request: release_pb2.RetireRevisionRequest, _context: Context
    ) -> function_set_pb2.Revision:
        """End a revision."""
        name, principal = wire.parse_name(RevisionName.parse, "name", request.name), caller()
        made = await self._changes.make(
            lambda connection: self._retirement.retire(connection, principal, name, reason=request.reason),
            dry=request.validate_only,
        )
        assert not isinstance(made, Repeat)
        return wire.revision_message(made)

    async def _make(self, plan: Plan[Release], *, dry: bool, key: RequestKey | None = None) -> release_pb2.Release:
        made = await self._changes.make(plan, request=key, dry=dry)
        if isinstance(made, Repeat):
            async with self._database.reading() as connection:
                made = await _release(connection, ReleaseName.parse(made.name))
        return wire.release_message(made)


async def _release(connection: Connection, name: ReleaseName) -> Release:
    release = await releases.find(connection, name)
    if release is None:
        raise NotFoundError(name)
    return release
