"""What is kept for a while only: answers to request ids, and payloads where the audit policy says for how long.

The registry keeps its versions, revisions and releases for good: they are what answers given long ago are explained by.
"""

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import Final

import structlog

from jigsmith_runtime import clock
from jigsmith_runtime.audit import AuditLog
from jigsmith_runtime.audit.entries import EntryWriter
from jigsmith_runtime.audit.payloads import AuditPolicy, PayloadStore
from jigsmith_runtime.errors import AuditUnavailableError, RegistryUnavailableError
from jigsmith_runtime.registry import answers
from jigsmith_runtime.registry.database import Database

ANSWERS_KEPT: Final = dt.timedelta(days=30)
"""How long a request id is known; sent again after that it is a new request."""

_PAUSE_S: Final = 3_600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """Forgets what is old enough."""

    database: Database
    payloads: PayloadStore
    policy: AuditPolicy
    log: AuditLog
    entries: EntryWriter

    async def run(self) -> None:
        """Forget, now and every hour, until cancelled."""
        while True:
            try:
                await self.forget(clock.now())
            except (AuditUnavailableError, RegistryUnavailableError, OSError) as error:
                _log.warning("retention.postponed", error=str(error))
            await asyncio.sleep(_PAUSE_S)

    async def forget(self, now: dt.datetime) -> None:
        """Forget what is too old at a time. Raises AuditUnavailableError, RegistryUnavailableError, OSError."""
        async with self.database.writing() as connection:
            await answers.purge(connection, clock.to_text(now - ANSWERS_KEPT))
        if self.policy.payload_days is None:
            return
        before = now - dt.timedelta(days=self.policy.payload_days)
        old = await self.payloads.older_than(before.timestamp())
        if old:
            await self.log.append(self.entries.payloads_expired(before=clock.to_text(before), count=len(old)))
            await self.payloads.drop(old)
