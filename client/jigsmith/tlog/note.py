"""Signed notes and checkpoints in the C2SP forms (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), with Ed25519.

A checkpoint's text is three lines: origin, tree size in decimal, root hash in base64. A signature line is an em dash, the
key's name, and base64 of a 4-byte key id and the signature.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NOTE_BYTES_MAX: Final = 61_440
"""Sixteen signatures must be accepted (c2sp.org/signed-note), and a post-quantum cosignature of another witness takes 3.3 KB.
Behind the longest consistency proof, a note of this length still fits into the 64 KiB that a witness reads."""
SIGNATURES_MAX: Final = 32
"""Each line that names our key costs a verification, so the length alone would be too weak a bound."""

_ED25519: Final = 0x01
_KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014 "
_SIZE_MAX: Final = 2**63 - 1


class NoteError(ValueError):
    """A note is malformed, or no signature of the key is on it."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """The public side of an Ed25519 key that signs notes: c2sp.org/signed-note. Raises NoteError for what cannot be one."""

    name: str
    kind: int
    """The signature type: what is signed, and what stands behind the key id."""
    public: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or " " in self.name or not self.name.isprintable():
            raise NoteError(f"{self.name[:80]!r} cannot name a key: no spaces, no plus sign, not empty")
        if len(self.public) != 32:
            raise NoteError(f"the key of {self.name} has {len(self.public)} bytes; an Ed25519 key has 32")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of sha256(name || newline || type || key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_KEY_ID_BYTES]

    @classmethod
    def parse(cls, text: str, kind: int) -> Self:
        """Read a verifier key, `NAME+ID+BASE64`, of a signature type. Raises NoteError."""
        try:
            name, key_id, data = text.strip().split("+", 2)
            raw = base64.b64decode(data, validate=True)
            key = cls(name, kind, raw[1:])
        except ValueError as error:
            raise NoteError(f"not a verifier key (NAME+ID+BASE64): {text[:80]!r}") from error
        if raw[0] != kind or key_id != key.key_id.hex():
            raise NoteError(
                f"the verifier key of {name} is not an Ed25519 key of type {kind:#04x}, or its id does not fit"
            )
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def line(self, signature: bytes) -> str:
        """Return the line that a signature of this key makes in a note, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + signature).decode()}\n"

    def signatures(self, note: str) -> tuple[str, list[bytes]]:
        """Return a note's text and the signatures on it that claim to be this key's: at least one, unverified.

        Lines of other keys are passed over, even of keys with the same name. Raises NoteError.
        """
        text, signatures = split_note(note)
        named = [raw for name, raw in signatures if name == self.name]
        found = [raw[_KEY_ID_BYTES:] for raw in named if raw[:_KEY_ID_BYTES] == self.key_id]
        if not found:
            other = "; one of that name was made with another key" if named else ""
            raise NoteError(f"the note has no signature by {self.name} with the key {self.key_id.hex()}{other}")
        return text, found

    def check(self, message: bytes, signature: bytes) -> None:
        """Raise NoteError unless this key signed the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature as error:
            raise NoteError(f"the signature by {self.name} does not fit the text") from error


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a note's text, and of each signature line the name and the bytes: key id and signature, unverified.

    Raises NoteError for what is no note.
    """
    try:
        length = len(note.encode())
    except UnicodeEncodeError as error:
        raise NoteError("the note is not UTF-8") from error
    if length > NOTE_BYTES_MAX:
        raise NoteError("the note is too long")
    if any(character < " " and character != "\n" for character in note):
        raise NoteError("the note has control characters")
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise NoteError("the note has no signatures, or is cut off")
    lines = signatures[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"the note has more than {SIGNATURES_MAX} signatures")
    return text + "\n", [_parse_line(line) for line in lines]


def _parse_line(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raw = b""
    canonical = base64.b64encode(raw).decode() == encoded  # RFC 4648, section 3.5: one signature, one text
    if not line.startswith(_DASH) or not name or len(raw) <= _KEY_ID_BYTES or not canonical:
        raise NoteError(f"not a signature line: {line[:80]!r}")
    return name, raw


class NoteVerifier:
    """Checks the signatures of one key."""

    def __init__(self, name: str, public: bytes) -> None:
        self._key = NoteKey(name, _ED25519, public)
        self.name = name

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key, `NAME+ID+BASE64`. Raises NoteError."""
        key = NoteKey.parse(text, _ED25519)
        return cls(key.name, key.public)

    def __str__(self) -> str:
        return str(self._key)

    def open(self, note: str) -> str:
        """Return the text of a note that this key signed; signatures of others are not looked at. Raises NoteError."""
        return self._opened(note)[0]

    def open_alone(self, note: str) -> str:
        """Return a note that this key signed, without the signatures of others. Raises NoteError."""
        text, signature = self._opened(note)
        return f"{text}\n{self._key.line(signature)}"

    def _opened(self, note: str) -> tuple[str, bytes]:
        text, signatures = self._key.signatures(note)
        for signature in signatures:
            self._key.check(text.encode(), signature)
        return text, signatures[0]


class NoteSigner:
    """Signs notes with one private key."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        public = private.public_key().public_bytes_raw()
        self.verifier = NoteVerifier(name, public)
        self._key = NoteKey(name, _ED25519, public)
        self._private = private

    def sign(self, text: str) -> str:
        """Return the note: the text (which must end with a newline), an empty line, the signature line."""
        return f"{text}\n{self._key.line(self._private.sign(text.encode()))}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states about itself at one moment."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Further lines, which other logs may add; nothing here gives them a meaning."""

    def text(self) -> str:
        """Return the lines that are signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the lines, in the one form that `text` gives them. Raises NoteError."""
        try:
            origin, size, root, *extensions, _ = text.split("\n")
            checkpoint = cls(origin, int(size[:20]), base64.b64decode(root, validate=True), tuple(extensions))
        except ValueError as error:
            raise NoteError("not a checkpoint: origin, size and root hash, a line each") from error
        if not origin or not all(extensions) or len(checkpoint.root) != 32 or checkpoint.text() != text:
            raise NoteError("not a checkpoint: origin, size and root hash, a line each")
        if not 0 <= checkpoint.size <= _SIZE_MAX:
            raise NoteError(f"not a checkpoint: no tree has the size {checkpoint.size}")
        return checkpoint
