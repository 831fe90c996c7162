"""Profiles: what a kind of sandbox has imported before its first call, and how many of them are kept warm."""

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jigsmith_sandbox.errors import ProfileError
from jigsmith_sandbox.limits import data_directory

DEFAULT: Final = "python"
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of sandbox."""

    name: str
    packages: tuple[str, ...] = ()
    """Distributions beyond the standard library; their dependencies come along."""
    warm_up: str = ""
    """Python text that the zygote runs once, so that what it imports late is there in every call."""
    sandboxes_min: int = 1
    """How many are kept, also when nobody calls; 0 starts the first one with the first call."""
    sandboxes_max: int = 1
    """How many there may be when all are busy."""
    idle_s: float = 300.0
    """After how long without a call one beyond the minimum is ended."""

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises ProfileError."""
        if not _NAME.fullmatch(self.name):
            raise ProfileError(f"profile {self.name!r}: a name has lower-case letters, digits, - and _")
        if not 0 <= self.sandboxes_min <= self.sandboxes_max or self.sandboxes_max < 1 or self.idle_s <= 0:
            raise ProfileError(f"profile {self.name}: 0 <= sandboxes_min <= sandboxes_max, at least 1; idle_s above 0")


def load(path: Path | None = None) -> Mapping[str, Profile]:
    """Read profiles from a TOML file (default: the shipped one). Raises ProfileError naming the file and the fault."""
    path = path or data_directory() / "profiles.toml"
    try:
        data: dict[str, dict[str, Any]] = tomllib.loads(path.read_text())
        found = {
            name: Profile(name, packages=tuple(values.pop("packages", ())), **values) for name, values in data.items()
        }
    except (OSError, tomllib.TOMLDecodeError, TypeError, ValueError, AttributeError, ProfileError) as error:
        raise ProfileError(f"{path}: cannot read profiles: {error}") from error
    if DEFAULT not in found:
        raise ProfileError(f"{path}: there must be a profile {DEFAULT!r}")
    return found


@functools.cache
def shipped() -> Mapping[str, Profile]:
    """Return the profiles that come with the project."""
    return load()
