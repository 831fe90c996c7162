"""Function sets, their revisions and their channels."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from jigsmith.names import ChannelName, ReleaseName, RevisionName, VersionName
from jigsmith_sandbox.backend import Policy
from sqlalchemy import Row, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime import clock
from jigsmith_runtime.model import Channel, FunctionSet, Revision, RevisionState
from jigsmith_runtime.registry.tables import channels, function_sets, revision_versions, revisions
from jigsmith_runtime.registry.writes import Scalar, Write


async def find_set(connection: AsyncConnection, function_set: str) -> FunctionSet | None:
    """Return a set."""
    query = select(function_sets).where(function_sets.c.function_set == function_set)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _set(row)


async def list_sets(connection: AsyncConnection, limit: int, after: str) -> tuple[list[FunctionSet], str | None]:
    """Return one page of sets by name, and the name after which the next page begins."""
    name = function_sets.c.function_set
    rows = (await connection.execute(select(function_sets).where(name > after).order_by(name).limit(limit + 1))).all()
    found = [_set(row) for row in rows[:limit]]
    return found, found[-1].function_set if len(rows) > limit else None


async def find_revision(connection: AsyncConnection, name: RevisionName) -> Revision | None:
    """Return a revision with its versions' names."""
    query = select(revisions).where(
        revisions.c.function_set == name.function_set, revisions.c.revision == name.revision
    )
    return next(iter(await _revisions(connection, (await connection.execute(query)).all())), None)


async def list_revisions(
    connection: AsyncConnection, function_set: str, limit: int, before: int | None
) -> tuple[list[Revision], int | None]:
    """Return one page of a set's revisions, newest first, and the number before which the next page begins."""
    number = revisions.c.revision
    query = select(revisions).where(revisions.c.function_set == function_set).order_by(number.desc()).limit(limit + 1)
    rows = (await connection.execute(query if before is None else query.where(number < before))).all()
    found = await _revisions(connection, rows[:limit])
    return found, found[-1].name.revision if len(rows) > limit else None


async def next_revision(connection: AsyncConnection, function_set: str) -> RevisionName:
    """Return the name of the set's next revision. The caller holds the lock of all changes."""
    query = select(func.max(revisions.c.revision)).where(revisions.c.function_set == function_set)
    return RevisionName(function_set, ((await connection.execute(query)).scalar() or 0) + 1)


async def find_channel(connection: AsyncConnection, name: ChannelName) -> Channel | None:
    """Return a channel, which exists from its first release on."""
    query = select(channels).where(channels.c.function_set == name.function_set, channels.c.channel == name.channel)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _channel(row)


async def list_channels(
    connection: AsyncConnection, function_set: str, limit: int, after: str
) -> tuple[list[Channel], str | None]:
    """Return one page of a set's channels by name, and the name after which the next page begins."""
    query = (
        select(channels)
        .where(channels.c.function_set == function_set, channels.c.channel > after)
        .order_by(channels.c.channel)
        .limit(limit + 1)
    )
    rows = (await connection.execute(query)).all()
    found = [_channel(row) for row in rows[:limit]]
    return found, found[-1].name.channel if len(rows) > limit else None


async def channels_at(connection: AsyncConnection, name: RevisionName) -> list[ChannelName]:
    """Return the channels that point at a revision."""
    query = select(channels.c.channel).where(
        channels.c.function_set == name.function_set, channels.c.revision == name.revision
    )
    return [ChannelName(name.function_set, row.channel) for row in await connection.execute(query)]


async def channels_with(connection: AsyncConnection, name: VersionName) -> list[ChannelName]:
    """Return the channels whose revision holds a version."""
    query = (
        select(channels.c.function_set, channels.c.channel)
        .join(
            revision_versions,
            (revision_versions.c.function_set == channels.c.function_set)
            & (revision_versions.c.revision == channels.c.revision),
        )
        .where(revision_versions.c.function == name.function, revision_versions.c.digest == name.digest)
    )
    return [ChannelName(row.function_set, row.channel) for row in await connection.execute(query)]


async def sets_with(connection: AsyncConnection, name: VersionName) -> list[str]:
    """Return the sets of which a revision holds a version."""
    held = revision_versions
    query = select(held.c.function_set).where(held.c.function == name.function, held.c.digest == name.digest).distinct()
    return [row.function_set for row in await connection.execute(query)]


def set_insertion(value: FunctionSet) -> Write:
    """Return the write that creates a set."""
    return Write(
        function_sets.name,
        {
            "function_set": value.function_set,
            "description": value.description,
            "policy": value.policy,
            "creator": value.creator,
            "create_time": clock.to_text(value.create_time),
        },
    )


def policy_update(value: FunctionSet, policy: Policy) -> Write:
    """Return the write that allows another policy than the set's present one."""
    return Write(function_sets.name, {"policy": policy}, {"function_set": value.function_set, "policy": value.policy})


def revision_insertions(value: Revision) -> tuple[Write, ...]:
    """Return the writes that create a revision."""
    name = value.name
    row = Write(
        revisions.name,
        {
            "function_set": name.function_set,
            "revision": name.revision,
            "parent": None if value.parent is None else value.parent.revision,
            "message": value.message,
            "digest": value.digest,
            "state": value.state.value,
            "creator": value.creator,
            "create_time": clock.to_text(value.create_time),
        },
    )
    held: list[dict[str, Scalar]] = [
        {"function_set": name.function_set, "revision": name.revision, "function": v.function, "digest": v.digest}
        for v in value.versions
    ]
    return (row, *(Write(revision_versions.name, version) for version in held))


def state_update(value: Revision, state: RevisionState) -> Write:
    """Return the write that takes a revision from the state it is in to another."""
    return Write(
        revisions.name,
        {"state": state.value},
        {"function_set": value.name.function_set, "revision": value.name.revision, "state": value.state.value},
    )


def channel_insertion(value: Channel) -> Write:
    """Return the write that brings a channel into being."""
    key: dict[str, Scalar] = {"function_set": value.name.function_set, "channel": value.name.channel}
    return Write(channels.name, key | _position(value))


def channel_move(old: Channel, new: Channel) -> Write:
    """Return the write that moves a channel from exactly where it was seen."""
    where: dict[str, Scalar] = {
        "function_set": old.name.function_set,
        "channel": old.name.channel,
        "revision": None if old.revision is None else old.revision.revision,
        "generation": old.generation,
    }
    return Write(channels.name, _position(new), where)


def _position(value: Channel) -> dict[str, Scalar]:
    return {
        "revision": None if value.revision is None else value.revision.revision,
        "release": None if value.release is None else value.release.release,
        "generation": value.generation,
        "update_time": clock.to_text(value.update_time),
        "envelope": value.envelope,
    }


def _set(row: Row[Any]) -> FunctionSet:  # Any, here and below: rows are typed by their query, which differs
    return FunctionSet(row.function_set, row.description, row.policy, row.creator, clock.from_text(row.create_time))


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        name=ChannelName(row.function_set, row.channel),
        revision=None if row.revision is None else RevisionName(row.function_set, row.revision),
        release=None if row.release is None else ReleaseName(row.function_set, row.release),
        generation=row.generation,
        update_time=clock.from_text(row.update_time),
        envelope=row.envelope,
    )


async def _revisions(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Revision]:
    table = revision_versions
    keys = [(row.function_set, row.revision) for row in rows]
    query = select(table).where(tuple_(table.c.function_set, table.c.revision).in_(keys)).order_by(table.c.function)
    held: defaultdict[tuple[str, int], list[VersionName]] = defaultdict(list)
    for row in await connection.execute(query) if keys else ():
        held[row.function_set, row.revision].append(VersionName(row.function, row.digest))
    return [
        Revision(
            name=RevisionName(row.function_set, row.revision),
            parent=None if row.parent is None else RevisionName(row.function_set, row.parent),
            versions=tuple(held[row.function_set, row.revision]),
            message=row.message,
            digest=row.digest,
            state=RevisionState(row.state),
            creator=row.creator,
            create_time=clock.from_text(row.create_time),
        )
        for row in rows
    ]
