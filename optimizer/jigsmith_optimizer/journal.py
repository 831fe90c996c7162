"""What a run has paid for, kept so that it is never paid for twice: answers, rollouts, registrations, revisions.

A run is a deterministic program around costly steps. Each step has a kind and inputs, and its result is durable in the journal
before the run goes on. To resume after a crash is to run the same program again: what is in the journal costs nothing, and the
program reaches the point where it was cut off. To replay is the same, with no step left to pay for. Only what was under way
when the process was killed, and had not answered yet, is asked for again.

SQLite (sqlite.org), one file. Results that become ready while one commit is being synced share the next.
"""

import asyncio
import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from jigsmith.canonical import JsonValue, digest

_VERSION: Final = 2
_ROWS: Final = 256
"""Read at a time."""
_FINISH_S: Final = 10.0
"""How long to wait at the end for what is paid for and under way."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS results (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT;
"""

Result = Any
"""JSON, floats included: what a step gave."""


class JournalError(Exception):
    """The journal cannot be used for this; the message says what to do."""


class NotJournalledError(JournalError):
    """A replay has come to the end of what the journal holds."""


class JournalStorageError(JournalError):
    """The disk or the file system refuses: what is in the journal stays, and nothing more can be kept."""


class Journal:
    """A run's results. An async context manager; one process at a time."""

    def __init__(self, path: Path, *, replay: bool = False) -> None:
        """With `replay`, what is not in the journal cannot be had. Raises JournalError if another process holds it."""
        self._path, self._replay = path, replay
        self._connection = _open(path)
        self._thread = ThreadPoolExecutor(1, "journal")
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, str, str]] = []
        self._commit: asyncio.Task[None] | None = None
        self._under_way: dict[tuple[str, str], asyncio.Task[Result]] = {}
        self._waiters: Counter[asyncio.Task[Result]] = Counter()

    async def __aenter__(self) -> Self:
        """Return the journal."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the journal."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the file, when what is paid for has come in."""
        await self.settle()
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        self.close()

    async def settle(self) -> None:
        """Wait for what is paid for and under way, if nobody else does any more."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=_FINISH_S)

    def close(self) -> None:
        """Close the file; what was given out is in it."""
        self._thread.shutdown()
        with self._statements() as connection:
            connection.close()

    @contextmanager
    def _statements(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to one thread at a time. Raises JournalStorageError for whatever SQLite meets."""
        try:
            with self._lock:
                yield self._connection
        except sqlite3.Error as error:
            raise JournalStorageError(
                f"{self._path} cannot be read or written ({error}): see whether the disk is full or a limit on files is reached"
            ) from error

    # --- facts: what the run is

    def fact(self, name: str) -> Result | None:
        """Return what was kept under a name, or None."""
        with self._statements() as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep(self, name: str, value: Result, *, synced: bool = True) -> None:
        """Keep a value under a name.

        It outlives the process when this returns, and a power failure, too, if it is `synced`; else once the next result is.
        """
        with self._statements() as connection:
            if not synced:
                connection.execute(
                    "PRAGMA synchronous = NORMAL"
                )  # no fsync, which would cost each request milliseconds
            try:
                with connection:
                    connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))
            finally:
                if not synced:
                    connection.execute("PRAGMA synchronous = FULL")

    def digest(self) -> str:
        """Return the sha256 over all facts and results, whatever the order in which they were written."""
        found = hashlib.sha256()
        for query in ("SELECT name, value FROM facts ORDER BY name", "SELECT * FROM results ORDER BY kind, key"):
            for row in self._rows(query):
                found.update(json.dumps(row).encode() + b"\n")
        return found.hexdigest()

    def _rows(self, query: str, *values: str) -> Iterator[tuple[str, ...]]:
        """Yield the rows of a query without holding all of them."""
        with self._statements() as connection:
            cursor = connection.execute(query, values)
        while True:
            with self._statements():
                rows: list[tuple[str, ...]] = cursor.fetchmany(_ROWS)
            if not rows:
                return
            yield from rows

    # --- results: what was paid for

    async def once(
        self, kind: str, inputs: JsonValue, step: Callable[[], Awaitable[Result]], *, finish: bool = False
    ) -> Result:
        """Return the result of a step with these inputs; take it only if the journal does not know it.

        The same step asked for twice at a time is taken once. With `finish`, a step that was begun goes on although nobody
        waits for it any more, because it is paid for. Raises what the step raises, and JournalError in a replay.
        """
        key = kind, digest(inputs)
        known = self._find(*key)
        if known is not None:
            return json.loads(known)
        if key not in self._under_way:
            if self._replay:
                raise NotJournalledError(
                    f"{self._path} does not hold this {kind}: the run was not finished, or by other code; --resume goes on"
                )
            task = self._under_way[key] = asyncio.create_task(self._take(key, step))
            task.add_done_callback(lambda done: self._ended(key, done))
        task = self._under_way[key]
        self._waiters[task] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiters[task] -= 1
            if not self._waiters[task]:
                del self._waiters[task]
                if not finish:
                    task.cancel()

    def _ended(self, key: tuple[str, str], task: asyncio.Task[Result]) -> None:
        del self._under_way[key]
        _heard(task)

    async def _take(self, key: tuple[str, str], step: Callable[[], Awaitable[Result]]) -> Result:
        value = await step()
        await self._write(*key, json.dumps(value))
        return value

    def _find(self, kind: str, key: str) -> str | None:
        with self._statements() as connection:
            query = "SELECT value FROM results WHERE kind = ? AND key = ?"
            row: tuple[str] | None = connection.execute(query, (kind, key)).fetchone()
        return None if row is None else row[0]

    def each(self, kind: str) -> Iterator[Result]:
        """Yield every result of a kind, in the order in which they were written."""
        for (value,) in self._rows("SELECT value FROM results WHERE kind = ? ORDER BY rowid", kind):
            yield json.loads(value)

    def all(self, kind: str) -> list[Result]:
        """Return every result of a kind, in the order in which they were written."""
        return list(self.each(kind))

    async def _write(self, kind: str, key: str, value: str) -> None:
        """Make a result durable, together with whatever else is waiting."""
        self._waiting.append((kind, key, value))
        while (kind, key, value) in self._waiting:  # the commit that takes it may be the next one
            if self._commit is None or self._commit.done():
                self._commit = asyncio.create_task(self._commit_waiting())
                self._commit.add_done_callback(_heard)
            await asyncio.shield(self._commit)

    async def _commit_waiting(self) -> None:
        rows = list(self._waiting)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._insert, rows)
        self._waiting = [row for row in self._waiting if row not in rows]

    def _insert(self, rows: list[tuple[str, str, str]]) -> None:
        with self._statements() as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)


def _heard(task: asyncio.Task[Any]) -> None:  # Any: whatever it gives
    """Take note of how a task ended: there may be nobody left who waits for it."""
    if not task.cancelled():
        task.exception()


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=0.5, check_same_thread=False)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, _VERSION):
            raise JournalError(f"{path} was written by another version (form {found}, this one writes {_VERSION})")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("BEGIN IMMEDIATE")
        connection.commit()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise JournalError(f"{path}: another run uses it: wait for its end, or choose another --out") from error
        raise JournalStorageError(
            f"{path} cannot be opened ({error}): see whether the folder may be written to, and whether the disk is full"
        ) from error
    except sqlite3.DatabaseError as error:
        raise JournalError(f"{path} is no journal: {error}") from error
    return connection
