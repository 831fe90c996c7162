"""Function versions: found by name, listed newest first, written once."""

import json
from dataclasses import asdict
from typing import Any

from jigsmith.names import VersionName
from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime import clock
from jigsmith_runtime.model import Definition, Function, FunctionVersion, Provenance
from jigsmith_runtime.registry.tables import function_versions
from jigsmith_runtime.registry.writes import Write


async def find(connection: AsyncConnection, name: VersionName) -> FunctionVersion | None:
    """Return a version."""
    table = function_versions
    query = select(table).where(table.c.function == name.function, table.c.digest == name.digest)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _version(row)


async def find_latest(connection: AsyncConnection, function: str) -> FunctionVersion | None:
    """Return the version of a function that was registered last."""
    table = function_versions
    query = select(table).where(table.c.function == function).order_by(table.c.id.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _version(row)


async def list_versions(
    connection: AsyncConnection, function: str | None, limit: int, before: int | None
) -> tuple[list[FunctionVersion], int | None]:
    """Return one page, newest first, of a function or of all, and where the next page begins."""
    table = function_versions
    query = select(table).order_by(table.c.id.desc()).limit(limit + 1)
    if function is not None:
        query = query.where(table.c.function == function)
    if before is not None:
        query = query.where(table.c.id < before)
    rows = (await connection.execute(query)).all()
    return [_version(row) for row in rows[:limit]], rows[limit - 1].id if len(rows) > limit else None


async def list_functions(
    connection: AsyncConnection, limit: int, after: str, query_text: str = ""
) -> tuple[list[Function], str | None]:
    """Return one page of functions by name, and the name after which the next page begins.

    With a text, only functions of which the name or a version's definition holds it, whatever the case.
    """
    table = function_versions
    wanted = table.c.function > after
    if query_text:
        text = query_text.lower()
        holding = select(table.c.function).where(
            func.lower(table.c.function).contains(text, autoescape=True)
            | func.lower(table.c.definition).contains(json.dumps(text)[1:-1], autoescape=True)
        )
        wanted &= table.c.function.in_(holding)
    counted = (
        select(table.c.function, func.count().label("versions"), func.max(table.c.id).label("latest"))
        .where(wanted)
        .group_by(table.c.function)
        .order_by(table.c.function)
        .limit(limit + 1)
        .subquery()
    )
    query = (
        select(counted.c.function, counted.c.versions, table.c.digest)
        .join(table, table.c.id == counted.c.latest)
        .order_by(counted.c.function)
    )
    rows = (await connection.execute(query)).all()
    found = [Function(row.function, row.digest, row.versions) for row in rows[:limit]]
    return found, found[-1].function if len(rows) > limit else None


def insertion(version: FunctionVersion) -> Write:
    """Return the write that registers a version."""
    definition = asdict(version.definition)
    return Write(
        function_versions.name,
        {
            "function": definition.pop("function"),
            "digest": version.digest,
            "definition": json.dumps(definition),
            "provenance": json.dumps(asdict(version.provenance)),
            "provenance_envelope": version.provenance_envelope,
            "creator": version.creator,
            "create_time": clock.to_text(version.create_time),
        },
    )


def _version(row: Row[Any]) -> FunctionVersion:  # Any: rows are typed by their query, which differs
    definition, provenance = json.loads(row.definition), json.loads(row.provenance)
    definition |= {"packages": tuple(definition["packages"])}
    provenance |= {"task_ids": tuple(provenance["task_ids"])}
    return FunctionVersion(
        digest=row.digest,
        definition=Definition(function=row.function, **definition),
        provenance=Provenance(**provenance),
        provenance_envelope=row.provenance_envelope,
        creator=row.creator,
        create_time=clock.from_text(row.create_time),
    )
