"""FunctionService."""
# ruff: noqa: N802 - methods are named as the RPCs are

from typing import Final

from jigsmith.names import LATEST, FunctionName, VersionName, check_function
from jigsmith.v1 import function_pb2, function_pb2_grpc

from jigsmith_runtime import pages
from jigsmith_runtime.changes import Changes, Repeat
from jigsmith_runtime.errors import NotFoundError, RequestInvalidError
from jigsmith_runtime.interceptors.context import Context
from jigsmith_runtime.interceptors.identity import caller
from jigsmith_runtime.model import Function, FunctionVersion
from jigsmith_runtime.registration import Registration
from jigsmith_runtime.registry import versions
from jigsmith_runtime.registry.database import Connection, Database
from jigsmith_runtime.services import wire
from jigsmith_runtime.services.deadline import deadline_of
from jigsmith_runtime.visibility import check_version

_ALL: Final = "functions/-"
_QUERY_CHARS_MAX: Final = 256


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
        await self._registration.check_source(principal, definition, deadline_of(context))
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
            await check_version(connection, caller(), version)
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
            seen = [version for version in found if await _is_seen(connection, version)]
        return function_pb2.ListFunctionVersionsResponse(
            function_versions=[wire.version_message(version, in_list=True) for version in seen],
            next_page_token=pages.token(request.parent, following),
        )

    async def ListFunctions(
        self, request: function_pb2.ListFunctionsRequest, _context: Context
    ) -> function_pb2.ListFunctionsResponse:
        """List functions by name."""
        if len(request.query) > _QUERY_CHARS_MAX:
            raise RequestInvalidError.of("query", f"may have {_QUERY_CHARS_MAX} characters")
        of, limit = f"functions?{request.query}", pages.size(request.page_size)
        after = pages.cursor(of, request.page_token, "")
        async with self._database.reading() as connection:
            found, following = await versions.list_functions(connection, limit, after, request.query)
            seen = [one for one in found if await self._is_seen_function(connection, one)]
        return function_pb2.ListFunctionsResponse(
            functions=[wire.function_message(function) for function in seen], next_page_token=pages.token(of, following)
        )

    async def _is_seen_function(self, connection: Connection, function: Function) -> bool:
        if not caller().is_tenant:
            return True
        latest = await versions.find_latest(connection, function.function)
        return latest is not None and await _is_seen(connection, latest)

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


async def _is_seen(connection: Connection, version: FunctionVersion) -> bool:
    try:
        await check_version(connection, caller(), version)
    except NotFoundError:
        return False
    return True
