"""The log's files. Blocking; used by one thread of one process. Errors are OSError and are never retried here.

The entries are made durable, in one write and one fdatasync for a batch; leaf hashes and checkpoint can be made again from
them, so they are written without a sync of their own.
"""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from jigsmith.tlog import tiles


class LogStorage:
    """Appends to the unfinished bundle and tile of a log. A context manager; a second one on the same folder is refused."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = -1
        self._bundle = -1
        self._bundle_number = -1

    def __enter__(self) -> Self:
        """Create the folder if need be and lock it. Raises BlockingIOError if another process holds it."""
        (self.directory / "tile" / "entries").mkdir(parents=True, exist_ok=True)
        (self.directory / "tile" / "0").mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the files and give the lock back."""
        for descriptor in (self._bundle, self._lock):
            if descriptor >= 0:
                os.close(descriptor)

    def append(self, size: int, entries: Sequence[bytes]) -> None:
        """Make entries durable behind the `size` that are there."""
        done = 0
        while done < len(entries):
            number, used = divmod(size + done, tiles.WIDTH)
            count = min(tiles.WIDTH - used, len(entries) - done)
            self._open_bundle(number)
            _write_all(self._bundle, b"".join(map(tiles.pack, entries[done : done + count])))
            os.fdatasync(self._bundle)
            done += count

    def _open_bundle(self, number: int) -> None:
        if number == self._bundle_number:
            return
        if self._bundle >= 0:
            os.close(self._bundle)
        path = tiles.bundle_path(self.directory, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._bundle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._bundle_number = number
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # the file's name must be as durable as its content
        finally:
            os.close(folder)

    def append_hashes(self, size: int, hashes: Sequence[bytes]) -> None:
        """Write leaf hashes behind the `size` that are there."""
        done = 0
        while done < len(hashes):
            number, used = divmod(size + done, tiles.WIDTH)
            written = hashes[done : done + tiles.WIDTH - used]
            path = tiles.hashes_path(self.directory, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("r+b" if used else "wb") as file:
                file.seek(used * tiles.HASH_BYTES)
                file.write(b"".join(written))
            done += len(written)

    def write_checkpoint(self, note: str) -> None:
        """Replace the checkpoint in one step."""
        path = self.directory / tiles.CHECKPOINT
        fresh = path.with_suffix(".new")
        fresh.write_text(note)
        fresh.rename(path)

    def read_checkpoint(self) -> str | None:
        """Return the newest checkpoint, or None in a log that never had one (or lost it with the machine's power)."""
        path = self.directory / tiles.CHECKPOINT
        return (path.read_text(errors="replace") or None) if path.exists() else None

    def bundle(self, number: int) -> bytes:
        """Return a bundle's bytes; empty if there is none."""
        path = tiles.bundle_path(self.directory, number)
        return path.read_bytes() if path.exists() else b""

    def hashes(self, number: int) -> list[bytes]:
        """Return the leaf hashes of a tile; an unfinished last one is left out."""
        path = tiles.hashes_path(self.directory, number)
        data = path.read_bytes() if path.exists() else b""
        whole = len(data) - len(data) % tiles.HASH_BYTES
        return [data[start : start + tiles.HASH_BYTES] for start in range(0, whole, tiles.HASH_BYTES)]

    def truncate_bundle(self, number: int, size_bytes: int) -> None:
        """Cut a torn tail off a bundle."""
        with tiles.bundle_path(self.directory, number).open("r+b") as file:
            file.truncate(size_bytes)
            os.fsync(file.fileno())

    def bundle_count(self) -> int:
        """Return how many bundles there are."""
        number = 0
        while tiles.bundle_path(self.directory, number).exists():
            number += 1
        return number


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
