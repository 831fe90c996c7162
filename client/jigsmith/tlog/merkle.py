"""Merkle tree hashing and proofs, as in RFC 6962, section 2.1, and RFC 9162, section 2.1.

A tree of n leaves is a row of complete subtrees, one per set bit of n, largest first. `Tree` keeps only their roots, which is
all that appending needs. Proofs are computed from the leaf hashes.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


class ProofError(ValueError):
    """A proof does not have the form that its sizes demand."""


def leaf_hash(entry: bytes) -> bytes:
    """Return sha256(0x00 || entry): RFC 6962, section 2.1."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return sha256(0x01 || left || right): RFC 6962, section 2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree that remembers its complete subtrees only: O(log n) memory, O(1) amortised per leaf."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[bytes] = []  # roots of complete subtrees, largest first

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash (32 bytes)."""
        self._subtrees.append(leaf)
        size = self.size
        while size & 1:
            right = self._subtrees.pop()
            self._subtrees[-1] = node_hash(self._subtrees[-1], right)
            size >>= 1
        self.size += 1

    def root(self) -> bytes:
        """Return the root hash (32 bytes)."""
        if not self._subtrees:
            return EMPTY_ROOT
        result = self._subtrees[-1]
        for left in reversed(self._subtrees[:-1]):
            result = node_hash(left, result)
        return result


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return PATH(index, leaves): RFC 6962, section 2.1.1. Raises ProofError if the index is outside of the tree."""
    if not 0 <= index < len(leaves):
        raise ProofError(f"index {index} is outside of a tree of {len(leaves)}")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), tree_root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), tree_root(leaves[:split])]


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return PROOF(old_size, leaves): RFC 6962, section 2.1.2. Empty if one of the sizes is 0 or both are equal."""
    if not 0 <= old_size <= len(leaves):
        raise ProofError(f"{old_size} is not a size of a tree that now has {len(leaves)}")
    return _subproof(leaves, old_size, whole=True) if 0 < old_size < len(leaves) else []


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [tree_root(leaves)]
    split = _split(len(leaves))
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, whole=whole), tree_root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, whole=False), tree_root(leaves[:split])]


def _split(size: int) -> int:
    """Return the largest power of two below the size (size > 1)."""
    return 1 << ((size - 1).bit_length() - 1)


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to: RFC 9162, section 2.1.3.2. Raises ProofError on a wrong length."""
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside of a tree of {size}")
    position, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")
    return result


def root_from_consistency(  # noqa: C901 - the steps of the RFC, in its order
    old_root: bytes, old_size: int, new_size: int, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return (old root, new root) that a consistency proof leads to: RFC 9162, section 2.1.4.2. Needs 0 < old <= new.

    The proof holds if both equal the roots one knows. Raises ProofError on a wrong length.
    """
    if not 0 < old_size <= new_size:
        raise ProofError(f"no proof leads from size {old_size} to {new_size}")
    hashes = list(proof)
    if old_size == new_size:
        if hashes:
            raise ProofError("the proof is too long")
        return old_root, old_root
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        raise ProofError("the proof is too short")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")
    return old, new
