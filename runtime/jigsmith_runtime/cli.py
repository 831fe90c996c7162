"""`jigsmith-runtime`: start a runtime, check what its sandboxes guarantee, make tokens."""

import asyncio
import os
import resource
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
import typer
import uvloop
from jigsmith.attestation import AttestationError
from jigsmith_sandbox.backends import BackendName, choose
from jigsmith_sandbox.errors import SandboxError
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.self_check import MEANINGS, memory_scope_meaning, self_check

from jigsmith_runtime import logs, server
from jigsmith_runtime.audit import LogCorruptError
from jigsmith_runtime.audit.cosigning import CosigningError
from jigsmith_runtime.audit.keys import KeyFileError
from jigsmith_runtime.audit.payloads import AuditPolicyError
from jigsmith_runtime.data_folder import DataFolderError
from jigsmith_runtime.errors import AuditUnavailableError, RegistryUnavailableError
from jigsmith_runtime.identity import PRINCIPAL, PrincipalsFileError, new_token, token_digest
from jigsmith_runtime.identity.jwks import JwksError
from jigsmith_runtime.identity.tls import TlsFilesError
from jigsmith_runtime.registry.database import DatabaseError
from jigsmith_runtime.releases.policy import ReleasePolicyError
from jigsmith_runtime.roles import Role
from jigsmith_runtime.settings import (
    IMAGE_DEFAULT,
    LISTEN_DEFAULT,
    MAX_WAITING_DEFAULT,
    MAX_WAITING_MIB_DEFAULT,
    LogFormat,
    Settings,
    SettingsError,
    read_file,
)

EXIT_UNUSABLE = 3
"""The runtime cannot start as it is configured; usage errors are 2."""

_EXPECTED = (
    SettingsError,
    PrincipalsFileError,
    TlsFilesError,
    JwksError,
    AuditPolicyError,
    CosigningError,
    ReleasePolicyError,
    AttestationError,
    DataFolderError,
    DatabaseError,
    RegistryUnavailableError,
    KeyFileError,
    LogCorruptError,
    AuditUnavailableError,
    BlockingIOError,
    SandboxError,
    server.ListenError,
)

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The Jigsmith runtime: runs functions in sandboxes, behind gRPC."
)


def _read_config(context: typer.Context, path: Path | None) -> Path | None:
    if path is not None:
        try:
            context.default_map = read_file(path)
        except SettingsError as error:
            raise typer.BadParameter(str(error)) from None
    return path


@app.command()
def serve(
    *,
    data: Annotated[
        Path, typer.Option(envvar="JIGSMITH_DATA", help="Folder of the database, the audit log and its key.")
    ],
    config: Annotated[  # noqa: ARG001 - read before the others, by its callback
        Path | None,
        typer.Option(
            envvar="JIGSMITH_CONFIG", callback=_read_config, is_eager=True, help="TOML file with these options."
        ),
    ] = None,
    listen: Annotated[
        str,
        typer.Option(envvar="JIGSMITH_LISTEN", help="HOST:PORT; port 0 takes a free one, told in DATA/runtime.json."),
    ] = LISTEN_DEFAULT,
    backend: Annotated[
        BackendName,
        typer.Option(envvar="JIGSMITH_BACKEND", help="auto: Docker where an engine answers, else bubblewrap."),
    ] = "auto",
    sandbox_image: Annotated[
        str, typer.Option(envvar="JIGSMITH_SANDBOX_IMAGE", help="Image of Docker sandboxes.")
    ] = IMAGE_DEFAULT,
    container_runtime: Annotated[
        str | None,
        typer.Option(
            envvar="JIGSMITH_CONTAINER_RUNTIME", help="Docker's runtime for sandboxes, such as gVisor's runsc."
        ),
    ] = None,
    launcher: Annotated[
        Path | None,
        typer.Option(envvar="JIGSMITH_LAUNCHER", help="Socket of a jigsmith-sandbox-launcher, instead of --backend."),
    ] = None,
    sockets: Annotated[
        Path | None, typer.Option(envvar="JIGSMITH_SOCKETS", help="Folder for the sandboxes' sockets.")
    ] = None,
    principals: Annotated[
        Path | None, typer.Option(envvar="JIGSMITH_PRINCIPALS", help="TOML file that lists who may call.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            envvar="JIGSMITH_DATABASE", help="postgresql://USER@HOST/NAME, for one or many runtimes; or SQLite."
        ),
    ] = None,
    release_policy: Annotated[
        Path | None,
        typer.Option(envvar="JIGSMITH_RELEASE_POLICY", help="TOML file: what releases demand, channel by channel."),
    ] = None,
    trusted_keys: Annotated[
        list[Path] | None,
        typer.Option(envvar="JIGSMITH_TRUSTED_KEYS", help="release-key.pub of another runtime on the same registry."),
    ] = None,
    witness: Annotated[
        str | None, typer.Option(envvar="JIGSMITH_WITNESS", help="URL of a jigsmith-witness that cosigns checkpoints.")
    ] = None,
    witness_key: Annotated[
        Path | None, typer.Option(envvar="JIGSMITH_WITNESS_KEY", help="Its public key (witness-key.pub).")
    ] = None,
    audit_policy: Annotated[
        Path | None,
        typer.Option(
            envvar="JIGSMITH_AUDIT_POLICY", help="TOML file: of which functions arguments and results are kept."
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(envvar="JIGSMITH_TLS_CERT", help="PEM file: certificate and chain; renewed files are taken."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(envvar="JIGSMITH_TLS_KEY", help="PEM file: its private key.")] = None,
    client_ca: Annotated[
        Path | None,
        typer.Option(envvar="JIGSMITH_CLIENT_CA", help="PEM file: authorities; every client shows a certificate."),
    ] = None,
    jwt_issuer: Annotated[str | None, typer.Option(envvar="JIGSMITH_JWT_ISSUER", help="Whose JWTs to believe.")] = None,
    jwt_audience: Annotated[
        str | None, typer.Option(envvar="JIGSMITH_JWT_AUDIENCE", help="Whom JWTs must be made out to.")
    ] = None,
    jwks: Annotated[
        str | None, typer.Option(envvar="JIGSMITH_JWKS", help="File or https address of the issuer's keys.")
    ] = None,
    dev: Annotated[
        bool, typer.Option("--dev", envvar="JIGSMITH_DEV", help="Believe callers; loopback only, for development.")
    ] = False,
    profiles: Annotated[
        Path | None,
        typer.Option(envvar="JIGSMITH_PROFILES", help="TOML file of kinds of sandboxes, instead of the shipped one."),
    ] = None,
    sandboxes: Annotated[
        int | None,
        typer.Option(
            envvar="JIGSMITH_SANDBOXES",
            min=1,
            max=64,
            help="Sandboxes of the profile python; default: as profiles say.",
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(envvar="JIGSMITH_CONCURRENCY", min=1, max=256, help="Calls that each lane runs at a time.")
    ] = 4,
    max_waiting: Annotated[
        int,
        typer.Option(
            envvar="JIGSMITH_MAX_WAITING",
            min=1,
            max=65_536,
            help="Calls that each lane lets wait.",
        ),
    ] = MAX_WAITING_DEFAULT,
    max_waiting_mib: Annotated[
        int,
        typer.Option(
            envvar="JIGSMITH_MAX_WAITING_MIB",
            min=1,
            max=65_536,
            help="MiB of arguments that each lane lets wait; the runtime needs four times as much for them.",
        ),
    ] = MAX_WAITING_MIB_DEFAULT,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="JIGSMITH_LOG_FORMAT", help="auto: JSON unless stderr is a terminal.")
    ] = "auto",
) -> None:
    """Run a runtime until SIGTERM or Ctrl-C.

    Example: jigsmith-runtime serve --data ./data --principals principals.toml
    """
    logs.configure(log_format)
    try:
        settings = Settings(
            data=data,
            listen=listen,
            backend=backend,
            sandbox_image=sandbox_image,
            container_runtime=container_runtime,
            launcher=launcher,
            sockets=sockets,
            principals=principals,
            database=database,
            release_policy=release_policy,
            trusted_keys=tuple(trusted_keys or ()),
            witness=witness,
            witness_key=witness_key,
            audit_policy=audit_policy,
            tls_cert=tls_cert,
            tls_key=tls_key,
            client_ca=client_ca,
            jwt_issuer=jwt_issuer,
            jwt_audience=jwt_audience,
            jwks=jwks,
            dev=dev,
            profiles=profiles,
            sandboxes=sandboxes,
            concurrency=concurrency,
            max_waiting=max_waiting,
            max_waiting_mib=max_waiting_mib,
            log_format=log_format,
        )
        # A core file would hold tokens, keys and arguments. Sandboxes have a limit of their own.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        uvloop.run(server.serve(settings))
    except _EXPECTED as error:
        structlog.get_logger(__name__).error("runtime.unusable", error=str(error), kind=type(error).__name__)
        typer.echo(f"jigsmith-runtime: {error}", err=True)
        raise typer.Exit(EXIT_UNUSABLE) from None


@app.command()
def doctor(
    *,
    backend: Annotated[BackendName, typer.Option(envvar="JIGSMITH_BACKEND", help="As for serve.")] = "auto",
    sandbox_image: Annotated[
        str, typer.Option(envvar="JIGSMITH_SANDBOX_IMAGE", help="Image of Docker sandboxes.")
    ] = IMAGE_DEFAULT,
    container_runtime: Annotated[
        str | None,
        typer.Option(
            envvar="JIGSMITH_CONTAINER_RUNTIME", help="Docker's runtime for sandboxes, such as gVisor's runsc."
        ),
    ] = None,
    launcher: Annotated[
        Path | None, typer.Option(envvar="JIGSMITH_LAUNCHER", help="Socket of a jigsmith-sandbox-launcher.")
    ] = None,
    sockets: Annotated[
        Path | None, typer.Option(envvar="JIGSMITH_SOCKETS", help="Folder for the sandboxes' sockets.")
    ] = None,
) -> None:
    """Try on this machine what sandboxes promise, and say which promises are kept. Exit code 3 if one is not.

    Example: jigsmith-runtime doctor --backend bubblewrap
    """
    try:
        all_kept = asyncio.run(_doctor(backend, sandbox_image, container_runtime, launcher, sockets))
    except SandboxError as error:
        typer.echo(f"jigsmith-runtime: {error}", err=True)
        raise typer.Exit(EXIT_UNUSABLE) from None
    if not all_kept:
        raise typer.Exit(EXIT_UNUSABLE)


_FINDINGS: Final = {True: "kept  ", False: "BROKEN", None: "weaker"}


async def _doctor(
    backend: BackendName, image: str, container_runtime: str | None, launcher: Path | None, sockets: Path | None
) -> bool:
    chosen = await choose(backend, docker_image=image, container_runtime=container_runtime, launcher=launcher)
    all_kept = True
    async with Pool(chosen, owner=f"check-{os.getpid()}", slots=1, sockets=sockets) as pool:
        typer.echo(f"what {chosen.name} sandboxes guarantee here, with the policy layer switched off:")
        async for finding in self_check(pool):
            all_kept = all_kept and finding.kept is not False
            said = f" ({finding.said!a})" if finding.said else ""  # hostile text: ASCII only
            typer.echo(f"  {_FINDINGS[finding.kept]} {finding.promise}{said}")
        typer.echo(f"isolation: {pool.isolation.value}: {MEANINGS[pool.isolation]}")
        typer.echo(f"memory scope: {pool.memory_scope.value}: {memory_scope_meaning(pool)}")
    return all_kept


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="user:NAME for a person, service:NAME for a program.")],
    role: Annotated[list[Role], typer.Option(help="May be given more than once.")],
    channel: Annotated[
        list[str] | None, typer.Option(help="What an agent may invoke: functionSets/SET/channels/CHANNEL, * allowed.")
    ] = None,
) -> None:
    """Make a fresh token: the entry for the principals file goes to stdout, the token itself, shown once, to stderr.

    Example: jigsmith-runtime token user:alice --role reviewer >> principals.toml
    """
    if not PRINCIPAL.fullmatch(name):
        raise typer.BadParameter("must be user:NAME or service:NAME, in lower case", param_hint="NAME")
    secret = new_token()
    typer.echo(principal_entry(name, secret, [one.value for one in role], channel or []))
    typer.echo(secret, err=True)


def principal_entry(name: str, secret: str, roles: list[str], channels: list[str]) -> str:
    """Return the entry of the principals file for a token."""
    lines = ["[[principal]]", f"name = {_toml(name)}", f"token_sha256 = {_toml(token_digest(secret))}"]
    lines.append(f"roles = {_toml(roles)}")
    if channels:
        lines.append(f"channels = {_toml(channels)}")
    return "\n".join(lines)


def _toml(value: Any) -> str:  # Any: a string or a list of them
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def main() -> None:
    """Run the command line."""
    app()
