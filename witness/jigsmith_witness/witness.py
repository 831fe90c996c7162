"""What a witness decides: a checkpoint is cosigned if its log signed it and it begins with what was cosigned last.

The steps are those of c2sp.org/tlog-witness, "add-checkpoint". What was seen is durable before the cosignature leaves.
"""

import threading
import time
from collections.abc import Iterable
from typing import Final

import structlog
from jigsmith.tlog import EMPTY_ROOT, Checkpoint, NoteError, NoteVerifier, root_from_consistency
from jigsmith.tlog.merkle import ProofError

from jigsmith_witness.errors import (
    ConflictError,
    ForkError,
    InconsistentError,
    StateUnwritableError,
    UnknownLogError,
    UntrustedError,
)
from jigsmith_witness.folder import Seen, WitnessFolder
from jigsmith_witness.requests import AddCheckpoint

_NOTHING_SEEN: Final = (0, EMPTY_ROOT)
_log = structlog.get_logger(__name__)


class Witness:
    """Cosigns the checkpoints of the logs whose keys it was given. Safe for threads: per log, one request at a time."""

    def __init__(self, folder: WitnessFolder, keys: Iterable[NoteVerifier]) -> None:
        """Read what was cosigned last. A log may have several keys; its origin is their name. Raises FolderError."""
        self._folder = folder
        self._logs: dict[str, _WitnessedLog] = {}
        for key in keys:
            if key.name not in self._logs:
                self._logs[key.name] = _WitnessedLog(folder, folder.seen(key.name))
            self._logs[key.name].keys.append(key)

    @property
    def key(self) -> str:
        """The public key of the cosignatures."""
        return str(self._folder.signer.verifier)

    def sizes(self) -> dict[str, int | None]:
        """Return, by origin, the size that was cosigned last; None for a log of which nothing was cosigned yet."""
        return {origin: log.seen.checkpoint.size if log.seen else None for origin, log in self._logs.items()}

    def add_checkpoint(self, body: bytes) -> str:
        """Return the cosignature line for an add-checkpoint request. Blocks for the disk.

        Raises a RefusedError, or StateUnwritableError.
        """
        request = AddCheckpoint.parse(body)
        log = self._logs.get(request.checkpoint.origin)
        if log is None:
            raise UnknownLogError("this witness was not given the key of that log")
        with log.lock:
            return log.add(request)


class _WitnessedLog:
    """One log: who signs it, and what was cosigned last."""

    def __init__(self, folder: WitnessFolder, seen: Seen | None) -> None:
        self.keys: list[NoteVerifier] = []
        self.seen = seen
        self.lock = threading.Lock()
        self._folder = folder

    def add(self, request: AddCheckpoint) -> str:
        note = self._signed(request.note)
        try:
            self._check_grown(request)
        except (ForkError, InconsistentError) as error:
            # The log signed this, so it may prove that the log was rewritten: whoever reads the line has the evidence.
            _log.warning("witness.refused", status=error.status, reason=str(error), old=request.old_size, note=note)
            raise
        return self._cosigned(note, request.checkpoint)

    def _signed(self, note: str) -> str:
        """Return the note with the log's signature alone."""
        reasons = []
        for key in self.keys:
            try:
                return key.open_alone(note)
            except NoteError as error:
                reasons.append(str(error))
        raise UntrustedError("; ".join(reasons))

    def _check_grown(self, request: AddCheckpoint) -> None:
        """Raise unless the checkpoint's tree begins with the one that was cosigned last."""
        checkpoint = request.checkpoint
        known_size, known_root = (self.seen.checkpoint.size, self.seen.checkpoint.root) if self.seen else _NOTHING_SEEN
        if known_size == checkpoint.size and checkpoint.root != known_root:
            if self.seen is None:
                raise InconsistentError("a tree of size 0 has another root")
            raise ForkError(f"another tree of the size {known_size} was cosigned", known_size)
        if request.old_size != known_size:
            raise ConflictError(f"the tree that was cosigned last has the size {known_size}", known_size)
        if known_size == 0:
            if request.proof:
                raise InconsistentError("no proof leads from a tree of size 0; it must be empty")
            return
        try:
            roots = root_from_consistency(known_root, known_size, checkpoint.size, request.proof)
        except ProofError as error:
            raise InconsistentError(str(error)) from error
        if roots != (known_root, checkpoint.root):
            raise InconsistentError(f"the proof does not lead from the tree of size {known_size} to this one")

    def _cosigned(self, note: str, checkpoint: Checkpoint) -> str:
        now_s = int(time.time())
        line = self._folder.signer.cosign(checkpoint.text(), now_s)
        seen = Seen(checkpoint, note + line, now_s)
        try:
            self._folder.keep(seen)
        except OSError as error:
            _log.error("witness.unwritable", error=error.strerror, errno=error.errno)
            raise StateUnwritableError("the witness cannot keep what it saw, and cosigns nothing") from error
        self.seen = seen
        return line
