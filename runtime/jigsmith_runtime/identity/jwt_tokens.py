"""JSON Web Tokens (RFC 7519) of one issuer, signed with a key of its set (RFC 7517). The only door to PyJWT.

Only asymmetric algorithms, named here and not by the token; every claim that bounds a token is demanded.
"""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt

from jigsmith_runtime.errors import UnauthenticatedError

SKEW_S: Final = 30
"""By how much the issuer's clock and ours may differ."""

_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
_REQUIRED: Final = ("exp", "iat", "aud", "iss", "sub")
_TOKEN_CHARS_MAX: Final = 16_384
"""More than gRPC lets through in metadata; a bound all the same."""
_REMEMBERED_MAX: Final = 4_096
_REFUSED: Final = "the token is not known here"
"""All that a caller learns: which check failed is for the log."""


class KeySetError(ValueError):
    """A text is no set of public keys."""


class KeySet:
    """The keys of an issuer. Replaced as a whole."""

    def __init__(self, keys: Mapping[str, jwt.PyJWK]) -> None:
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: str) -> "KeySet":
        """Read a JWK set. Raises KeySetError."""
        try:
            found = jwt.PyJWKSet.from_dict(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, jwt.PyJWTError) as error:
            raise KeySetError(f"not a set of public keys (RFC 7517): {error}") from error
        return cls({one.key_id: one for one in found.keys if one.key_id is not None})

    def find(self, key_id: object) -> jwt.PyJWK | None:
        """Return a key."""
        return self._keys.get(key_id) if isinstance(key_id, str) else None

    def __len__(self) -> int:
        return len(self._keys)


class JwtVerifier:
    """Says who a token is about, if it is the issuer's, for us, and holds now."""

    def __init__(
        self, *, issuer: str, audience: str, keys: Callable[[], KeySet], unknown_key: Callable[[], None]
    ) -> None:
        """`keys` gives the keys of now, and none if they are too old; `unknown_key` is told when a token names another."""
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._unknown_key = unknown_key
        self._remembered: OrderedDict[bytes, tuple[str, float, KeySet]] = OrderedDict()

    def subject(self, token: str) -> str:
        """Return the token's subject. Raises UnauthenticatedError."""
        if len(token) > _TOKEN_CHARS_MAX:
            raise UnauthenticatedError(_REFUSED)
        keys, digest = self._keys(), hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._remembered.get(digest)
        if known is not None and known[2] is keys and time.time() < known[1] + SKEW_S:
            return known[0]
        claims = self._verified(token, keys)
        self._remembered[digest] = (str(claims["sub"]), float(claims["exp"]), keys)
        if len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return str(claims["sub"])

    def _verified(self, token: str, keys: KeySet) -> dict[str, Any]:  # Any: what a token may claim
        try:
            header = jwt.get_unverified_header(token)
            key = keys.find(header.get("kid"))
            if key is None:
                self._unknown_key()
                raise UnauthenticatedError(_REFUSED)
            if header.get("alg") not in _ALGORITHMS or header.get("alg") != key.algorithm_name:
                raise UnauthenticatedError(_REFUSED)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=SKEW_S,
                options={"require": list(_REQUIRED)},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise UnauthenticatedError(_REFUSED) from error
        if not isinstance(claims.get("sub"), str):
            raise UnauthenticatedError(_REFUSED)
        return claims
