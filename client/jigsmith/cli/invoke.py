"""`jigsmith invoke`: run a function."""

import sys
from typing import Annotated

import typer

from jigsmith.cli.connection import connection_of
from jigsmith.cli.files import json_text
from jigsmith.cli.output import printable


def invoke(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="functionSets/SET/channels/CHANNEL/functions/F, or a draft, or a version.")
    ],
    arguments: Annotated[str, typer.Argument(help="A JSON object, @FILE, or - for standard input.")] = "{}",
    request_id: Annotated[str, typer.Option(help="A UUID: with it, the function runs at most once.")] = "",
) -> None:
    """Run a function in a sandbox; its result goes to stdout, what it printed to stderr.

    Example: jigsmith invoke functionSets/demo/channels/production/functions/mean '{"values": [1, 2, 6]}'
    """
    connection = connection_of(context)
    text = sys.stdin.read() if arguments == "-" else arguments
    with connection.client() as client:
        run = client.invoke(name, json_text(text), request_id=request_id)
    if run.output:
        typer.echo(printable(run.output), err=True, nl=False)
    receipt = {
        "log_origin": run.receipt.log_origin,
        "index": run.receipt.index,
        "leaf_hash": run.receipt.leaf_hash.hex(),
        "arguments_salt": run.receipt.arguments_salt.hex(),
        "result_salt": run.receipt.result_salt.hex(),
    }
    facts = {
        "result": run.result,
        "result_json": run.result_json,
        "function_version": run.function_version,
        "invocation": run.name,
        "wall_ms": run.usage.wall_ms,
        "cpu_ms": run.usage.cpu_ms,
        "memory_peak_bytes": run.usage.memory_peak_bytes,
        "receipt": receipt,
    }
    connection.output.value(facts, run.result_json)
