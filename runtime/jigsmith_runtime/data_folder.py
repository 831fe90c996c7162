"""What a runtime keeps in its data folder, and what it tells other processes there."""

import json
import os
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NODE: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A folder that belongs to one runtime."""

    path: Path

    @property
    def database(self) -> Path:
        """The registry."""
        return self.path / "registry.db"

    @property
    def audit(self) -> Path:
        """The audit log."""
        return self.path / "audit"

    @property
    def audit_key(self) -> Path:
        """The private key that signs the audit log's checkpoints."""
        return self.path / "audit-key.pem"

    @property
    def audit_public_key(self) -> Path:
        """The public key, in the C2SP form, for those who verify; to be copied to where the runtime cannot write."""
        return self.path / "audit-key.pub"

    @property
    def release_key(self) -> Path:
        """The private key that signs approvals, channels, evidence and provenance."""
        return self.path / "release-key.pem"

    @property
    def release_public_key(self) -> Path:
        """The public key, in PEM, for those who verify; other runtimes on the same registry must trust it."""
        return self.path / "release-key.pub"

    @property
    def payloads(self) -> Path:
        """What is kept of arguments and results."""
        return self.path / "payloads"

    @property
    def payload_key(self) -> Path:
        """The key that encrypts them."""
        return self.path / "payload-key"

    @property
    def witnessed(self) -> Path:
        """The newest checkpoint that a witness has cosigned."""
        return self.path / "audit-witnessed"

    @property
    def announcement(self) -> Path:
        """Where a runtime that is ready tells its address."""
        return self.path / "runtime.json"

    def prepare(self) -> None:
        """Make the folder. Raises DataFolderError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DataFolderError(f"cannot make the data folder {self.path}: {error.strerror}") from error

    def node(self) -> str:
        """Return this node's name, which is made up at the first start and then stays. Raises DataFolderError."""
        path = self.path / "node"
        try:
            name = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            host = re.sub(r"[^a-z0-9.-]", "-", socket.gethostname().lower())[:40].strip(".-") or "node"
            name = f"{host}-{secrets.token_hex(4)}"
            write_atomically(path, f"{name}\n")
        if not _NODE.fullmatch(name):
            raise DataFolderError(f"{path} holds no node name: {name[:80]!r}")
        return name

    def announce(self, facts: Mapping[str, str | int]) -> None:
        """Tell other processes that the runtime is ready."""
        write_atomically(self.announcement, json.dumps(dict(facts), indent=2) + "\n")

    def withdraw(self) -> None:
        """Take an announcement back."""
        self.announcement.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file, durably; readers see the old or the new contents, never a part."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
