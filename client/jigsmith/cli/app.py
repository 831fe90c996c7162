"""The command line as a whole: common options, the nouns, and how a failure ends the program."""

from pathlib import Path
from typing import Annotated

import typer

from jigsmith.cli import audit, doctor, explain, functions, invoke, releases, sets
from jigsmith.cli.connection import Connection
from jigsmith.cli.output import EXIT_CODES, Output, end_with
from jigsmith.client import DEFAULT_ADDRESS
from jigsmith.errors import JigsmithError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, epilog=f"Exit codes: {EXIT_CODES}."
)
app.command("doctor")(doctor.doctor)
app.add_typer(functions.app, name="functions")
app.add_typer(sets.app, name="sets")
app.add_typer(releases.app, name="releases")
app.command("invoke")(invoke.invoke)
app.command("explain")(explain.explain)
app.add_typer(audit.app, name="audit")


@app.callback()
def program(
    context: typer.Context,
    *,
    address: Annotated[
        str, typer.Option(envvar="JIGSMITH_ADDRESS", help="HOST:PORT of the runtime.")
    ] = DEFAULT_ADDRESS,
    token: Annotated[
        str | None, typer.Option(envvar="JIGSMITH_TOKEN", help="Bearer token; better in the environment than here.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(envvar="JIGSMITH_TOKEN_FILE", help="File that holds the bearer token.")
    ] = None,
    principal: Annotated[
        str | None, typer.Option(envvar="JIGSMITH_PRINCIPAL", help="Who to be at a `--dev` runtime.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(envvar="JIGSMITH_CA", help="PEM file of root certificates: speak TLS.")
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(envvar="JIGSMITH_CERT", help="PEM file of a client certificate; needs --ca and --key."),
    ] = None,
    key: Annotated[Path | None, typer.Option(envvar="JIGSMITH_KEY", help="PEM file of its private key.")] = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for an answer.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: one value, or one per line for lists.")] = False,
) -> None:
    """Work with a Jigsmith runtime: register, release and call functions; verify what was done."""
    output = Output(as_json=as_json)
    context.obj = output
    context.meta["connection"] = Connection(output, address, token, token_file, principal, ca, cert, key, timeout)


def main() -> None:
    """Run the program."""
    try:
        app()
    except JigsmithError as error:
        end_with(error)
