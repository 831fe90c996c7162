"""From what a request carries to the principal who makes it."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from jigsmith_runtime.errors import UnauthenticatedError
from jigsmith_runtime.identity.jwt_tokens import JwtVerifier
from jigsmith_runtime.identity.principals import PRINCIPAL, Principal, Principals, token_digest
from jigsmith_runtime.roles import Role

_DEV_PRINCIPAL: Final = "user:dev"
_ALL_ROLES: Final = frozenset(Role)


CertificateNames = Callable[[], Sequence[str]]
"""Returns the names in the client certificate that the TLS handshake verified: `spiffe://...`, `CN=...`; none without."""


class Identifier(Protocol):
    """A way to find out who is calling."""

    def identify(self, metadata: Mapping[str, str], certificate: CertificateNames) -> Principal:
        """Return the principal who sent a request with this metadata. Raises UnauthenticatedError."""


class Credentials:
    """Believes opaque tokens, JWTs and client certificates, in this order; `principals` may be replaced at any time."""

    def __init__(self, principals: Principals, jwt: JwtVerifier | None = None) -> None:
        self.principals = principals
        self._jwt = jwt

    def identify(self, metadata: Mapping[str, str], certificate: CertificateNames) -> Principal:
        """Return the principal who sent a request with this metadata. Raises UnauthenticatedError."""
        authorization = metadata.get("authorization")
        if authorization is not None:
            return self._by_token(authorization)
        for name in certificate():
            principal = self.principals.by_certificate.get(name)
            if principal is not None:
                return principal
        raise UnauthenticatedError(
            "send the metadata `authorization: Bearer TOKEN`, or a client certificate that is known here"
        )

    def _by_token(self, authorization: str) -> Principal:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("send the metadata `authorization: Bearer TOKEN`")
        principal = self.principals.by_token.get(token_digest(token))
        if principal is None and self._jwt is not None and token.count(".") == 2:
            principal = self.principals.by_subject.get(self._jwt.subject(token))
        if principal is None:
            raise UnauthenticatedError("the token is not known here")
        return principal


class DevMetadata:
    """Believes the metadata key `jigsmith-principal`. For development on a loopback address only."""

    def identify(self, metadata: Mapping[str, str], _: CertificateNames) -> Principal:
        """Return the principal with every role. Raises UnauthenticatedError for a malformed name."""
        return _dev_principal(metadata.get("jigsmith-principal", _DEV_PRINCIPAL))


@functools.lru_cache(maxsize=256)
def _dev_principal(name: str) -> Principal:
    if not PRINCIPAL.fullmatch(name):
        raise UnauthenticatedError("jigsmith-principal must be user:NAME or service:NAME")
    return Principal(name, _ALL_ROLES, ("*",))
