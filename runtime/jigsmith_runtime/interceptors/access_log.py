"""One line per RPC: who called what, how it ended, how long it took. No tokens, no arguments, no results.

Refusals for want of room are counted, and written once a second: an overload must not be made worse by writing about it.
"""

import asyncio
import contextvars
from collections import Counter
from typing import Final

import structlog

from jigsmith_runtime.errors import Reason
from jigsmith_runtime.interceptors.identity import caller_name

_SUMMARY_S: Final = 1.0

_log = structlog.get_logger(__name__)
_refused: Counter[tuple[str, str]] = Counter()


def write(method: str, peer: str, ended: str, ms: float, reason: str | None) -> None:
    """Write the line of an RPC that has ended; for the reason, see `errors.Reason`. To be called in the RPC's context."""
    if reason == Reason.QUEUE_FULL:
        _count(method, caller_name())
    else:
        why = {} if reason is None else {"reason": reason}
        _log.info("rpc.ended", method=method, peer=peer, ended=ended, ms=ms, **why)


def _count(method: str, principal: str) -> None:
    """Count a refusal; the first in a second has all of that second written at its end."""
    if not _refused:
        asyncio.get_running_loop().call_later(_SUMMARY_S, _write_refused, context=contextvars.Context())
    _refused[method, principal] += 1


def _write_refused() -> None:
    for (method, principal), count in _refused.items():
        _log.info("rpc.refused", method=method, principal=principal, reason=Reason.QUEUE_FULL.value, count=count)
    _refused.clear()
