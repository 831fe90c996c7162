"""One line per RPC: who called what, how it ended, how long it took. No tokens, no arguments, no results."""

import structlog

_log = structlog.get_logger(__name__)


def write(method: str, peer: str, ended: str, ms: float, reason: str | None) -> None:
    """Write the line of an RPC that has ended; for the reason, see `errors.Reason`. To be called in the RPC's context."""
    why = {} if reason is None else {"reason": reason}
    _log.info("rpc.ended", method=method, peer=peer, ended=ended, ms=ms, **why)
