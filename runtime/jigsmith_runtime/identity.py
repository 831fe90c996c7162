"""Who is calling: principals and the ways to find one from a request's metadata. Knows nothing of RPCs."""

import hashlib
import re
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Protocol

from jigsmith_runtime.errors import UnauthenticatedError
from jigsmith_runtime.roles import Role

PRINCIPAL: Final = re.compile(r"(?:user|service):[a-z0-9][a-z0-9._@-]{0,62}")
_TOKEN_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DEV_PRINCIPAL: Final = "user:dev"


class PrincipalsFileError(Exception):
    """The principals file cannot be used; the message names the file and the fault."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who may call."""

    name: str
    """`user:NAME` is a person, `service:NAME` is not."""
    roles: frozenset[Role]
    channels: tuple[str, ...] = ()
    """What the role `agent` may invoke: fnmatch patterns over channel names."""

    @property
    def is_person(self) -> bool:
        """Whether this is a human being, as far as its name promises."""
        return self.name.startswith("user:")

    def has(self, roles: Iterable[Role]) -> bool:
        """Return whether the principal has one of the roles."""
        return not self.roles.isdisjoint(roles)

    def may_invoke_channel(self, channel: str) -> bool:
        """Return whether the principal, as an agent, was given a channel (`functionSets/*/channels/*`)."""
        return Role.AGENT in self.roles and any(fnmatchcase(channel, pattern) for pattern in self.channels)


class Identifier(Protocol):
    """A way to find out who is calling."""

    def identify(self, metadata: Mapping[str, str]) -> Principal:
        """Return the principal. Raises UnauthenticatedError."""


class BearerTokens:
    """Principals by the sha256 of their tokens; a lookup by digest tells an attacker's clock nothing about a token."""

    def __init__(self, by_digest: Mapping[str, Principal]) -> None:
        self._by_digest = dict(by_digest)

    def identify(self, metadata: Mapping[str, str]) -> Principal:
        """Return the principal that the `authorization` metadata names. Raises UnauthenticatedError."""
        scheme, _, token = metadata.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("send the metadata `authorization: Bearer TOKEN`")
        principal = self._by_digest.get(token_digest(token.strip()))
        if principal is None:
            raise UnauthenticatedError("the token is not known here")
        return principal


class DevMetadata:
    """Believes the metadata key `jigsmith-principal`. For development on a loopback address only."""

    def identify(self, metadata: Mapping[str, str]) -> Principal:
        """Return the principal with every role. Raises UnauthenticatedError for a malformed name."""
        name = metadata.get("jigsmith-principal", _DEV_PRINCIPAL)
        if not PRINCIPAL.fullmatch(name):
            raise UnauthenticatedError("jigsmith-principal must be user:NAME or service:NAME")
        return Principal(name, frozenset(Role), ("*",))


def token_digest(token: str) -> str:
    """Return what the principals file lists for a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """Return a fresh token of 256 random bits; the prefix lets secret scanners find it."""
    return "jigsmith_" + secrets.token_urlsafe(32)


def load_principals(path: Path) -> BearerTokens:
    """Read the principals file (docs/design.md, "Identity and roles"). Raises PrincipalsFileError."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = data.pop("principal", [])
        if data:
            raise PrincipalsFileError(f"{path}: unknown key {next(iter(data))!r}; entries stand under [[principal]]")
        by_digest: dict[str, Principal] = {}
        for number, entry in enumerate(entries, start=1):
            digest, principal = _principal(entry, f"{path}: principal {number}")
            if digest in by_digest:
                raise PrincipalsFileError(f"{path}: principal {number} has the token of another one")
            by_digest[digest] = principal
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PrincipalsFileError(f"{path}: {error}") from error
    return BearerTokens(by_digest)


def _principal(entry: dict[str, Any], where: str) -> tuple[str, Principal]:  # Any: what a TOML file may hold
    unknown = set(entry) - {"name", "token_sha256", "roles", "channels"}
    name, digest = str(entry.get("name", "")), str(entry.get("token_sha256", ""))
    if unknown:
        raise PrincipalsFileError(f"{where}: unknown key {min(unknown)!r}")
    if not PRINCIPAL.fullmatch(name):
        raise PrincipalsFileError(f"{where}: name must be user:NAME or service:NAME, not {name!r}")
    if not _TOKEN_SHA256.fullmatch(digest):
        raise PrincipalsFileError(f"{where} ({name}): token_sha256 must be 64 lower-case hexadecimal digits")
    try:
        roles = frozenset(Role(role) for role in entry.get("roles", []))
    except ValueError as error:
        raise PrincipalsFileError(f"{where} ({name}): {error}; roles are {', '.join(Role)}") from None
    return digest, Principal(name, roles, tuple(str(pattern) for pattern in entry.get("channels", [])))
