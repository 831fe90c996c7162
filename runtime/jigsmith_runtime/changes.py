"""How the registry changes: decided, logged, done, acknowledged, so that database and audit log never disagree.

One change at a time, of all runtimes on the registry:

1. the plan reads the registry and decides: an audit entry and writes, or a refusal;
2. both are recorded as an intent, durably;
3. the entry is appended to the audit log, durably: from here on the change has happened;
4. the writes are done and the intent forgotten, in one transaction;
5. the caller gets its answer.

A crash before 3 leaves an intent whose entry is not in the log: it is dropped, nobody was told. A crash between 3 and 4
leaves one whose entry is in the log: its writes are done at the next start. So a change that was acknowledged is in both, and
one that is in the log is in the registry. When an append fails, only the next start can tell whether the entry reached the
disk; until then nothing changes any more.

Another runtime does not wait for one that crashed between 2 and 4: it voids what that one left, and goes on. Whose change was
voided finds that out when it is back, and says so in its log: `change.voided` takes the entry back.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog
from jigsmith import canonical

from jigsmith_runtime import clock, receipts
from jigsmith_runtime.audit import AuditLog
from jigsmith_runtime.audit.entries import Entry, EntryWriter
from jigsmith_runtime.errors import AlreadyExistsError, AuditUnavailableError, RequestInvalidError
from jigsmith_runtime.registry import answers, state
from jigsmith_runtime.registry.answers import RequestKey
from jigsmith_runtime.registry.database import Connection, Database
from jigsmith_runtime.registry.writes import (
    Intent,
    Write,
    add_intent,
    carry_out,
    drop_intent,
    list_intents,
    void_others,
)

STALE_S: Final = 1.0
"""How long what was read from a shared registry holds without a new look at its epoch."""

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
    observed: Entry | None = None
    """What to log before, where other runtimes share the registry: what this one's log may not know of."""


Plan = Callable[[Connection], Awaitable[Decision[T]]]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The request was served before; this is the name of what came of it."""

    name: str


class Changes:
    """Makes changes, one at a time."""

    def __init__(self, database: Database, log: AuditLog, entries: EntryWriter) -> None:
        self._database = database
        self._log = log
        self._entries = entries
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[object]] = set()
        self._unsettled = False
        self.epoch = 0
        """Grows whenever what names stand for begins to change: what was resolved in an older epoch may not be so any more."""
        self._seen_at = -math.inf if database.is_shared else math.inf
        self.moving = False
        """Whether such a change is between the log and the registry just now; `settled` sees to it that it is not."""

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

    def seen(self) -> None:
        """Note that the registry's epoch was read just now."""
        self._seen_at = time.monotonic()

    def is_fresh(self, read_at: float) -> bool:
        """Return whether what was read then (monotonic seconds) or seen since may still be relied on, in this epoch."""
        return time.monotonic() - max(self._seen_at, read_at) < STALE_S

    async def settled(self) -> None:
        """Wait until no change is under way, and finish or take back what the loss of the database left open.

        Raises RegistryUnavailableError, AuditUnavailableError.
        """
        async with self._lock:
            if self._unsettled and self._log.failed is None:
                await self.recover()

    async def close(self) -> None:
        """Wait for the changes that were begun."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def recover(self) -> None:
        """Finish, drop or take back what a crash or a lost database interrupted. The log must be freshly opened, or not failed.

        Raises RegistryUnavailableError, AuditUnavailableError.
        """
        async with self._database.changing() as connection:
            await self._recover(connection)

    async def _recover(self, connection: Connection) -> None:
        async with connection.begin():
            intents = await list_intents(connection, self._entries.node)
        for intent in intents:
            index = await asyncio.to_thread(self._index_of, intent)
            if index is not None and intent.voided:
                await self._log.append(self._entries.change_voided(index))
            async with connection.begin():
                if index is not None and not intent.voided:
                    await carry_out(connection, intent.writes)
                    await state.advance(connection)
                await drop_intent(connection, intent)
            done = index is not None and not intent.voided
            _log.warning("changes.recovered", log_size=intent.log_size, done=done, voided=intent.voided)
        self.epoch += 1
        self._unsettled = self.moving = False

    async def _make(self, plan: Plan[T], request: RequestKey | None, *, dry: bool) -> T | Repeat:
        async with self._lock:
            if self._log.failed is not None:
                raise AuditUnavailableError(f"nothing can be changed: the audit log failed: {self._log.failed}")
            async with self._database.changing() as connection:
                if self._unsettled:
                    await self._recover(connection)
                async with connection.begin():
                    if self._database.is_shared:
                        await void_others(connection, self._entries.node)
                    if request is not None and (stored := await answers.find(connection, request)) is not None:
                        return _repeat(stored, request)
                    decision = await plan(connection)
                if not dry:
                    await self._do(connection, decision, request)
                return decision.value

    async def _do(self, connection: Connection, decision: Decision[T], request: RequestKey | None) -> None:
        writes = decision.writes
        if request is not None:
            writes += (answers.insertion(request, decision.name, clock.to_text(clock.now())),)
        if decision.entry is None:
            async with connection.begin():
                await carry_out(connection, writes)
            return
        if decision.observed is not None and self._database.is_shared:
            await self._log.append(decision.observed)
        entry = canonical.encode(decision.entry)
        async with connection.begin():
            intent = await add_intent(connection, self._entries.node, self._log.size, entry, writes)
        # A call is accepted only in the epoch in which its name was resolved, and calling `append` fixes the
        # entry's place in the log: no call of the old revision can come after it.
        self.epoch += decision.changes_targets
        self.moving = decision.changes_targets
        try:
            await self._finish(connection, decision, intent)
        finally:
            # Where log and registry may have come apart, nothing is looked up until they are one again.
            self.moving = self._unsettled and decision.changes_targets

    async def _finish(self, connection: Connection, decision: Decision[T], intent: Intent) -> None:
        assert decision.entry is not None
        try:
            receipts.note(await self._log.append(decision.entry))
        except canonical.CanonicalError as error:
            async with connection.begin():
                await drop_intent(connection, intent)
            raise RequestInvalidError(f"the request does not fit into an audit entry: {error}") from error
        self._unsettled = True
        async with connection.begin():
            await drop_intent(connection, intent)
            await carry_out(connection, intent.writes)
            if decision.changes_targets:
                await state.advance(connection)
        self._unsettled = False

    def _index_of(self, intent: Intent) -> int | None:
        """Return where an intent's entry stands in the log, if it got there."""
        position = intent.log_size
        while page := self._log.read(position, _READ_AT_ONCE):
            found = next((index for index, data in page if data == intent.entry), None)
            if found is not None:
                return found
            position += len(page)
        return None


def _repeat(stored: answers.Stored, request: RequestKey) -> Repeat:
    if stored.fingerprint != request.fingerprint or stored.answer is None:
        raise AlreadyExistsError(f"the request id {request.request_id!r} was used for another request")
    return Repeat(stored.answer)
