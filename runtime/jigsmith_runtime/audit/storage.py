"""The log's files. Blocking; used by one thread of one process. Errors are OSError and are never retried here.

Entries are made durable in `tail`, in one write and one fdatasync for a batch; a full tail is renamed to the bundle that it has
become. Tiles and checkpoint can be made again from the entries.

A `reserve` of disk space is kept, so that on a full disk the entries that end what has begun still find room.
"""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from jigsmith.tlog import Tile, tiles

RESERVE_BYTES: Final = 4 * 1_048_576
"""Enough for the last entries of some thousand calls, their tiles and a checkpoint."""

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_RESERVE: Final = "reserve"
_OLDEST_OPEN: Final = "oldest-open"


class DiskFullError(OSError):
    """There was no room for something that had not been begun: nothing of it is left, and it may be tried again."""


class LogStorage:
    """Appends to the unfinished bundle of a log. A context manager; a second one on the same folder is refused."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.sealed = 0
        """How many bundles are full."""
        self._lock = -1
        self._tail = -1
        self._tail_entries = 0
        self._tail_bytes = 0

    def __enter__(self) -> Self:
        """Create the folder if need be, lock it, and find the unfinished bundle.

        Raises BlockingIOError if another process holds the lock.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = -1
            raise
        while tiles.bundle_path(self.directory, self.sealed).exists():
            self.sealed += 1
        self._open_tail()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the files and give the lock back."""
        for descriptor in (self._tail, self._lock):
            if descriptor >= 0:
                os.close(descriptor)

    # --- entries

    def tail(self) -> bytes:
        """Return the bytes of the unfinished bundle."""
        return (self.directory / tiles.TAIL).read_bytes()

    def begin(self, entries: int, size_bytes: int) -> None:
        """Go on behind that many entries and bytes of the tail; what stands behind them is cut off."""
        if os.fstat(self._tail).st_size != size_bytes:
            os.ftruncate(self._tail, size_bytes)
            os.fsync(self._tail)
        self._tail_entries, self._tail_bytes = entries, size_bytes
        if entries == tiles.WIDTH:  # the last writer came no further
            self._seal()

    @property
    def room(self) -> int:
        """How many entries `append` takes at once."""
        return tiles.WIDTH - self._tail_entries or tiles.WIDTH

    def append(self, entries: Sequence[bytes]) -> None:
        """Make at most `room` entries durable. Raises DiskFullError, after which nothing of them is left."""
        if self._tail_entries == tiles.WIDTH:
            self._seal()
        data = b"".join(map(tiles.pack, entries))
        try:
            _write_all(self._tail, data)
        except OSError as error:
            os.ftruncate(self._tail, self._tail_bytes)
            raise _told_apart(error) from error
        os.fdatasync(self._tail)
        self._tail_entries += len(entries)
        self._tail_bytes += len(data)
        if self._tail_entries == tiles.WIDTH:
            with contextlib.suppress(DiskFullError):  # the entries are durable; the next ones will need the room
                self._seal()

    def bundle(self, number: int) -> bytes:
        """Return the bytes of a bundle, full or not; empty if there is none. May be called from any thread."""
        full = tiles.bundle_path(self.directory, number)
        for _ in range(3):  # the tail may become a bundle between two looks
            with contextlib.suppress(FileNotFoundError):
                return full.read_bytes()
            if number != self.sealed:
                continue
            with contextlib.suppress(FileNotFoundError):
                data = self.tail()
                if not full.exists():
                    return data
        return b""

    def _seal(self) -> None:
        """Rename the full tail to its bundle and begin a new one. Raises DiskFullError."""
        path, tail = tiles.bundle_path(self.directory, self.sealed), self.directory / tiles.TAIL
        fresh = tail.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(b"")
        except OSError as error:
            raise _told_apart(error) from error
        tail.rename(path)
        fresh.rename(tail)
        _sync_folder(path.parent)
        self.sealed += 1
        os.close(self._tail)
        self._open_tail()

    def _open_tail(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._tail = os.open(self.directory / tiles.TAIL, flags, 0o600)
        _sync_folder(self.directory)  # its name must be as durable as its content
        self._tail_entries = self._tail_bytes = 0

    # --- what follows from the entries

    def write_tiles(self, full: Iterable[Tile], edge: Iterable[Tile]) -> None:
        """Write the tiles that became full, and those at the right edge, with the entries of the unfinished bundle."""
        for tile in full:
            path = tiles.hashes_path(self.directory, tile.level, tile.number)
            _write_file(path, b"".join(tile.hashes), durable=True)
            _drop_partials(path)
            if tile.level == 0:
                _drop_partials(tiles.bundle_path(self.directory, tile.number))
        for tile in edge:
            width = len(tile.hashes)
            _write_file(
                tiles.hashes_path(self.directory, tile.level, tile.number, width), b"".join(tile.hashes), durable=False
            )
            if tile.level == 0:
                entries = tiles.unpack(self.bundle(tile.number))[:width]
                path = tiles.bundle_path(self.directory, tile.number, width)
                _write_file(path, b"".join(map(tiles.pack, entries)), durable=False)

    def hashes(self, level: int, number: int, width: int = tiles.WIDTH) -> list[bytes]:
        """Return the hashes of a tile, full or of that width; empty if there is none. May be called from any thread."""
        for path in (
            tiles.hashes_path(self.directory, level, number, width),
            tiles.hashes_path(self.directory, level, number),
        ):
            with contextlib.suppress(FileNotFoundError):
                return tiles.hashes(path.read_bytes())[:width]
        return []

    def write_checkpoint(self, note: str) -> None:
        """Replace the checkpoint in one step."""
        _write_file(self.directory / tiles.CHECKPOINT, note.encode(), durable=False)

    def read_checkpoint(self) -> str | None:
        """Return the newest checkpoint, or None in a log that never had one (or lost it with the machine's power)."""
        path = self.directory / tiles.CHECKPOINT
        return (path.read_bytes().decode(errors="replace") or None) if path.exists() else None

    def write_oldest_open(self, index: int) -> None:
        """Note that every call accepted before that index has ended: where the next start looks for open ones."""
        _write_file(self.directory / _OLDEST_OPEN, b"%d\n" % index, durable=False)

    def read_oldest_open(self) -> int | None:
        """Return what was noted, or None."""
        try:
            text = (self.directory / _OLDEST_OPEN).read_bytes()
        except FileNotFoundError:
            return None
        return int(text) if text.strip().isdigit() and len(text) < 20 else None

    # --- the reserve

    def keep_reserve(self) -> None:
        """Set disk space aside, if that is not done already. Raises OSError if there is too little."""
        path = self.directory / _RESERVE
        if path.exists() and path.stat().st_size == RESERVE_BYTES:
            return
        with path.open("wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
            except OSError:
                path.unlink()
                raise

    def give_reserve(self) -> None:
        """Give the reserved space to the entries."""
        (self.directory / _RESERVE).unlink(missing_ok=True)


def _told_apart(error: OSError) -> OSError:
    return DiskFullError(error.errno, error.strerror) if error.errno in _DISK_FULL else error


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _write_file(path: Path, data: bytes, *, durable: bool) -> None:
    """Replace a file in one step; readers see the old contents or the new ones. Raises DiskFullError."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
    except OSError as error:
        raise _told_apart(error) from error
    fresh.rename(path)


def _drop_partials(path: Path) -> None:
    shutil.rmtree(tiles.partials(path), ignore_errors=True)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
