"""Keeps the log cosigned by a witness, in the background: no call ever waits for it.

What goes wrong is told once, when it begins, and the way back is told too: a witness that is away for a day leaves two lines.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from jigsmith.tlog import Checkpoint, CosignatureVerifier

from jigsmith_runtime.audit.cosigning import Cosigner, WitnessRefusedError, WitnessUnreachableError

_PAUSE_S: Final = 1.0
"""The shortest time between two requests."""
_PAUSE_S_MAX: Final = 30.0
"""The longest, while the witness does not cosign."""
_WHAT_TO_DO: Final = (
    "this log is not the one that the witness saw: it was rolled back (a restored backup?) or rewritten. Keep the folder and "
    "the witness's checkpoint as evidence, and run `jigsmith audit verify` with both"
)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """What witnessing needs of a log."""

    newest: Callable[[], str]
    """Return the newest signed checkpoint."""
    prove: Callable[[int, int], Awaitable[Sequence[bytes]]]
    """Return the consistency proof between two sizes, neither 0 nor equal, that are not above the newest checkpoint's."""
    store: Callable[[str], Awaitable[None]]
    """Keep a cosigned checkpoint; it replaces the one before."""


class ForkedError(Exception):
    """The witness cosigned a tree that this log does not begin with."""


class Witnessing:
    """Has the newest checkpoint cosigned whenever there is a new one; one request at a time."""

    def __init__(self, cosigner: Cosigner, log: WitnessedLog) -> None:
        self._cosigner = cosigner
        self._log = log
        self._cosigned_note: str | None = None
        self._cosigned_size = 0  # at first unknown: the witness tells, by refusing
        self._condition = ""

    async def run(self) -> None:
        """Go on until cancelled."""
        pause_s = _PAUSE_S
        while True:
            pause_s = _PAUSE_S if await self._round() else min(2 * pause_s, _PAUSE_S_MAX)
            await asyncio.sleep(pause_s)

    async def _round(self) -> bool:
        """Have the newest checkpoint cosigned if it is not; return whether it is now."""
        note = self._log.newest()
        if note == self._cosigned_note:
            return True
        try:
            size = await self._cosign(note)
        except WitnessUnreachableError as error:
            self._tell("witness.unreachable", error=str(error))
        except WitnessRefusedError as error:
            self._tell("witness.refused", error=str(error))
        except ForkedError as error:
            self._tell("witness.refused", forked=True, error=str(error), what_to_do=_WHAT_TO_DO)
        except Exception as error:  # noqa: BLE001 - whatever the log or its disk raises, witnessing goes on
            self._tell("witness.failed", error=f"{type(error).__name__}: {error}")
        else:
            self._cosigned_note, self._cosigned_size = note, size
            self._tell("witness.caught_up", size=size)
            return True
        return False

    async def _cosign(self, note: str) -> int:
        """Return the size of a checkpoint that is now cosigned and stored."""
        size = Checkpoint.parse(note.partition("\n\n")[0] + "\n").size
        try:
            cosigned = await self._cosign_from(self._cosigned_size, size, note)
        except WitnessRefusedError as error:
            if error.status != 409 or error.size is None or error.size == self._cosigned_size != size:
                raise
            if error.size > size:
                raise ForkedError(f"the witness cosigned {error.size} entries of this log, which has {size}") from error
            cosigned = await self._cosign_from(error.size, size, note)
        await self._log.store(cosigned)
        return size

    async def _cosign_from(self, old_size: int, size: int, note: str) -> str:
        proof = await self._log.prove(old_size, size) if 0 < old_size < size else []
        try:
            return await self._cosigner.cosign(note, old_size, proof)
        except WitnessRefusedError as error:
            if error.status == 422 or (error.status == 409 and error.size == old_size == size):
                raise ForkedError(
                    f"the first {old_size} entries are not those that the witness cosigned ({error})"
                ) from error
            raise

    def _tell(self, event: str, *, forked: bool = False, **facts: object) -> None:
        condition = f"{event} {forked}"
        if condition == self._condition:
            return
        self._condition = condition
        level = _log.error if forked else _log.info if event == "witness.caught_up" else _log.warning
        level(event, witness=self._cosigner.url, **facts)


@asynccontextmanager
async def kept_cosigned(url: str, verifier: CosignatureVerifier, log: WitnessedLog) -> AsyncIterator[None]:
    """Keep a log cosigned by the witness at a URL for as long as the context lasts. Raises WitnessUrlError."""
    async with Cosigner.connected(url, verifier) as cosigner:
        task = asyncio.create_task(Witnessing(cosigner, log).run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
