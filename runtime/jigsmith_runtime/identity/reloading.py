"""Follows the principals file: a new one takes effect within a second, a broken one does not."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from jigsmith_runtime.identity.credentials import Credentials
from jigsmith_runtime.identity.principals import Principals, PrincipalsFileError

_PAUSE_S: Final = 1.0

_log = structlog.get_logger(__name__)


async def follow(path: Path, credentials: Credentials, now: asyncio.Event) -> None:
    """Take over each new version of the file until cancelled; `now` has it looked at at once."""
    seen = _state(path)
    while True:
        try:
            async with asyncio.timeout(_PAUSE_S):
                await now.wait()
        except TimeoutError:
            pass
        state = _state(path)
        if state == seen and not now.is_set():
            continue
        now.clear()
        seen = state
        try:
            credentials.principals = await asyncio.to_thread(Principals.load, path)
        except PrincipalsFileError as error:
            _log.error("principals.reload_failed", error=str(error), meaning="who could call before still can")
        else:
            _log.info("principals.reloaded", principals=len(credentials.principals))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
