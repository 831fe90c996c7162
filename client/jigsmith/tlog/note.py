"""Signed notes and checkpoints in the C2SP forms (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), with Ed25519.

A checkpoint's text is three lines: origin, tree size in decimal, root hash in base64. A signature line is an em dash, the
key's name, and base64 of a 4-byte key id and the signature.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519: Final = b"\x01"
NOTE_BYTES_MAX: Final = 4_096


class NoteError(ValueError):
    """A note is malformed, or no signature of the key is on it."""


def _key_id(name: str, public: bytes) -> bytes:
    """Return the first four bytes of sha256(name || newline || 0x01 || key): c2sp.org/signed-note."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _check_name(name: str) -> str:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError(f"{name!r} cannot name a key: no spaces, no plus sign, not empty")
    return name


class NoteVerifier:
    """Checks the signatures of one key."""

    def __init__(self, name: str, public: bytes) -> None:
        self.name = _check_name(name)
        self._public = public
        self._key = Ed25519PublicKey.from_public_bytes(public)
        self._id = _key_id(name, public)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key, `NAME+ID+BASE64`. Raises NoteError."""
        try:
            name, key_id, data = text.strip().split("+", 2)
            raw = base64.b64decode(data, validate=True)
            verifier = cls(name, raw[1:])
        except (ValueError, binascii.Error) as error:
            raise NoteError(f"not a verifier key (NAME+ID+BASE64): {text[:80]!r}") from error
        if raw[:1] != _ED25519 or key_id != verifier._id.hex():
            raise NoteError(f"the verifier key of {name} is not an Ed25519 key, or its id does not fit")
        return verifier

    def __str__(self) -> str:
        return f"{self.name}+{self._id.hex()}+{base64.b64encode(_ED25519 + self._public).decode()}"

    def open(self, note: str) -> str:
        """Return the text of a note that this key signed. Raises NoteError."""
        if len(note) > NOTE_BYTES_MAX:
            raise NoteError("the note is too long")
        text, separator, signatures = note.rpartition("\n\n")
        if not separator:
            raise NoteError("the note has no signatures")
        text += "\n"
        prefix = f"\u2014 {self.name} "
        for line in signatures.splitlines():
            if line.startswith(prefix):
                self._verify(text, line[len(prefix) :])
                return text
        raise NoteError(f"the note has no signature by {self.name}")

    def _verify(self, text: str, encoded: str) -> None:
        try:
            raw = base64.b64decode(encoded, validate=True)
            if raw[:4] != self._id:
                raise NoteError(f"the signature by {self.name} was made with another key")
            self._key.verify(raw[4:], text.encode())
        except (binascii.Error, InvalidSignature) as error:
            raise NoteError(f"the signature by {self.name} does not fit the text") from error


class NoteSigner:
    """Signs notes with one private key."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self.verifier = NoteVerifier(name, private.public_key().public_bytes_raw())
        self._private = private

    def sign(self, text: str) -> str:
        """Return the note: the text (which must end with a newline), an empty line, the signature line."""
        public = self._private.public_key().public_bytes_raw()
        signature = _key_id(self.verifier.name, public) + self._private.sign(text.encode())
        return f"{text}\n\u2014 {self.verifier.name} {base64.b64encode(signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states about itself at one moment."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the three lines. Raises NoteError."""
        try:
            origin, size, root, rest = text.split("\n", 3)
            checkpoint = cls(origin, int(size), base64.b64decode(root, validate=True))
        except (ValueError, binascii.Error) as error:
            raise NoteError("not a checkpoint: origin, size and root hash, a line each") from error
        if rest or not origin or not size.isdecimal() or str(checkpoint.size) != size or len(checkpoint.root) != 32:
            raise NoteError("not a checkpoint: origin, size and root hash, a line each")
        return checkpoint
