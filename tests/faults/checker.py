"""Compares what clients were told with what a runtime left: its log and its database. Shares no code with the runtime.

What must hold, whenever it was killed:

1. every acknowledged call has its terminal entry where its receipt says, with that leaf hash, and its result committed to;
2. each accepted call has exactly one terminal entry, and each terminal entry one accepted call;
3. every acknowledged registration, revision, release request and approval is in the log and in the database;
4. a request id was accepted at most once, and whoever was answered under it got the same answer;
5. the database holds nothing that the log does not know.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Told:
    """One acknowledgement that a client got."""

    kind: str
    """`call`, `version`, `revision`, `release` or `approval`."""
    name: str
    """The invocation, or the resource."""
    request_id: str = ""
    index: int = -1
    leaf_hash: bytes = b""
    result_json: str = ""
    result_salt: bytes = b""


@dataclass
class Left:
    """What is left: the log's entries, and the names that the database holds."""

    entries: list[tuple[bytes, dict[str, Any]]]
    rows: Mapping[str, set[str]] = field(default_factory=dict)
    """By kind, as in `Told`."""

    @classmethod
    def read(cls, entries: Iterable[bytes], database: Path) -> "Left":
        """Read both."""
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        queries = {
            "version": "SELECT 'functions/' || function || '/versions/' || digest FROM function_versions",
            "revision": "SELECT 'functionSets/' || function_set || '/revisions/' || revision FROM revisions",
            "release": "SELECT 'functionSets/' || function_set || '/releases/' || release FROM releases",
            "approval": "SELECT 'functionSets/' || function_set || '/releases/' || release FROM approvals",
        }
        rows = {kind: {row[0] for row in connection.execute(query)} for kind, query in queries.items()}
        connection.close()
        return cls([(data, json.loads(data)) for data in entries], rows)


_LOGGED = {
    "version": ("function_version.created", "function_version"),
    "revision": ("revision.created", "revision"),
    "release": ("release.requested", "release"),
    "approval": ("release.approved", "release"),
}


def check(told: Sequence[Told], left: Left) -> list[str]:
    """Return what does not hold, in words; nothing if all is well."""
    return [*_calls(told, left), *_pairs(left), *_changes(told, left), *_request_ids(told, left)]


def _calls(told: Sequence[Told], left: Left) -> Iterable[str]:
    for one in told:
        if one.kind != "call":
            continue
        if one.index >= len(left.entries):
            yield f"{one.name} was answered with entry {one.index}, and the log has {len(left.entries)}"
            continue
        data, entry = left.entries[one.index]
        if hashlib.sha256(b"\0" + data).digest() != one.leaf_hash:
            yield f"{one.name} was answered with entry {one.index}, where another entry is"
        elif (entry["kind"], entry.get("invocation"), entry.get("outcome")) != ("call.finished", one.name, "OK"):
            yield f"{one.name} was answered, and its entry {one.index} says otherwise"
        elif hashlib.sha256(one.result_salt + one.result_json.encode()).hexdigest() != entry["result_commitment"]:
            yield f"{one.name} was answered with another result than the log commits to"


def _pairs(left: Left) -> Iterable[str]:
    accepted = {
        index: entry["invocation"] for index, (_, entry) in enumerate(left.entries) if entry["kind"] == "call.accepted"
    }
    ends = Counter(entry["accepted_index"] for _, entry in left.entries if entry["kind"] == "call.finished")
    for index, invocation in accepted.items():
        if ends[index] != 1:
            yield f"{invocation} was accepted in entry {index} and ended {ends[index]} times"
    for index in ends.keys() - accepted.keys():
        yield f"entry {index} was ended and never accepted a call"


def _changes(told: Sequence[Told], left: Left) -> Iterable[str]:
    for kind, (entry_kind, field_name) in _LOGGED.items():
        logged = {entry[field_name] for _, entry in left.entries if entry["kind"] == entry_kind}
        for one in told:
            if one.kind == kind and one.name not in logged:
                yield f"the {kind} {one.name} was acknowledged, and the log does not know it"
            if one.kind == kind and one.name not in left.rows[kind]:
                yield f"the {kind} {one.name} was acknowledged, and the database does not have it"
        for name in sorted(left.rows[kind] - logged):
            yield f"the database has the {kind} {name}, and the log does not know it"
        for name in sorted(logged - left.rows[kind]):
            yield f"the log knows the {kind} {name}, and the database does not have it"


def _request_ids(told: Sequence[Told], left: Left) -> Iterable[str]:
    accepted = Counter(
        (entry["principal"], entry["request_id"])
        for _, entry in left.entries
        if entry["kind"] == "call.accepted" and entry["request_id"] is not None
    )
    for (principal, request_id), times in accepted.items():
        if times > 1:
            yield f"the request {request_id} of {principal} was accepted {times} times"
    answers: dict[str, set[tuple[str, str]]] = {}
    for one in told:
        if one.kind == "call" and one.request_id:
            answers.setdefault(one.request_id, set()).add((one.name, one.result_json))
    for request_id, found in answers.items():
        if len(found) > 1:
            yield f"the request {request_id} got {len(found)} different answers"
