"""FunctionSetService."""
# ruff: noqa: N802 - methods are named as the RPCs are

from collections.abc import Iterable

from jigsmith.names import ChannelName, RevisionName, SetName, VersionName, check_label
from jigsmith.v1 import function_set_pb2, function_set_pb2_grpc

from jigsmith_runtime import pages
from jigsmith_runtime.changes import Changes, Repeat
from jigsmith_runtime.errors import NotFoundError
from jigsmith_runtime.interceptors.context import Context
from jigsmith_runtime.interceptors.identity import caller
from jigsmith_runtime.model import Channel, FunctionSet, FunctionVersion, Revision
from jigsmith_runtime.registration import Registration
from jigsmith_runtime.registry import sets, versions
from jigsmith_runtime.registry.database import Connection, Database
from jigsmith_runtime.services import wire
from jigsmith_runtime.visibility import check_version, check_visible, reads_everything


class FunctionSetService(function_set_pb2_grpc.FunctionSetServiceServicer):
    """Keeps sets, their revisions and their channels."""

    def __init__(self, database: Database, changes: Changes, registration: Registration) -> None:
        self._database = database
        self._changes = changes
        self._registration = registration

    async def CreateFunctionSet(
        self, request: function_set_pb2.CreateFunctionSetRequest, _context: Context
    ) -> function_set_pb2.FunctionSet:
        """Create an empty set."""
        wire.parse_name(check_label, "function_set_id", request.function_set_id)
        name = wire.parse_name(SetName.parse, "function_set_id", f"functionSets/{request.function_set_id}")
        principal = caller()
        made = await self._changes.make(
            lambda connection: self._registration.function_set(
                connection, principal, name, request.function_set.description
            ),
            request=wire.request_key(principal.name, request.request_id, request),
            dry=request.validate_only,
        )
        if isinstance(made, Repeat):
            async with self._database.reading() as connection:
                made = await _set(connection, SetName.parse(made.name))
        return wire.set_message(made)

    async def GetFunctionSet(
        self, request: function_set_pb2.GetFunctionSetRequest, _context: Context
    ) -> function_set_pb2.FunctionSet:
        """Return one set."""
        name = wire.parse_name(SetName.parse, "name", request.name)
        async with self._database.reading() as connection:
            return wire.set_message(await _set(connection, name))

    async def ListFunctionSets(
        self, request: function_set_pb2.ListFunctionSetsRequest, _context: Context
    ) -> function_set_pb2.ListFunctionSetsResponse:
        """List sets by name."""
        after = pages.cursor("functionSets", request.page_token, "")
        async with self._database.reading() as connection:
            found, following = await sets.list_sets(connection, pages.size(request.page_size), after)
        return function_set_pb2.ListFunctionSetsResponse(
            function_sets=[wire.set_message(value) for value in found if caller().sees_set(value.function_set)],
            next_page_token=pages.token("functionSets", following),
        )

    async def AllowPolicy(
        self, request: function_set_pb2.AllowPolicyRequest, _context: Context
    ) -> function_set_pb2.FunctionSet:
        """Allow another policy for a set's functions."""
        name = wire.parse_name(SetName.parse, "name", request.name)
        policy = wire.policy("policy", request.policy)
        principal = caller()
        made = await self._changes.make(
            lambda connection: self._registration.allowed_policy(connection, principal, name, policy, request.reason),
            request=wire.request_key(principal.name, request.request_id, request),
            dry=request.validate_only,
        )
        if isinstance(made, Repeat):
            async with self._database.reading() as connection:
                made = await _set(connection, name)
        return wire.set_message(made)

    async def CreateRevision(
        self, request: function_set_pb2.CreateRevisionRequest, _context: Context
    ) -> function_set_pb2.Revision:
        """Add a revision."""
        parent_set = wire.parse_name(SetName.parse, "parent", request.parent)
        wanted, principal = request.revision, caller()
        held = [
            wire.parse_name(VersionName.parse, f"revision.function_versions[{index}]", text)
            for index, text in enumerate(wanted.function_versions)
        ]
        parent = (
            wire.parse_name(RevisionName.parse, "revision.parent_revision", wanted.parent_revision)
            if wanted.parent_revision
            else None
        )
        if principal.is_tenant:
            async with self._database.reading() as connection:
                for version in await _existing(connection, held):
                    await check_version(connection, principal, version)
        made = await self._changes.make(
            lambda connection: self._registration.revision(
                connection, principal, parent_set, held, parent=parent, message=wanted.message
            ),
            request=wire.request_key(principal.name, request.request_id, request),
            dry=request.validate_only,
        )
        async with self._database.reading() as connection:
            if isinstance(made, Repeat):
                made = await _revision(connection, RevisionName.parse(made.name))
            return wire.revision_message(made, await _resolved(connection, made))

    async def GetRevision(
        self, request: function_set_pb2.GetRevisionRequest, _context: Context
    ) -> function_set_pb2.Revision:
        """Return one revision with its versions."""
        name = wire.parse_name(RevisionName.parse, "name", request.name)
        async with self._database.reading() as connection:
            if not reads_everything(caller()):
                check_visible(caller(), name, await sets.channels_at(connection, name))
            revision = await _revision(connection, name)
            return wire.revision_message(revision, await _resolved(connection, revision))

    async def ListRevisions(
        self, request: function_set_pb2.ListRevisionsRequest, _context: Context
    ) -> function_set_pb2.ListRevisionsResponse:
        """List a set's revisions, newest first."""
        parent = wire.parse_name(SetName.parse, "parent", request.parent)
        of, limit = f"{parent}/revisions", pages.size(request.page_size)
        before = pages.cursor(of, request.page_token, pages.NEWEST)
        async with self._database.reading() as connection:
            await _set(connection, parent)
            found, following = await sets.list_revisions(connection, parent.function_set, limit, before)
        return function_set_pb2.ListRevisionsResponse(
            revisions=[wire.revision_message(value) for value in found], next_page_token=pages.token(of, following)
        )

    async def GetChannel(
        self, request: function_set_pb2.GetChannelRequest, _context: Context
    ) -> function_set_pb2.Channel:
        """Return one channel."""
        name = wire.parse_name(ChannelName.parse, "name", request.name)
        if not reads_everything(caller()):
            check_visible(caller(), name, [name])
        async with self._database.reading() as connection:
            channel: Channel | None = await sets.find_channel(connection, name)
        if channel is None:
            raise NotFoundError(name)
        return wire.channel_message(channel)

    async def ListChannels(
        self, request: function_set_pb2.ListChannelsRequest, _context: Context
    ) -> function_set_pb2.ListChannelsResponse:
        """List a set's channels by name."""
        parent = wire.parse_name(SetName.parse, "parent", request.parent)
        of, limit = f"{parent}/channels", pages.size(request.page_size)
        after = pages.cursor(of, request.page_token, "")
        async with self._database.reading() as connection:
            await _set(connection, parent)
            found, following = await sets.list_channels(connection, parent.function_set, limit, after)
        return function_set_pb2.ListChannelsResponse(
            channels=[wire.channel_message(value) for value in found], next_page_token=pages.token(of, following)
        )


async def _set(connection: Connection, name: SetName) -> FunctionSet:
    value = await sets.find_set(connection, name.function_set)
    if value is None:
        raise NotFoundError(name)
    return value


async def _revision(connection: Connection, name: RevisionName) -> Revision:
    value = await sets.find_revision(connection, name)
    if value is None:
        raise NotFoundError(name)
    return value


async def _resolved(connection: Connection, revision: Revision) -> list[FunctionVersion]:
    return await _existing(connection, revision.versions)


async def _existing(connection: Connection, names: Iterable[VersionName]) -> list[FunctionVersion]:
    found = [await versions.find(connection, name) for name in names]
    return [version for version in found if version is not None]
