"""`jigsmith-witness`: run a witness, and show what it cosigned last."""

import asyncio
import base64
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from jigsmith.tlog import NoteError, NoteVerifier

from jigsmith_witness.errors import WitnessError
from jigsmith_witness.folder import WitnessFolder, everything_seen
from jigsmith_witness.server import Server
from jigsmith_witness.witness import Witness

LISTEN_DEFAULT: Final = "127.0.0.1:7434"
EXIT_UNUSABLE: Final = 3
"""The witness cannot start as it is configured; usage errors are 2."""

_log = structlog.get_logger(__name__)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="A witness of audit logs: cosigns what only grew, and nothing else.",
)
_Data = Annotated[Path, typer.Option(envvar="JIGSMITH_WITNESS_DATA", help="Folder of its key and of what it saw.")]


@app.command()
def serve(
    *,
    data: _Data,
    log_key: Annotated[
        list[Path], typer.Option(help="File with the public key of a log to witness (audit-key.pub); repeat for more.")
    ],
    listen: Annotated[
        str, typer.Option(envvar="JIGSMITH_WITNESS_LISTEN", help="HOST:PORT; port 0 takes a free one.")
    ] = LISTEN_DEFAULT,
    name: Annotated[
        str | None, typer.Option(help="Its name, needed at the first start: witness.example.org/1, say.")
    ] = None,
) -> None:
    """Run a witness until SIGTERM or Ctrl-C. Prints its public key, which those who verify need.

    Example: jigsmith-witness serve --data ./witness --name witness.example.org/1 --log-key audit-key.pub
    """
    _configure_logs()
    host, port = _address(listen)
    keys = [_log_key(path) for path in log_key]
    try:
        with WitnessFolder.open(data, name) as folder:
            witness = Witness(folder, keys)
            typer.echo(witness.key)
            asyncio.run(_serve(witness, host, port))
    except WitnessError as error:
        typer.echo(f"jigsmith-witness: {error}", err=True)
        raise typer.Exit(EXIT_UNUSABLE) from None


@app.command()
def show(*, data: _Data) -> None:
    """Show what a witness cosigned last for each log. The signed notes themselves are in DATA/checkpoints."""
    try:
        for seen in everything_seen(data):
            when = datetime.fromtimestamp(seen.time_s, UTC).isoformat()
            root = base64.b64encode(seen.checkpoint.root).decode()
            typer.echo(f"{when}  {seen.checkpoint.origin}  {seen.checkpoint.size} entries  {root}")
    except WitnessError as error:
        typer.echo(f"jigsmith-witness: {error}", err=True)
        raise typer.Exit(EXIT_UNUSABLE) from None


def main() -> None:
    """Run the program."""
    app()


async def _serve(witness: Witness, host: str, port: int) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = Server(witness)
    try:
        address = await server.start(host, port)
        for origin, size in witness.sizes().items():
            if size is None:
                _log.warning("witness.log_new", origin=origin, meaning="nothing of it was cosigned here before")
        _log.info("witness.ready", address=address, key=witness.key, sizes=witness.sizes())
        await stopping.wait()
    finally:
        await server.stop()
    _log.info("witness.stopped")


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port[:6]) > 65_535:
        raise typer.BadParameter(f"--listen takes HOST:PORT, not {listen!r}")
    return host.strip("[]"), int(port)


def _log_key(path: Path) -> NoteVerifier:
    try:
        return NoteVerifier.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise typer.BadParameter(f"--log-key {path}: {error}") from None


def _configure_logs() -> None:
    """Lines for people on a terminal, JSON elsewhere; always on stderr, because stdout has the key."""
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
