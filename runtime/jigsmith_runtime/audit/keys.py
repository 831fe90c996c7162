"""Key files: readable by their owner only, made at first use, durable before they are used."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jigsmith.tlog import NoteSigner


class KeyFileError(Exception):
    """The key file cannot be used; the message says why and what to do."""


def create_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read; it is durable when this returns. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_private(path: Path) -> bytes:
    """Return a key file's contents. Raises KeyFileError if others may read it."""
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others: chmod 600 it, and think about replacing the key")
    return path.read_bytes()


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key of a file in PEM (PKCS #8), making it on first use. Raises KeyFileError."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        create_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return key
    try:
        loaded = load_pem_private_key(read_private(path), password=None)
    except ValueError as error:
        raise KeyFileError(f"{path} holds no private key in PEM: {error}") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind; Ed25519 is needed")
    return loaded


def load_or_create_signer(path: Path, origin: str) -> NoteSigner:
    """Return the signer of the log `origin`, making its key on first use. Raises KeyFileError."""
    return NoteSigner(origin, load_or_create_key(path))
