"""What a runtime logs of things that another runtime on the same registry did.

Each node has a log of its own. So that it can be verified alone, whatever a call or a decision rests on stands in it before: as
the entry of the change where this node made it, else as an observation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from jigsmith_sandbox.backend import Policy

from jigsmith_runtime.audit.entries import Entry, EntryWriter
from jigsmith_runtime.model import FunctionSet, Release, Revision


class Observation(Protocol):
    """Something as it stands in the registry."""

    @property
    def about(self) -> str:
        """What it is about."""

    @property
    def state(self) -> str:
        """In which state; told once for each."""

    def entry(self, entries: EntryWriter) -> Entry:
        """Return the entry that says so."""


@dataclass(frozen=True, slots=True)
class ReleaseObservation:
    """A release, what it is about, and whether its channel has it."""

    release: Release
    revision: Revision
    authors: Iterable[str]
    policy: Policy
    """The weakest that functions of the set may have."""
    active: bool

    @property
    def about(self) -> str:
        """The channel."""
        return str(self.release.channel)

    @property
    def state(self) -> str:
        """Which release, how often it was moved there, and under which policy."""
        return f"{self.release.name} {self.release.generation} {self.policy}"

    def entry(self, entries: EntryWriter) -> Entry:
        """Return the entry that says so."""
        return entries.release_observed(
            release=str(self.release.name),
            channel=str(self.release.channel),
            revision=str(self.revision.name),
            revision_digest=self.revision.digest,
            function_versions=[str(one) for one in self.revision.versions],
            requester=self.release.requester,
            authors=sorted(set(self.authors)),
            approvers=[one.reviewer for one in self.release.approvals],
            approvals_needed=self.release.approvals_needed,
            policy=self.policy,
            active=self.active,
        )


@dataclass(frozen=True, slots=True)
class PolicyObservation:
    """The policy of a set."""

    function_set: FunctionSet

    @property
    def about(self) -> str:
        """The set."""
        return self.function_set.function_set

    @property
    def state(self) -> str:
        """The policy."""
        return self.function_set.policy

    def entry(self, entries: EntryWriter) -> Entry:
        """Return the entry that says so."""
        name = f"functionSets/{self.function_set.function_set}"
        return entries.policy_observed(function_set=name, policy=self.function_set.policy)
