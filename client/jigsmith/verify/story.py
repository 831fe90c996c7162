"""The entries of a log read in order: what each says must fit what those before it said. Knows no hashes and no files.

Channels are followed as the runtime moves them: an approved release takes a channel, rolling it back gives the channel to the
release it had replaced. Where the runtime empties the channel instead, because that release did harm elsewhere, no call can
follow, so nothing is lost by not telling the two apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final

from jigsmith import canonical
from jigsmith.canonical import JsonValue
from jigsmith.verify.fields import FieldError, checked
from jigsmith.verify.report import BadEntry, Fault

INTERRUPTED: Final = "INTERRUPTED"
PERSON: Final = "user:"
_NEVER_VOIDED: Final = ("call.", "runtime.", "change.")
_UNCHECKED: Final = "none"
"""The policy that an admin must allow for a set."""

Entry = Mapping[str, JsonValue]


class BadEntryError(Exception):
    """An entry does not fit; `bad` says which and why."""

    def __init__(self, index: int | None, kind: Fault, explanation: str) -> None:
        super().__init__(explanation)
        self.bad = BadEntry(index, kind, explanation)


@dataclass(frozen=True, slots=True)
class _Revision:
    creator: str
    digest: str
    function_versions: frozenset[str]


@dataclass(slots=True)
class _Release:
    requester: str
    channel: str
    revision: str
    digest: str
    approvals_needed: int
    approvers: set[str] = field(default_factory=set)
    decided: bool = False
    replaced: "_Release | None" = None  # what the channel had before


@dataclass(slots=True)
class Story:
    """What the entries so far amount to."""

    to_be_voided: frozenset[int] = frozenset()
    """Indexes of the entries that later ones take back, as somebody saw who looked ahead."""
    entries: int = 0
    accepted: int = 0
    finished: int = 0
    interrupted: int = 0
    open_calls: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Invocation and principal of the calls that have not ended, by the index of their accepted entry."""
    _authors: dict[str, frozenset[str]] = field(default_factory=dict)
    """Who registered a version, and who owns the run that it came from."""
    _revisions: dict[str, _Revision] = field(default_factory=dict)
    _releases: dict[str, _Release] = field(default_factory=dict)
    _channels: dict[str, _Release] = field(default_factory=dict)
    _policies: dict[str, str] = field(default_factory=dict)
    _out_of_use: set[str] = field(default_factory=set)
    _voided: set[int] = field(default_factory=set)
    """Entries that were passed over because a later one takes them back, and that one was not read yet."""

    def read(self, index: int, data: bytes) -> None:
        """Take the next entry. Raises BadEntryError if it does not fit."""
        try:
            entry = checked(canonical.decode(data))
        except (canonical.CanonicalError, FieldError) as error:
            raise BadEntryError(index, Fault.MALFORMED, f"entry {index} is malformed: {error}") from error
        self._take(index, entry)
        self.entries += 1

    def _take(self, index: int, entry: Entry) -> None:
        kind = str(entry["kind"])
        if index in self.to_be_voided and not kind.startswith(_NEVER_VOIDED):
            self._voided.add(index)
            return
        take = self._TAKEN.get(kind)
        if take is not None:
            take(self, index, entry)

    def _started(self, _index: int, _entry: Entry) -> None:
        if self.open_calls:
            earliest = min(self.open_calls)
            raise BadEntryError(
                earliest,
                Fault.PAIRING,
                f"the call accepted in entry {earliest} never ended, although a runtime started after it",
            )

    def _take_back(self, index: int, entry: Entry) -> None:
        voided = entry["voided_index"]
        if voided not in self._voided:
            raise BadEntryError(
                index, Fault.MALFORMED, f"entry {index} takes back entry {voided}, which is no change before it"
            )
        self._voided.remove(voided)

    def _observed(self, index: int, entry: Entry) -> None:
        """Take what the registry said of a release that another node may have decided on."""
        name, channel = str(entry["release"]), str(entry["channel"])
        versions, authors, approvers = entry["function_versions"], entry["authors"], entry["approvers"]
        assert isinstance(versions, list)
        assert isinstance(authors, list)
        assert isinstance(approvers, list)
        members = frozenset(map(str, versions))
        self._revisions[str(entry["revision"])] = _Revision(str(authors[0]), str(entry["revision_digest"]), members)
        for version in members:
            self._authors.setdefault(version, frozenset(map(str, authors)))
        known = self._releases.get(name)
        release = self._releases[name] = _Release(
            requester=str(entry["requester"]),
            channel=channel,
            revision=str(entry["revision"]),
            digest=str(entry["revision_digest"]),
            approvals_needed=int(str(entry["approvals_needed"])),
            approvers=set(map(str, approvers)),
            decided=entry["active"] is True,
            replaced=None if known is None else known.replaced,
        )
        self._policies[channel.partition("/channels/")[0]] = str(entry["policy"])
        if entry["active"] is True:
            hands = {release.requester, *map(str, authors)}
            if len(release.approvers) < max(1, release.approvals_needed):
                raise _unapproved(index, f"finds {name} in {channel} with {len(release.approvers)} approvals")
            if release.approvers & hands or not all(one.startswith(PERSON) for one in release.approvers):
                raise _unapproved(index, f"finds {name} in {channel}, approved by somebody who had a hand in it")
            self._channels[channel] = release

    def _taken_out(self, _index: int, entry: Entry) -> None:
        self._out_of_use.add(str(entry.get("revision") or entry.get("function_version")))

    def _accepted(self, index: int, entry: Entry) -> None:
        for name in (str(entry["revision"]), str(entry["function_version"])):
            if name in self._out_of_use:
                raise _unapproved(index, f"ran {name}, which had been taken out of use")
        channel, is_channel_call, function = str(entry["target"]).rpartition("/functions/")
        if is_channel_call and "/channels/" in channel:
            self._check_released(index, entry, channel, function)
        if entry["policy"] == _UNCHECKED:
            self._check_policy(index, entry)
        self.accepted += 1
        self.open_calls[index] = (str(entry["invocation"]), str(entry["principal"]))

    def _check_policy(self, index: int, entry: Entry) -> None:
        function_set, is_in_set, _ = str(entry["revision"] or "").partition("/revisions/")
        if not is_in_set or self._policies.get(function_set) != _UNCHECKED:
            raise _unapproved(index, f"ran {entry['function_version']} without a policy, where no admin allowed that")

    def _check_released(self, index: int, entry: Entry, channel: str, function: str) -> None:
        release, version = self._channels.get(channel), str(entry["function_version"])
        if release is None or release.revision != entry["revision"]:
            raise _unapproved(index, f"ran {entry['revision']}, which no approved release had put into {channel}")
        if version not in self._revisions[release.revision].function_versions:
            raise _unapproved(index, f"ran {version}, which is no part of {release.revision}")
        if not version.startswith(f"functions/{function}/"):
            raise _unapproved(index, f"was asked for {function} and ran {version}")

    def _finished(self, index: int, entry: Entry) -> None:
        accepted = entry["accepted_index"]
        assert isinstance(accepted, int)
        found = self.open_calls.get(accepted)
        if found is None:
            raise BadEntryError(
                index, Fault.PAIRING, f"entry {index} ends a call of entry {accepted}, where none was open"
            )
        if found != (entry["invocation"], entry["principal"]):
            raise BadEntryError(
                index, Fault.PAIRING, f"entry {index} ends {entry['invocation']}, but entry {accepted} began {found[0]}"
            )
        del self.open_calls[accepted]
        self.finished += 1
        self.interrupted += entry["outcome"] == INTERRUPTED

    def _policy_allowed(self, _index: int, entry: Entry) -> None:
        self._policies[str(entry["function_set"])] = str(entry["policy"])

    def _version_created(self, _index: int, entry: Entry) -> None:
        made = entry["provenance"]
        assert isinstance(made, Mapping)
        hands = {str(entry["principal"]), str(made.get("owner", ""))} - {""}
        self._authors.setdefault(str(entry["function_version"]), frozenset(hands))

    def _revision_created(self, index: int, entry: Entry) -> None:
        name, versions = str(entry["revision"]), entry["function_versions"]
        assert isinstance(versions, list)
        if name in self._revisions:
            raise BadEntryError(index, Fault.MALFORMED, f"entry {index} creates {name} a second time")
        members = frozenset(map(str, versions))
        self._revisions[name] = _Revision(str(entry["principal"]), str(entry["digest"]), members)

    def _requested(self, index: int, entry: Entry) -> None:
        name = str(entry["release"])
        if name in self._releases:
            raise BadEntryError(index, Fault.MALFORMED, f"entry {index} requests {name} a second time")
        self._releases[name] = _Release(
            requester=str(entry["principal"]),
            channel=str(entry["channel"]),
            revision=str(entry["revision"]),
            digest=str(entry["revision_digest"]),
            approvals_needed=int(str(entry["approvals_needed"])),
        )

    def _pending(self, index: int, entry: Entry) -> _Release:
        release = self._releases.get(str(entry["release"]))
        if release is None or release.decided or not _speaks_of(entry, release):
            raise _unapproved(index, f"decides on {entry['release']} in a form in which nobody asked for it")
        return release

    def _approved(self, index: int, entry: Entry) -> None:
        release, approver = self._pending(index, entry), str(entry["principal"])
        revision = self._revisions.get(release.revision)
        if revision is None or revision.digest != release.digest:
            raise _unapproved(index, f"approves {release.revision} with other contents than it was created with")
        if not approver.startswith(PERSON):
            raise _unapproved(index, f"is an approval by {approver}, who is not a person")
        current = self._channels.get(release.channel)
        if approver in {release.requester, revision.creator} | self._new_authors(revision, current):
            raise _unapproved(index, f"is an approval by {approver}, who wrote or requested what is approved")
        if approver in release.approvers:
            raise _unapproved(index, f"is a second approval by {approver}; another person is needed")
        release.approvers.add(approver)
        enough = len(release.approvers) >= max(1, release.approvals_needed)
        if entry["activates"] is not enough:
            what = f"approval {len(release.approvers)} of {release.approvals_needed}"
            raise _unapproved(
                index, f"is {what}, and {'moves' if entry['activates'] else 'does not move'} {release.channel}"
            )
        if enough:
            release.decided, release.replaced = True, current
            self._channels[release.channel] = release

    def _rejected(self, index: int, entry: Entry) -> None:
        self._pending(index, entry).decided = True

    def _new_authors(self, revision: _Revision, current: _Release | None) -> set[str]:
        """Return who wrote the versions that a channel does not have yet."""
        known = self._revisions[current.revision].function_versions if current else frozenset()
        fresh = (self._authors.get(name, frozenset()) for name in revision.function_versions - known)
        return set().union(*fresh)

    def _rolled_back(self, index: int, entry: Entry) -> None:
        release = self._releases.get(str(entry["release"]))
        if release is None or self._channels.get(release.channel) is not release or not _speaks_of(entry, release):
            raise _unapproved(index, f"rolls back {entry['release']}, which is not what {entry['channel']} had")
        del self._channels[release.channel]
        if release.replaced is not None:
            self._channels[release.channel] = release.replaced

    _TAKEN: ClassVar[Mapping[str, Callable[["Story", int, Entry], None]]] = MappingProxyType(
        {
            "runtime.started": _started,
            "call.accepted": _accepted,
            "call.finished": _finished,
            "function_set.policy_allowed": _policy_allowed,
            "function_version.created": _version_created,
            "revision.created": _revision_created,
            "release.requested": _requested,
            "release.approved": _approved,
            "release.rejected": _rejected,
            "revision.quarantined": _taken_out,
            "revision.retired": _taken_out,
            "function_version.quarantined": _taken_out,
            "release.rolled_back": _rolled_back,
            "release.observed": _observed,
            "function_set.policy_observed": _policy_allowed,
            "change.voided": _take_back,
        }
    )


def _speaks_of(entry: Entry, release: _Release) -> bool:
    said = (entry["channel"], entry["revision"], entry["revision_digest"])
    return said == (release.channel, release.revision, release.digest)


def _unapproved(index: int, what: str) -> BadEntryError:
    return BadEntryError(index, Fault.UNAPPROVED, f"entry {index} {what}")
