"""Limits of runs and sandboxes: frozen values with units in their names, read from deploy/sandbox/limits.toml."""

import dataclasses
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jigsmith_sandbox.errors import LimitError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. Every value is a positive integer."""

    wall_ms: int
    """Wall-clock time (monotonic), from handing over the call."""
    cpu_ms: int
    """CPU time of all processes of the call."""
    memory_bytes: int
    """Address space beyond what the interpreter has when the call begins."""
    processes: int
    """Processes and threads at one moment, the first one included."""
    open_files: int
    """Descriptors at one moment, beyond the standard ones; for each process."""
    output_bytes: int
    """stdout and stderr together."""
    arguments_bytes: int
    """The arguments as JSON text."""
    result_bytes: int
    """The result as JSON text."""
    result_depth: int
    """Levels of arrays and objects in the result."""
    temp_bytes: int
    """Files under /tmp."""
    temp_files: int
    """Files, folders and links under /tmp."""

    def __post_init__(self) -> None:
        """Refuse what is not a positive integer. Raises LimitError."""
        for name, value in self.as_dict().items():
            _demand_positive(name, value)

    def as_dict(self) -> dict[str, int]:
        """Return the limits by name."""
        return {name: getattr(self, name) for name in _NAMES}  # dataclasses.asdict copies deeply

    def replace(self, **changes: int) -> Self:
        """Return a copy with some limits changed. Raises LimitError."""
        return dataclasses.replace(self, **changes)

    def exceeding(self, ceiling: "Limits") -> list[str]:
        """Return the names of the limits that are above the ceiling's."""
        most = ceiling.as_dict()
        return [name for name, value in self.as_dict().items() if value > most[name]]


def _demand_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise LimitError(f"limit {name} must be a positive integer, not {value!r}")


_NAMES = tuple(field.name for field in dataclasses.fields(Limits))


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one sandbox with all its runs may use: positive integers. Kept by the container engine and by control groups."""

    memory_bytes: int
    processes: int
    """Processes and threads."""
    processors: int
    """How many processors' time they may use together."""

    def __post_init__(self) -> None:
        """Refuse what is not a positive integer. Raises LimitError."""
        for field in dataclasses.fields(self):
            _demand_positive(f"sandbox.{field.name}", getattr(self, field.name))


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """The operator's limits."""

    default: Limits
    ceiling: Limits
    sandbox: SandboxLimits


def data_directory() -> Path:
    """Return the folder with the operator's data: deploy/sandbox in a checkout, the copy in an installed package."""
    packaged = Path(__file__).parent / "data"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "deploy" / "sandbox"


def load(path: Path | None = None) -> LimitPolicy:
    """Read limits from a TOML file (default: the shipped one). Raises LimitError naming the file and the fault."""
    path = path or data_directory() / "limits.toml"
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text())
        policy = LimitPolicy(
            default=Limits(**data["call"]["default"]),
            ceiling=Limits(**data["call"]["ceiling"]),
            sandbox=SandboxLimits(**data["sandbox"]),
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise LimitError(f"{path}: cannot read limits: {error}") from error
    if names := policy.default.exceeding(policy.ceiling):
        raise LimitError(f"{path}: the default of {', '.join(names)} is above its ceiling")
    return policy


@functools.cache
def shipped() -> LimitPolicy:
    """Return the limits that come with the project."""
    return load()
