"""The registry's resources as frozen values. Protobuf stays at the wire, rows stay in the registry."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from jigsmith import canonical
from jigsmith.names import ChannelName, ReleaseName, RevisionName, VersionName
from jigsmith_sandbox.backend import Policy


class RevisionState(StrEnum):
    """Where a revision stands; `releases.rules` has the transitions."""

    DRAFT = "DRAFT"
    PROPOSED = "PROPOSED"
    VERIFIED = "VERIFIED"
    APPROVED = "APPROVED"
    ACTIVE = "ACTIVE"
    DEPRECATED = "DEPRECATED"
    RETIRED = "RETIRED"
    REJECTED = "REJECTED"
    ROLLED_BACK = "ROLLED_BACK"
    QUARANTINED = "QUARANTINED"


class ReleaseState(StrEnum):
    """Where a release stands."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    REJECTED = "REJECTED"
    ROLLED_BACK = "ROLLED_BACK"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a version comes from; not part of its digest."""

    run: str = ""
    epoch: int = 0
    action: str = ""
    reason: str = ""
    task_ids: tuple[str, ...] = ()
    model: str = ""
    prompt_digest: str = ""
    response_digest: str = ""
    owner: str = ""
    """The person who started the run; may not approve what comes of it."""


@dataclass(frozen=True, slots=True)
class Definition:
    """Everything that a run of a function version depends on: what its digest is over."""

    function: str
    description: str
    parameters_json: str
    returns_json: str
    source: str
    entry_point: str
    packages: tuple[str, ...]
    profile: str
    policy: Policy
    limits: Mapping[str, int]
    """The limits that the author set, by the names of `jigsmith_sandbox.limits.Limits`; the rest is the operator's."""

    def digest(self) -> str:
        """Return the content address (docs/design.md, "Content addresses")."""
        return canonical.digest(
            {
                "kind": "jigsmith.v1.FunctionVersion",
                "name": self.function,
                "description": self.description,
                "parameters": self.parameters_json,
                "returns": self.returns_json,
                "source": self.source,
                "entry_point": self.entry_point,
                "packages": sorted(self.packages),
                "profile": self.profile,
                "policy": self.policy,
                "limits": dict(self.limits),
            }
        )


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One immutable version of a function."""

    digest: str
    definition: Definition
    provenance: Provenance
    provenance_envelope: str
    """The signed statement of it (`attestations.provenance`)."""
    creator: str
    create_time: dt.datetime

    @property
    def name(self) -> VersionName:
        """The resource name."""
        return VersionName(self.definition.function, self.digest)


@dataclass(frozen=True, slots=True)
class Function:
    """A name under which versions are registered."""

    function: str
    latest_digest: str
    version_count: int


@dataclass(frozen=True, slots=True)
class FunctionSet:
    """A named set of functions."""

    function_set: str
    description: str
    policy: Policy
    """The weakest that its functions may have."""
    creator: str
    create_time: dt.datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """An immutable list of versions; only `state` ever changes."""

    name: RevisionName
    parent: RevisionName | None
    versions: tuple[VersionName, ...]
    """Sorted by function."""
    message: str
    digest: str
    state: RevisionState
    creator: str
    create_time: dt.datetime


def revision_digest(versions: Mapping[str, str]) -> str:
    """Return a revision's content address from its version digests by function."""
    return canonical.digest({"kind": "jigsmith.v1.Revision", "versions": dict(versions)})


@dataclass(frozen=True, slots=True)
class Channel:
    """A pointer that agents follow."""

    name: ChannelName
    revision: RevisionName | None
    release: ReleaseName | None
    """The release that moved it there."""
    generation: int
    """Grows by one with every move: the etag."""
    update_time: dt.datetime
    envelope: str
    """The signed statement of all this (`attestations.channel`): without it the row is not believed."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's approval of a release."""

    reviewer: str
    reason: str
    create_time: dt.datetime
    expire_time: dt.datetime
    envelope: str
    """The signed statement of it (`attestations.approval`): without it the approval does not count."""


class EvidenceResult(StrEnum):
    """How a test of a revision ended."""

    PASSED = "PASSED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Test results of a release's revision."""

    suite: str
    suite_digest: str
    result: EvidenceResult
    passed: int
    failed: int
    note: str
    evaluator: str
    create_time: dt.datetime
    envelope: str
    """The signed statement of it (`attestations.test_result`)."""


@dataclass(frozen=True, slots=True)
class Release:
    """The request to move a channel, and what became of it."""

    name: ReleaseName
    channel: ChannelName
    revision: RevisionName
    revision_digest: str
    reason: str
    state: ReleaseState
    previous_revision: RevisionName | None
    previous_release: ReleaseName | None
    requester: str
    reviewer: str
    review_reason: str
    create_time: dt.datetime
    update_time: dt.datetime
    generation: int
    """Grows by one with every change: the etag."""
    approvals_needed: int
    raised_limits: tuple[str, ...]
    """What in it raises limits, in words; then it needs two approvals."""
    approvals: tuple[Approval, ...] = ()
    evidence: tuple[Evidence, ...] = ()
