"""Merkle tree hashing and proofs, as in RFC 6962, section 2.1, and RFC 9162, section 2.1.

How proofs are checked, and the hashing below them; `tiled` makes trees and proofs.
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


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return MTH over leaf hashes: RFC 6962, section 2.1.

    Pairs are hashed level by level; one that is left over moves up as it is, which is the splitting of the RFC.
    """
    row = list(leaves)
    if not row:
        return EMPTY_ROOT
    while len(row) > 1:
        odd = row.pop() if len(row) & 1 else None
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
        if odd is not None:
            row.append(odd)
    return row[0]


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
