"""What was taken out of use: revisions and function versions, by resource name. Only ever added to."""

from collections.abc import Iterable

from jigsmith.names import RevisionName, VersionName
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime import clock
from jigsmith_runtime.registry.tables import quarantines
from jigsmith_runtime.registry.writes import Write


async def find(connection: AsyncConnection, names: Iterable[object]) -> list[str]:
    """Return which of some resources are quarantined."""
    query = select(quarantines.c.name).where(quarantines.c.name.in_([str(name) for name in names]))
    return [row.name for row in await connection.execute(query.order_by(quarantines.c.name))]


async def ending_since(connection: AsyncConnection, time: str) -> list[str]:
    """Return what was quarantined at or after a time in a way that also ends running calls."""
    query = select(quarantines.c.name).where(quarantines.c.create_time >= time, quarantines.c.ends_running == 1)
    return [row.name for row in await connection.execute(query)]


def insertion(name: RevisionName | VersionName, *, principal: str, reason: str, ends_running: bool) -> Write:
    """Return the write that takes something out of use."""
    return Write(
        quarantines.name,
        {
            "name": str(name),
            "principal": principal,
            "reason": reason,
            "ends_running": int(ends_running),
            "create_time": clock.to_text(clock.now()),
        },
    )
