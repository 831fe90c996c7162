"""What a witness keeps: its key, and for each log the checkpoint that it cosigned last.

The checkpoints are what the witness knows. A file that is lost or older than what was given out would let a log be rewritten
from that point on, so a folder that looks incomplete or altered is not used, and the files are never to be restored from a
backup. Each holds the signed checkpoint with the witness's own cosignature, so that altering one shows.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jigsmith.tlog import Checkpoint, CosignatureSigner, CosignatureVerifier, NoteError

from jigsmith_witness.errors import FolderError

PRIVATE_KEY: Final = "witness-key.pem"
PUBLIC_KEY: Final = "witness-key.pub"
CHECKPOINTS: Final = "checkpoints"
LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness cosigned last for a log."""

    checkpoint: Checkpoint
    note: str
    """The checkpoint as the log signed it and the witness cosigned it."""
    time_s: int
    """When it was cosigned, POSIX time in seconds."""

    @classmethod
    def read(cls, path: Path, witness: CosignatureVerifier) -> Self:
        """Read a file of the folder. Raises FolderError, FileNotFoundError."""
        try:
            note = path.read_bytes().decode()
            cosignature = witness.newest(note)
            checkpoint = Checkpoint.parse(cosignature.text)
        except (UnicodeDecodeError, NoteError) as error:
            raise FolderError(
                f"{path} is not what this witness wrote: {error}. Without it the log could be rewritten unseen: "
                "begin again in an empty folder, with a new key, and have the log's history checked"
            ) from error
        if path.name != _file_name(checkpoint.origin):
            raise FolderError(f"{path} holds a checkpoint of another log, {checkpoint.origin}")
        return cls(checkpoint, note, cosignature.time_s)


class WitnessFolder:
    """A folder that one witness holds; make it with `open`."""

    def __init__(self, path: Path, signer: CosignatureSigner) -> None:
        self.path = path
        self.signer = signer

    @classmethod
    @contextmanager
    def open(cls, path: Path, name: str | None) -> Iterator[Self]:
        """Lock a folder, and at the first start make its key under a name. Raises FolderError."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderError(f"cannot use the folder {path}: {error.strerror}") from error
        try:
            _lock(lock, path)
            yield cls(path, _load_or_create_signer(path, name))
        finally:
            os.close(lock)

    def seen(self, origin: str) -> Seen | None:
        """Return what was cosigned last for a log, None if nothing ever was. Raises FolderError."""
        path = self.path / CHECKPOINTS / _file_name(origin)
        try:
            return Seen.read(path, self.signer.verifier)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FolderError(f"cannot read {path}: {error.strerror}") from error

    def keep(self, seen: Seen) -> None:
        """Replace, durably, what was cosigned last for a log. Raises OSError; the file then holds the old or the new note."""
        _replace(self.path / CHECKPOINTS / _file_name(seen.checkpoint.origin), seen.note.encode(), mode=0o644)


def everything_seen(path: Path) -> list[Seen]:
    """Return what the witness of a folder cosigned last, for each log; the witness may be running. Raises FolderError."""
    try:
        verifier = CosignatureVerifier.parse((path / PUBLIC_KEY).read_text(encoding="utf-8"))
        files = sorted(one for one in (path / CHECKPOINTS).iterdir() if not one.name.startswith("."))
        return sorted((Seen.read(one, verifier) for one in files), key=lambda seen: seen.checkpoint.origin)
    except (OSError, ValueError) as error:
        raise FolderError(f"{path} is not the folder of a witness: {error}") from error


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FolderError(f"another witness uses the folder {path}") from error


def _file_name(origin: str) -> str:
    """Return a name that any origin can have: the sha256 of it, hexadecimal."""
    return hashlib.sha256(origin.encode()).hexdigest()


def _load_or_create_signer(path: Path, name: str | None) -> CosignatureSigner:
    private, public, checkpoints = path / PRIVATE_KEY, path / PUBLIC_KEY, path / CHECKPOINTS
    try:
        if not public.exists():
            return _create_signer(path, name)
        if not private.exists():
            raise FolderError(f"{private} is missing: bring it back, or begin in an empty folder with a new key")
        if not checkpoints.is_dir():
            raise FolderError(
                f"{checkpoints} is missing: this witness no longer knows what it cosigned. "
                "Begin again in an empty folder, with a new key, and have the logs' history checked"
            )
        written = CosignatureVerifier.parse(public.read_text(encoding="utf-8"))
        signer = CosignatureSigner(written.name, _load(private))
    except (OSError, ValueError) as error:
        raise FolderError(f"cannot use the keys in {path}: {error}") from error
    if str(signer.verifier) != str(written):
        raise FolderError(f"{public} is not the public side of {PRIVATE_KEY} beside it")
    if name not in {None, written.name}:
        raise FolderError(f"the witness in {path} is named {written.name}; another name needs a folder of its own")
    return signer


def _create_signer(path: Path, name: str | None) -> CosignatureSigner:
    """Make the key of a new witness. The public key is written last: without it nothing was cosigned yet."""
    if name is None:
        raise FolderError("a witness needs a name at its first start: --name, such as witness.example.org/1")
    checkpoints = path / CHECKPOINTS
    checkpoints.mkdir(exist_ok=True)
    if any(checkpoints.iterdir()):
        raise FolderError(f"{path / PUBLIC_KEY} is missing, but {checkpoints} is not empty: bring the key back")
    key = Ed25519PrivateKey.generate()
    signer = CosignatureSigner(name, key)
    _replace(path / PRIVATE_KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
    _replace(path / PUBLIC_KEY, f"{signer.verifier}\n".encode(), mode=0o644)
    return signer


def _load(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise FolderError(f"{path} can be read by others: chmod 600 it, and think about replacing the key")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError) as error:  # TypeError: it is encrypted
        raise FolderError(f"{path} holds no private key in PEM: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise FolderError(f"{path} holds a key of another kind; Ed25519 is needed")
    return key


def _replace(path: Path, data: bytes, *, mode: int) -> None:
    """Replace a file durably: readers, and a start after a crash, find the old or the new contents, never a part."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
