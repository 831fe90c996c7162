"""Arguments and results, kept apart from the log: by level, encrypted, each in a file of its own that can be erased.

A file is one byte of version, 8 bytes that name the key, a nonce of 12 bytes, and the AES-256-GCM ciphertext of the canonical
JSON `{"salt": ..., "text": ...}`; invocation and part are authenticated with it, so that no file can stand in for another.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jigsmith import canonical
from jigsmith.names import InvocationName

from jigsmith_runtime.audit.commitments import Opening
from jigsmith_runtime.audit.keys import KeyFileError, create_private, read_private
from jigsmith_runtime.errors import AuditUnavailableError, NotFoundError

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12


class PayloadLevel(StrEnum):
    """How much of a call is kept beyond its entries."""

    METADATA = "metadata"
    """Nothing: the caller alone holds what opens the commitments."""
    REQUEST = "request"
    """The arguments."""
    REQUEST_AND_RESPONSE = "request+response"
    """The arguments and the result."""


class Part(StrEnum):
    """The parts of a payload."""

    ARGUMENTS = "arguments"
    RESULT = "result"


class AuditPolicyError(Exception):
    """The audit policy file cannot be used; the message names the file and the fault."""


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """Which level holds for which function: the first rule whose pattern fits, else the default."""

    default: PayloadLevel = PayloadLevel.METADATA
    rules: Sequence[tuple[str, PayloadLevel]] = ()
    payload_days: int | None = None
    """How long payloads are kept; None: until somebody erases them."""

    def level(self, function: str) -> PayloadLevel:
        """Return the level of a function, by its bare name."""
        return next((level for pattern, level in self.rules if fnmatchcase(function, pattern)), self.default)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file: `default`, `payload_days`, and `[[rule]]` tables with `functions` and `level`.

        Raises AuditPolicyError.
        """
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            rules = [cls._rule(entry) for entry in data.pop("rule", [])]
            default = PayloadLevel(data.pop("default", PayloadLevel.METADATA))
            days = _days(data.pop("payload_days", None))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError, TypeError) as error:
            raise AuditPolicyError(f"{path}: {error}; levels are {', '.join(PayloadLevel)}") from error
        if data:
            raise AuditPolicyError(
                f"{path}: unknown key {next(iter(data))!r}; there are `default`, `payload_days`, [[rule]]"
            )
        return cls(default, tuple(rules), days)

    @staticmethod
    def _rule(entry: dict[str, Any]) -> tuple[str, PayloadLevel]:  # Any: what a TOML file may hold
        if set(entry) != {"functions", "level"} or not isinstance(entry["functions"], str):
            raise ValueError("a [[rule]] has `functions`, a pattern over names, and `level`")
        return entry["functions"], PayloadLevel(entry["level"])


class PayloadStore:
    """The payloads of one node, in a folder."""

    def __init__(self, directory: Path, key: bytes) -> None:
        self._directory = directory
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(key).digest()[:_KEY_ID_BYTES]

    @classmethod
    def open(cls, directory: Path, key_file: Path) -> Self:
        """Open the store, making its key on first use. Raises KeyFileError."""
        if not key_file.exists():
            create_private(key_file, f"{secrets.token_hex(_KEY_BYTES)}\n".encode())
        try:
            key = bytes.fromhex(read_private(key_file).decode("ascii"))
        except ValueError as error:
            raise KeyFileError(f"{key_file} does not hold {_KEY_BYTES} bytes in hexadecimal") from error
        if len(key) != _KEY_BYTES:
            raise KeyFileError(f"{key_file} does not hold {_KEY_BYTES} bytes in hexadecimal")
        return cls(directory, key)

    async def keep(self, invocation: InvocationName, part: Part, opening: Opening) -> None:
        """Keep a part; it is durable when this returns. Raises AuditUnavailableError."""
        try:
            await asyncio.to_thread(self._write, invocation, part, opening)
        except OSError as error:
            raise AuditUnavailableError(f"the payload cannot be kept: {error.strerror}") from error

    async def find(self, invocation: InvocationName, part: Part) -> Opening | None:
        """Return a part, or None if it is not kept. Raises AuditUnavailableError if it cannot be read."""
        return await asyncio.to_thread(self._read, invocation, part)

    async def erase(self, invocation: InvocationName) -> None:
        """Erase all parts. Raises NotFoundError if there is none."""
        erased = [await asyncio.to_thread(self._unlink, self._path(invocation, part)) for part in Part]
        if not any(erased):
            raise NotFoundError(invocation)

    async def is_kept(self, invocation: InvocationName) -> bool:
        """Return whether any part of an invocation is kept."""
        return any(self._path(invocation, part).exists() for part in Part)

    async def older_than(self, time: float) -> list[Path]:
        """Return the files that were kept before a time, in seconds since 1970."""
        return await asyncio.to_thread(
            lambda: [path for path in self._directory.glob("*/*.*") if path.stat().st_mtime < time]
        )

    async def drop(self, files: Sequence[Path]) -> None:
        """Erase files that `older_than` returned. Raises OSError."""
        for path in files:
            await asyncio.to_thread(self._unlink, path)

    def _path(self, invocation: InvocationName, part: Part) -> Path:
        name = invocation.invocation
        return self._directory / name[:2] / f"{name}.{part}"

    def _write(self, invocation: InvocationName, part: Part, opening: Opening) -> None:
        path, nonce = self._path(invocation, part), secrets.token_bytes(_NONCE_BYTES)
        text = canonical.encode({"salt": opening.salt.hex(), "text": opening.text})
        data = _VERSION + self._key_id + nonce + self._cipher.encrypt(nonce, text, _bound(invocation, part))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_private(path, data)

    def _read(self, invocation: InvocationName, part: Part) -> Opening | None:
        path = self._path(invocation, part)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        head = len(_VERSION) + _KEY_ID_BYTES
        if data[:head] != _VERSION + self._key_id:
            raise AuditUnavailableError("the payload was kept with another key than this node has now")
        nonce, ciphertext = data[head : head + _NONCE_BYTES], data[head + _NONCE_BYTES :]
        try:
            text = self._cipher.decrypt(nonce, ciphertext, _bound(invocation, part))
        except InvalidTag as error:
            raise AuditUnavailableError("the payload was altered after it was kept") from error
        value: Any = canonical.decode(text)  # Any: authenticated just now, and written by `_write`
        return Opening(value["text"], bytes.fromhex(value["salt"]))

    def _unlink(self, path: Path) -> bool:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            return True
        return False


def _days(value: Any) -> int | None:  # Any: what a TOML file may hold
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError("payload_days must be a number of days, at least 1")
    return value


def _bound(invocation: InvocationName, part: Part) -> bytes:
    return f"{invocation}/{part}".encode()
