"""Certificates and JWTs for tests: an authority, what it signs, an issuer and its keys served over HTTP."""

import datetime as dt
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ISSUER = "https://issuer.example.org"
AUDIENCE = "jigsmith"


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Authority:
    """A certificate authority."""

    def __init__(self, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> bytes:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, common_name: str, *names: x509.GeneralName) -> tuple[bytes, bytes]:
        """Return (certificate, key) in PEM for a name and alternative names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        extensions = [x509.SubjectAlternativeName(names)] if names else []
        return self._signed(subject, key, *extensions), pem(key)

    def server(self, directory: Path) -> tuple[str, ...]:
        """Write a certificate for localhost; return the runtime's options for it."""
        certificate, key = self.issue("localhost", x509.DNSName("localhost"))
        (directory / "tls.pem").write_bytes(certificate)
        (directory / "tls-key.pem").write_bytes(key)
        (directory / "tls-key.pem").chmod(0o600)
        (directory / "ca.pem").write_bytes(self.certificate)
        return ("--tls-cert", str(directory / "tls.pem"), "--tls-key", str(directory / "tls-key.pem"))


class Issuer:
    """Signs JWTs, and serves its keys over HTTP. A context manager."""

    def __init__(self) -> None:
        self.keys = {"one": ec.generate_private_key(ec.SECP256R1())}
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                data = issuer.key_set().encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def key_set(self) -> str:
        """Return the public keys as a JWK set."""
        found = []
        for key_id, key in self.keys.items():
            public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
            found.append(public | {"kid": key_id, "alg": "ES256", "use": "sig"})
        return json.dumps({"keys": found})

    def token(self, subject: str, *, key_id: str = "one", lives_s: int = 300, **claims: Any) -> str:
        """Return a token; a claim of None is left out."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + lives_s} | claims
        said = {name: value for name, value in said.items() if value is not None}
        key = self.keys.get(key_id) or next(iter(self.keys.values()))
        return jwt.encode(said, key, algorithm="ES256", headers={"kid": key_id})
