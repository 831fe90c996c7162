"""The writer: one per node. Group commit without a timer, fail closed.

All entries that queue up while the last fdatasync runs go out together in the next one. A failed sync, and a write that is
not done within 2 s, is never tried again, because nobody knows what the disk holds then: the log is marked failed, and with it
everything that needs it. A full disk is told apart: what was written is cut off again, no call is accepted any more, and the
entries that end what has begun go into the space that was kept in reserve.

Tiles and checkpoint follow from the entries: a crash that loses them loses nothing. They are written a moment later, for all
entries of that moment at once, so they cost the calls no time; `signed` has them written now.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from jigsmith import canonical
from jigsmith.canonical import JsonValue
from jigsmith.tlog import Checkpoint, GrowingTree, InclusionProof, NoteSigner, TiledTree, leaf_hash, tiles

from jigsmith_runtime.audit.recovery import OpenCall, find_open_calls, recover_tree
from jigsmith_runtime.audit.storage import DiskFullError, LogStorage
from jigsmith_runtime.audit.thread import WorkThread
from jigsmith_runtime.errors import AuditUnavailableError

WRITE_DEADLINE_S: Final = 2.0
"""A write that takes longer fails the log."""

_PUBLISH_DELAY_S: Final = 0.2
"""How long an entry may be durable without a checkpoint that covers it."""
_UNSIGNED_MAX: Final = 1_024
"""How many may be, however quickly they come."""
_QUICK_COMMIT_S: Final = 0.002
_WEIGHT_OF_NEWEST: Final = 0.2
_REFILL_PAUSE_S: Final = 1.0
_TILES_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an entry stands."""

    log_origin: str
    index: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class _Waiting:
    data: bytes
    leaf: bytes
    durable: "asyncio.Future[Receipt]"
    begins: bool
    """Whether a call begins with the entry."""
    ends: int | None
    """The index of the entry with which the call began that this one ends."""


class AuditLog:
    """The node's log. Open it with `open`, close it with `close`."""

    def __init__(self, storage: LogStorage, signer: NoteSigner) -> None:
        self._storage = storage
        self._signer = signer
        self.origin = signer.verifier.name
        self._tree = GrowingTree()
        self._signed = (0, "")  # size and checkpoint, replaced together: the writing thread does it
        self._interrupted: list[OpenCall] = []
        self._open_calls: dict[int, None] = {}
        """Indexes of the entries of calls that have not ended, oldest first."""
        self._waiting: list[_Waiting] = []
        self._committing = False
        self._commit_s = 0.0
        """How long a commit takes, as of late."""
        self._overdue: asyncio.TimerHandle | None = None
        self._publishing = False
        self._publish_timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._failure: str | None = None
        self._disk_full_since: float | None = None
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._thread = WorkThread("audit")
        self._full_tile = functools.lru_cache(_TILES_REMEMBERED)(storage.hashes)

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
            if self._disk_full_since is not None and not self._publishing:
                raise AuditUnavailableError("the audit log cannot be signed: its disk is full")
            self._publish_now()
            await self._change()

    @property
    def signed_size(self) -> int:
        """How many entries the newest checkpoint covers."""
        return self._signed[0]

    async def grown(self, size: int) -> bool:
        """Wait for more than `size` durable entries. Returns False if there will be none: the log takes no more."""
        while self.size <= size:
            if self._failure is not None or self._closing:
                return False
            await self._change()
        return True

    def interrupted_calls(self) -> list[OpenCall]:
        """Return the calls that a crash left open, as found when the log was opened."""
        return list(self._interrupted)

    async def append(self, entry: Mapping[str, JsonValue], *, alone: bool = False) -> Receipt:
        """Add an entry; it is durable when this returns. Raises AuditUnavailableError, CanonicalError.

        With `alone`, nobody else is being served: the event loop waits for a quick disk itself, because handing the work to a
        thread and back takes about as long as the disk does.
        """
        data = canonical.encode(entry)
        if len(data) > tiles.ENTRY_BYTES_MAX:
            raise canonical.CanonicalError(f"an entry of {len(data)} bytes; at most {tiles.ENTRY_BYTES_MAX} fit")
        waiting = _Waiting(
            data,
            leaf_hash(data),
            self._loop.create_future(),
            begins=entry.get("kind") == "call.accepted",
            ends=_accepted_index(entry),
        )
        self._check_open(waiting)
        self._waiting.append(waiting)
        if not self._committing:
            if alone and not self._publishing and self._commit_s < _QUICK_COMMIT_S:
                self._commit_here()
            else:
                self._commit_waiting()
        return await asyncio.shield(waiting.durable)

    def read(self, start: int, count: int) -> list[tuple[int, bytes]]:
        """Return up to `count` entries from index `start` on, with their indexes. May be called from any thread."""
        found: list[tuple[int, bytes]] = []
        position, end = max(0, start), min(self.size, start + count)
        while position < end:
            number, used = divmod(position, tiles.WIDTH)
            try:
                entries = tiles.unpack(self._storage.bundle(number))
            except tiles.BundleError as torn:
                entries = torn.entries  # a write is under way
            entries = entries[used : used + end - position]
            if not entries:
                raise AuditUnavailableError(f"entry {position} of the audit log cannot be read")
            found += enumerate(entries, position)
            position += len(entries)
        return found

    def inclusion_proof(self, index: int) -> tuple[int, InclusionProof]:
        """Return (tree size, proof) for the newest checkpoint. Raises IndexError if the entry is not in it.

        Reads files; may be called from any thread.
        """
        size, note = self._signed
        if not 0 <= index < size:
            raise IndexError(f"the log has {size} entries; there is no entry {index}")
        return size, InclusionProof(index, tuple(self._tiled(size, size).inclusion_proof(index)), note)

    def consistency_proof(self, old_size: int, new_size: int) -> list[bytes]:
        """Return the proof that the tree of one size begins with that of another. Raises IndexError for sizes never signed.

        Reads files; may be called from any thread.
        """
        signed, _ = self._signed
        if not 0 <= old_size <= new_size <= signed:
            raise IndexError(f"sizes must rise and be at most {signed}")
        return self._tiled(signed, new_size).consistency_proof(old_size)

    async def close(self) -> None:
        """Make durable and sign what there is, then stop."""
        self._closing = True
        self._changed.set()
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

    def _tiled(self, signed: int, size: int) -> TiledTree:
        """Return the tree of a size, looked up in the tiles of the `signed` one, which begins with it."""
        widths = {(level, number): width for level, number, width in tiles.edge(signed)}

        def lookup(level: int, number: int) -> list[bytes]:
            width = widths.get((level, number))
            return self._full_tile(level, number) if width is None else self._storage.hashes(level, number, width)

        return TiledTree(size, lookup)

    def _check_open(self, waiting: _Waiting) -> None:
        """Refuse an entry that cannot be taken. Raises AuditUnavailableError."""
        if self._failure is not None or self._closing:
            raise AuditUnavailableError(f"the audit log takes no entries: {self._failure or 'it is being closed'}")
        if self._disk_full_since is not None and waiting.ends is None:
            self._try_refill()
            raise AuditUnavailableError("the disk of the audit log is full: nothing new is begun until there is room")

    # --- group commit

    def _commit_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        self._committing = True
        first = self.size
        self._overdue = self._loop.call_later(WRITE_DEADLINE_S, self._late, batch)
        self._thread.submit(lambda: self._commit(batch), lambda _, error: self._committed(batch, first, error))

    def _commit_here(self) -> None:
        batch, self._waiting = self._waiting, []
        first, failure = self.size, None
        began = time.monotonic()
        try:
            self._commit(batch)
        except OSError as error:
            failure = error
        if time.monotonic() - began > WRITE_DEADLINE_S:
            self._late(batch)
        self._committed(batch, first, failure)

    def _commit(self, batch: list[_Waiting]) -> None:
        began, done = time.monotonic(), 0
        while done < len(batch):
            part = batch[done : done + self._storage.room]
            self._storage.append([one.data for one in part])
            for one in part:
                self._tree.append(one.leaf)
            done += len(part)
        self._commit_s += _WEIGHT_OF_NEWEST * (time.monotonic() - began - self._commit_s)

    def _committed(self, batch: list[_Waiting], first: int, error: OSError | None) -> None:
        self._committing = False
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
        self._changed.set()
        durable, lost = batch[: self.size - first], batch[self.size - first :]
        for index, one in enumerate(durable, first):
            if one.begins:
                self._open_calls[index] = None
            elif one.ends is not None:
                self._open_calls.pop(one.ends, None)
            if not one.durable.done():
                one.durable.set_result(Receipt(self.origin, index, one.leaf))
        if error is not None:
            self._not_written(lost, error)
        if self._waiting and self._failure is None:
            self._commit_waiting()
        if self.size - self._signed[0] >= _UNSIGNED_MAX:
            self._publish_now()
        elif self._publish_timer is None:
            self._publish_timer = self._loop.call_later(_PUBLISH_DELAY_S, self._publish_now)

    def _not_written(self, lost: list[_Waiting], error: OSError) -> None:
        if not isinstance(error, DiskFullError) or self._disk_full_since is not None:
            self._fail(lost, f"{error.strerror} (errno {error.errno})")
            return
        self._begin_reserve()
        waiting, self._waiting = lost + self._waiting, []
        self._waiting = [one for one in waiting if one.ends is not None]
        _refuse((one for one in waiting if one.ends is None), "its disk is full")

    def _late(self, batch: list[_Waiting]) -> None:
        self._fail(batch, f"a write took longer than {WRITE_DEADLINE_S:.0f} s")

    def _fail(self, batch: list[_Waiting], reason: str) -> None:
        self._failure = self._failure or reason
        self._changed.set()
        unanswered, self._waiting = batch + self._waiting, []
        _refuse(unanswered, reason)

    # --- the reserve

    def _begin_reserve(self) -> None:
        self._disk_full_since = self._loop.time()
        self._storage.give_reserve()

    def _try_refill(self) -> None:
        """See now and then whether there is room again."""
        since = self._disk_full_since
        if since is None or self._loop.time() - since < _REFILL_PAUSE_S:
            return
        self._disk_full_since = self._loop.time()
        self._thread.submit(self._storage.keep_reserve, lambda _, error: self._refilled(error))

    def _refilled(self, error: OSError | None) -> None:
        if error is None:
            self._disk_full_since = None
            self._publish_now()

    # --- what follows from the entries

    def _publish_now(self) -> None:
        if self._publish_timer is not None:
            self._publish_timer.cancel()
            self._publish_timer = None
        if not self._publishing and self._failure is None:
            self._publishing = True
            oldest = next(iter(self._open_calls), self.size)
            self._thread.submit(lambda: self._publish(oldest), lambda _, error: self._published(error))

    def _publish(self, oldest_open: int) -> None:
        self._storage.write_tiles(self._tree.full, self._tree.edge())
        self._tree.forget_full()
        self._storage.write_oldest_open(oldest_open)
        note = self._signer.sign(Checkpoint(self.origin, self._tree.size, self._tree.root()).text())
        self._storage.write_checkpoint(note)
        self._signed = (self._tree.size, note)

    def _published(self, error: OSError | None) -> None:
        self._publishing = False
        self._changed.set()
        if error is None:
            return
        if not isinstance(error, DiskFullError):
            self._fail([], f"{error.strerror} (errno {error.errno})")
        elif self._disk_full_since is None:
            self._begin_reserve()
            self._publish_now()

    def _recover(self) -> None:
        try:
            self._storage.__enter__()
        except BlockingIOError as error:
            raise BlockingIOError(f"another process writes the audit log in {self._storage.directory}") from error
        self._storage.keep_reserve()
        self._tree = recover_tree(self._storage, self._signer.verifier)
        self._interrupted = find_open_calls(self._storage, self.size)
        self._open_calls = dict.fromkeys(call.index for call in self._interrupted)
        self._publish(next(iter(self._open_calls), self.size))


def _accepted_index(entry: Mapping[str, JsonValue]) -> int | None:
    index = entry.get("accepted_index") if entry.get("kind") == "call.finished" else None
    return index if isinstance(index, int) else None


def _refuse(waiting: Iterable[_Waiting], reason: str) -> None:
    for one in waiting:
        if not one.durable.done():
            one.durable.set_exception(AuditUnavailableError(f"the audit log cannot be written: {reason}"))
            one.durable.exception()  # seen, even if its caller is gone
