"""The writer: one per node. Group commit without a timer, fail closed.

All entries that queue up while the last fdatasync runs go out together in the next one. A failed write or sync is never
tried again, because the kernel may have dropped the pages: the log is marked failed, and with it everything that needs it.

Leaf hashes and checkpoint follow from the entries: a crash that loses them loses nothing. They are written a moment later, for
all entries of that moment at once, so they cost the calls no time; `signed` has them written now.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from jigsmith import canonical
from jigsmith.canonical import JsonValue
from jigsmith.tlog import Checkpoint, NoteError, NoteSigner, Tree, inclusion_proof, leaf_hash, tiles

from jigsmith_runtime.audit.storage import LogStorage
from jigsmith_runtime.audit.thread import WorkThread
from jigsmith_runtime.errors import AuditUnavailableError

_PUBLISH_DELAY_S: Final = 0.2
"""How long an entry may be durable without a checkpoint that covers it."""
_QUICK_COMMIT_S: Final = 0.002
_WEIGHT_OF_NEWEST: Final = 0.2
_UNSIGNED_MAX: Final = 1_024
"""How many may be, however quickly they come."""


class LogCorruptError(Exception):
    """What is on disk is not what was signed. Nothing is repaired: the log must be looked at (`jigsmith audit verify`)."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an entry stands."""

    log_origin: str
    index: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that was accepted and, because of a crash, has no terminal entry."""

    index: int
    invocation: str
    principal: str


_Waiting = tuple[bytes, "asyncio.Future[Receipt]"]


class AuditLog:
    """The node's log. Open it with `open`, close it with `close`."""

    def __init__(self, storage: LogStorage, signer: NoteSigner) -> None:
        self._storage = storage
        self._signer = signer
        self.origin = signer.verifier.name
        self._tree = Tree()
        self._leaves: list[bytes] = []
        self._signed = (0, "")  # size and checkpoint, replaced together: the writing thread does it
        self._open_calls: list[OpenCall] = []
        self._waiting: list[_Waiting] = []
        self._committing = False
        self._commit_s = 0.0
        """How long a commit takes, as of late."""
        self._publishing = False
        self._publish_timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._failure: str | None = None
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._thread = WorkThread("audit")

    @classmethod
    async def open(cls, directory: Path, *, signer: NoteSigner) -> Self:
        """Open or create the log in a folder; its origin is the signer's name.

        Raises LogCorruptError naming what does not fit, BlockingIOError if another process writes there, OSError.
        """
        log = cls(LogStorage(directory), signer)
        try:
            await log._thread.do(log._recover)
        except BaseException:
            log._thread.close()
            raise
        return log

    @property
    def size(self) -> int:
        """How many entries are durable."""
        return self._tree.size

    @property
    def failed(self) -> str | None:
        """Why the log takes no more entries, or None."""
        return self._failure

    @property
    def verifier_key(self) -> str:
        """The public key in the C2SP form, for those who verify."""
        return str(self._signer.verifier)

    def checkpoint(self) -> str:
        """Return the newest signed checkpoint."""
        return self._signed[1]

    async def signed(self) -> None:
        """Return when a checkpoint covers all entries that are durable now. Raises AuditUnavailableError."""
        wanted = self.size
        while self._signed[0] < wanted:
            if self._failure is not None:
                raise AuditUnavailableError(f"the audit log takes no entries: {self._failure}")
            self._publish_now()
            await self._change()

    def open_calls(self) -> list[OpenCall]:
        """Return the calls that a crash left open, as found when the log was opened."""
        return list(self._open_calls)

    async def append(self, entry: Mapping[str, JsonValue], *, alone: bool = False) -> Receipt:
        """Add an entry; it is durable when this returns. Raises AuditUnavailableError, CanonicalError.

        With `alone`, nobody else is being served: the event loop waits for a quick disk itself, because handing the work to a
        thread and back takes about as long as the disk does.
        """
        data = canonical.encode(entry)
        if len(data) > tiles.ENTRY_BYTES_MAX:
            raise canonical.CanonicalError(f"an entry of {len(data)} bytes; at most {tiles.ENTRY_BYTES_MAX} fit")
        if self._failure is not None or self._closing:
            raise AuditUnavailableError(f"the audit log takes no entries: {self._failure or 'it is being closed'}")
        durable: asyncio.Future[Receipt] = self._loop.create_future()
        self._waiting.append((data, durable))
        if not self._committing:
            if alone and not self._publishing and self._commit_s < _QUICK_COMMIT_S:
                self._commit_here()
            else:
                self._commit_waiting()
        return await asyncio.shield(durable)

    def read(self, start: int, count: int) -> list[tuple[int, bytes]]:
        """Return up to `count` entries from index `start` on, with their indexes."""
        found: list[tuple[int, bytes]] = []
        position, end = max(0, start), min(self.size, start + count)
        while position < end:
            number, used = divmod(position, tiles.WIDTH)
            with contextlib.suppress(tiles.BundleError):
                entries = tiles.unpack(self._storage.bundle(number))
            entries = entries[used : used + end - position]
            found += enumerate(entries, position)
            position += len(entries)
        return found

    def inclusion_proof(self, index: int) -> tuple[int, list[bytes], str]:
        """Return (tree size, proof, checkpoint) for the newest checkpoint. Raises IndexError if the entry is not in it."""
        size, note = self._signed
        if not 0 <= index < size:
            raise IndexError(f"the log has {size} entries; there is no entry {index}")
        return size, inclusion_proof(self._leaves[:size], index), note

    async def close(self) -> None:
        """Make durable and sign what there is, then stop."""
        self._closing = True
        while self._committing or self._publishing:
            await self._change()
        if self._failure is None and self._signed[0] < self.size:
            with contextlib.suppress(AuditUnavailableError):
                await self.signed()
        if self._publish_timer is not None:
            self._publish_timer.cancel()
        await self._thread.do(lambda: self._storage.__exit__(None, None, None))
        self._thread.close()

    async def _change(self) -> None:
        """Wait until the thread has reported something."""
        self._changed.clear()
        await self._changed.wait()

    # --- group commit

    def _commit_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        self._committing = True
        entries, first = [data for data, _ in batch], self.size
        self._thread.submit(lambda: self._commit(entries), lambda _, error: self._committed(batch, first, error))

    def _commit_here(self) -> None:
        batch, self._waiting = self._waiting, []
        first, failure = self.size, None
        try:
            self._commit([data for data, _ in batch])
        except OSError as error:
            failure = error
        self._committed(batch, first, failure)

    def _committed(self, batch: list[_Waiting], first: int, error: OSError | None) -> None:
        self._committing = False
        self._changed.set()
        if error is not None:
            self._fail(batch, f"{error.strerror} (errno {error.errno})")
            return
        for index, (_, durable) in enumerate(batch, first):
            if not durable.done():
                durable.set_result(Receipt(self.origin, index, self._leaves[index]))
        if self._waiting:
            self._commit_waiting()
        if self.size - self._signed[0] >= _UNSIGNED_MAX:
            self._publish_now()
        elif self._publish_timer is None:
            self._publish_timer = self._loop.call_later(_PUBLISH_DELAY_S, self._publish_now)

    def _publish_now(self) -> None:
        if self._publish_timer is not None:
            self._publish_timer.cancel()
            self._publish_timer = None
        if not self._publishing and self._failure is None:
            self._publishing = True
            self._thread.submit(self._publish, lambda _, error: self._published(error))

    def _published(self, error: OSError | None) -> None:
        self._publishing = False
        self._changed.set()
        if error is not None:
            self._fail([], f"{error.strerror} (errno {error.errno})")

    def _fail(self, batch: list[_Waiting], reason: str) -> None:
        self._failure = self._failure or reason
        unanswered, self._waiting = batch + self._waiting, []
        for _, durable in unanswered:
            if not durable.done():
                durable.set_exception(AuditUnavailableError(f"the audit log cannot be written: {reason}"))
                durable.exception()  # seen, even if its caller is gone

    def _commit(self, entries: list[bytes]) -> None:
        began = time.monotonic()
        leaves = [leaf_hash(entry) for entry in entries]
        self._storage.append(self.size, entries)
        self._grow(leaves)
        self._commit_s += _WEIGHT_OF_NEWEST * (time.monotonic() - began - self._commit_s)

    def _publish(self) -> None:
        unsigned = self._signed[0]
        self._storage.append_hashes(unsigned, self._leaves[unsigned:])
        self._sign()

    def _grow(self, leaves: list[bytes]) -> None:
        self._leaves += leaves
        for leaf in leaves:
            self._tree.append(leaf)

    def _sign(self) -> None:
        note = self._signer.sign(Checkpoint(self.origin, self._tree.size, self._tree.root()).text())
        self._storage.write_checkpoint(note)
        self._signed = (self._tree.size, note)

    # --- recovery

    def _recover(self) -> None:
        storage = self._storage
        try:
            storage.__enter__()
        except BlockingIOError as error:
            raise BlockingIOError(f"another process writes the audit log in {storage.directory}") from error
        note = storage.read_checkpoint()
        signed = self._opened(note) if note else Checkpoint(self.origin, 0, self._tree.root())
        for number in range(storage.bundle_count()):
            self._recover_bundle(number, signed)
        if self.size < signed.size:
            raise LogCorruptError(f"the checkpoint speaks of {signed.size} entries, only {self.size} are there")
        if note is None or self.size > signed.size:
            self._sign()
        else:
            self._signed = (signed.size, note)
        self._open_calls = self._find_open_calls()

    def _opened(self, note: str) -> Checkpoint:
        try:
            signed = Checkpoint.parse(self._signer.verifier.open(note))
        except NoteError as error:
            raise LogCorruptError(f"the checkpoint does not fit this node's key: {error}") from error
        if signed.origin != self.origin:
            raise LogCorruptError(f"the checkpoint is of the log {signed.origin}, not of {self.origin}")
        return signed

    def _recover_bundle(self, number: int, signed: Checkpoint) -> None:
        """Take the leaf hashes of a bundle; those of the signed part are what they were, or the log is not opened.

        Full tiles below the checkpoint are believed as they are (the root is checked against the signature), so that a
        million entries open in seconds; the entries themselves are checked by the verifier.
        """
        first = number * tiles.WIDTH
        leaves = self._storage.hashes(number)
        if len(leaves) < tiles.WIDTH or first + tiles.WIDTH > signed.size:
            leaves = self._rebuilt_leaves(number, leaves, signed)
        for offset, leaf in enumerate(leaves):
            self._grow([leaf])
            if first + offset + 1 == signed.size and self._tree.root() != signed.root:
                raise LogCorruptError(f"the first {signed.size} entries are not the ones that were signed")

    def _rebuilt_leaves(self, number: int, stored: list[bytes], signed: Checkpoint) -> list[bytes]:
        first = number * tiles.WIDTH
        try:
            entries = tiles.unpack(self._storage.bundle(number))
        except tiles.BundleError as torn:
            if first + len(torn.entries) < signed.size:
                raise LogCorruptError(f"entry {first + len(torn.entries)} is cut off") from torn
            self._storage.truncate_bundle(number, torn.whole_bytes)  # never acknowledged
            entries = torn.entries
        if len(entries) > tiles.WIDTH:
            raise LogCorruptError(f"something was added behind entry {first + tiles.WIDTH - 1}")
        leaves = [leaf_hash(entry) for entry in entries]
        for offset, (leaf, old) in enumerate(zip(leaves, stored, strict=False)):
            if leaf != old and first + offset < signed.size:
                raise LogCorruptError(f"entry {first + offset} is not the one that was logged")
        if leaves != stored:
            self._storage.append_hashes(first, leaves)
        return leaves

    def _find_open_calls(self) -> list[OpenCall]:
        """Look back to the last start of a runtime: whatever was open before that was closed by it."""
        finished: set[int] = set()
        found: list[OpenCall] = []
        for number in reversed(range(-(-self.size // tiles.WIDTH))):
            entries = tiles.unpack(self._storage.bundle(number))
            for offset, data in reversed(list(enumerate(entries))):
                entry = canonical.decode(data)
                if not isinstance(entry, dict):
                    continue
                index = number * tiles.WIDTH + offset
                match entry.get("kind"):
                    case "runtime.started":
                        return found[::-1]
                    case "call.finished":
                        finished.add(entry["accepted_index"])
                    case "call.accepted" if index not in finished:
                        found.append(OpenCall(index, entry["invocation"], entry["principal"]))
        return found[::-1]
