"""Who is calling: principals, and the ways to find one from a token, a JWT or a certificate. Knows nothing of RPCs."""

from jigsmith_runtime.identity.credentials import Credentials, DevMetadata, Identifier
from jigsmith_runtime.identity.principals import (
    PRINCIPAL,
    Principal,
    Principals,
    PrincipalsFileError,
    Quota,
    new_token,
    token_digest,
)

__all__ = [
    "PRINCIPAL",
    "Credentials",
    "DevMetadata",
    "Identifier",
    "Principal",
    "Principals",
    "PrincipalsFileError",
    "Quota",
    "new_token",
    "token_digest",
]
