"""FunctionService."""
# ruff: noqa: N802 - methods are named as the RPCs are

from typing import Final

from jigsmith.names import LATEST, FunctionName, VersionName, check_function
from jigsmith.v1 import function_pb2, function_pb2_grpc

from jigsmith_runtime import pages
from jigsmith_runtime.changes import Changes, Repeat
from jigsmith_runtime.errors import NotFoundError
from jigsmith_runtime.interceptors.around import Context
from jigsmith_runtime.interceptors.identity import caller
from jigsmith_runtime.model import FunctionVersion
from jigsmith_runtime.registration import Registration
from jigsmith_runtime.registry import sets, versions
from jigsmith_runtime.registry.database import Connection, Database
from jigsmith_runtime.services import wire
from jigsmith_runtime.services.deadline import deadline_of
from jigsmith_runtime.services.visibility import check_visible, reads_everything

_ALL: Final = "functions/-"


class FunctionService(function_pb2_grpc.FunctionServiceServicer):
    """Registers and reads functions."""

    def __init__(self, database: Database, changes: Changes, registration: Registration) -> None:
        self._database = database
        self._changes = changes
        self._registration = registration

    async def CreateFunctionVersion(
        self, request: function_pb2.CreateFunctionVersionRequest, context: Context
    ) -> function_pb2.FunctionVersion:
        """Register a version."""
        parent = wire.parse_name(FunctionName.parse, "parent", request.parent)
        wire.parse_name(check_function, "parent", parent.function)
        principal = caller()
        key = wire.request_key(principal.name, request.request_id, request)
        definition = wire.definition(parent, request.function_version)
        provenance = wire.provenance(request.function_version.provenance)
        self._registration.check_definition(definition)
        await self._registration.check_source(definition, deadline_of(context))
        made = await self._changes.make(
            lambda connection: self._registration.version(connection, principal, definition, provenance),
            request=key,
            dry=request.validate_only,
        )
        return wire.version_message(await self._again(made))

    async def GetFunctionVersion(
        self, request: function_pb2.GetFunctionVersionRequest, _context: Context
    ) -> function_pb2.FunctionVersion:
        """Return one version."""
        async with self._database.reading() as connection:
            version = await self._find(connection, request.name)
            if not reads_everything(caller()):
                check_visible(caller(), request.name, await sets.channels_with(connection, version.name))
        return wire.version_message(version)

    async def ListFunctionVersions(
        self, request: function_pb2.ListFunctionVersionsRequest, _context: Context
    ) -> function_pb2.ListFunctionVersionsResponse:
        """List versions, newest first."""
        everything = request.parent == _ALL
        function = None if everything else wire.parse_name(FunctionName.parse, "parent", request.parent).function
        limit = pages.size(request.page_size)
        before = pages.cursor(request.parent, request.page_token, pages.NEWEST)
        async with self._database.reading() as connection:
            found, following = await versions.list_versions(connection, function, limit, before)
        return function_pb2.ListFunctionVersionsResponse(
            function_versions=[wire.version_message(version) for version in found],
            next_page_token=pages.token(request.parent, following),
        )

    async def ListFunctions(
        self, request: function_pb2.ListFunctionsRequest, _context: Context
    ) -> function_pb2.ListFunctionsResponse:
        """List functions by name."""
        after = pages.cursor("functions", request.page_token, "")
        async with self._database.reading() as connection:
            found, following = await versions.list_functions(connection, pages.size(request.page_size), after)
        return function_pb2.ListFunctionsResponse(
            functions=[wire.function_message(function) for function in found],
            next_page_token=pages.token("functions", following),
        )

    async def _find(self, connection: Connection, text: str) -> FunctionVersion:
        parent, slash, last = text.rpartition("/versions/")
        if slash and last == LATEST:
            function = wire.parse_name(FunctionName.parse, "name", parent).function
            version = await versions.find_latest(connection, function)
        else:
            version = await versions.find(connection, wire.parse_name(VersionName.parse, "name", text))
        if version is None:
            raise NotFoundError(text)
        return version

    async def _again(self, made: FunctionVersion | Repeat) -> FunctionVersion:
        if not isinstance(made, Repeat):
            return made
        async with self._database.reading() as connection:
            return await self._find(connection, made.name)
