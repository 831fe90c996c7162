"""From an answer to everything behind it: the code, where each line came from, who approved it and why, what proves it.

Reads what an auditor may read, and checks signatures and proofs where it is given the keys.
"""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jigsmith.attestation import APPROVAL, PROVENANCE, TEST_RESULT, AttestationError, TrustedKeys
from jigsmith.client import Client
from jigsmith.errors import NotFoundError
from jigsmith.requests import audit_filter
from jigsmith.tlog import InclusionProof, NoteError, NoteVerifier, ProofError, leaf_hash
from jigsmith.v1 import function_pb2, function_set_pb2, release_pb2

_ANCESTORS_MAX = 256
"""How far back the lineage of a revision is followed."""


class ExplanationError(Exception):
    """What was found does not fit together; the message says what."""


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """An entry, and the proof that it is in the log."""

    index: int
    text: str
    """Canonical JSON, byte for byte as it was hashed."""
    proof: str
    """The contents of a `.tlog-proof` file."""

    @property
    def entry(self) -> dict[str, Any]:  # Any: JSON
        """What it says."""
        value: dict[str, Any] = json.loads(self.text)
        return value


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the source, and the version that brought it in."""

    text: str
    version: function_pb2.FunctionVersion


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything behind one invocation."""

    accepted: LoggedEntry
    finished: LoggedEntry | None
    """None while it runs."""
    version: function_pb2.FunctionVersion
    revision: function_set_pb2.Revision | None
    release: release_pb2.Release | None
    """None for drafts."""
    decisions: tuple[LoggedEntry, ...]
    """What the log says of the version, the revision and the release."""
    lines: tuple[Line, ...]
    log_checked: bool
    """Whether every proof was checked with the log's key."""
    statements_checked: bool
    """Whether approvals, evidence and provenance were checked with the release key."""


def explain(
    client: Client, invocation: str, *, log_key: NoteVerifier | None = None, release_keys: TrustedKeys | None = None
) -> Explanation:
    """Explain an invocation. Raises JigsmithError, ExplanationError if a signature or a proof does not hold."""
    entries = _entries(client, invocation=invocation)
    accepted = next((one for one in entries if one.entry["kind"] == "call.accepted"), None)
    if accepted is None:
        raise NotFoundError(f"the audit log of this node has no entry about {invocation}", status="NOT_FOUND")
    said = accepted.entry
    version = client.get_function_version(said["function_version"])
    revision = client.get_revision(said["revision"]) if said["revision"] else None
    release = client.get_release(said["release"]) if said["release"] else None
    resources = [
        said["function_version"],
        *([said["revision"]] if revision else []),
        *([said["release"]] if release else []),
    ]
    found = {one.index: one for name in resources for one in _entries(client, resource=name, kinds=_DECISIONS)}
    decisions = tuple(found[index] for index in sorted(found) if index < accepted.index)
    logged = [*entries, *decisions]
    if log_key is not None:
        _check_proofs(logged, log_key)
    if release_keys is not None:
        _check_statements(release_keys, version, release)
    return Explanation(
        accepted=accepted,
        finished=next((one for one in entries if one.entry["kind"] == "call.finished"), None),
        version=version,
        revision=revision,
        release=release,
        decisions=decisions,
        lines=tuple(blame(_history(client, version, revision))),
        log_checked=log_key is not None,
        statements_checked=release_keys is not None,
    )


_DECISIONS = ("function_version.*", "revision.*", "release.*")


def blame(history: Sequence[function_pb2.FunctionVersion]) -> list[Line]:
    """Return the lines of the last version, each with the version that brought it in; `history` begins with the oldest."""
    lines: list[Line] = []
    for version in history:
        texts = version.source.splitlines()
        matcher = difflib.SequenceMatcher(None, [one.text for one in lines], texts, autojunk=False)
        fresh = [Line(text, version) for text in texts]
        for block in matcher.get_matching_blocks():
            fresh[block.b : block.b + block.size] = lines[block.a : block.a + block.size]
        lines = fresh
    return lines


def _history(
    client: Client, version: function_pb2.FunctionVersion, revision: function_set_pb2.Revision | None
) -> list[function_pb2.FunctionVersion]:
    """Return the versions of a function along the lineage of a revision, oldest first, ending with the one that ran."""
    function, found = version.name.split("/")[1], [version]
    for _ in range(_ANCESTORS_MAX):
        if revision is None or not revision.parent_revision:
            break
        revision = client.get_revision(revision.parent_revision)
        held = next((one for one in revision.resolved_versions if one.name.split("/")[1] == function), None)
        if held is not None and held.digest != found[-1].digest:
            found.append(held)
    return found[::-1]


def _entries(client: Client, **wanted: Any) -> list[LoggedEntry]:  # Any: what `audit_filter` takes
    return [
        LoggedEntry(one.index, one.entry_json, client.get_inclusion_proof(one.index).proof_text)
        for one in client.list_audit_entries(wanted=audit_filter(**wanted))
    ]


def _check_proofs(logged: Sequence[LoggedEntry], key: NoteVerifier) -> None:
    for one in logged:
        try:
            proof = InclusionProof.parse(one.proof)
            proof.verify(leaf_hash(one.text.encode()), key)
        except (ProofError, NoteError) as error:
            raise ExplanationError(f"entry {one.index} is not proved: {error}") from error
        if proof.index != one.index:
            raise ExplanationError(f"the proof of entry {one.index} is that of entry {proof.index}")


def _check_statements(
    keys: TrustedKeys, version: function_pb2.FunctionVersion, release: release_pb2.Release | None
) -> None:
    envelopes = [(version.provenance_envelope_json, PROVENANCE)]
    if release is not None:
        envelopes += [(one.envelope_json, APPROVAL) for one in release.approvals]
        envelopes += [(one.envelope_json, TEST_RESULT) for one in release.evidence]
    for envelope, kind in envelopes:
        try:
            stated = keys.open(envelope, kind)
        except AttestationError as error:
            raise ExplanationError(f"a statement of the kind {kind} cannot be believed: {error}") from error
        bound = {version.name: version.digest} | (
            {} if release is None else {release.revision: release.revision_digest}
        )
        if any(stated.subjects.get(name, digest) != digest for name, digest in bound.items()):
            raise ExplanationError(f"a statement of the kind {kind} is about other contents")
