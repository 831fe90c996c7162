"""`jigsmith audit`: read the log, and verify it without trusting anybody but the node's key."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from jigsmith.cli.connection import connection_of
from jigsmith.cli.files import text_of
from jigsmith.cli.output import USAGE, VERIFICATION_FAILED, Output, fail
from jigsmith.tlog import NoteError, NoteVerifier
from jigsmith.verify import Report, verify_log

app = typer.Typer(no_args_is_help=True, help="Read the audit log; verify it.")


@app.command("list")
def list_entries(
    context: typer.Context,
    *,
    invocation: Annotated[str, typer.Option(help="Only the entries of invocations/ID.")] = "",
    start: Annotated[int, typer.Option(min=0, help="Index of the first entry.")] = 0,
) -> None:
    """List entries in the order of the log."""
    connection = connection_of(context)
    with connection.client() as client:
        entries = client.list_audit_entries(invocation=invocation, start_index=start)
        connection.output.rows(("INDEX", "ENTRY"), ((one, (str(one.index), one.entry_json)) for one in entries))


@app.command()
def checkpoint(context: typer.Context) -> None:
    """Print the newest signed checkpoint; keep copies where the runtime cannot write."""
    connection = connection_of(context)
    with connection.client() as client:
        found = client.get_checkpoint()
    connection.output.value(found, found.note)


@app.command()
def proof(context: typer.Context, index: Annotated[int, typer.Argument(min=0)]) -> None:
    """Print the proof that an entry is in the log."""
    connection = connection_of(context)
    with connection.client() as client:
        found = client.get_inclusion_proof(index)
    hashes = "\n".join(one.hex() for one in found.hashes)
    connection.output.value(found, f"entry {found.index} of {found.tree_size}\n{hashes}\n\n{found.checkpoint.note}")


@app.command()
def verify(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="The log's folder, or a copy of it.", exists=True, file_okay=False)],
    *,
    key: Annotated[Path, typer.Option(help="File with the node's public key (audit-key.pub).", exists=True)],
) -> None:
    """Verify a log: every hash, the signed root, each call accepted and ended once, every release approved.

    Needs no runtime and no network. Exit code 8, and the first entry that does not fit, if anything is wrong.
    """
    output = context.obj
    assert isinstance(output, Output)
    try:
        verifier = NoteVerifier.parse(text_of(key))
    except NoteError as error:
        fail(USAGE, f"{key}: {error}")
    console = Console(stderr=True)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("entries", total=None)
            report = verify_log(
                directory, verifier, lambda done, total: progress.update(bar, completed=done, total=total)
            )
    except OSError as error:
        fail(USAGE, f"cannot read the log: {error}")
    output.value(_facts(report), _described(report))
    if not report.ok:
        raise typer.Exit(VERIFICATION_FAILED)


def _facts(report: Report) -> dict[str, object]:
    facts = dataclasses.asdict(report) | {"ok": report.ok}
    if report.first_bad is not None:
        bad = report.first_bad
        facts["first_bad"] = {"index": bad.index, "kind": bad.kind.value, "explanation": bad.explanation}
    return facts


def _described(report: Report) -> str:
    calls = f"{report.accepted} calls accepted, {report.finished} ended ({report.interrupted} by a restart), {report.open} open"
    if report.first_bad is None:
        return f"verified: {report.entries} entries of {report.origin}; {calls}" + (
            f"; {report.unsigned} newer entries are not signed yet" if report.unsigned else ""
        )
    bad = report.first_bad
    return f"NOT VERIFIED ({bad.kind.value}): {bad.explanation}\nbefore it: {report.entries} entries; {calls}"
