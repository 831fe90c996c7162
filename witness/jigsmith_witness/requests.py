"""The body of an add-checkpoint request: c2sp.org/tlog-witness. All of it is hostile until a signature says otherwise."""

import base64
import re
from dataclasses import dataclass
from typing import Final, Self

from jigsmith.tlog import Checkpoint, NoteError
from jigsmith.tlog.note import split_note

from jigsmith_witness.errors import MalformedError

BODY_BYTES_MAX: Final = 65_536
"""63 lines of proof are 2.8 KB; the rest is the checkpoint with its signatures (NOTE_BYTES_MAX of jigsmith.tlog)."""
PROOF_LINES_MAX: Final = 63
_HASH_BYTES: Final = 32
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign a checkpoint."""

    old_size: int
    """The size of the tree from which the proof starts."""
    proof: tuple[bytes, ...]
    """A consistency proof from that size to the checkpoint's: RFC 6962, section 2.1.2."""
    checkpoint: Checkpoint
    """What the note says; to be believed only once a signature is verified."""
    note: str
    """The checkpoint with its signatures."""

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a body. Raises MalformedError and nothing else."""
        if len(body) > BODY_BYTES_MAX:
            raise MalformedError(f"the body has more than {BODY_BYTES_MAX} bytes")
        try:
            head, blank, note = body.decode().partition("\n\n")
        except UnicodeDecodeError as error:
            raise MalformedError("the body is not UTF-8") from error
        first, *lines = head.split("\n")
        if not blank:
            raise MalformedError("an empty line and a checkpoint must follow the old size and the proof")
        if len(lines) > PROOF_LINES_MAX:
            raise MalformedError(f"the proof has more than {PROOF_LINES_MAX} lines")
        old_size, proof = _old_size(first), tuple(map(_hash, lines))
        try:
            checkpoint = Checkpoint.parse(split_note(note)[0])
        except NoteError as error:
            raise MalformedError(str(error)) from error
        if old_size > checkpoint.size:
            raise MalformedError(f"the old size {old_size} is more than the checkpoint's, {checkpoint.size}")
        return cls(old_size, proof, checkpoint, note)


def _old_size(line: str) -> int:
    number = line.removeprefix("old ")
    if number == line or not _NUMBER.fullmatch(number):
        raise MalformedError("the first line must be the old size: `old N`, a decimal number without leading zeroes")
    return int(number)


def _hash(line: str) -> bytes:
    try:
        value = base64.b64decode(line, validate=True)
    except ValueError:
        value = b""
    if len(value) != _HASH_BYTES:
        raise MalformedError("a line of the proof is not the base64 of 32 bytes")
    return value
