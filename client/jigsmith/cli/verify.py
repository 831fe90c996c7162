"""`jigsmith audit verify`: check a log and what came out of it, without a runtime, a network, or trust in anybody but a key."""

import base64
import binascii
import dataclasses
import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from jigsmith.cli.files import text_of
from jigsmith.cli.output import USAGE, VERIFICATION_FAILED, Output, fail
from jigsmith.tlog import CosignatureVerifier, InclusionProof, NoteError, NoteVerifier, ProofError, leaf_hash
from jigsmith.verify import BadEntryError, Report, SignedLog, read_entries, verify_log
from jigsmith.verify.witnesses import Witnessed, WitnessError, check_witness_state

app = typer.Typer(
    no_args_is_help=True, help="Verify offline: exit code 8, and what does not fit, if anything is wrong."
)

_Directory = Annotated[
    Path, typer.Argument(metavar="LOG", help="The log's folder, or a copy.", exists=True, file_okay=False)
]
_Key = Annotated[Path, typer.Option(help="File with the node's public key (audit-key.pub).", exists=True)]


@app.command("log")
def verify_whole(
    context: typer.Context,
    directory: _Directory,
    *,
    key: _Key,
    witnessed: Annotated[
        Path | None,
        typer.Option(help="The checkpoint that a witness keeps of this log (`jigsmith-witness show`).", exists=True),
    ] = None,
    witness_key: Annotated[Path | None, typer.Option(help="File with the witness's public key.", exists=True)] = None,
) -> None:
    """Verify a log: every hash, the signed root, each call accepted and ended once, every release approved.

    With what a witness saw, also that the log was not rewritten by somebody who has the node's key.
    """
    if (witnessed is None) != (witness_key is None):
        fail(USAGE, "--witnessed and --witness-key go together")
    report = _verified(directory, _key(key))
    facts, said = _facts(report), _described(report)
    if report.ok and witnessed is not None and witness_key is not None:
        seen = _witnessed(directory, report, key, witnessed, witness_key)
        facts["witnessed_size"] = seen.size
        when = dt.datetime.fromtimestamp(seen.time_s, dt.UTC)
        said += f"; a witness saw the first {seen.size} of them at {when:%Y-%m-%d %H:%M:%S} UTC"
    _output(context).value(facts, said)
    if not report.ok:
        raise typer.Exit(VERIFICATION_FAILED)


@app.command()
def calls(context: typer.Context, directory: _Directory, *, key: _Key) -> None:
    """Verify a log, then say what ran: for each function version how often, and how its calls ended."""
    _demand_whole(directory, _key(key))
    running: dict[int, str] = {}
    ended: dict[str, Counter[str]] = {}
    for index, entry in _entries(directory, _key(key)):
        if entry["kind"] == "call.accepted":
            running[index] = entry["function_version"]
        elif entry["kind"] == "call.finished":
            ended.setdefault(running.pop(entry["accepted_index"]), Counter())[entry["outcome"]] += 1
    for version in running.values():
        ended.setdefault(version, Counter())["(open)"] += 1
    facts = {version: dict(counts) for version, counts in sorted(ended.items())}
    lines = [
        f"{version}: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        for version, counts in facts.items()
    ]
    _output(context).value({"ok": True, "calls": facts}, "\n".join(lines) or "no calls")


@app.command()
def releases(context: typer.Context, directory: _Directory, *, key: _Key) -> None:
    """Verify a log, then list every decision about a release: who, when, why, and what it was about."""
    _demand_whole(directory, _key(key))
    kinds = (
        "release.",
        "revision.quarantined",
        "function_version.quarantined",
        "revision.deprecated",
        "revision.retired",
    )
    found = [
        entry | {"index": index} for index, entry in _entries(directory, _key(key)) if entry["kind"].startswith(kinds)
    ]
    lines = [
        f"{one['index']:>8}  {one['time']}  {one['kind']:<22} {one.get('release') or one.get('revision', '')}"
        f"  by {one['principal']}: {one.get('reason', '')}"
        for one in found
    ]
    _output(context).value({"ok": True, "releases": found}, "\n".join(lines) or "no releases")


@app.command()
def entry(
    context: typer.Context,
    entry_file: Annotated[Path, typer.Argument(metavar="ENTRY", help="The entry's JSON, byte for byte.", exists=True)],
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="Its .tlog-proof file.", exists=True)],
    *,
    key: _Key,
) -> None:
    """Verify that an entry is in the log, by its proof file alone (`jigsmith audit proof --out`)."""
    data = entry_file.read_bytes().removesuffix(b"\n")
    with _ending():
        parsed = InclusionProof.parse(text_of(proof))
        signed = parsed.verify(leaf_hash(data), _key(key))
    facts = {"ok": True, "index": parsed.index, "origin": signed.origin, "checkpoint_size": signed.size}
    _output(context).value(facts, f"verified: entry {parsed.index} of {signed.origin}, {signed.size} entries signed")


@app.command()
def receipt(
    context: typer.Context,
    answer: Annotated[
        Path,
        typer.Argument(metavar="ANSWER", help="What `jigsmith --json invoke` printed, or its receipt.", exists=True),
    ],
    directory: _Directory,
    *,
    key: _Key,
) -> None:
    """Verify that an answer is the one that was logged: its receipt, and with its salt the result itself."""
    value = _json_object(answer)
    given: dict[str, Any] = value.get("receipt", value)  # Any, here and below: what a JSON file may hold
    with _ending():
        log = SignedLog(directory, _key(key))
        index, origin = given.get("index"), given.get("log_origin")
        if not isinstance(index, int) or origin != log.checkpoint.origin:
            raise ProofError(f"the receipt is of the log {origin}, not {log.checkpoint.origin}")
        data = log.entry(index)
        if leaf_hash(data).hex() != given.get("leaf_hash"):
            raise ProofError(f"entry {index} is not the one that the receipt was given for")
        logged: dict[str, Any] = json.loads(data)
        if "result_json" in value:
            _check_opens(logged.get("result_commitment"), str(value["result_json"]), _unhexed(given), "result")
    about = f"{logged.get('invocation')} ended {logged.get('outcome')}"
    _output(context).value({"ok": True, "index": index, "entry": logged}, f"verified: entry {index}: {about}")


@app.command()
def payload(
    context: typer.Context,
    payload_file: Annotated[
        Path, typer.Argument(metavar="PAYLOAD", help="What `jigsmith --json audit payload` printed.", exists=True)
    ],
    directory: _Directory,
    *,
    key: _Key,
) -> None:
    """Verify that arguments and result are the ones that the log committed to."""
    value = _json_object(payload_file)
    checked: list[str] = []
    with _ending():
        log = SignedLog(directory, _key(key))
        for index, found in _entries(directory, _key(key)):
            if found.get("invocation") != value.get("invocation"):
                continue
            for part in ("arguments", "result"):
                committed = found.get(f"{part}_commitment")
                if committed is not None and value.get(f"{part}_json"):
                    log.entry(index)
                    _check_opens(committed, value[f"{part}_json"], _decoded(value, f"{part}_salt"), part)
                    checked.append(part)
        if not checked:
            raise ProofError(f"the log commits to nothing that the payload of {value.get('invocation')} holds")
    said = " and ".join(checked)
    _output(context).value({"ok": True, "checked": checked}, f"verified: {said} of {value['invocation']}")


def _witnessed(directory: Path, report: Report, key: Path, witnessed: Path, witness_key: Path) -> Witnessed:
    leaves = (leaf_hash(data) for _, data in read_entries(directory, report.checkpoint_size))
    try:
        witness = CosignatureVerifier.parse(text_of(witness_key))
        return check_witness_state(leaves, witnessed.read_bytes().decode(), _key(key), witness)
    except (NoteError, UnicodeDecodeError) as error:
        fail(USAGE, f"{witness_key}: {error}")
    except WitnessError as error:
        fail(VERIFICATION_FAILED, f"NOT VERIFIED (witness): {error}")


def _key(path: Path) -> NoteVerifier:
    try:
        return NoteVerifier.parse(text_of(path))
    except NoteError as error:
        fail(USAGE, f"{path}: {error}")


def _output(context: typer.Context) -> Output:
    assert isinstance(context.obj, Output)
    return context.obj


@contextmanager
def _ending() -> Iterator[None]:
    """End the program if something does not fit."""
    try:
        yield
    except BadEntryError as error:
        fail(VERIFICATION_FAILED, f"NOT VERIFIED ({error.bad.kind.value}): {error.bad.explanation}")
    except (NoteError, ProofError) as error:
        fail(VERIFICATION_FAILED, f"NOT VERIFIED: {error}")
    except OSError as error:
        fail(USAGE, f"cannot read the log: {error}")


def _verified(directory: Path, key: NoteVerifier) -> Report:
    console = Console(stderr=True)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("entries", total=None)
            return verify_log(directory, key, lambda done, total: progress.update(bar, completed=done, total=total))
    except OSError as error:
        fail(USAGE, f"cannot read the log: {error}")


def _demand_whole(directory: Path, key: NoteVerifier) -> None:
    report = _verified(directory, key)
    if not report.ok:
        fail(VERIFICATION_FAILED, _described(report))


def _entries(directory: Path, key: NoteVerifier) -> Iterator[tuple[int, dict[str, Any]]]:
    with _ending():
        size = SignedLog(directory, key).checkpoint.size
        for index, data in read_entries(directory, size):
            yield index, json.loads(data)


def _json_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(text_of(path))
    except (ValueError, RecursionError) as error:
        fail(USAGE, f"{path} is not JSON: {error}")
    if not isinstance(value, dict) or not isinstance(value.get("receipt", {}), dict):
        fail(USAGE, f"{path} is not an answer in JSON")
    return value


def _decoded(value: Mapping[str, Any], field: str) -> bytes:
    try:
        return base64.b64decode(str(value.get(field, "")), validate=True)
    except binascii.Error as error:
        raise ProofError(f"{field} is not base64") from error


def _unhexed(receipt: Mapping[str, Any]) -> bytes:
    try:
        return bytes.fromhex(str(receipt.get("result_salt", "")))
    except ValueError as error:
        raise ProofError("result_salt is not hexadecimal") from error


def _check_opens(commitment: object, text: str, salt: bytes, what: str) -> None:
    if hashlib.sha256(salt + text.encode()).hexdigest() != commitment:
        raise ProofError(f"the {what} is not the one that the log commits to")


def _facts(report: Report) -> dict[str, object]:
    facts = dataclasses.asdict(report) | {"ok": report.ok}
    if report.first_bad is not None:
        bad = report.first_bad
        facts["first_bad"] = {"index": bad.index, "kind": bad.kind.value, "explanation": bad.explanation}
    return facts


def _described(report: Report) -> str:
    ended = f"{report.finished} ended ({report.interrupted} by a restart)"
    counts = f"{report.accepted} calls accepted, {ended}, {report.open} open"
    if report.first_bad is None:
        return f"verified: {report.entries} entries of {report.origin}; {counts}" + (
            f"; {report.unsigned} newer entries are not signed yet" if report.unsigned else ""
        )
    bad = report.first_bad
    return f"NOT VERIFIED ({bad.kind.value}): {bad.explanation}\nbefore it: {report.entries} entries; {counts}"
