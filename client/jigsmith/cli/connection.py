"""From the common options to a connected client."""

from dataclasses import dataclass
from pathlib import Path

import typer

from jigsmith.cli.output import USAGE, Output, fail
from jigsmith.client import Client


@dataclass(frozen=True, slots=True)
class Connection:
    """What the common options say about the runtime."""

    output: Output
    address: str
    token: str | None
    token_file: Path | None
    principal: str | None
    ca: Path | None
    cert: Path | None
    key: Path | None
    timeout_s: float

    def client(self) -> Client:
        """Return a client; it connects with its first request. Ends the program if a file cannot be read."""
        token = self.token
        try:
            if self.token_file is not None and token is None:
                token = self.token_file.read_text(encoding="utf-8").strip()
            roots, certificate, key = (
                None if one is None else one.read_bytes() for one in (self.ca, self.cert, self.key)
            )
        except (OSError, UnicodeDecodeError) as error:
            fail(USAGE, f"cannot read it: {error}")
        return Client(
            self.address,
            token=token,
            principal=self.principal,
            timeout_s=self.timeout_s,
            root_certificates=roots,
            client_certificate=certificate,
            client_key=key,
        )


def connection_of(context: typer.Context) -> Connection:
    """Return what the common options said."""
    connection = context.meta["connection"]
    assert isinstance(connection, Connection)
    return connection
