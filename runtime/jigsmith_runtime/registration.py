"""How functions, sets and revisions come into being: what is checked, and what is written and logged."""

import keyword
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from jigsmith.attestation import Attester
from jigsmith.names import FunctionName, RevisionName, SetName, VersionName
from jigsmith_sandbox.backend import Policy, PolicyVerdict
from jigsmith_sandbox.errors import SandboxError
from jigsmith_sandbox.limits import LimitPolicy
from jigsmith_sandbox.pool import Pool

from jigsmith_runtime import attestations, clock
from jigsmith_runtime.admission import Lane
from jigsmith_runtime.audit.entries import EntryWriter
from jigsmith_runtime.changes import Decision
from jigsmith_runtime.errors import (
    AlreadyExistsError,
    NotFoundError,
    PolicyRefusedError,
    RequestInvalidError,
    SandboxUnavailableError,
    Violation,
)
from jigsmith_runtime.identity import PRINCIPAL, Principal
from jigsmith_runtime.model import (
    Definition,
    FunctionSet,
    FunctionVersion,
    Provenance,
    Revision,
    RevisionState,
    revision_digest,
)
from jigsmith_runtime.registry import sets, versions
from jigsmith_runtime.registry.database import Connection
from jigsmith_runtime.releases import rules
from jigsmith_runtime.schema_graph import SchemaError
from jigsmith_runtime.schemas import load

SOURCE_BYTES_MAX: Final = 65_536
DESCRIPTION_BYTES_MAX: Final = 4_096
MESSAGE_CHARS_MAX: Final = 4_096
VERSIONS_PER_REVISION_MAX: Final = 128
TASKS_MAX: Final = 128
WORD_CHARS_MAX: Final = 128
REASON_CHARS_MAX: Final = 4_096

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Registration:
    """Plans the creation of resources; `check_source` is to be called before a version is planned, outside of any lock."""

    entries: EntryWriter
    limits: LimitPolicy
    pool: Pool
    lane: Lane
    attester: Attester

    def check_definition(self, definition: Definition) -> None:
        """Check everything but the source's meaning. Raises RequestInvalidError with all faults that were found."""
        faults = [
            *_text_faults(definition),
            *self._profile_faults(definition),
            *_schema_faults(definition),
            *self._limit_faults(definition),
        ]
        if faults:
            raise RequestInvalidError(f"{faults[0].field}: {faults[0].description}", *faults)

    async def check_source(self, principal: Principal, definition: Definition, deadline: float | None) -> None:
        """Ask the policy gate, in a sandbox. Raises PolicyRefusedError, QueueFullError, SandboxUnavailableError."""
        place = await self.lane.enter(principal.name, deadline, sys.getsizeof(definition.source))
        try:
            verdict = await self.pool.check(
                definition.source,
                entry_point=definition.entry_point,
                policy=definition.policy,
                digest=definition.digest(),
                profile=definition.profile,
            )
        except SandboxError as error:
            raise SandboxUnavailableError(f"no sandbox could check the source: {error}") from error
        finally:
            place.leave()
        if not verdict.accepted:
            raise _refused(verdict)

    async def version(
        self, connection: Connection, principal: Principal, definition: Definition, provenance: Provenance
    ) -> Decision[FunctionVersion]:
        """Plan the registration of a version. What is there already stays as it is."""
        _check_provenance(provenance)
        name = VersionName(definition.function, definition.digest())
        existing = await versions.find(connection, name)
        if existing is not None:
            return Decision(existing, str(name))
        version = FunctionVersion(name.digest, definition, provenance, "", principal.name, clock.now())
        envelope = self.attester.sign(attestations.provenance(version, node=self.entries.node))
        version = replace(version, provenance_envelope=envelope)
        entry = self.entries.function_version_created(
            principal.name,
            function_version=str(name),
            provenance=asdict(provenance) | {"task_ids": list(provenance.task_ids)},
            envelope_sha256=attestations.envelope_digest(envelope),
        )
        return Decision(version, str(name), entry, (versions.insertion(version),))

    async def function_set(
        self, connection: Connection, principal: Principal, name: SetName, description: str
    ) -> Decision[FunctionSet]:
        """Plan the creation of a set."""
        _check_length("function_set.description", description, MESSAGE_CHARS_MAX)
        if await sets.find_set(connection, name.function_set) is not None:
            raise AlreadyExistsError(f"{name} exists already", resource=str(name))
        value = FunctionSet(name.function_set, description, "restricted", principal.name, clock.now())
        entry = self.entries.function_set_created(principal.name, function_set=str(name))
        return Decision(value, str(name), entry, (sets.set_insertion(value),))

    async def allowed_policy(
        self, connection: Connection, principal: Principal, name: SetName, policy: Policy, reason: str
    ) -> Decision[FunctionSet]:
        """Plan to allow another policy for a set's functions."""
        rules.check_reason(reason)
        value = await _set(connection, name)
        if value.policy == policy:
            return Decision(value, str(name))
        entry = self.entries.policy_allowed(principal.name, function_set=str(name), policy=policy, reason=reason)
        write = sets.policy_update(value, policy)
        return Decision(replace(value, policy=policy), str(name), entry, (write,), changes_targets=True)

    async def revision(
        self,
        connection: Connection,
        principal: Principal,
        parent_set: SetName,
        held: Sequence[VersionName],
        *,
        parent: RevisionName | None,
        message: str,
    ) -> Decision[Revision]:
        """Plan a revision with the given versions."""
        _check_length("revision.message", message, MESSAGE_CHARS_MAX)
        function_set = await _set(connection, parent_set)
        if parent is not None:
            await _check_parent(connection, parent_set, parent)
        await _check_held(connection, function_set, held)
        value = Revision(
            name=await sets.next_revision(connection, parent_set.function_set),
            parent=parent,
            versions=tuple(sorted(held, key=lambda version: version.function)),
            message=message,
            digest=revision_digest({version.function: version.digest for version in held}),
            state=RevisionState.DRAFT,
            creator=principal.name,
            create_time=clock.now(),
        )
        entry = self.entries.revision_created(
            principal.name,
            revision=str(value.name),
            digest=value.digest,
            parent_revision=None if parent is None else str(parent),
            function_versions=[str(version) for version in value.versions],
            message=message,
        )
        return Decision(value, str(value.name), entry, sets.revision_insertions(value))

    def _profile_faults(self, definition: Definition) -> list[Violation]:
        profile = self.pool.profiles.get(definition.profile)
        if profile is None:
            known = ", ".join(sorted(self.pool.profiles))
            return [Violation("function_version.profile", f"is not one of: {known}")]
        missing = sorted(set(definition.packages) - set(profile.packages))
        return [
            Violation("function_version.packages", f"{name[:64]!r} is not in the profile {definition.profile}")
            for name in missing[:1]
        ]

    def _limit_faults(self, definition: Definition) -> list[Violation]:
        most = self.limits.ceiling.as_dict()
        return [
            Violation(f"function_version.limits.{name}", f"must be from 1 to {most[name]}, the operator's ceiling")
            for name, value in definition.limits.items()
            if not 0 < value <= most[name]
        ]


def _text_faults(definition: Definition) -> list[Violation]:
    found = []
    if len(definition.description.encode()) > DESCRIPTION_BYTES_MAX:
        found.append(Violation("function_version.description", f"may have {DESCRIPTION_BYTES_MAX} bytes"))
    if not definition.source.strip():
        found.append(Violation("function_version.source", "is mandatory"))
    if len(definition.source.encode()) > SOURCE_BYTES_MAX:
        found.append(Violation("function_version.source", f"may have {SOURCE_BYTES_MAX} bytes"))
    entry_point = definition.entry_point
    if not _IDENTIFIER.fullmatch(entry_point) or keyword.iskeyword(entry_point):
        found.append(Violation("function_version.entry_point", "must be an ASCII Python identifier"))
    return found


def _schema_faults(definition: Definition) -> list[Violation]:
    found = []
    texts = [("parameters", definition.parameters_json)]
    if definition.returns_json:
        texts.append(("returns", definition.returns_json))
    for kind, text in texts:
        try:
            load(text, "parameters" if kind == "parameters" else "returns")
        except SchemaError as error:
            found.append(Violation(f"function_version.{kind}_json{error.pointer}", error.description))
    return found


def _refused(verdict: PolicyVerdict) -> PolicyRefusedError:
    first = verdict.refusals[0]
    violations = (
        Violation("function_version.source", f"line {one.line}, column {one.column}: {one.construct}: {one.advice}")
        for one in verdict.refusals
    )
    return PolicyRefusedError(
        f"the policy gate refuses line {first.line}: {first.construct}: {first.advice}",
        *violations,
        line=str(first.line),
        column=str(first.column),
        construct=first.construct,
        advice=first.advice,
    )


def _check_provenance(provenance: Provenance) -> None:
    for field in ("run", "action", "model", "prompt_digest", "response_digest"):
        _check_length(f"function_version.provenance.{field}", getattr(provenance, field), WORD_CHARS_MAX)
    _check_length("function_version.provenance.reason", provenance.reason, REASON_CHARS_MAX)
    if len(provenance.task_ids) > TASKS_MAX or any(len(task) > WORD_CHARS_MAX for task in provenance.task_ids):
        raise RequestInvalidError.of(
            "function_version.provenance.task_ids", f"may have {TASKS_MAX} items of {WORD_CHARS_MAX} characters"
        )
    if provenance.owner and not PRINCIPAL.fullmatch(provenance.owner):
        raise RequestInvalidError.of("function_version.provenance.owner", "must be user:NAME or service:NAME")
    if provenance.epoch < 0:
        raise RequestInvalidError.of("function_version.provenance.epoch", "must not be negative")


def _check_length(field: str, text: str, chars_max: int) -> None:
    if len(text) > chars_max:
        raise RequestInvalidError.of(field, f"may have {chars_max} characters")


async def _set(connection: Connection, name: SetName) -> FunctionSet:
    value = await sets.find_set(connection, name.function_set)
    if value is None:
        raise NotFoundError(name)
    return value


async def _check_parent(connection: Connection, parent_set: SetName, parent: RevisionName) -> None:
    if parent.function_set != parent_set.function_set:
        raise RequestInvalidError.of("revision.parent_revision", "must be of the same set")
    if await sets.find_revision(connection, parent) is None:
        raise NotFoundError(parent)


async def _check_held(connection: Connection, function_set: FunctionSet, held: Sequence[VersionName]) -> None:
    if len(held) > VERSIONS_PER_REVISION_MAX:
        raise RequestInvalidError.of("revision.function_versions", f"may have {VERSIONS_PER_REVISION_MAX} items")
    functions = [version.function for version in held]
    twice = next((name for name in functions if functions.count(name) > 1), None)
    if twice is not None:
        raise RequestInvalidError.of("revision.function_versions", f"{FunctionName(twice)} is there more than once")
    for name in held:
        version = await versions.find(connection, name)
        if version is None:
            raise NotFoundError(name)
        rules.check_policy(version, function_set)
