"""Follows what other runtimes do to the registry: what names stand for here is looked up anew within a second.

Only where the registry is shared. As long as the database answers, and says that nothing changed, what was looked up holds;
when it does not answer, that ends after a second, and nothing runs through a channel until it answers again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from jigsmith_runtime import clock
from jigsmith_runtime.changes import Changes
from jigsmith_runtime.errors import AuditUnavailableError, RegistryUnavailableError
from jigsmith_runtime.registry import quarantines, state
from jigsmith_runtime.registry.database import Database

_PAUSE_S: Final = 0.2

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def following(database: Database, changes: Changes, end_running: Callable[[str], int]) -> AsyncIterator[None]:
    """Follow a shared registry for as long as the context lasts; nothing to do for one that is not shared."""
    if not database.is_shared:
        yield
        return
    task = asyncio.create_task(_follow(database, changes, end_running))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _follow(database: Database, changes: Changes, end_running: Callable[[str], int]) -> None:
    known: int | None = None
    since = clock.to_text(clock.now())
    answering = True
    while True:
        try:
            epoch, ending = await _look(database, since)
            if epoch != known:
                changes.epoch += 1
                known = epoch
            for name in ending:
                end_running(name)
            changes.seen()
            await changes.settled()
            if not answering:
                _log.info("registry.answers_again")
            answering = True
        except (RegistryUnavailableError, AuditUnavailableError) as error:
            if answering:
                _log.warning("registry.unavailable", error=str(error))
            answering = False
        await asyncio.sleep(_PAUSE_S)


async def _look(database: Database, since: str) -> tuple[int, list[str]]:
    """Return the registry's epoch, and what was quarantined since this runtime started in a way that ends running calls."""
    async with database.reading() as connection:
        return await state.epoch(connection), await quarantines.ending_since(connection, since)
