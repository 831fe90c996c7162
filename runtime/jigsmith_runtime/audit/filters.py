"""Which entries a reader wants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jigsmith.canonical import JsonValue

_NAMING: Final = ("function_version", "function_set", "revision", "release", "channel", "target", "parent_revision")
"""The fields that name resources."""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Every condition that is set must hold."""

    invocation: str = ""
    kinds: tuple[str, ...] = ()
    """Exact kinds, or `family.*`."""
    principal: str = ""
    resource: str = ""
    """A resource, or what its name lies below."""
    outcome: str = ""
    start_time: str = ""
    """From this time on, in the entries' own form."""
    end_time: str = ""
    """Before this time."""

    @property
    def is_empty(self) -> bool:
        """Whether every entry fits."""
        return self == EntryFilter()

    def fits(self, entry: Mapping[str, JsonValue]) -> bool:
        """Return whether an entry is wanted."""
        time = str(entry.get("time", ""))
        return (
            (not self.invocation or entry.get("invocation") == self.invocation)
            and (not self.principal or entry.get("principal") == self.principal)
            and (not self.outcome or entry.get("outcome") == self.outcome)
            and (not self.kinds or any(_is_kind(str(entry.get("kind")), kind) for kind in self.kinds))
            and (not self.resource or any(_is_below(entry.get(name), self.resource) for name in _NAMING))
            and (not self.start_time or time >= self.start_time)
            and (not self.end_time or time < self.end_time)
        )


def _is_kind(kind: str, wanted: str) -> bool:
    family, star, _ = wanted.partition(".*")
    return kind.startswith(f"{family}.") if star else kind == wanted


def _is_below(name: JsonValue, resource: str) -> bool:
    return isinstance(name, str) and (name == resource or name.startswith(f"{resource}/"))
