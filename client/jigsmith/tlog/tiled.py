"""Trees in tiles (c2sp.org/tlog-tiles): one that grows and yields tiles, and one whose proofs are looked up in them.

Neither holds more than a few tiles in memory, however many entries a log has. Both know nothing of files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from jigsmith.tlog.merkle import EMPTY_ROOT, ProofError, node_hash, tree_root
from jigsmith.tlog.tiles import WIDTH

_LEVEL_BITS: Final = WIDTH.bit_length() - 1


@dataclass(frozen=True, slots=True)
class Tile:
    """Consecutive hashes of a level: 256, or fewer at the right edge of a tree."""

    level: int
    number: int
    hashes: tuple[bytes, ...]


class GrowingTree:
    """A tree that takes leaf hashes and gives out each tile once it is full. Raises nothing."""

    def __init__(self, edge: Sequence[Tile] = ()) -> None:
        """Begin with nothing, or where the unfinished tiles of an earlier tree left off."""
        self._levels: list[list[bytes]] = []
        self.full: list[Tile] = []
        """The tiles that became full and were not forgotten yet."""
        for tile in edge:
            self._reach(tile.level)
            self._levels[tile.level] = list(tile.hashes)
        self.size = sum(len(hashes) << (_LEVEL_BITS * level) for level, hashes in enumerate(self._levels))

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash (32 bytes)."""
        self.size += 1
        level, size, digest = 0, self.size, leaf
        while True:
            self._reach(level)
            hashes = self._levels[level]
            hashes.append(digest)
            if len(hashes) < WIDTH:
                return
            size //= WIDTH
            self.full.append(Tile(level, size - 1, tuple(hashes)))
            digest = tree_root(hashes)
            self._levels[level] = []
            level += 1

    def forget_full(self) -> None:
        """Forget the full tiles, once they are kept elsewhere."""
        self.full = []

    def edge(self) -> list[Tile]:
        """Return the unfinished tiles, lowest level first."""
        return [
            Tile(level, self.size >> (_LEVEL_BITS * (level + 1)), tuple(hashes))
            for level, hashes in enumerate(self._levels)
            if hashes
        ]

    def root(self) -> bytes:
        """Return the root hash (32 bytes)."""
        subtrees: list[bytes] = []
        for hashes in reversed(self._levels):  # complete subtrees, largest first, as RFC 6962 splits a tree
            done = 0
            for bit in reversed(range(_LEVEL_BITS)):
                if len(hashes) & (1 << bit):
                    subtrees.append(tree_root(hashes[done : done + (1 << bit)]))
                    done += 1 << bit
        if not subtrees:
            return EMPTY_ROOT
        result = subtrees.pop()
        while subtrees:
            result = node_hash(subtrees.pop(), result)
        return result

    def _reach(self, level: int) -> None:
        while len(self._levels) <= level:
            self._levels.append([])


class TiledTree:
    """A tree of a given size whose hashes are looked up: `lookup(level, number)` returns a tile's hashes, as many as there are.

    Methods raise ProofError where tiles hold too few hashes, and whatever `lookup` raises.
    """

    def __init__(self, size: int, lookup: Callable[[int, int], Sequence[bytes]]) -> None:
        self.size = size
        self._lookup = lookup

    def root(self) -> bytes:
        """Return the root hash (32 bytes)."""
        return self._range(0, self.size) if self.size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return PATH(index, D[size]): RFC 6962, section 2.1.1. Raises ProofError if the index is outside of the tree."""
        if not 0 <= index < self.size:
            raise ProofError(f"index {index} is outside of a tree of {self.size}")
        proof: list[bytes] = []
        start, end = 0, self.size
        while end - start > 1:
            split = start + _split(end - start)
            if index < split:
                proof.append(self._range(split, end))
                end = split
            else:
                proof.append(self._range(start, split))
                start = split
        return proof[::-1]

    def consistency_proof(self, old_size: int) -> list[bytes]:
        """Return PROOF(old_size, D[size]): RFC 6962, section 2.1.2. Empty if one of the sizes is 0 or both are equal."""
        if not 0 <= old_size <= self.size:
            raise ProofError(f"{old_size} is not a size of a tree that now has {self.size}")
        if old_size in (0, self.size):
            return []
        proof: list[bytes] = []
        start, end, whole = 0, self.size, True
        while end != old_size:
            split = start + _split(end - start)
            if old_size <= split:
                proof.append(self._range(split, end))
                end = split
            else:
                proof.append(self._range(start, split))
                start, whole = split, False
        if not whole:
            proof.append(self._range(start, end))
        return proof[::-1]

    def _range(self, start: int, end: int) -> bytes:
        """Return the root over the leaves from `start` to `end`, a subtree of RFC 6962's splitting."""
        count = end - start
        if count & (count - 1):
            split = start + _split(count)
            return node_hash(self._range(start, split), self._range(split, end))
        return self._complete(start, count)

    def _complete(self, start: int, count: int) -> bytes:
        """Return the root of a complete subtree, which no later leaf changes."""
        level, bits = divmod(count.bit_length() - 1, _LEVEL_BITS)
        number, first = divmod(start >> (_LEVEL_BITS * level), WIDTH)
        hashes = self._lookup(level, number)[first : first + (1 << bits)]
        if len(hashes) < 1 << bits:
            raise ProofError(f"tile {number} of level {level} holds too few hashes")
        return tree_root(hashes)


def _split(size: int) -> int:
    """Return the largest power of two below the size (size > 1)."""
    return 1 << ((size - 1).bit_length() - 1)
