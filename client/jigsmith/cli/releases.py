"""`jigsmith releases`: move channels, with a second pair of eyes; and take out of use what does harm."""

import datetime as dt
from typing import Annotated

import typer

from jigsmith import diff
from jigsmith.cli.connection import connection_of
from jigsmith.cli.output import REFUSED, fail, printable
from jigsmith.client import Client
from jigsmith.v1 import release_pb2

app = typer.Typer(no_args_is_help=True, help="Move channels, with a second pair of eyes.")

_Name = Annotated[str, typer.Argument(metavar="RELEASE", help="functionSets/SET/releases/N")]
_Revision = Annotated[str, typer.Argument(metavar="REVISION", help="functionSets/SET/revisions/N")]
_Reason = Annotated[str, typer.Option(help="Why; it goes into the audit log.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and say what would be done; do nothing.")]


@app.command("list")
def list_releases(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SET", help="- for all sets.")] = "-",
    *,
    pending: Annotated[bool, typer.Option("--pending", help="Only those that wait for a reviewer.")] = False,
) -> None:
    """List releases, newest first."""
    connection = connection_of(context)
    with connection.client() as client:
        rows = (
            (one, (one.name, _state(one), one.channel, one.revision, one.requester, _decided(one)))
            for one in client.list_releases(name)
            if not pending or one.state == release_pb2.RELEASE_STATE_PENDING
        )
        connection.output.rows(("RELEASE", "STATE", "CHANNEL", "REVISION", "REQUESTED BY", "DECIDED BY"), rows)


@app.command()
def request(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SET")],
    revision: _Revision,
    *,
    channel: Annotated[str, typer.Option(help="The channel's name, such as production.")],
    reason: _Reason,
    dry_run: _DryRun = False,
) -> None:
    """Ask for a channel to be moved to a revision."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.request_release(name, revision, channel=channel, reason=reason, validate_only=dry_run)
    needs = f"{release.approvals_needed} approval{'s' if release.approvals_needed > 1 else ''}"
    said = f"it would wait for {needs}" if dry_run else f"{release.name} waits for {needs}"
    connection.output.value(release, "\n".join([said, *(f"raises a limit: {one}" for one in release.raised_limits)]))


@app.command()
def show(context: typer.Context, name: _Name) -> None:
    """Show a release: what it would change in its channel, its evidence and approvals."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.get_release(name)
        changes = _changes(client, release)
    facts = {"release": connection.output.facts(release), "changes": changes.facts()}
    connection.output.value(facts, f"{_described(release)}\n\n{changes.text() or 'no difference'}")


@app.command()
def evidence(
    context: typer.Context,
    name: _Name,
    *,
    suite: Annotated[str, typer.Option(help="What was tested with.")],
    passed: Annotated[int, typer.Option(min=0, help="How many tests or tasks passed.")],
    failed: Annotated[int, typer.Option(min=0, help="How many failed.")],
    result: Annotated[bool, typer.Option("--passed-all/--failed-all", help="Whether the suite as a whole passed.")],
    suite_digest: Annotated[str, typer.Option(help="sha256 of the suite.")] = "",
    note: Annotated[str, typer.Option(help="What else a reviewer should know.")] = "",
    dry_run: _DryRun = False,
) -> None:
    """Attach test results to a pending release, signed and bound to its contents. For evaluators."""
    connection = connection_of(context)
    message = release_pb2.Evidence(
        suite=suite,
        suite_digest=suite_digest,
        passed=passed,
        failed=failed,
        note=note,
        result=release_pb2.EVIDENCE_RESULT_PASSED if result else release_pb2.EVIDENCE_RESULT_FAILED,
    )
    with connection.client() as client:
        release = client.attach_evidence(client.get_release(name), message, validate_only=dry_run)
    connection.output.value(release, _would(dry_run, _described(release)))


@app.command()
def approve(
    context: typer.Context,
    name: _Name,
    *,
    reason: _Reason,
    days: Annotated[int | None, typer.Option(min=1, help="How long it holds; default: as the operator says.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not show the changes and ask.")] = False,
    dry_run: _DryRun = False,
) -> None:
    """Approve a release, as a person who neither wrote nor requested it. With its last approval the channel moves."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.get_release(name)
        if not yes and not dry_run:
            typer.echo(printable(f"{_described(release)}\n\n{_changes(client, release).text()}"), err=True)
            if not typer.confirm(f"Put {release.revision} into {release.channel}?", err=True):
                fail(REFUSED, "nothing was approved")
        valid_for = None if days is None else dt.timedelta(days=days)
        release = client.approve_release(release, reason=reason, valid_for=valid_for, validate_only=dry_run)
    connection.output.value(release, _would(dry_run, _described(release)))


@app.command()
def reject(context: typer.Context, name: _Name, *, reason: _Reason, dry_run: _DryRun = False) -> None:
    """Refuse a pending release."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.reject_release(client.get_release(name), reason=reason, validate_only=dry_run)
    connection.output.value(release, _would(dry_run, _described(release)))


@app.command()
def rollback(context: typer.Context, name: _Name, *, reason: _Reason, dry_run: _DryRun = False) -> None:
    """Move the channel back to what it pointed at before this release."""
    connection = connection_of(context)
    with connection.client() as client:
        release = client.roll_back_release(name, reason=reason, validate_only=dry_run)
    connection.output.value(release, _would(dry_run, _described(release)))


@app.command()
def quarantine(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="functionSets/SET/revisions/N or functions/F/versions/DIGEST")
    ],
    *,
    reason: _Reason,
    now: Annotated[bool, typer.Option("--now", help="End the calls that run it, too.")] = False,
    dry_run: _DryRun = False,
) -> None:
    """Take a revision or a function version out of use, everywhere, at once and for good."""
    connection = connection_of(context)
    with connection.client() as client:
        done = client.quarantine(name, reason=reason, now=now, validate_only=dry_run)
    concerned = ", ".join(done.channels) or "no channel"
    ended = f"; {done.ended_calls} calls ended" if now else ""
    connection.output.value(done, _would(dry_run, f"{done.name} is out of use; concerns {concerned}{ended}"))


@app.command()
def deprecate(context: typer.Context, name: _Revision, *, reason: _Reason, dry_run: _DryRun = False) -> None:
    """Say that a revision should no longer be used: what runs goes on, no release may ask for it again."""
    connection = connection_of(context)
    with connection.client() as client:
        revision = client.deprecate_revision(name, reason=reason, validate_only=dry_run)
    connection.output.value(revision, _would(dry_run, f"{revision.name} is deprecated"))


@app.command()
def retire(context: typer.Context, name: _Revision, *, reason: _Reason, dry_run: _DryRun = False) -> None:
    """End a deprecated revision that no channel points at."""
    connection = connection_of(context)
    with connection.client() as client:
        revision = client.retire_revision(name, reason=reason, validate_only=dry_run)
    connection.output.value(revision, _would(dry_run, f"{revision.name} is retired"))


def _changes(client: Client, release: release_pb2.Release) -> diff.RevisionDiff:
    before = client.get_revision(release.previous_revision) if release.previous_revision else None
    return diff.compare(before, client.get_revision(release.revision))


def _would(dry_run: bool, text: str) -> str:
    return f"(dry run: nothing was done) {text}" if dry_run else text


def _state(release: release_pb2.Release) -> str:
    return release_pb2.ReleaseState.Name(release.state).removeprefix("RELEASE_STATE_").lower()


def _decided(release: release_pb2.Release) -> str:
    if release.state == release_pb2.RELEASE_STATE_PENDING and release.approvals_needed > 1:
        return f"{len(release.approvals)} of {release.approvals_needed}"
    return release.reviewer


def _described(release: release_pb2.Release) -> str:
    """Return a release for people."""
    decided = f", decided by {release.reviewer}: {release.review_reason}" if release.reviewer else ""
    asked = f"requested by {release.requester}: {release.reason}"
    lines = [f"{release.name} is {_state(release)}: {release.revision} into {release.channel}, {asked}{decided}"]
    lines += [f"  raises a limit: {one}" for one in release.raised_limits]
    for one in release.evidence:
        result = release_pb2.EvidenceResult.Name(one.result).removeprefix("EVIDENCE_RESULT_")
        counts = f"{one.passed} passed, {one.failed} failed"
        lines.append(f"  evidence {result}: {one.suite}, {counts}, by {one.evaluator} {one.note}".rstrip())
    if not release.evidence:
        lines.append("  no evidence is attached")
    for given in release.approvals:
        until = given.expire_time.ToDatetime().date().isoformat()
        lines.append(f"  approved by {given.reviewer} until {until}: {given.reason}")
    lines.append(f"  {len(release.approvals)} of {release.approvals_needed} approvals")
    return "\n".join(lines)
