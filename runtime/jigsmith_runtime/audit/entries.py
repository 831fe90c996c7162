"""What the entries of the log say: one builder for each kind. docs/audit-log.md lists the fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jigsmith.canonical import JsonValue
from jigsmith.names import RevisionName, VersionName

Entry = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class EntryWriter:
    """Stamps entries with the node and the time."""

    node: str

    def _entry(self, kind: str, principal: str, **fields: JsonValue) -> Entry:
        time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {"kind": kind, "time": time, "node": self.node, "principal": principal, **fields}

    def runtime_started(
        self,
        *,
        version: str,
        backend: str,
        image: str | None,
        isolation: str,
        memory_scope: str,
        digests: Mapping[str, str],
    ) -> Entry:
        """Return the entry of a runtime that is ready to serve; `digests` are those of what its sandboxes rest on."""
        return self._entry(
            "runtime.started",
            f"node:{self.node}",
            version=version,
            backend=backend,
            image=image,
            isolation=isolation,
            memory_scope=memory_scope,
            **digests,
        )

    def call_accepted(
        self,
        principal: str,
        *,
        invocation: str,
        target: str,
        function_version: str,
        revision: str | None,
        release: str | None,
        request_id: str | None,
        trace_id: str | None,
        arguments_commitment: str,
        payload_level: str,
        limits: Mapping[str, int],
        backend: str,
        image: str | None,
        profile: str,
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
            release=release,
            request_id=request_id,
            trace_id=trace_id,
            arguments_commitment=arguments_commitment,
            payload_level=payload_level,
            limits=dict(limits),
            backend=backend,
            image=image,
            profile=profile,
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
        result_commitment: str | None = None,
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
            result_commitment=result_commitment,
            wall_us=wall_us,
            cpu_us=cpu_us,
            memory_peak_bytes=memory_peak_bytes,
        )

    def function_version_created(
        self,
        principal: str,
        *,
        function_version: str,
        provenance: Mapping[str, JsonValue],
        envelope_sha256: str,
    ) -> Entry:
        """Return the entry of a registered function version; its name holds its digest."""
        return self._entry(
            "function_version.created",
            principal,
            function_version=function_version,
            provenance=dict(provenance),
            envelope_sha256=envelope_sha256,
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
        self,
        principal: str,
        *,
        revision: str,
        digest: str,
        parent_revision: str | None,
        function_versions: list[str],
        message: str,
    ) -> Entry:
        """Return the entry of a new revision."""
        return self._entry(
            "revision.created",
            principal,
            revision=revision,
            digest=digest,
            parent_revision=parent_revision,
            function_versions=list(function_versions),
            message=message,
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
        **more: JsonValue,
    ) -> Entry:
        """Return the entry of a release that was `requested`, `approved`, `rejected`, `rolled_back`, or got evidence."""
        return self._entry(
            f"release.{change}",
            principal,
            release=release,
            channel=channel,
            revision=revision,
            revision_digest=revision_digest,
            reason=reason,
            **more,
        )

    def quarantined(self, principal: str, *, name: RevisionName | VersionName, reason: str, now: bool) -> Entry:
        """Return the entry of a revision or function version that was taken out of use."""
        kind = "revision" if isinstance(name, RevisionName) else "function_version"
        return self._entry(f"{kind}.quarantined", principal, **{kind: str(name)}, reason=reason, now=now)

    def revision_moved(self, change: str, principal: str, *, revision: str, digest: str, reason: str) -> Entry:
        """Return the entry of a revision that was `deprecated` or `retired`."""
        return self._entry(f"revision.{change}", principal, revision=revision, digest=digest, reason=reason)

    def requests_refused(self, principal: str, *, since: str, refusals: Sequence[Mapping[str, JsonValue]]) -> Entry:
        """Return the entry that counts what a principal was refused since a time: method, reason, count."""
        return self._entry("requests.refused", principal, since=since, refusals=[dict(one) for one in refusals])

    def change_voided(self, index: int) -> Entry:
        """Return the entry that takes a change back that did not come about: another runtime voided it meanwhile."""
        return self._entry("change.voided", f"node:{self.node}", voided_index=index)

    def release_observed(
        self,
        *,
        release: str,
        channel: str,
        revision: str,
        revision_digest: str,
        function_versions: Sequence[str],
        requester: str,
        authors: Sequence[str],
        approvers: Sequence[str],
        approvals_needed: int,
        policy: str,
        active: bool,
    ) -> Entry:
        """Return the entry of a release as it stands in a registry that other runtimes change, too."""
        return self._entry(
            "release.observed",
            f"node:{self.node}",
            release=release,
            channel=channel,
            revision=revision,
            revision_digest=revision_digest,
            function_versions=list(function_versions),
            requester=requester,
            authors=list(authors),
            approvers=list(approvers),
            approvals_needed=approvals_needed,
            policy=policy,
            active=active,
        )

    def policy_observed(self, *, function_set: str, policy: str) -> Entry:
        """Return the entry of a set's policy as it stands in a registry that other runtimes change, too."""
        return self._entry(
            "function_set.policy_observed", f"node:{self.node}", function_set=function_set, policy=policy
        )

    def payloads_expired(self, *, before: str, count: int) -> Entry:
        """Return the entry of payloads that are erased because they were kept before a time."""
        return self._entry("payloads.expired", f"node:{self.node}", before=before, count=count)

    def payload(self, change: str, principal: str, *, invocation: str, reason: str) -> Entry:
        """Return the entry of a payload that was `read` or `erased`."""
        return self._entry(f"payload.{change}", principal, invocation=invocation, reason=reason)
