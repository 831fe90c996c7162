"""TLS on the runtime's port: certificates that may be renewed while it runs, and the names in those of clients."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import structlog

from jigsmith_runtime.audit.keys import KeyFileError, read_private

_SPIFFE: Final = "spiffe://"

_log = structlog.get_logger(__name__)


class TlsFilesError(Exception):
    """The certificate, its key or the authorities cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate, key and, if clients must show certificates, their authorities are."""

    certificate: Path
    key: Path
    client_authorities: Path | None

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files: each handshake takes what is there then. Raises TlsFilesError."""
        served = self._configuration()

        def current() -> grpc.ServerCertificateConfiguration:
            nonlocal served
            try:
                served = self._configuration()
            except TlsFilesError as error:  # half-written, say: what was good goes on
                _log.warning("tls.not_renewed", error=str(error))
            return served

        return grpc.dynamic_ssl_server_credentials(
            served, current, require_client_authentication=self.client_authorities is not None
        )

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        try:
            pair = read_private(self.key), self.certificate.read_bytes()
            authorities = None if self.client_authorities is None else self.client_authorities.read_bytes()
        except KeyFileError as error:
            raise TlsFilesError(str(error)) from error
        except OSError as error:
            raise TlsFilesError(f"cannot read {error.filename}: {error.strerror}") from error
        for path, data, word in (
            (self.key, pair[0], b"PRIVATE KEY-----"),
            (self.certificate, pair[1], b"BEGIN CERTIFICATE-----"),
            (self.client_authorities, authorities or b"BEGIN CERTIFICATE-----", b"BEGIN CERTIFICATE-----"),
        ):
            if word not in data:
                raise TlsFilesError(f"{path} is not PEM of the kind that is needed here")
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=authorities)


def certificate_names(auth_context: Mapping[str, Iterable[bytes]]) -> tuple[str, ...]:
    """Return the names in a verified client certificate: its SPIFFE IDs, or else `CN=` and its common name."""
    if list(auth_context.get("transport_security_type", ())) != [b"ssl"]:
        return ()
    names = [one.decode("utf-8", "replace") for one in auth_context.get("x509_subject_alternative_name", ())]
    spiffe = tuple(name for name in names if name.startswith(_SPIFFE))
    if spiffe:
        return spiffe
    return tuple(f"CN={one.decode('utf-8', 'replace')}" for one in auth_context.get("x509_common_name", ()))
