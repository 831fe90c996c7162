"""Changes as data: rows to insert, rows to update where they are as expected. Data, so that a crash cannot lose half of one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, TypeAlias

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime.registry.tables import intents, metadata

_PENDING: Final = "pending"
_VOIDED: Final = "voided"

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
    voided: bool = False
    """Whether another runtime, which found it left behind, has decided that it does not come about."""


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


async def add_intent(
    connection: AsyncConnection, node: str, log_size: int, entry: bytes, writes: tuple[Write, ...]
) -> Intent:
    """Record a node's intent and return it."""
    text = json.dumps([asdict(write) for write in writes])
    values = {"node": node, "state": _PENDING, "log_size": log_size, "entry": entry.decode(), "writes": text}
    row = insert(intents).values(values).returning(intents.c.id)
    return Intent((await connection.execute(row)).scalar_one(), log_size, entry, writes)


async def drop_intent(connection: AsyncConnection, intent: Intent) -> None:
    """Forget an intent. Raises WriteConflictError if somebody else decided on it meanwhile."""
    state = _VOIDED if intent.voided else _PENDING
    result = await connection.execute(delete(intents).where(intents.c.id == intent.intent_id, intents.c.state == state))
    if result.rowcount != 1:
        raise WriteConflictError("another runtime has voided this change")


async def void_others(connection: AsyncConnection, node: str) -> int:
    """Void what other nodes left behind in the middle of a change; return how many there were.

    To be called with the right to change: then none of them is in the middle of one with that right.
    """
    others = intents.c.node != node, intents.c.state == _PENDING
    return (await connection.execute(update(intents).where(*others).values(state=_VOIDED))).rowcount


async def list_intents(connection: AsyncConnection, node: str) -> list[Intent]:
    """Return the intents of a node that remain, oldest first."""
    rows = await connection.execute(select(intents).where(intents.c.node == node).order_by(intents.c.id))
    return [
        Intent(
            row.id,
            row.log_size,
            row.entry.encode(),
            tuple(Write(**write) for write in json.loads(row.writes)),
            voided=row.state == _VOIDED,
        )
        for row in rows
    ]
