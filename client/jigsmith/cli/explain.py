"""`jigsmith explain`: why an answer is what it is, from the code up to the people and the proofs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from jigsmith import explain as explaining
from jigsmith.attestation import AttestationError, TrustedKeys
from jigsmith.cli.connection import connection_of
from jigsmith.cli.files import text_of
from jigsmith.cli.output import USAGE, VERIFICATION_FAILED, Output, fail
from jigsmith.tlog import NoteError, NoteVerifier
from jigsmith.v1 import function_pb2, release_pb2


def explain(
    context: typer.Context,
    invocation: Annotated[
        str, typer.Argument(metavar="INVOCATION", help="invocations/ID, as an answer or its receipt names it.")
    ],
    *,
    key: Annotated[
        Path | None, typer.Option(help="The log's public key (audit-key.pub): check every proof.", exists=True)
    ] = None,
    release_key: Annotated[
        Path | None,
        typer.Option(help="The release key's public half (release-key.pub): check every statement.", exists=True),
    ] = None,
) -> None:
    """Explain an answer: the code that gave it, who approved that and why, its tests, what brought each line in, the proofs.

    Example: jigsmith explain invocations/0f3a… --key audit-key.pub --release-key release-key.pub
    """
    connection = connection_of(context)
    try:
        log_key = None if key is None else NoteVerifier.parse(text_of(key))
        release_keys = None if release_key is None else TrustedKeys.parse(text_of(release_key).encode())
    except (NoteError, AttestationError) as error:
        fail(USAGE, str(error))
    with connection.client() as client:
        try:
            found = explaining.explain(client, invocation, log_key=log_key, release_keys=release_keys)
        except explaining.ExplanationError as error:
            fail(VERIFICATION_FAILED, f"NOT VERIFIED: {error}")
    connection.output.value(_facts(connection.output, found), _told(found))


def _facts(output: Output, found: explaining.Explanation) -> dict[str, Any]:  # Any: JSON
    logged = [found.accepted, *([found.finished] if found.finished else []), *found.decisions]
    return {
        "accepted": found.accepted.entry,
        "finished": None if found.finished is None else found.finished.entry,
        "function_version": output.facts(found.version),
        "revision": None if found.revision is None else output.facts(found.revision),
        "release": None if found.release is None else output.facts(found.release),
        "lines": [
            {"text": one.text, "version": one.version.name, "origin": _origin(one.version)} for one in found.lines
        ],
        "entries": [{"index": one.index, "entry": one.entry, "proof": one.proof} for one in logged],
        "log_checked": found.log_checked,
        "statements_checked": found.statements_checked,
    }


def _told(found: explaining.Explanation) -> str:
    said, ended = found.accepted.entry, found.finished
    outcome = (
        "runs" if ended is None else f"ended {ended.entry['outcome']} after {ended.entry['wall_us'] / 1_000:.1f} ms"
    )
    lines = [
        f"{said['invocation']} {outcome}",
        f"  called by    {said['principal']} at {said['time']}, as {said['target']}",
        f"  ran          {said['function_version']}",
        f"  in           {said['backend']}, isolation {said['isolation']}, policy {said['policy']}",
    ]
    if found.revision is not None:
        lines.append(f"  part of      {found.revision.name}: {found.revision.message or '(no message)'}")
    if found.release is None:
        lines.append("  approved by  nobody: a draft, run by whoever may run drafts")
    else:
        lines += _told_release(found.release, checked=found.statements_checked)
    lines += [f"  written by   {_origin(found.version)}", *_told_why(found.version)]
    indexes = [found.accepted.index, *([ended.index] if ended else []), *(one.index for one in found.decisions)]
    proved = "every proof checked" if found.log_checked else "proofs not checked: give --key"
    lines.append(f"  in the log   entries {', '.join(map(str, sorted(indexes)))} ({proved})")
    lines += ["", "  the source, and what brought each line in:"]
    marks = [_mark(one.version) for one in found.lines]
    width = max(map(len, marks), default=0)
    lines += [
        f"  {number:>4}  {mark:<{width}}  {one.text}"
        for number, (mark, one) in enumerate(zip(marks, found.lines, strict=True), 1)
    ]
    return "\n".join(lines)


def _told_release(release: release_pb2.Release, *, checked: bool) -> list[str]:
    signed = "signature checked" if checked else "signature not checked: give --release-key"
    lines = [
        f"  released by  {release.name} into {release.channel}, requested by {release.requester}: {release.reason}"
    ]
    for given in release.approvals:
        when, until = given.create_time.ToJsonString(), given.expire_time.ToJsonString()
        lines.append(f"  approved by  {given.reviewer} at {when}, until {until}: {given.reason} ({signed})")
    for one in release.evidence:
        result = release_pb2.EvidenceResult.Name(one.result).removeprefix("EVIDENCE_RESULT_")
        lines.append(
            f"  tested       {result}: {one.suite}, {one.passed} passed, {one.failed} failed, by {one.evaluator}"
        )
    return lines if release.evidence else [*lines, "  tested       no test results were attached"]


def _told_why(version: function_pb2.FunctionVersion) -> list[str]:
    made = version.provenance
    lines = [f"  because      {made.reason}"] if made.reason else []
    return lines + ([f"  tasks        {', '.join(made.task_ids)}"] if made.task_ids else [])


def _origin(version: function_pb2.FunctionVersion) -> str:
    made = version.provenance
    if not made.run:
        return f"{version.creator}, by hand"
    step = f"{made.action or 'proposed'} in epoch {made.epoch} of {made.run}"
    return f"{made.model or 'a model'}, {step}, registered by {version.creator}"


def _mark(version: function_pb2.FunctionVersion) -> str:
    made = version.provenance
    step = f"{made.run}/{made.epoch}" if made.run else version.creator
    tasks = f" [{', '.join(made.task_ids[:3])}{', …' if len(made.task_ids) > 3 else ''}]" if made.task_ids else ""
    return f"{version.digest[:8]} {step}{tasks}"
