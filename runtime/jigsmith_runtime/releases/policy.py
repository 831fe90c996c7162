"""What an operator demands of releases, beyond the rules that always hold. Read once, from a TOML file.

```toml
approval_days = 365                                     # how long an approval holds at most

[[channel]]                                             # the first pattern that fits
pattern = "functionSets/*/channels/production"
evidence = true                                         # the newest test results must have passed
approvals = 2                                           # at least; a release that raises limits always needs two
```
"""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Self

APPROVAL_DAYS_DEFAULT: Final = 365
_DAYS_MAX: Final = 3_650
_APPROVALS_MAX: Final = 9


class ReleasePolicyError(Exception):
    """The release policy file cannot be used; the message names the file and the fault."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a channel demands."""

    pattern: str = "*"
    evidence: bool = False
    approvals: int = 1


@dataclass(frozen=True, slots=True)
class ReleasePolicy:
    """The demands of all channels."""

    approval_days: int = APPROVAL_DAYS_DEFAULT
    channels: tuple[Demand, ...] = ()

    @property
    def longest(self) -> timedelta:
        """How long an approval holds at most, and if nothing shorter is asked for."""
        return timedelta(days=self.approval_days)

    def demand(self, channel: object) -> Demand:
        """Return what a channel demands."""
        return next((one for one in self.channels if fnmatchcase(str(channel), one.pattern)), Demand())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file. Raises ReleasePolicyError."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            channels = tuple(_demand(entry) for entry in data.pop("channel", []))
            days = _number(data.pop("approval_days", APPROVAL_DAYS_DEFAULT), "approval_days", _DAYS_MAX)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError, TypeError) as error:
            raise ReleasePolicyError(f"{path}: {error}") from error
        if data:
            raise ReleasePolicyError(
                f"{path}: unknown key {next(iter(data))!r}; there are approval_days and [[channel]]"
            )
        return cls(days, channels)


def _demand(entry: dict[str, Any]) -> Demand:  # Any, here and below: what a TOML file may hold
    unknown = set(entry) - {"pattern", "evidence", "approvals"}
    if unknown or not isinstance(entry.get("pattern"), str) or not isinstance(entry.get("evidence", False), bool):
        raise ValueError(
            "a [[channel]] has `pattern`, a text, and may have `evidence`, a boolean, and `approvals`, a number"
        )
    return Demand(
        entry["pattern"], entry.get("evidence", False), _number(entry.get("approvals", 1), "approvals", _APPROVALS_MAX)
    )


def _number(value: Any, name: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name} must be a number from 1 to {most}")
    return value
