"""Principals: who may call, what they are, and the file that lists them (docs/design.md, "Identity and roles")."""

import hashlib
import re
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Self

from jigsmith_runtime.roles import Role

PRINCIPAL: Final = re.compile(r"(?:user|service):[a-z0-9][a-z0-9._@-]{0,62}")
_TOKEN_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CERTIFICATE: Final = re.compile(r"spiffe://[^\s]{1,2000}|CN=[^\s].{0,200}")
_EVERYTHING: Final = ("*",)
_KEYS: Final = frozenset({"name", "token_sha256", "certificate", "subject", "roles", "channels", "sets", "limits"})


class PrincipalsFileError(Exception):
    """The principals file cannot be used; the message names the file and the fault."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a principal may ask for; None: as much as there is room for."""

    requests_per_s: float | None = None
    """Of any kind; a second's worth may come at once."""
    calls_running_max: int | None = None
    calls_per_day: int | None = None
    """Days are UTC; counted from the runtime's start."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who may call."""

    name: str
    """`user:NAME` is a person, `service:NAME` is not."""
    roles: frozenset[Role]
    channels: tuple[str, ...] = ()
    """What the role `agent` may invoke: fnmatch patterns over channel names."""
    sets: tuple[str, ...] = _EVERYTHING
    """Which function sets exist for it: fnmatch patterns over their bare names."""
    quota: Quota = field(default_factory=Quota)

    @property
    def is_person(self) -> bool:
        """Whether this is a human being, as far as its name promises."""
        return self.name.startswith("user:")

    @property
    def is_tenant(self) -> bool:
        """Whether some function sets do not exist for it."""
        return self.sets != _EVERYTHING

    def has(self, roles: Iterable[Role]) -> bool:
        """Return whether the principal has one of the roles."""
        return not self.roles.isdisjoint(roles)

    def may_invoke_channel(self, channel: str) -> bool:
        """Return whether the principal, as an agent, was given a channel (`functionSets/*/channels/*`)."""
        return Role.AGENT in self.roles and any(fnmatchcase(channel, pattern) for pattern in self.channels)

    def sees_set(self, function_set: str) -> bool:
        """Return whether a function set exists for the principal."""
        return not self.is_tenant or any(fnmatchcase(function_set, pattern) for pattern in self.sets)


@dataclass(frozen=True, slots=True)
class Principals:
    """Everybody who may call, by each of the ways to say who one is."""

    by_token: Mapping[str, Principal] = field(default_factory=dict)
    """By the sha256 of an opaque token: a look-up by digest tells an attacker's clock nothing about a token."""
    by_certificate: Mapping[str, Principal] = field(default_factory=dict)
    """By `spiffe://...` or `CN=...`."""
    by_subject: Mapping[str, Principal] = field(default_factory=dict)
    """By the subject of a JWT."""

    def __len__(self) -> int:
        return len(
            {one.name for ways in (self.by_token, self.by_certificate, self.by_subject) for one in ways.values()}
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file. Raises PrincipalsFileError."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise PrincipalsFileError(f"{path}: {error}") from error
        entries, limits = data.pop("principal", []), data.pop("limits", {})
        if data:
            raise PrincipalsFileError(f"{path}: unknown key {next(iter(data))!r}; there are [[principal]] and [limits]")
        ways: dict[str, dict[str, Principal]] = {"token_sha256": {}, "certificate": {}, "subject": {}}
        default = _quota(limits, Quota(), f"{path}: limits")
        for number, entry in enumerate(entries, start=1):
            where = f"{path}: principal {number}"
            principal = _principal(entry, default, where)
            for way, known in ways.items():
                value = entry.get(way)
                if value is None:
                    continue
                if value in known:
                    raise PrincipalsFileError(f"{where} has the {way} of another one")
                known[value] = principal
        return cls(ways["token_sha256"], ways["certificate"], ways["subject"])


def token_digest(token: str) -> str:
    """Return what the principals file lists for a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """Return a fresh token of 256 random bits; the prefix lets secret scanners find it."""
    return "jigsmith_" + secrets.token_urlsafe(32)


def _principal(
    entry: dict[str, Any], default: Quota, where: str
) -> Principal:  # Any, here and below: what TOML may hold
    unknown = set(entry) - _KEYS
    name = str(entry.get("name", ""))
    if unknown:
        raise PrincipalsFileError(f"{where}: unknown key {min(unknown)!r}")
    if not PRINCIPAL.fullmatch(name):
        raise PrincipalsFileError(f"{where}: name must be user:NAME or service:NAME, not {name!r}")
    where = f"{where} ({name})"
    _check_ways(entry, where)
    try:
        roles = frozenset(Role(role) for role in entry.get("roles", []))
    except ValueError as error:
        raise PrincipalsFileError(f"{where}: {error}; roles are {', '.join(Role)}") from None
    return Principal(
        name,
        roles,
        tuple(str(pattern) for pattern in entry.get("channels", [])),
        tuple(str(pattern) for pattern in entry.get("sets", _EVERYTHING)),
        _quota(entry.get("limits", {}), default, f"{where}: limits"),
    )


def _check_ways(entry: dict[str, Any], where: str) -> None:
    digest, certificate, subject = (entry.get(way) for way in ("token_sha256", "certificate", "subject"))
    if digest is certificate is subject is None:
        raise PrincipalsFileError(
            f"{where}: give token_sha256, certificate or subject: how one is known to be this one"
        )
    if digest is not None and not _TOKEN_SHA256.fullmatch(str(digest)):
        raise PrincipalsFileError(f"{where}: token_sha256 must be 64 lower-case hexadecimal digits")
    if certificate is not None and not _CERTIFICATE.fullmatch(str(certificate)):
        raise PrincipalsFileError(f"{where}: certificate must be spiffe://... or CN=..., not {certificate!r}")
    if subject is not None and not (isinstance(subject, str) and subject):
        raise PrincipalsFileError(f"{where}: subject must be the subject of a JWT")


def _quota(entry: Any, default: Quota, where: str) -> Quota:
    names = ("requests_per_s", "calls_running_max", "calls_per_day")
    if not isinstance(entry, dict) or set(entry) - set(names):
        raise PrincipalsFileError(f"{where}: there are {', '.join(names)}")
    for name, value in entry.items():
        kinds = (int, float) if name == "requests_per_s" else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
            raise PrincipalsFileError(f"{where}: {name} must be a number above 0")
    return Quota(**{name: entry.get(name, getattr(default, name)) for name in names})
