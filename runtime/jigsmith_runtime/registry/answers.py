"""What request ids were answered with, so that a repeated request is not served twice."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime.registry.tables import answers
from jigsmith_runtime.registry.writes import Write


@dataclass(frozen=True, slots=True)
class RequestKey:
    """One request, as its sender named it."""

    principal: str
    request_id: str
    fingerprint: str
    """A digest of the method and the contents: the same id with another one is another request."""
    node: str = ""
    """Who serves it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a request id."""

    fingerprint: str
    answer: str | None
    """None while the request is being served."""


async def find(connection: AsyncConnection, key: RequestKey) -> Stored | None:
    """Return what is stored for a principal's request id."""
    row = (await connection.execute(select(answers).where(*_is(key)))).one_or_none()
    return None if row is None else Stored(row.fingerprint, row.answer)


def insertion(key: RequestKey, answer: str, time: str) -> Write:
    """Return the write that stores an answer beside the change that it is for."""
    return Write(answers.name, _row(key, answer, time))


async def begin(connection: AsyncConnection, key: RequestKey, time: str) -> Stored | None:
    """Claim a request id. Returns None if it was free, else what is stored for it."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = insert(answers).values(**_row(key, None, time)).on_conflict_do_nothing()
    return None if (await connection.execute(row)).rowcount == 1 else await find(connection, key)


async def finish(connection: AsyncConnection, key: RequestKey, answer: str) -> None:
    """Store the answer to a claimed request id."""
    await connection.execute(update(answers).where(*_is(key)).values(answer=answer))


async def give_back(connection: AsyncConnection, key: RequestKey) -> None:
    """Free a claimed request id, because nothing was done."""
    await connection.execute(delete(answers).where(*_is(key), answers.c.answer.is_(None)))


async def close_unfinished(connection: AsyncConnection, node: str, answer: str) -> int:
    """Store one answer for every request that a node was serving when it stopped; return how many."""
    unanswered = answers.c.answer.is_(None), answers.c.node == node
    result = await connection.execute(update(answers).where(*unanswered).values(answer=answer))
    return result.rowcount


async def purge(connection: AsyncConnection, before: str) -> None:
    """Forget the answers given before a time."""
    await connection.execute(delete(answers).where(answers.c.create_time < before))


def _is(key: RequestKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return answers.c.principal == key.principal, answers.c.request_id == key.request_id


def _row(key: RequestKey, answer: str | None, time: str) -> Mapping[str, str | None]:
    return {
        "principal": key.principal,
        "request_id": key.request_id,
        "fingerprint": key.fingerprint,
        "answer": answer,
        "create_time": time,
        "node": key.node,
    }
