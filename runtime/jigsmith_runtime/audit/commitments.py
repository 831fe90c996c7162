"""Commitments: an entry binds itself to a text without showing it, and without letting anybody guess it.

The salt never stands in the log. Whoever holds it, with the text, can show what was committed to; once both are erased nobody
can, and the log stays as it is.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, Self

SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment."""

    text: str
    salt: bytes

    @classmethod
    def of(cls, text: str) -> Self:
        """Return an opening with a fresh salt."""
        return cls(text, secrets.token_bytes(SALT_BYTES))

    @property
    def commitment(self) -> str:
        """What stands in the entry: sha256(salt || UTF-8 of the text), hexadecimal."""
        return hashlib.sha256(self.salt + self.text.encode()).hexdigest()
