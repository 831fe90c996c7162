"""`jigsmith sets`: function sets, their revisions and channels."""

from typing import Annotated

import typer

from jigsmith.cli.connection import connection_of
from jigsmith.diff import compare
from jigsmith.requests import Policy
from jigsmith.v1 import function_set_pb2

app = typer.Typer(no_args_is_help=True, help="Function sets, their revisions and channels.")

_DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and say what would be done; do nothing.")]
_SetName = Annotated[str, typer.Argument(metavar="SET", help="The set's name.")]


@app.command("list")
def list_sets(context: typer.Context) -> None:
    """List the sets."""
    connection = connection_of(context)
    with connection.client() as client:
        connection.output.rows(
            ("SET", "BY", "DESCRIPTION"),
            ((one, (one.name, one.creator, one.description)) for one in client.list_sets()),
        )


@app.command()
def create(
    context: typer.Context,
    name: _SetName,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    *,
    dry_run: _DryRun = False,
) -> None:
    """Create an empty set."""
    connection = connection_of(context)
    with connection.client() as client:
        created = client.create_set(name, description=description, validate_only=dry_run)
    connection.output.value(created, "it can be created" if dry_run else created.name)


@app.command("allow-policy")
def allow_policy(
    context: typer.Context,
    name: _SetName,
    policy: Annotated[Policy, typer.Argument(help="The weakest policy that its functions may have.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")],
    dry_run: _DryRun = False,
) -> None:
    """Let functions into a set whose source nothing checks, or keep them out again. For admins; takes effect at once.

    Example: jigsmith sets allow-policy tools none --reason "run_python, which is code by nature"
    """
    connection = connection_of(context)
    with connection.client() as client:
        changed = client.allow_policy(name, policy, reason=reason, validate_only=dry_run)
    connection.output.value(changed, f"{changed.name} {'would allow' if dry_run else 'allows'} the policy {policy}")


@app.command()
def revise(
    context: typer.Context,
    name: _SetName,
    versions: Annotated[list[str], typer.Argument(help="functions/F/versions/DIGEST, all that the revision holds.")],
    *,
    parent: Annotated[str, typer.Option(help="The revision that this one was made from.")] = "",
    message: Annotated[str, typer.Option(help="What changed.")] = "",
    dry_run: _DryRun = False,
) -> None:
    """Add a revision to a set: a draft, until a release puts it into a channel.

    Example: jigsmith sets revise demo functions/mean/versions/0f3a…
    """
    connection = connection_of(context)
    with connection.client() as client:
        revision = client.create_revision(name, versions, parent=parent, message=message, validate_only=dry_run)
    connection.output.value(revision, f"it would be {revision.name}" if dry_run else revision.name)


@app.command()
def show(context: typer.Context, name: _SetName) -> None:
    """List the revisions of a set, newest first."""
    connection = connection_of(context)
    with connection.client() as client:
        rows = ((one, (one.name, _state(one), one.creator, _members(one))) for one in client.list_revisions(name))
        connection.output.rows(("REVISION", "STATE", "BY", "FUNCTIONS"), rows)


@app.command()
def channels(context: typer.Context, name: _SetName) -> None:
    """List the channels of a set and where they point."""
    connection = connection_of(context)
    with connection.client() as client:
        rows = ((one, (one.name, one.revision or "(nothing)")) for one in client.list_channels(name))
        connection.output.rows(("CHANNEL", "REVISION"), rows)


@app.command()
def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help="functionSets/SET/revisions/N")],
    new: Annotated[str, typer.Argument(help="functionSets/SET/revisions/N")],
) -> None:
    """Show what changed from one revision to another, in source, schema and description."""
    connection = connection_of(context)
    with connection.client() as client:
        found = compare(client.get_revision(old), client.get_revision(new))
    connection.output.value(found.facts(), found.text() or "no difference")


def _state(revision: function_set_pb2.Revision) -> str:
    return function_set_pb2.RevisionState.Name(revision.state).removeprefix("REVISION_STATE_").lower()


def _members(revision: function_set_pb2.Revision) -> str:
    return ", ".join(sorted(one.split("/")[1] for one in revision.function_versions)) or "(none)"
