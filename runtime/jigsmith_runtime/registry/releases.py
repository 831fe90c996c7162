"""Releases: found by name, listed newest first, changed by compare-and-swap."""

from typing import Any

from jigsmith.names import ChannelName, ReleaseName, RevisionName
from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime import clock
from jigsmith_runtime.model import Release, ReleaseState
from jigsmith_runtime.registry.tables import releases
from jigsmith_runtime.registry.writes import Scalar, Write


async def find(connection: AsyncConnection, name: ReleaseName) -> Release | None:
    """Return a release."""
    query = select(releases).where(releases.c.function_set == name.function_set, releases.c.release == name.release)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _release(row)


async def list_releases(
    connection: AsyncConnection, function_set: str | None, limit: int, before: int | None
) -> tuple[list[Release], int | None]:
    """Return one page, newest first, of a set or of all, and where the next page begins."""
    query = select(releases).order_by(releases.c.id.desc()).limit(limit + 1)
    if function_set is not None:
        query = query.where(releases.c.function_set == function_set)
    if before is not None:
        query = query.where(releases.c.id < before)
    rows = (await connection.execute(query)).all()
    return [_release(row) for row in rows[:limit]], rows[limit - 1].id if len(rows) > limit else None


async def count_pending(connection: AsyncConnection, revision: RevisionName) -> int:
    """Return how many pending releases ask for a revision."""
    query = select(func.count()).where(
        releases.c.function_set == revision.function_set,
        releases.c.revision == revision.revision,
        releases.c.state == ReleaseState.PENDING.value,
    )
    return (await connection.execute(query)).scalar_one()


async def next_release(connection: AsyncConnection, function_set: str) -> ReleaseName:
    """Return the name of the set's next release. The caller holds the lock of all changes."""
    query = select(func.max(releases.c.release)).where(releases.c.function_set == function_set)
    return ReleaseName(function_set, ((await connection.execute(query)).scalar() or 0) + 1)


def insertion(value: Release) -> Write:
    """Return the write that records a new release."""
    return Write(
        releases.name,
        {
            "function_set": value.name.function_set,
            "release": value.name.release,
            "channel": value.channel.channel,
            "revision": value.revision.revision,
            "revision_digest": value.revision_digest,
            "reason": value.reason,
            "requester": value.requester,
            "create_time": clock.to_text(value.create_time),
            **_changing(value),
        },
    )


def replacement(old: Release, new: Release) -> Write:
    """Return the write that changes a release from exactly what was seen."""
    where: dict[str, Scalar] = {
        "function_set": old.name.function_set,
        "release": old.name.release,
        "state": old.state.value,
        "generation": old.generation,
    }
    return Write(releases.name, _changing(new), where)


def _changing(value: Release) -> dict[str, Scalar]:
    return {
        "state": value.state.value,
        "previous_revision": None if value.previous_revision is None else value.previous_revision.revision,
        "previous_release": None if value.previous_release is None else value.previous_release.release,
        "reviewer": value.reviewer,
        "review_reason": value.review_reason,
        "update_time": clock.to_text(value.update_time),
        "generation": value.generation,
    }


def _release(row: Row[Any]) -> Release:  # Any: rows are typed by their query, which differs
    def revision(number: int | None) -> RevisionName | None:
        return None if number is None else RevisionName(row.function_set, number)

    return Release(
        name=ReleaseName(row.function_set, row.release),
        channel=ChannelName(row.function_set, row.channel),
        revision=RevisionName(row.function_set, row.revision),
        revision_digest=row.revision_digest,
        reason=row.reason,
        state=ReleaseState(row.state),
        previous_revision=revision(row.previous_revision),
        previous_release=None if row.previous_release is None else ReleaseName(row.function_set, row.previous_release),
        requester=row.requester,
        reviewer=row.reviewer,
        review_reason=row.review_reason,
        create_time=clock.from_text(row.create_time),
        update_time=clock.from_text(row.update_time),
        generation=row.generation,
    )
