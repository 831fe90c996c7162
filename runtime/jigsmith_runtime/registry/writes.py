"""Changes as data: rows to insert, rows to update where they are as expected. Data, so that a crash cannot lose half of one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime.registry.tables import intents, metadata

Scalar: TypeAlias = str | int | None


class WriteConflictError(Exception):
    """A row was not as a write expected it: someone else changed the database."""


@dataclass(frozen=True, slots=True)
class Write:
    """One row: inserted, or, with `where`, updated. An update must meet exactly one row: compare-and-swap."""

    table: str
    values: Mapping[str, Scalar]
    where: Mapping[str, Scalar] | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A change that was decided, with the audit entry that makes it so."""

    intent_id: int
    log_size: int
    """The log's size before the entry was appended: nothing before it can be the entry."""
    entry: bytes
    """Canonical JSON, byte for byte as it is or would be in the log."""
    writes: tuple[Write, ...]


async def carry_out(connection: AsyncConnection, writes: Iterable[Write]) -> None:
    """Do the writes, in order. Raises WriteConflictError; the caller's transaction decides what remains."""
    for write in writes:
        table = metadata.tables[write.table]
        if write.where is None:
            await connection.execute(insert(table).values(**write.values))
        else:
            conditions = [table.c[column] == value for column, value in write.where.items()]
            result = await connection.execute(update(table).where(*conditions).values(**write.values))
            if result.rowcount != 1:
                raise WriteConflictError(f"{write.table}: {result.rowcount} rows are as expected, not 1")


async def add_intent(connection: AsyncConnection, log_size: int, entry: bytes, writes: tuple[Write, ...]) -> Intent:
    """Record an intent and return it."""
    text = json.dumps([asdict(write) for write in writes])
    row = insert(intents).values(log_size=log_size, entry=entry.decode(), writes=text).returning(intents.c.id)
    return Intent((await connection.execute(row)).scalar_one(), log_size, entry, writes)


async def drop_intent(connection: AsyncConnection, intent: Intent) -> None:
    """Forget an intent."""
    await connection.execute(delete(intents).where(intents.c.id == intent.intent_id))


async def list_intents(connection: AsyncConnection) -> list[Intent]:
    """Return the intents that remain, oldest first."""
    rows = await connection.execute(select(intents).order_by(intents.c.id))
    return [
        Intent(row.id, row.log_size, row.entry.encode(), tuple(Write(**write) for write in json.loads(row.writes)))
        for row in rows
    ]
