"""`jigsmith functions`: register and read functions."""

from pathlib import Path
from typing import Annotated

import typer

from jigsmith.cli.connection import connection_of
from jigsmith.cli.files import json_text, text_of
from jigsmith.requests import Policy
from jigsmith.v1 import function_pb2

app = typer.Typer(no_args_is_help=True, help="Register and read functions.")

_HEADER = ("VERSION", "CREATED", "BY", "DESCRIPTION")


@app.command("list")
def list_functions(
    context: typer.Context,
    query: Annotated[
        str, typer.Argument(metavar="[WORDS]", help="Only functions whose name or description holds this.")
    ] = "",
) -> None:
    """List the functions, or find some by their words."""
    connection = connection_of(context)
    with connection.client() as client:
        rows = (
            (one, (one.name, str(one.version_count), one.latest_version)) for one in client.list_functions(query=query)
        )
        connection.output.rows(("FUNCTION", "VERSIONS", "LATEST"), rows)


@app.command()
def versions(context: typer.Context, function: Annotated[str, typer.Argument(help="Its bare name.")]) -> None:
    """List the versions of a function, newest first."""
    connection = connection_of(context)
    with connection.client() as client:
        found = client.list_function_versions(f"functions/{function.removeprefix('functions/')}")
        rows = ((one, (one.name, _time(one), one.creator, one.description.partition("\n")[0])) for one in found)
        connection.output.rows(_HEADER, rows)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="functions/F/versions/DIGEST, or a bare name for its newest version.")],
) -> None:
    """Show a version: source, schema, who made it and why."""
    connection = connection_of(context)
    with connection.client() as client:
        version = client.get_function_version(name if "/" in name else f"functions/{name}/versions/latest")
    connection.output.value(version, described(version))


@app.command()
def register(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Python source that defines the function; it is sent, not run here.")],
    *,
    parameters: Annotated[str, typer.Option(help="JSON Schema of its arguments: a text, or @FILE.")],
    description: Annotated[str, typer.Option(help="What it does, for the model that will call it.")],
    name: Annotated[str | None, typer.Option(help="The function's name; by default that of the file.")] = None,
    returns: Annotated[str | None, typer.Option(help="JSON Schema of its result: a text, or @FILE.")] = None,
    policy: Annotated[
        Policy, typer.Option(help="none: unchecked; runs only in sets for which an admin allows it.")
    ] = "restricted",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it; register nothing.")] = False,
) -> None:
    """Register a version of a function. The same contents give the same version.

    Example: jigsmith functions register mean.py --description "Mean of numbers." --parameters @mean.json
    """
    connection = connection_of(context)
    with connection.client() as client:
        version = client.register_source(
            name or file.stem,
            text_of(file),
            description=description,
            parameters=json_text(parameters),
            returns=None if returns is None else json_text(returns),
            policy=policy,
            validate_only=dry_run,
        )
    connection.output.value(version, "it can be registered" if dry_run else version.name)


def _time(version: function_pb2.FunctionVersion) -> str:
    return version.create_time.ToDatetime().isoformat(" ", "seconds")


def described(version: function_pb2.FunctionVersion) -> str:
    """Return a version as text for people."""
    made = version.provenance
    lines = [version.name, f"  {version.description}", f"  parameters {version.parameters_json}"]
    lines += [f"  returns    {version.returns_json}"] if version.returns_json else []
    if version.policy == function_pb2.POLICY_NONE:
        lines.append("  policy     none: nothing checks the source; only processes and containers confine it")
    lines.append(f"  created    {_time(version)} by {version.creator}")
    if made.run:
        lines.append(f"  provenance {made.action} in epoch {made.epoch} of {made.run}, by {made.model}: {made.reason}")
    return "\n".join([*lines, "", version.source])
