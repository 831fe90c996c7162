"""Proofs as files, in the form of c2sp.org/tlog-proof: index, inclusion proof and signed checkpoint, self-contained."""

import base64
from dataclasses import dataclass
from typing import Final, Self

from jigsmith.tlog.merkle import ProofError, root_from_inclusion
from jigsmith.tlog.note import NOTE_BYTES_MAX, Checkpoint, NoteError, NoteVerifier

_HEADER: Final = "c2sp.org/tlog-proof@v1"
_HASHES_MAX: Final = 63
"""A tree of 2^63 leaves has no longer path."""
FILE_BYTES_MAX: Final = NOTE_BYTES_MAX + 8_192


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Shows that a leaf hash stands at `index` in the tree of a signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    note: str
    """The checkpoint as it was signed, with all of its signatures."""

    def text(self) -> str:
        """Return the contents of a `.tlog-proof` file."""
        lines = [_HEADER, f"index {self.index}", *(base64.b64encode(one).decode() for one in self.hashes)]
        return "\n".join(lines) + "\n\n" + self.note

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the contents of a `.tlog-proof` file. Raises ProofError; the checkpoint is not looked at."""
        if len(text) > FILE_BYTES_MAX:
            raise ProofError("the proof is too long")
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != _HEADER:
            raise ProofError(
                f"not a proof: its first line must be {_HEADER}, and a checkpoint must follow an empty line"
            )
        if lines and lines[0].startswith("extra "):
            lines.pop(0)  # nothing of it is authenticated, and we put nothing there
        word, _, number = (lines.pop(0) if lines else "").partition(" ")
        if word != "index" or not (number.isascii() and number.isdecimal()) or str(int(number[:20])) != number:
            raise ProofError("not a proof: the line `index N` is missing")
        if len(lines) > _HASHES_MAX:
            raise ProofError("the proof is too long")
        try:
            hashes = tuple(base64.b64decode(line, validate=True) for line in lines)
        except ValueError as error:
            raise ProofError("not a proof: a hash is not base64") from error
        if any(
            len(one) != 32 or base64.b64encode(one).decode() != line for one, line in zip(hashes, lines, strict=True)
        ):
            raise ProofError("not a proof: a hash has not 32 bytes")
        return cls(int(number), hashes, note)

    def verify(self, leaf: bytes, key: NoteVerifier) -> Checkpoint:
        """Check the checkpoint's signature and that the leaf is in its tree. Returns the checkpoint.

        Raises NoteError if the checkpoint is not the log's, ProofError if the leaf is not in it at this index.
        """
        signed = Checkpoint.parse(key.open(self.note))
        if signed.origin != key.name:
            raise NoteError(f"the checkpoint is of the log {signed.origin}, not {key.name}")
        if root_from_inclusion(leaf, self.index, signed.size, self.hashes) != signed.root:
            raise ProofError(f"the log of {signed.size} entries has something else at index {self.index}")
        return signed
