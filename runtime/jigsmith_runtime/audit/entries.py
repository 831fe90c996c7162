"""What the entries of the log say: one builder for each kind. docs/audit-log.md lists the fields."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from jigsmith.canonical import JsonValue

Entry = dict[str, JsonValue]

_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class EntryWriter:
    """Stamps entries with the node and the time."""

    node: str

    def _entry(self, kind: str, principal: str, **fields: JsonValue) -> Entry:
        time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {"kind": kind, "time": time, "node": self.node, "principal": principal, **fields}

    def runtime_started(self, *, version: str, backend: str, isolation: str, memory_scope: str) -> Entry:
        """Return the entry of a runtime that is ready to serve."""
        return self._entry(
            "runtime.started",
            f"node:{self.node}",
            version=version,
            backend=backend,
            isolation=isolation,
            memory_scope=memory_scope,
        )

    def call_accepted(
        self,
        principal: str,
        *,
        invocation: str,
        target: str,
        function_version: str,
        revision: str | None,
        arguments_json: str,
        limits: Mapping[str, int],
        backend: str,
        isolation: str,
        memory_scope: str,
        policy: str,
    ) -> Entry:
        """Return the entry that must be durable before a call runs."""
        return self._entry(
            "call.accepted",
            principal,
            invocation=invocation,
            target=target,
            function_version=function_version,
            revision=revision,
            arguments_commitment=commitment(arguments_json),
            limits=dict(limits),
            backend=backend,
            isolation=isolation,
            memory_scope=memory_scope,
            policy=policy,
        )

    def call_finished(
        self,
        principal: str,
        *,
        invocation: str,
        accepted_index: int,
        outcome: str,
        result_json: str | None = None,
        wall_us: int = 0,
        cpu_us: int = 0,
        memory_peak_bytes: int = 0,
    ) -> Entry:
        """Return the terminal entry of a call: `outcome` is OK, a Reason, or INTERRUPTED."""
        return self._entry(
            "call.finished",
            principal,
            invocation=invocation,
            accepted_index=accepted_index,
            outcome=outcome,
            result_commitment=None if result_json is None else commitment(result_json),
            wall_us=wall_us,
            cpu_us=cpu_us,
            memory_peak_bytes=memory_peak_bytes,
        )

    def function_version_created(
        self, principal: str, *, function_version: str, provenance: Mapping[str, JsonValue]
    ) -> Entry:
        """Return the entry of a registered function version; its name holds its digest."""
        return self._entry(
            "function_version.created", principal, function_version=function_version, provenance=dict(provenance)
        )

    def function_set_created(self, principal: str, *, function_set: str) -> Entry:
        """Return the entry of a new set."""
        return self._entry("function_set.created", principal, function_set=function_set)

    def policy_allowed(self, principal: str, *, function_set: str, policy: str, reason: str) -> Entry:
        """Return the entry of the weakest policy that a set's functions may have from now on."""
        return self._entry(
            "function_set.policy_allowed", principal, function_set=function_set, policy=policy, reason=reason
        )

    def revision_created(
        self, principal: str, *, revision: str, digest: str, parent_revision: str | None, function_versions: list[str]
    ) -> Entry:
        """Return the entry of a new revision."""
        return self._entry(
            "revision.created",
            principal,
            revision=revision,
            digest=digest,
            parent_revision=parent_revision,
            function_versions=list(function_versions),
        )

    def release(
        self,
        change: str,
        principal: str,
        *,
        release: str,
        channel: str,
        revision: str,
        revision_digest: str,
        reason: str,
    ) -> Entry:
        """Return the entry of a release that was `requested`, `approved`, `rejected` or `rolled_back`."""
        return self._entry(
            f"release.{change}",
            principal,
            release=release,
            channel=channel,
            revision=revision,
            revision_digest=revision_digest,
            reason=reason,
        )


def commitment(text: str) -> Entry:
    """Bind an entry to a text without showing it: sha256 over a fresh salt and the text, both hexadecimal."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return {"salt": salt.hex(), "sha256": hashlib.sha256(salt + text.encode()).hexdigest()}
