"""A log in memory that signs what a test wants signed, honest or not. Its proofs are those of the RFC, word for word."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jigsmith.tlog import Checkpoint, NoteSigner, leaf_hash, tree_root

ORIGIN = "jigsmith/node-1"


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """PROOF(old_size, leaves) of RFC 6962, section 2.1.2."""
    return _subproof(leaves, old_size, whole=True) if 0 < old_size < len(leaves) else []


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [tree_root(leaves)]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, whole=whole), tree_root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, whole=False), tree_root(leaves[:split])]


@dataclass
class SignedLog:
    """A log with entries that differ by a word, so that two logs of one key with different words fork at the first entry."""

    signer: NoteSigner = field(default_factory=lambda: NoteSigner(ORIGIN, Ed25519PrivateKey.generate()))
    leaves: list[bytes] = field(default_factory=list)

    def grow(self, count: int, word: str = "honest") -> None:
        """Add entries."""
        self.leaves += [leaf_hash(f"{word} {len(self.leaves) + n}".encode()) for n in range(count)]

    def fork(self, size: int, total: int) -> "SignedLog":
        """Return a log with the same key, the same first `size` entries and others behind them."""
        other = SignedLog(self.signer, self.leaves[:size])
        other.grow(total - size, "forged")
        return other

    def checkpoint(self, size: int) -> Checkpoint:
        """Return what the log states of its first `size` entries."""
        return Checkpoint(self.signer.verifier.name, size, tree_root(self.leaves[:size]))

    def note(self, size: int) -> str:
        """Return the signed checkpoint of the first `size` entries."""
        return self.signer.sign(self.checkpoint(size).text())

    def proof(self, old_size: int, size: int) -> list[bytes]:
        """Return the consistency proof between two sizes."""
        return consistency_proof(self.leaves[:size], old_size)

    def request(self, old_size: int, size: int) -> bytes:
        """Return an honest add-checkpoint request."""
        return request(old_size, self.proof(old_size, size), self.note(size))


def request(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """Return the body of an add-checkpoint request."""
    lines = [f"old {old_size}", *(base64.b64encode(one).decode() for one in proof)]
    return ("\n".join(lines) + "\n\n" + note).encode()
