"""How the registry changes: decided, logged, done, acknowledged, so that database and audit log never disagree.

One change at a time:

1. the plan reads the registry and decides: an audit entry and writes, or a refusal;
2. both are recorded as an intent, durably;
3. the entry is appended to the audit log, durably: from here on the change has happened;
4. the writes are done and the intent forgotten, in one transaction;
5. the caller gets its answer.

A crash before 3 leaves an intent whose entry is not in the log: it is dropped, nobody was told. A crash between 3 and 4
leaves one whose entry is in the log: its writes are done at the next start. So a change that was acknowledged is in both, and
one that is in the log is in the registry. When an append fails, only the next start can tell whether the entry reached the
disk; until then nothing changes any more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog
from jigsmith import canonical

from jigsmith_runtime import clock
from jigsmith_runtime.audit import AuditLog
from jigsmith_runtime.audit.entries import Entry
from jigsmith_runtime.errors import AlreadyExistsError, AuditUnavailableError, RequestInvalidError
from jigsmith_runtime.registry import answers
from jigsmith_runtime.registry.answers import RequestKey
from jigsmith_runtime.registry.database import Connection, Database
from jigsmith_runtime.registry.writes import Intent, Write, add_intent, carry_out, drop_intent, list_intents

_READ_AT_ONCE: Final = 1_000

_log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What a plan decided. Without an entry there is nothing to change: what was asked for is there already."""

    value: T
    """What the caller gets."""
    name: str
    """The resource's name, by which a repeated request finds it."""
    entry: Entry | None = None
    writes: tuple[Write, ...] = ()
    changes_targets: bool = False


Plan = Callable[[Connection], Awaitable[Decision[T]]]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The request was served before; this is the name of what came of it."""

    name: str


class Changes:
    """Makes changes, one at a time."""

    def __init__(self, database: Database, log: AuditLog) -> None:
        self._database = database
        self._log = log
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[object]] = set()
        self._unsettled = False
        self.epoch = 0
        """Grows whenever what names stand for begins to change: what was resolved in an older epoch may not be so any more."""
        self.moving = False
        """Whether such a change is between the log and the registry just now; `settled` waits until it is not."""

    async def make(self, plan: Plan[T], *, request: RequestKey | None = None, dry: bool = False) -> T | Repeat:
        """Make the planned change, or with `dry` only plan it. Once begun, it is finished even if the caller goes away.

        Raises what the plan raises, AlreadyExistsError if the request id was used for something else,
        AuditUnavailableError.
        """
        work = self._make(plan, request, dry=dry)
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def settled(self) -> None:
        """Wait until no change is under way."""
        async with self._lock:
            return

    async def close(self) -> None:
        """Wait for the changes that were begun."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def recover(self) -> None:
        """Finish or drop what a crash interrupted. The log must be freshly opened, or not have failed."""
        async with self._database.writing() as connection:
            for intent in await list_intents(connection):
                logged = self._is_logged(intent)
                if logged:
                    await carry_out(connection, intent.writes)
                await drop_intent(connection, intent)
                _log.warning("changes.recovered", log_size=intent.log_size, done=logged)
        self._unsettled = False

    async def _make(self, plan: Plan[T], request: RequestKey | None, *, dry: bool) -> T | Repeat:
        async with self._lock:
            if self._log.failed is not None:
                raise AuditUnavailableError(f"nothing can be changed: the audit log failed: {self._log.failed}")
            if self._unsettled:
                await self.recover()
            async with self._database.reading() as connection:
                if request is not None and (stored := await answers.find(connection, request)) is not None:
                    return _repeat(stored, request)
                decision = await plan(connection)
            if not dry:
                await self._do(decision, request)
            return decision.value

    async def _do(self, decision: Decision[T], request: RequestKey | None) -> None:
        writes = decision.writes
        if request is not None:
            writes += (answers.insertion(request, decision.name, clock.to_text(clock.now())),)
        if decision.entry is None:
            async with self._database.writing() as connection:
                await carry_out(connection, writes)
            return
        entry = canonical.encode(decision.entry)
        async with self._database.writing() as connection:
            intent = await add_intent(connection, self._log.size, entry, writes)
        # A call is accepted only in the epoch in which its name was resolved, and calling `append` fixes the
        # entry's place in the log: no call of the old revision can come after it.
        self.epoch += decision.changes_targets
        self.moving = decision.changes_targets
        try:
            await self._finish(decision.entry, intent)
        finally:
            self.moving = False

    async def _finish(self, entry: Entry, intent: Intent) -> None:
        try:
            await self._log.append(entry)
        except canonical.CanonicalError as error:
            async with self._database.writing() as connection:
                await drop_intent(connection, intent)
            raise RequestInvalidError(f"the request does not fit into an audit entry: {error}") from error
        self._unsettled = True
        async with self._database.writing() as connection:
            await carry_out(connection, intent.writes)
            await drop_intent(connection, intent)
        self._unsettled = False

    def _is_logged(self, intent: Intent) -> bool:
        position = intent.log_size
        while page := self._log.read(position, _READ_AT_ONCE):
            if any(data == intent.entry for _, data in page):
                return True
            position += len(page)
        return False


def _repeat(stored: answers.Stored, request: RequestKey) -> Repeat:
    if stored.fingerprint != request.fingerprint or stored.answer is None:
        raise AlreadyExistsError(f"the request id {request.request_id!r} was used for another request")
    return Repeat(stored.answer)
