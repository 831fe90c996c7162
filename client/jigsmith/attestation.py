"""Signed statements about functions and releases: in-toto Statement v1 in a DSSE envelope, signed with Ed25519.

A statement says of subjects, which are named and bound by their sha256, what its predicate says. Sources: in-toto
attestation framework, spec v1 (in-toto.io/Statement/v1); DSSE v1 (secure-systems-lab/dsse).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey  # type: ignore[attr-defined]  # it lists no exports

from jigsmith import canonical
from jigsmith.canonical import JsonValue

ENVELOPE_CHARS_MAX: Final = 262_144

PROVENANCE: Final = "https://slsa.dev/provenance/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
APPROVAL: Final = "urn:jigsmith:attestation:approval:v1"
CHANNEL: Final = "urn:jigsmith:attestation:channel:v1"

_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_PEM_END: Final = b"-----END PUBLIC KEY-----"


class AttestationError(ValueError):
    """An envelope is malformed, or nobody who is trusted signed it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is stated, and of what."""

    subjects: Mapping[str, str]
    """sha256, hexadecimal, by resource name."""
    predicate_type: str
    predicate: Mapping[str, JsonValue]

    def encode(self) -> bytes:
        """Return the canonical JSON that is signed."""
        subjects: list[JsonValue] = [{"name": name, "digest": {"sha256": one}} for name, one in self.subjects.items()]
        return canonical.encode(
            {
                "_type": _STATEMENT,
                "subject": subjects,
                "predicateType": self.predicate_type,
                "predicate": dict(self.predicate),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a statement. Raises AttestationError."""
        try:
            value: Any = canonical.decode(data)  # Any: its shape is what is checked here
            if value["_type"] != _STATEMENT or not isinstance(value["predicate"], dict):
                raise AttestationError("not an in-toto statement, version 1")
            subjects = {str(one["name"]): str(one["digest"]["sha256"]) for one in value["subject"]}
            return cls(MappingProxyType(subjects), str(value["predicateType"]), MappingProxyType(value["predicate"]))
        except (canonical.CanonicalError, KeyError, TypeError) as error:
            raise AttestationError(f"not an in-toto statement: {error}") from error


class Attester:
    """Signs statements with one private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._signer = CryptoSigner(private)
        self.public_pem: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, statement: Statement) -> str:
        """Return the DSSE envelope, as JSON text."""
        envelope = Envelope(statement.encode(), _PAYLOAD_TYPE, {})
        envelope.sign(self._signer)
        return json.dumps(envelope.to_dict(), separators=(",", ":"))


class TrustedKeys:
    """The keys whose statements are believed."""

    def __init__(self, pems: Sequence[bytes]) -> None:
        """Take public keys in PEM. Raises AttestationError if one is none, or not Ed25519."""
        self._keys = [_public_key(pem) for pem in pems]

    @classmethod
    def parse(cls, *files: bytes) -> Self:
        """Read files of public keys in PEM, any number in each. Raises AttestationError."""
        pems = [part + _PEM_END for data in files for part in data.split(_PEM_END)[:-1]]
        if not pems:
            raise AttestationError("no public key in PEM is there")
        return cls(pems)

    def open(self, envelope: str, predicate_type: str) -> Statement:
        """Return the statement of an envelope that one of the keys signed. Raises AttestationError."""
        if len(envelope) > ENVELOPE_CHARS_MAX:
            raise AttestationError("the envelope is too long")
        try:
            parsed = Envelope.from_dict(json.loads(envelope))
            parsed.verify(self._keys, threshold=1)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, VerificationError) as error:
            raise AttestationError(f"nobody who is trusted here signed it ({type(error).__name__})") from error
        if parsed.payload_type != _PAYLOAD_TYPE:
            raise AttestationError(f"an envelope of {parsed.payload_type}, not of an in-toto statement")
        statement = Statement.decode(parsed.payload)
        if statement.predicate_type != predicate_type:
            raise AttestationError(f"it states {statement.predicate_type}, not {predicate_type}")
        return statement


def _public_key(pem: bytes) -> Key:
    try:
        loaded = load_pem_public_key(pem.strip())
    except ValueError as error:
        raise AttestationError(f"not a public key in PEM: {error}") from error
    if not isinstance(loaded, Ed25519PublicKey):
        raise AttestationError("a public key of another kind; Ed25519 is needed")
    return SSlibKey.from_crypto(loaded)
