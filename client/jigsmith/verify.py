"""The stand-alone verifier of an audit log: needs the log's folder and the node's public key, nothing of the runtime.

It re-hashes every entry, rebuilds the tree, checks the signed checkpoint, and then reads the entries as a story: every call
was accepted once and ended once, and every call through a channel ran what a release had put there, approved by a person
other than its author and its requester. The first entry that does not fit is named.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from jigsmith import canonical
from jigsmith.tlog import Checkpoint, NoteError, NoteVerifier, Tree, leaf_hash, tiles


class Fault(Enum):
    """What is wrong with a log."""

    CHECKPOINT = "checkpoint"  # missing, malformed, or not signed by the key
    TRUNCATED = "truncated"  # fewer entries than were signed
    ALTERED = "altered"  # an entry is not the one that was logged
    ROOT = "root"  # entries and leaf hashes agree with each other, but not with what was signed
    MALFORMED = "malformed"  # an entry is not canonical JSON with the fields of its kind
    PAIRING = "pairing"  # a call without its other half
    UNAPPROVED = "unapproved"  # a call through a channel ran what no release had put there


@dataclass(frozen=True, slots=True)
class BadEntry:
    """The first entry that does not fit."""

    index: int | None
    """Its index; None if the fault is not one entry's."""
    fault: Fault
    explanation: str


@dataclass(slots=True)
class Report:
    """What the verifier found."""

    origin: str = ""
    entries: int = 0
    """Entries read and found good, or up to the first bad one."""
    checkpoint_size: int = 0
    accepted: int = 0
    finished: int = 0
    interrupted: int = 0
    open: int = 0
    """Calls that were accepted and have not ended: running now, or cut off by a crash that no start followed."""
    first_bad: BadEntry | None = None

    @property
    def ok(self) -> bool:
        """Whether everything fits."""
        return self.first_bad is None


class _BadLogError(Exception):
    def __init__(self, index: int | None, fault: Fault, explanation: str) -> None:
        super().__init__(explanation)
        self.bad = BadEntry(index, fault, explanation)


def verify_log(directory: Path, key: NoteVerifier, progress: Callable[[int, int], None] | None = None) -> Report:
    """Verify the log in a folder. Never raises for what the log holds: that is in the report. Raises OSError.

    `progress` is called with (entries done, entries in the checkpoint) once per bundle.
    """
    report = Report()
    try:
        _verify(directory, key, report, progress)
    except _BadLogError as found:
        report.first_bad = found.bad
    return report


def _verify(directory: Path, key: NoteVerifier, report: Report, progress: Callable[[int, int], None] | None) -> None:
    checkpoint = _checkpoint(directory, key)
    report.origin, report.checkpoint_size = checkpoint.origin, checkpoint.size
    tree, story = Tree(), _Story(report)
    for number, count in tiles.bundle_numbers(checkpoint.size):
        first = number * tiles.WIDTH
        entries = _entries(directory, number, count)
        hashes = _stored_hashes(directory, number)
        for index, data in enumerate(entries[:count], first):
            leaf = leaf_hash(data)
            if hashes[index - first : index - first + 1] != [leaf]:
                raise _BadLogError(
                    index, Fault.ALTERED, f"entry {index} is not the one that was logged: its hash differs"
                )
            tree.append(leaf)
            story.read(index, data)
            report.entries += 1
        if len(entries) < count:
            index = first + len(entries)
            raise _BadLogError(
                index, Fault.TRUNCATED, f"entry {index} is missing; the signed log has {checkpoint.size} entries"
            )
        if progress:
            progress(report.entries, checkpoint.size)
    if tree.root() != checkpoint.root:
        raise _BadLogError(
            None,
            Fault.ROOT,
            f"entries and leaf hashes fit each other, but not the signed root of {checkpoint.size} entries: both were rewritten",
        )
    story.end()


def _checkpoint(directory: Path, key: NoteVerifier) -> Checkpoint:
    path = directory / tiles.CHECKPOINT
    if not path.is_file():
        raise _BadLogError(None, Fault.CHECKPOINT, f"{path} is missing")
    try:
        return Checkpoint.parse(key.open(path.read_text(errors="replace")))
    except NoteError as error:
        raise _BadLogError(None, Fault.CHECKPOINT, f"{path}: {error}") from error


def _entries(directory: Path, number: int, count: int) -> list[bytes]:
    path = tiles.bundle_path(directory, number)
    if not path.is_file():
        return []
    try:
        return tiles.unpack(path.read_bytes())
    except tiles.BundleError as torn:
        # A torn tail beyond the checkpoint is a write in progress; within it, the missing entry is named by the caller.
        return torn.entries[:count]


def _stored_hashes(directory: Path, number: int) -> list[bytes]:
    path = tiles.hashes_path(directory, number)
    data = path.read_bytes() if path.is_file() else b""
    return [data[start : start + tiles.HASH_BYTES] for start in range(0, len(data), tiles.HASH_BYTES)]


@dataclass(slots=True)
class _Release:
    requester: str
    revision: str
    digest: str
    channel: str


@dataclass(slots=True)
class _Story:
    """Reads entries in order and remembers what later ones must fit."""

    report: Report
    open_calls: dict[int, str] = field(default_factory=dict)
    revisions: dict[str, tuple[str, str, frozenset[str]]] = field(default_factory=dict)
    releases: dict[str, _Release] = field(default_factory=dict)
    channels: dict[str, set[str]] = field(default_factory=dict)

    def read(self, index: int, data: bytes) -> None:
        """Check one entry. Raises _BadLogError."""
        try:
            entry = canonical.decode(data)
            if not isinstance(entry, dict):
                raise _BadLogError(index, Fault.MALFORMED, f"entry {index} is not an object")
            self._dispatch(index, entry)
        except canonical.CanonicalError as error:
            raise _BadLogError(index, Fault.MALFORMED, f"entry {index}: {error}") from error
        except (KeyError, TypeError) as error:
            raise _BadLogError(index, Fault.MALFORMED, f"entry {index} lacks a field of its kind: {error}") from error

    def _dispatch(self, index: int, entry: dict[str, canonical.JsonValue]) -> None:
        values = {name: value for name, value in entry.items() if isinstance(value, str)}
        match entry["kind"]:
            case "call.accepted":
                self._accepted(index, values)
            case "call.finished":
                self._finished(index, entry)
            case "runtime.started" if self.open_calls:
                earliest = min(self.open_calls)
                raise _BadLogError(
                    earliest,
                    Fault.PAIRING,
                    f"the call accepted in entry {earliest} never ended, although a runtime started after it",
                )
            case "revision.created":
                versions = entry["function_versions"]
                members = frozenset(map(str, versions)) if isinstance(versions, list) else frozenset()
                self.revisions[values["revision"]] = (values["principal"], values["digest"], members)
            case "release.requested":
                self.releases[values["release"]] = _Release(
                    values["principal"], values["revision"], values["revision_digest"], values["channel"]
                )
            case "release.approved":
                self._approved(index, values)
            case "release.rolled_back":
                self.channels.setdefault(values["channel"], set()).discard(values["revision"])

    def _accepted(self, index: int, values: dict[str, str]) -> None:
        self.report.accepted += 1
        self.open_calls[index] = values["invocation"]
        channel = values["target"].rpartition("/functions/")[0]
        if "/channels/" not in channel:
            return
        revision = values["revision"]
        if revision not in self.channels.get(channel, ()):
            raise _BadLogError(
                index, Fault.UNAPPROVED, f"entry {index} ran {revision}, which no approved release put into {channel}"
            )
        if values["function_version"] not in self.revisions[revision][2]:
            raise _BadLogError(
                index,
                Fault.UNAPPROVED,
                f"entry {index} ran {values['function_version']}, which is not part of {revision}",
            )

    def _finished(self, index: int, entry: dict[str, canonical.JsonValue]) -> None:
        accepted = entry["accepted_index"]
        if not isinstance(accepted, int) or self.open_calls.pop(accepted, None) != entry["invocation"]:
            raise _BadLogError(index, Fault.PAIRING, f"entry {index} ends a call that was not open")
        self.report.finished += 1
        self.report.interrupted += entry["outcome"] == "INTERRUPTED"

    def _approved(self, index: int, values: dict[str, str]) -> None:
        release = self.releases.get(values["release"])
        author, digest, _ = self.revisions.get(values["revision"], ("", "", frozenset()))
        approver = values["principal"]
        wrong = None
        if release is None or (release.revision, release.channel) != (values["revision"], values["channel"]):
            wrong = "a release that nobody asked for in this form"
        elif not approver.startswith("user:"):
            wrong = f"a release by {approver}, who is not a person"
        elif approver in (author, release.requester):
            wrong = f"a release by {approver}, who wrote or requested it"
        elif not values["revision_digest"] == digest == release.digest:
            wrong = "other contents than were requested"
        if wrong:
            raise _BadLogError(index, Fault.UNAPPROVED, f"entry {index} approves {wrong}")
        self.channels.setdefault(values["channel"], set()).add(values["revision"])

    def end(self) -> None:
        """Count what is open at the end of the log."""
        self.report.open = len(self.open_calls)
