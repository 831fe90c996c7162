"""Refusals in the audit log: counted as they happen, written once a second, one entry for each principal.

Those for want of room have no lines of their own in the log that people read, so they are told there by their count, too.

A flood of requests that are not served must not flood the log, and must not go unseen either. A crash loses the counts of the
second in which it happens, and nothing else.
"""

import asyncio
from collections import Counter, defaultdict
from typing import Final

import structlog

from jigsmith_runtime import clock
from jigsmith_runtime.audit import AuditLog
from jigsmith_runtime.audit.entries import Entry, EntryWriter
from jigsmith_runtime.errors import AuditUnavailableError, Reason, RuntimeFault

NOBODY: Final = "unauthenticated"
"""Stands for all callers without valid credentials."""

_SUMMARY_S: Final = 1.0
_NOT_REFUSED: Final = frozenset({Reason.CANCELLED, Reason.AUDIT_UNAVAILABLE})
"""Ends that nobody decided on, and the one that cannot be logged."""

_log = structlog.get_logger(__name__)


class Refusals:
    """Counts what is refused. `close` writes what was counted last."""

    def __init__(self, log: AuditLog, entries: EntryWriter) -> None:
        self._log = log
        self._entries = entries
        self._counts: defaultdict[str, Counter[tuple[str, Reason]]] = defaultdict(Counter)
        self._since = ""
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def count(self, principal: str, method: str, fault: RuntimeFault) -> None:
        """Count a request that ended in a fault before anything was run for it."""
        if fault.ran or fault.reason in _NOT_REFUSED:
            return
        if self._timer is None:
            self._since = clock.to_text(clock.now())
            self._timer = asyncio.get_running_loop().call_later(_SUMMARY_S, self._write)
        self._counts[principal][method, fault.reason] += 1

    async def close(self) -> None:
        """Write what was counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._write()
        await asyncio.gather(*self._writing)

    def _write(self) -> None:
        counts, self._counts, self._timer = self._counts, defaultdict(Counter), None
        task = asyncio.create_task(self._append(counts, self._since))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _append(self, counts: dict[str, Counter[tuple[str, Reason]]], since: str) -> None:
        for principal, counted in counts.items():
            _tell_overload(principal, counted)
            refusals: list[Entry] = [
                {"method": method, "reason": reason.value, "count": count}
                for (method, reason), count in sorted(counted.items())
            ]
            try:
                await self._log.append(self._entries.requests_refused(principal, since=since, refusals=refusals))
            except AuditUnavailableError as error:
                _log.warning("refusals.not_logged", principal=principal, count=counted.total(), error=str(error))


def _tell_overload(principal: str, counted: Counter[tuple[str, Reason]]) -> None:
    for (method, reason), count in counted.items():
        if reason is Reason.QUEUE_FULL:
            _log.info("rpc.refused", method=method, principal=principal, reason=reason.value, count=count)
