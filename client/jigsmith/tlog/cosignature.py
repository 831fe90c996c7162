"""Cosignatures of witnesses, version 1 (c2sp.org/tlog-cosignature), with Ed25519.

A cosignature says: at that time, this was the largest tree that the witness had seen of the log, and it began with every tree
that it had seen before. It stands in a note as one more signature line, whose signature is a big-endian 64-bit POSIX time in
seconds before the 64 bytes of Ed25519.
"""

import struct
from dataclasses import dataclass
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jigsmith.tlog.note import NoteError, NoteKey

_COSIGNATURE_V1: Final = 0x04
_TIME: Final = struct.Struct("!Q")
_SIGNATURE_BYTES: Final = _TIME.size + 64
_TIME_S_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cosignature:
    """What a witness added to a checkpoint."""

    text: str
    """The checkpoint's text, which is covered together with the time."""
    time_s: int
    """POSIX time in seconds, as the witness's clock told it."""
    line: str
    """The signature line, with its newline."""


class CosignatureVerifier:
    """Checks the cosignatures of one witness."""

    def __init__(self, name: str, public: bytes) -> None:
        self._key = NoteKey(name, _COSIGNATURE_V1, public)
        self.name = name

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key, `NAME+ID+BASE64(0x04 || key)`. Raises NoteError."""
        key = NoteKey.parse(text, _COSIGNATURE_V1)
        return cls(key.name, key.public)

    def __str__(self) -> str:
        return str(self._key)

    def verify(self, note: str) -> int:
        """Return the POSIX time in seconds of the witness's newest cosignature on a checkpoint. Raises NoteError."""
        return self.newest(note).time_s

    def newest(self, note: str) -> Cosignature:
        """Return the witness's newest cosignature on a checkpoint.

        Signatures of others are not looked at. Raises NoteError if there is none, or if one of this witness's does not fit.
        """
        text, signatures = self._key.signatures(note)
        return max((self._checked(text, one) for one in signatures), key=lambda one: one.time_s)

    def _checked(self, text: str, signature: bytes) -> Cosignature:
        if len(signature) != _SIGNATURE_BYTES:
            raise NoteError(f"the cosignature by {self.name} has {len(signature)} bytes instead of {_SIGNATURE_BYTES}")
        (time_s,) = _TIME.unpack_from(signature)
        if time_s > _TIME_S_MAX:
            raise NoteError(f"the cosignature by {self.name} has no valid time")
        self._key.check(_message(text, time_s), signature[_TIME.size :])
        return Cosignature(text, time_s, self._key.line(signature))


class CosignatureSigner:
    """Cosigns checkpoints with a witness's private key. It does not look at what it signs: that is the witness's work."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        public = private.public_key().public_bytes_raw()
        self.verifier = CosignatureVerifier(name, public)
        self._key = NoteKey(name, _COSIGNATURE_V1, public)
        self._private = private

    def cosign(self, checkpoint_text: str, time_s: int) -> str:
        """Return the signature line, with its newline, for a checkpoint's text (without signatures) and a POSIX time."""
        return self._key.line(_TIME.pack(time_s) + self._private.sign(_message(checkpoint_text, time_s)))


def _message(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()
