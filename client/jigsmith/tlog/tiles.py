"""Where a log keeps what: the layout of c2sp.org/tlog-tiles.

`tile/entries/N` holds 256 entries, each after a big-endian 16-bit length; `tile/L/N` holds 256 hashes of 32 bytes: on level 0
those of the entries, on each level above the roots of the tiles below. What is not full yet stands as `N.p/WIDTH`, once for
each checkpoint that was given out, until the full one takes its place.

One file is the writer's own: `tail`, the entries of the unfinished bundle, which grows and becomes `tile/entries/N`.
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
TAIL: Final = "tail"


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


def _placed(log: Path, kind: str, number: int, width: int) -> Path:
    path = log / "tile" / kind / _numbered(number)
    return path if width == WIDTH else partials(path) / str(width)


def partials(path: Path) -> Path:
    """Return the folder of what a full bundle or tile was before it was full."""
    return path.with_name(f"{path.name}.p")


def bundle_path(log: Path, number: int, width: int = WIDTH) -> Path:
    """Return the path of the n-th entry bundle, or of its first `width` entries."""
    return _placed(log, "entries", number, width)


def hashes_path(log: Path, level: int, number: int, width: int = WIDTH) -> Path:
    """Return the path of the n-th tile of a level, or of its first `width` hashes."""
    return _placed(log, str(level), number, width)


def edge(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield (level, number, width) of each unfinished tile of a tree of that size: c2sp.org/tlog-tiles, "Partial Tiles"."""
    level = 0
    while size:
        number, width = divmod(size, WIDTH)
        if width:
            yield level, number, width
        level, size = level + 1, number


def bundles(size: int) -> Iterator[tuple[int, int]]:
    """Yield (number, how many entries it holds) for a log of that size."""
    for number in range(-(-size // WIDTH)):
        yield number, min(WIDTH, size - number * WIDTH)


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


def hashes(data: bytes) -> list[bytes]:
    """Return the hashes of a tile; an unfinished last one is left out."""
    whole = len(data) - len(data) % HASH_BYTES
    return [data[start : start + HASH_BYTES] for start in range(0, whole, HASH_BYTES)]
