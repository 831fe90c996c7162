"""`jigsmith releases`: move channels, with a second pair of eyes."""

from typing import Annotated

import typer

from jigsmith.cli.connection import connection_of
from jigsmith.cli.output import REFUSED, fail, printable
from jigsmith.cli.sets import difference
from jigsmith.v1 import release_pb2

app = typer.Typer(no_args_is_help=True, help="Move channels, with a second pair of eyes.")

_Name = Annotated[str, typer.Argument(metavar="RELEASE", help="functionSets/SET/releases/N")]
_Reason = Annotated[str, typer.Option(help="Why; it goes into the audit log.")]


@app.command("list")
def list_releases(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="SET", help="- for all sets.")] = "-"
) -> None:
    """List releases, newest first."""
    connection = connection_of(context)
    with connection.client() as client:
        rows = (
            (one, (one.name, _state(one), one.channel, one.revision, one.requester, one.reviewer))
            for one in client.list_releases(name)
        )
        connection.output.rows(("RELEASE", "STATE", "CHANNEL", "REVISION", "REQUESTED BY", "DECIDED BY"), rows)


@app.command()
def request(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SET")],
    revision: Annotated[str, typer.Argument(help="functionSets/SET/revisions/N")],
    *,
    channel: Annotated[str, typer.Option(help="The channel's name, such as production.")],
    reason: _Reason,
) -> None:
    """Ask for a channel to be moved to a revision."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.request_release(name, revision, channel=channel, reason=reason)
    connection.output.value(release, f"{release.name} waits for a reviewer")


@app.command()
def show(context: typer.Context, name: _Name) -> None:
    """Show a release and what it would change in its channel."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.get_release(name)
        changes = difference(client, release.previous_revision, release.revision)
    connection.output.value(release, f"{_described(release)}\n\n{changes or 'no difference'}")


@app.command()
def approve(
    context: typer.Context,
    name: _Name,
    *,
    reason: _Reason,
    yes: Annotated[bool, typer.Option("--yes", help="Do not show the changes and ask.")] = False,
) -> None:
    """Approve a release, as a person who neither wrote nor requested it. The channel moves at once."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.get_release(name)
        if not yes:
            typer.echo(printable(difference(client, release.previous_revision, release.revision)), err=True)
            if not typer.confirm(f"Put {release.revision} into {release.channel}?", err=True):
                fail(REFUSED, "nothing was approved")
        release = client.approve_release(release, reason=reason)
    connection.output.value(release, _described(release))


@app.command()
def reject(context: typer.Context, name: _Name, *, reason: _Reason) -> None:
    """Refuse a pending release."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.reject_release(client.get_release(name), reason=reason)
    connection.output.value(release, _described(release))


@app.command()
def rollback(context: typer.Context, name: _Name, *, reason: _Reason) -> None:
    """Move the channel back to what it pointed at before this release."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.roll_back_release(name, reason=reason)
    connection.output.value(release, _described(release))


def _state(release: release_pb2.Release) -> str:
    return release_pb2.ReleaseState.Name(release.state).removeprefix("RELEASE_STATE_").lower()


def _described(release: release_pb2.Release) -> str:
    decided = f", decided by {release.reviewer}: {release.review_reason}" if release.reviewer else ""
    return (
        f"{release.name} is {_state(release)}: {release.revision} into {release.channel}, "
        f"requested by {release.requester}: {release.reason}{decided}"
    )
