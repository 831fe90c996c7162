"""The node's signing key: an Ed25519 private key in PEM (PKCS #8), readable by its owner only."""

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


def load_or_create_signer(path: Path, origin: str) -> NoteSigner:
    """Return the signer of the log `origin`, making its key on first use. Raises KeyFileError."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        return NoteSigner(origin, key)
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others: chmod 600 it, and think about replacing the key")
    try:
        loaded = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise KeyFileError(f"{path} holds no private key in PEM: {error}") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind; Ed25519 is needed")
    return NoteSigner(origin, loaded)
