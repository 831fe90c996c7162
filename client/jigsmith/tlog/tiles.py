"""Where a log keeps what: the layout of c2sp.org/tlog-tiles, as far as a log on its own disk needs it.

`tile/entries/N` holds up to 256 entries, each after a big-endian 16-bit length; `tile/0/N` the leaf hashes of the same
entries, 32 bytes each. The last file of either kind is unfinished and grows in place; readers over HTTP would see it as
`N.p/WIDTH`, which is its first WIDTH entries. Higher tiles follow from these and are not stored.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

WIDTH: Final = 256
HASH_BYTES: Final = 32
ENTRY_BYTES_MAX: Final = 65_535
LENGTH: Final = struct.Struct("!H")

CHECKPOINT: Final = "checkpoint"


class BundleError(ValueError):
    """A bundle ends in the middle of an entry; `entries` holds those before."""

    def __init__(self, entries: list[bytes], whole_bytes: int) -> None:
        super().__init__(f"the bundle ends in the middle of its entry {len(entries)}")
        self.entries = entries
        self.whole_bytes = whole_bytes


def _numbered(number: int) -> str:
    """Return `x001/x234/067` for 1234067: c2sp.org/tlog-tiles, "Merkle Tree"."""
    groups = [f"{number % 1_000:03}"]
    while number := number // 1_000:
        groups.append(f"x{number % 1_000:03}")
    return "/".join(reversed(groups))


def bundle_path(log: Path, number: int) -> Path:
    """Return the path of the n-th entry bundle."""
    return log / "tile" / "entries" / _numbered(number)


def hashes_path(log: Path, number: int) -> Path:
    """Return the path of the n-th level-0 tile."""
    return log / "tile" / "0" / _numbered(number)


def pack(entry: bytes) -> bytes:
    """Return the entry with its length before it. Raises ValueError if it is longer than 65,535 bytes."""
    if len(entry) > ENTRY_BYTES_MAX:
        raise ValueError(f"an entry of {len(entry)} bytes; at most {ENTRY_BYTES_MAX} fit")
    return LENGTH.pack(len(entry)) + entry


def unpack(data: bytes) -> list[bytes]:
    """Return the entries of a bundle. Raises BundleError if it ends in the middle of one."""
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        end = position + LENGTH.size
        if end <= len(data):
            end += LENGTH.unpack_from(data, position)[0]
        if end > len(data) or end - position < LENGTH.size:
            raise BundleError(entries, position)
        entries.append(data[position + LENGTH.size : end])
        position = end
    return entries


def bundle_numbers(size: int) -> Iterator[tuple[int, int]]:
    """Yield (number, how many entries it holds) for a log of that size."""
    for number in range(-(-size // WIDTH)):
        yield number, min(WIDTH, size - number * WIDTH)
