"""What an operator decides, read once: command line over environment (JIGSMITH_...) over a TOML file over defaults."""

import ipaddress
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from jigsmith_sandbox.backends import BackendName

LogFormat = Literal["auto", "json", "console"]

LISTEN_DEFAULT: Final = "127.0.0.1:7433"
MAX_WAITING_DEFAULT: Final = 2_048
MAX_WAITING_MIB_DEFAULT: Final = 256
_STREAMS_MIN: Final = 100
_CONNECTIONS: Final = 16
"""How many connections may have all requests open that they can before a lane's queue is full."""
IMAGE_DEFAULT: Final = "jigsmith-sandbox:dev"


class SettingsError(Exception):
    """Settings that make no sense; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one runtime."""

    data: Path
    """The folder of the database, the audit log and its key; nobody else's."""
    listen: str = LISTEN_DEFAULT
    """`HOST:PORT`; port 0 takes a free one, which `runtime.json` in the data folder tells."""
    backend: BackendName = "auto"
    sandbox_image: str = IMAGE_DEFAULT
    container_runtime: str | None = None
    """Docker's OCI runtime for sandboxes, such as gVisor's `runsc`; the engine's default if None."""
    launcher: Path | None = None
    """Socket of a jigsmith-sandbox-launcher, which then starts the sandboxes in place of this process."""
    sockets: Path | None = None
    """Folder for the sandboxes' sockets; a launcher demands its own."""
    principals: Path | None = None
    database: str | None = None
    """URL of a PostgreSQL server for the registry (`postgresql://...`); a SQLite file in the data folder if None."""
    release_policy: Path | None = None
    """File that says what releases demand beyond the rules that always hold."""
    trusted_keys: tuple[Path, ...] = ()
    """Public keys of other runtimes on the same registry, whose signatures are believed here."""
    witness: str | None = None
    """URL of a witness that cosigns the audit log's checkpoints."""
    witness_key: Path | None = None
    """Its public key."""
    audit_policy: Path | None = None
    """File that says of which functions arguments and results are kept; without it, of none."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    """Authorities of client certificates; with them, every client must show one."""
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwks: str | None = None
    """File or https address of the issuer's public keys."""
    dev: bool = False
    profiles: Path | None = None
    """File of profiles (default: the shipped one): kinds of sandboxes, their packages, how many are kept warm."""
    sandboxes: int | None = None
    """How many sandboxes of the profile `python` are kept warm, if not as many as its profile says."""
    concurrency: int = 4
    """How many calls each lane runs at a time."""
    max_waiting: int = MAX_WAITING_DEFAULT
    """How many calls each lane lets wait."""
    max_waiting_mib: int = MAX_WAITING_MIB_DEFAULT
    """How many MiB of arguments each lane lets wait with them."""
    log_format: LogFormat = "auto"

    def __post_init__(self) -> None:
        """Refuse what would be unsafe or cannot work. Raises SettingsError."""
        if self.dev and self.principals is not None:
            raise SettingsError("--dev believes what callers say of themselves; give either --dev or --principals")
        if not self.dev and self.principals is None:
            raise SettingsError(
                "give --principals FILE (see `jigsmith-runtime token --help`), or --dev on this machine"
            )
        if self.dev and not is_loopback(self.listen):
            raise SettingsError(
                f"--dev lets anyone do anything: it listens on loopback addresses only, not {self.listen}"
            )
        if (self.witness is None) != (self.witness_key is None):
            raise SettingsError(
                "--witness and --witness-key go together: its URL, and the key that its cosignatures must have"
            )
        self._check_identity()
        if self.launcher is not None and self.sockets is None:
            raise SettingsError("--launcher needs --sockets: the folder that the launcher was started with")
        for name in ("sandboxes", "concurrency", "max_waiting", "max_waiting_mib"):
            if (getattr(self, name) or 1) < 1:
                raise SettingsError(f"--{name.replace('_', '-')} must be at least 1")

    @property
    def streams_max(self) -> int:
        """How many requests one connection may have open; what its client asks beyond that waits with the client.

        Few in comparison with the queue, so that many connections wait before one is refused: waiting costs nothing, refusing
        takes processors from those who are served. Enough to keep every place taken, and never fewer than the 100 of RFC 9113,
        section 6.5.2, for not all that is asked are calls.
        """
        return max(_STREAMS_MIN, 2 * self.concurrency, self.max_waiting // _CONNECTIONS)

    def _check_identity(self) -> None:
        tls = _given(tls_cert=self.tls_cert, tls_key=self.tls_key)
        if len(tls) == 1 or (self.client_ca is not None and not tls):
            raise SettingsError("TLS needs --tls-cert and --tls-key together; --client-ca comes on top of them")
        jwt = _given(jwt_issuer=self.jwt_issuer, jwt_audience=self.jwt_audience, jwks=self.jwks)
        if len(jwt) in (1, 2):
            raise SettingsError(
                f"JWTs need --jwt-issuer, --jwt-audience and --jwks together, not only {' and '.join(jwt)}"
            )
        if self.dev and (tls or jwt):
            raise SettingsError(f"--dev believes what callers say of themselves; it does not go with {(tls + jwt)[0]}")


def _given(**values: object) -> list[str]:
    return [f"--{name.replace('_', '-')}" for name, value in values.items() if value is not None]


def is_loopback(listen: str) -> bool:
    """Return whether only this machine can reach an address `HOST:PORT`. Raises SettingsError if it is none."""
    host, colon, port = listen.rpartition(":")
    if not (host and colon and port.isdecimal()):
        raise SettingsError(f"--listen must be HOST:PORT, not {listen!r}")
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def read_file(path: Path) -> dict[str, Any]:  # Any: values are checked by the options that they stand for
    """Return the options of a TOML file, named as on the command line. Raises SettingsError."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    options = {name.replace("-", "_"): value for name, value in data.items()}
    unknown = set(options) - set(Settings.__dataclass_fields__)
    if unknown:
        raise SettingsError(f"{path}: unknown setting {min(unknown)!r}")
    return options
