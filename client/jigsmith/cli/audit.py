"""`jigsmith audit`: read the log and what it commits to; verify and export it."""

import contextlib
import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.message import Message

from jigsmith.cli import verify
from jigsmith.cli.connection import connection_of
from jigsmith.cli.export import export
from jigsmith.cli.output import USAGE, fail
from jigsmith.requests import audit_filter
from jigsmith.v1 import audit_pb2

app = typer.Typer(no_args_is_help=True, help="Read the audit log; verify and export it.")
app.add_typer(verify.app, name="verify")
app.command()(export)

_HEADER = ("INDEX", "ENTRY")

_Invocation = Annotated[str, typer.Option(help="Only the entries of invocations/ID.")]
_Kind = Annotated[
    list[str] | None, typer.Option(help="Only this kind, such as call.finished or release.*; repeatable.")
]
_Principal = Annotated[str, typer.Option(help="Only what this principal did.")]
_Resource = Annotated[
    str, typer.Option(help="Only what names this resource or one below it: functions/F, functionSets/S.")
]
_Outcome = Annotated[str, typer.Option(help="Only calls that ended so: OK, TIME_LIMIT, ...")]
_Since = Annotated[dt.datetime | None, typer.Option(help="Only from this time on, UTC.")]
_Until = Annotated[dt.datetime | None, typer.Option(help="Only before this time, UTC.")]
_Reason = Annotated[str, typer.Option(help="Why; it goes into the audit log.")]
_InvocationName = Annotated[str, typer.Argument(metavar="INVOCATION", help="invocations/ID")]


@app.command("list")
def list_entries(
    context: typer.Context,
    *,
    invocation: _Invocation = "",
    kind: _Kind = None,
    principal: _Principal = "",
    resource: _Resource = "",
    outcome: _Outcome = "",
    since: _Since = None,
    until: _Until = None,
    start: Annotated[int, typer.Option(min=0, help="Index of the first entry.")] = 0,
) -> None:
    """List entries in the order of the log.

    Example: jigsmith audit list --kind 'release.*' --resource functionSets/demo
    """
    connection = connection_of(context)
    wanted = audit_filter(
        invocation=invocation,
        kinds=kind or (),
        principal=principal,
        resource=resource,
        outcome=outcome,
        start_time=since,
        end_time=until,
    )
    with connection.client() as client:
        entries = client.list_audit_entries(start_index=start, wanted=wanted)
        connection.output.rows(_HEADER, ((one, _row(one)) for one in entries))


@app.command()
def tail(
    context: typer.Context,
    *,
    kind: _Kind = None,
    principal: _Principal = "",
    resource: _Resource = "",
    outcome: _Outcome = "",
    start: Annotated[int, typer.Option(min=-1, help="Index of the first entry; -1: from now on.")] = -1,
) -> None:
    """Print entries as they are logged, until Ctrl-C."""
    connection = connection_of(context)
    wanted = audit_filter(kinds=kind or (), principal=principal, resource=resource, outcome=outcome)
    with connection.client() as client, contextlib.suppress(KeyboardInterrupt):
        for one in client.tail_audit_entries(start_index=start, wanted=wanted):
            connection.output.value(one, "  ".join(_row(one)))


@app.command()
def checkpoint(context: typer.Context) -> None:
    """Print the newest signed checkpoint; keep copies where the runtime cannot write."""
    connection = connection_of(context)
    with connection.client() as client:
        found = client.get_checkpoint()
    connection.output.value(found, found.witnessed_note or found.note)


@app.command()
def proof(
    context: typer.Context,
    index: Annotated[int, typer.Argument(min=0)],
    *,
    out: Annotated[Path | None, typer.Option(help="Write OUT.json, the entry, and OUT.tlog-proof.")] = None,
) -> None:
    """Print the proof that an entry is in the log, in the form of c2sp.org/tlog-proof."""
    connection = connection_of(context)
    with connection.client() as client:
        found = client.get_inclusion_proof(index)
        one = next(client.list_audit_entries(start_index=index))
    if out is not None:
        try:
            out.with_suffix(".json").write_text(one.entry_json, encoding="utf-8")
            out.with_suffix(".tlog-proof").write_text(found.proof_text, encoding="utf-8")
        except OSError as error:
            fail(USAGE, f"cannot write {error.filename}: {error.strerror}")
    connection.output.value(found, found.proof_text)


@app.command()
def consistency(
    context: typer.Context,
    old_size: Annotated[int, typer.Argument(min=0, help="The size in an earlier checkpoint.")],
    new_size: Annotated[int, typer.Argument(min=0, help="0: that of the newest checkpoint.")] = 0,
) -> None:
    """Print the proof that the log only grew since an earlier checkpoint."""
    connection = connection_of(context)
    with connection.client() as client:
        found = client.get_consistency_proof(old_size, new_size)
    hashes = "\n".join(one.hex() for one in found.hashes)
    connection.output.value(found, f"from {found.old_size} to {found.new_size} entries\n{hashes}")


@app.command()
def payload(context: typer.Context, invocation: _InvocationName, *, reason: _Reason) -> None:
    """Print what is kept of an invocation's arguments and result. The log says that you read it."""
    connection = connection_of(context)
    with connection.client() as client:
        found = client.get_payload(invocation, reason=reason)
    connection.output.value(
        found, f"arguments  {found.arguments_json or '(not kept)'}\nresult     {found.result_json or '(not kept)'}"
    )


@app.command()
def erase(
    context: typer.Context,
    invocation: _InvocationName,
    *,
    reason: _Reason,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check that it could be erased.")] = False,
) -> None:
    """Erase what is kept of an invocation's arguments and result. Every proof stays valid."""
    connection = connection_of(context)
    with connection.client() as client:
        client.erase_payload(invocation, reason=reason, validate_only=dry_run)
    said = "could be erased" if dry_run else "erased"
    facts: dict[str, Message | object] = {"invocation": invocation, "erased": not dry_run}
    connection.output.value(facts, f"{invocation}: {said}")


def _row(one: audit_pb2.AuditEntry) -> tuple[str, str]:
    return str(one.index), one.entry_json
