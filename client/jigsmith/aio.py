"""The asynchronous client: the methods of `jigsmith.client`, to be awaited. What both share is in `jigsmith.requests`."""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
import grpc.aio

from jigsmith import _status, functions, requests
from jigsmith.backpressure import Backpressure, lane_of
from jigsmith.client import DEFAULT_ADDRESS
from jigsmith.errors import JigsmithError
from jigsmith.requests import Invocation
from jigsmith.tools import AsyncTools
from jigsmith.v1 import (
    audit_pb2,
    audit_pb2_grpc,
    function_pb2,
    function_pb2_grpc,
    function_set_pb2,
    function_set_pb2_grpc,
    invocation_pb2_grpc,
    release_pb2,
    release_pb2_grpc,
)

_T = TypeVar("_T")


class AsyncClient:
    """A connection to a runtime. An async context manager; one event loop, any number of requests at a time.

    Every method raises a JigsmithError of the fitting kind. `timeout_s` holds for each request unless one says otherwise;
    when it passes, the runtime ends the run.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        principal: str | None = None,
        timeout_s: float = 30.0,
        root_certificates: bytes | None = None,
        client_certificate: bytes | None = None,
        client_key: bytes | None = None,
        on_receipt: Callable[[requests.Receipt], None] | None = None,
    ) -> None:
        """Give `token` for a runtime with principals, `principal` for a `--dev` one, certificates for TLS.

        Certificates are PEM: the authorities, and a client certificate with its key where the runtime knows callers by them.

        `on_receipt` is called with the receipt of each audit entry that a request brought about, other than calls, whose
        answers hold theirs.
        """
        self.address = address
        self._timeout_s = timeout_s
        self._on_receipt = on_receipt
        self._metadata = requests.metadata(token, principal)
        self._backpressure = Backpressure()
        if root_certificates is None:
            self._channel = grpc.aio.insecure_channel(address, requests.CHANNEL_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates, client_key, client_certificate)
            self._channel = grpc.aio.secure_channel(address, credentials, requests.CHANNEL_OPTIONS)
        self._functions = function_pb2_grpc.FunctionServiceStub(self._channel)
        self._sets = function_set_pb2_grpc.FunctionSetServiceStub(self._channel)
        self._releases = release_pb2_grpc.ReleaseServiceStub(self._channel)
        self._invocations = invocation_pb2_grpc.InvocationServiceStub(self._channel)
        self._audit = audit_pb2_grpc.AuditServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        """Return the client itself; the connection is made with the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def _ask(self, method: Callable[..., Awaitable[_T]], request: object, timeout_s: float | None = None) -> _T:
        try:
            call: Any = method(request, timeout=timeout_s or self._timeout_s, metadata=self._metadata)
            answer: _T = await call  # Any: the stubs know of no calls, only of their answers
        except grpc.RpcError as error:
            raise _status.from_rpc(error, self.address) from None
        if self._on_receipt is not None:
            requests.hand_over(await call.trailing_metadata(), self._on_receipt)
        return answer

    async def _pages(
        self, method: Callable[..., Any], request: Any, field: str
    ) -> AsyncIterator[Any]:  # messages of any list method
        request.page_size = requests.PAGE_SIZE
        while True:
            page = await self._ask(method, request)
            for item in getattr(page, field):
                yield item
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    # --- functions

    async def register(
        self,
        function: Callable[..., Any],
        *,
        description: str | None = None,
        parameters: str | Mapping[str, Any] | None = None,
        returns: str | Mapping[str, Any] | None = None,
        limits: function_pb2.Limits | None = None,
    ) -> function_pb2.FunctionVersion:
        """Register a Python function that is defined in a file; its docstring is the description, its hints the schema."""
        return await self.register_source(
            function.__name__,
            functions.source_of(function),
            description=description or (function.__doc__ or "").strip(),
            parameters=parameters or functions.parameters_schema(function),
            returns=returns,
            limits=limits,
        )

    async def register_source(
        self,
        name: str,
        source: str,
        *,
        description: str,
        parameters: str | Mapping[str, Any],
        returns: str | Mapping[str, Any] | None = None,
        limits: function_pb2.Limits | None = None,
        packages: Iterable[str] = (),
        profile: str = "",
        policy: requests.Policy = "restricted",
        provenance: function_pb2.Provenance | None = None,
        validate_only: bool = False,
    ) -> function_pb2.FunctionVersion:
        """Register a function by its source text. The same content gives the same version.

        `packages` are those it imports beyond the standard library; `profile` is the kind of sandbox that has them.
        """
        version = requests.version(
            description=description,
            parameters=parameters,
            source=source,
            returns=returns,
            limits=limits,
            packages=packages,
            profile=profile,
            policy=policy,
            provenance=provenance,
        )
        request = requests.create_version(name, version, validate_only=validate_only)
        return await self._ask(self._functions.CreateFunctionVersion, request)

    async def get_function_version(self, name: str) -> function_pb2.FunctionVersion:
        """Return `functions/F/versions/DIGEST`; `latest` stands for the newest digest."""
        return await self._ask(self._functions.GetFunctionVersion, function_pb2.GetFunctionVersionRequest(name=name))

    def list_functions(self, *, query: str = "") -> AsyncIterator[function_pb2.Function]:
        """Yield the functions, by name; with a query, those whose name or description holds it."""
        return self._pages(self._functions.ListFunctions, function_pb2.ListFunctionsRequest(query=query), "functions")

    def list_function_versions(self, parent: str = "functions/-") -> AsyncIterator[function_pb2.FunctionVersion]:
        """Yield the versions of a function (or of all), newest first."""
        request = function_pb2.ListFunctionVersionsRequest(parent=parent)
        return self._pages(self._functions.ListFunctionVersions, request, "function_versions")

    # --- sets, revisions, channels

    async def create_set(
        self, name: str, *, description: str = "", validate_only: bool = False
    ) -> function_set_pb2.FunctionSet:
        """Create an empty set."""
        request = requests.create_set(name, description, validate_only=validate_only)
        return await self._ask(self._sets.CreateFunctionSet, request)

    async def get_set(self, name: str) -> function_set_pb2.FunctionSet:
        """Return a set."""
        request = function_set_pb2.GetFunctionSetRequest(name=requests.set_name(name))
        return await self._ask(self._sets.GetFunctionSet, request)

    def list_sets(self) -> AsyncIterator[function_set_pb2.FunctionSet]:
        """Yield the sets, by name."""
        return self._pages(self._sets.ListFunctionSets, function_set_pb2.ListFunctionSetsRequest(), "function_sets")

    async def allow_policy(
        self, function_set: str, policy: requests.Policy, *, reason: str, validate_only: bool = False
    ) -> function_set_pb2.FunctionSet:
        """Say which is the weakest policy that functions of a set may have. For admins; takes effect at once."""
        request = requests.allow_policy(function_set, policy, reason, validate_only=validate_only)
        return await self._ask(self._sets.AllowPolicy, request)

    async def create_revision(
        self,
        function_set: str,
        versions: Iterable[function_pb2.FunctionVersion | str],
        *,
        parent: str = "",
        message: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> function_set_pb2.Revision:
        """Add an immutable revision to a set; `parent` is the revision it was made from.

        With a `request_id`, asking again gives the same revision.
        """
        request = requests.create_revision(
            function_set,
            versions,
            parent=parent,
            message=message,
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._ask(self._sets.CreateRevision, request)

    async def get_revision(self, name: str) -> function_set_pb2.Revision:
        """Return a revision with its function versions."""
        return await self._ask(self._sets.GetRevision, function_set_pb2.GetRevisionRequest(name=name))

    def list_revisions(self, function_set: str) -> AsyncIterator[function_set_pb2.Revision]:
        """Yield the revisions of a set, newest first."""
        request = function_set_pb2.ListRevisionsRequest(parent=requests.set_name(function_set))
        return self._pages(self._sets.ListRevisions, request, "revisions")

    async def get_channel(self, name: str) -> function_set_pb2.Channel:
        """Return a channel."""
        return await self._ask(self._sets.GetChannel, function_set_pb2.GetChannelRequest(name=name))

    def list_channels(self, function_set: str) -> AsyncIterator[function_set_pb2.Channel]:
        """Yield the channels of a set, by name."""
        request = function_set_pb2.ListChannelsRequest(parent=requests.set_name(function_set))
        return self._pages(self._sets.ListChannels, request, "channels")

    # --- releases

    async def request_release(
        self, function_set: str, revision: str, *, channel: str, reason: str, validate_only: bool = False
    ) -> release_pb2.Release:
        """Ask for a channel to be moved to a revision; reviewers decide."""
        request = requests.create_release(function_set, revision, channel, reason, validate_only=validate_only)
        return await self._ask(self._releases.CreateRelease, request)

    async def get_release(self, name: str) -> release_pb2.Release:
        """Return a release."""
        return await self._ask(self._releases.GetRelease, release_pb2.GetReleaseRequest(name=name))

    def list_releases(self, function_set: str = "functionSets/-") -> AsyncIterator[release_pb2.Release]:
        """Yield the releases of a set (or of all), newest first."""
        request = release_pb2.ListReleasesRequest(parent=requests.set_name(function_set))
        return self._pages(self._releases.ListReleases, request, "releases")

    async def attach_evidence(
        self, release: release_pb2.Release, evidence: release_pb2.Evidence, *, validate_only: bool = False
    ) -> release_pb2.Release:
        """Attach test results to a pending release; they are bound to the digest that `release` shows. For evaluators."""
        request = release_pb2.AttachEvidenceRequest(
            name=release.name,
            evidence=evidence,
            revision_digest=release.revision_digest,
            validate_only=validate_only,
        )
        return await self._ask(self._releases.AttachEvidence, request)

    async def approve_release(
        self,
        release: release_pb2.Release,
        *,
        reason: str,
        valid_for: dt.timedelta | None = None,
        validate_only: bool = False,
    ) -> release_pb2.Release:
        """Approve what `release` shows: its revision digest and etag are what the approval is bound to."""
        request = requests.approve_release(release, reason, valid_for, validate_only=validate_only)
        return await self._ask(self._releases.ApproveRelease, request)

    async def reject_release(
        self, release: release_pb2.Release, *, reason: str, validate_only: bool = False
    ) -> release_pb2.Release:
        """Refuse a pending release."""
        request = release_pb2.RejectReleaseRequest(
            name=release.name, reason=reason, etag=release.etag, validate_only=validate_only
        )
        return await self._ask(self._releases.RejectRelease, request)

    async def roll_back_release(self, name: str, *, reason: str, validate_only: bool = False) -> release_pb2.Release:
        """Move the channel back to what it pointed at before this release."""
        request = release_pb2.RollbackReleaseRequest(name=name, reason=reason, validate_only=validate_only)
        return await self._ask(self._releases.RollbackRelease, request)

    async def quarantine(
        self, name: str, *, reason: str, now: bool = False, validate_only: bool = False
    ) -> release_pb2.QuarantineResponse:
        """Take a revision or a function version out of use, for good; with `now`, end the calls that run it, too."""
        request = release_pb2.QuarantineRequest(name=name, reason=reason, now=now, validate_only=validate_only)
        return await self._ask(self._releases.Quarantine, request)

    async def deprecate_revision(
        self, name: str, *, reason: str, validate_only: bool = False
    ) -> function_set_pb2.Revision:
        """Say that a revision should no longer be used: what runs goes on, no release may ask for it again."""
        request = release_pb2.DeprecateRevisionRequest(name=name, reason=reason, validate_only=validate_only)
        return await self._ask(self._releases.DeprecateRevision, request)

    async def retire_revision(
        self, name: str, *, reason: str, validate_only: bool = False
    ) -> function_set_pb2.Revision:
        """End a deprecated revision that no channel points at."""
        request = release_pb2.RetireRevisionRequest(name=name, reason=reason, validate_only=validate_only)
        return await self._ask(self._releases.RetireRevision, request)

    # --- runs

    async def invoke(
        self,
        name: str,
        arguments: Mapping[str, Any] | str | None = None,
        *,
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> Invocation:
        """Run a function: in a channel, in a draft revision, or a version by its digest.

        With a `request_id` the run happens at most once. Raises FunctionError and its kind if the function failed,
        OverloadedError if the runtime is full, or said so a moment ago, or has more of this client's than it can do in time.
        """
        request = requests.invoke(name, arguments or {}, request_id)
        timeout_s = timeout_s or self._timeout_s
        with self._backpressure.call(lane_of(name), timeout_s, remembered=bool(request_id)):
            return requests.invocation(await self._ask(self._invocations.Invoke, request, timeout_s))

    async def invoke_batch(
        self, calls: Iterable[tuple[str, Mapping[str, Any] | str]], *, timeout_s: float | None = None
    ) -> AsyncIterator[tuple[int, Invocation | JigsmithError]]:
        """Run many functions over one stream; yields (position in `calls`, outcome) in the order of completion.

        A call that failed is an outcome. Raises JigsmithError if the stream itself breaks; `timeout_s` is for all of it.
        """
        stream = self._invocations.InvokeBatch(
            requests.batch(calls), timeout=timeout_s or self._timeout_s, metadata=self._metadata
        )
        try:
            async for answer in stream:
                yield requests.batch_outcome(answer)
        except grpc.RpcError as error:
            raise _status.from_rpc(error, self.address) from None
        finally:
            stream.cancel()

    async def tools(self, parent: str) -> AsyncTools:
        """Return the functions of a channel or revision as OpenAI tools."""
        revision = (await self.get_channel(parent)).revision if "/channels/" in parent else parent
        return AsyncTools(parent, await self.get_revision(revision), self.invoke)

    # --- audit

    def list_audit_entries(
        self, *, start_index: int = 0, invocation: str = "", wanted: audit_pb2.AuditFilter | None = None
    ) -> AsyncIterator[audit_pb2.AuditEntry]:
        """Yield audit entries in the order of the log; `requests.audit_filter` says which are wanted."""
        request = audit_pb2.ListAuditEntriesRequest(start_index=start_index, invocation=invocation, filter=wanted)
        return self._pages(self._audit.ListAuditEntries, request, "audit_entries")

    async def tail_audit_entries(
        self, *, start_index: int = -1, wanted: audit_pb2.AuditFilter | None = None
    ) -> AsyncIterator[audit_pb2.AuditEntry]:
        """Yield audit entries from an index on (-1: from now on), and then each new one as it becomes durable; never ends."""
        request = audit_pb2.TailAuditEntriesRequest(start_index=start_index, filter=wanted)
        stream = self._audit.TailAuditEntries(request, metadata=self._metadata)
        try:
            async for answer in stream:
                yield answer.audit_entry
        except grpc.aio.AioRpcError as error:
            raise _status.from_rpc(error, self.address) from None
        finally:
            stream.cancel()

    async def get_checkpoint(self) -> audit_pb2.Checkpoint:
        """Return the newest signed checkpoint."""
        return await self._ask(self._audit.GetCheckpoint, audit_pb2.GetCheckpointRequest())

    async def get_inclusion_proof(self, index: int) -> audit_pb2.InclusionProof:
        """Return the proof that an entry is in the log."""
        return await self._ask(self._audit.GetInclusionProof, audit_pb2.GetInclusionProofRequest(index=index))

    async def get_consistency_proof(self, old_size: int, new_size: int = 0) -> audit_pb2.ConsistencyProof:
        """Return the proof that the log of one size begins with that of another (0: the newest checkpoint's)."""
        request = audit_pb2.GetConsistencyProofRequest(old_size=old_size, new_size=new_size)
        return await self._ask(self._audit.GetConsistencyProof, request)

    async def get_payload(self, invocation: str, *, reason: str) -> audit_pb2.Payload:
        """Return what is kept of an invocation's arguments and result. The log says who read it, and why."""
        request = audit_pb2.GetPayloadRequest(invocation=invocation, reason=reason)
        return await self._ask(self._audit.GetPayload, request)

    async def erase_payload(self, invocation: str, *, reason: str, validate_only: bool = False) -> None:
        """Erase what is kept of an invocation; entries and proofs stay valid. For admins."""
        request = audit_pb2.ErasePayloadRequest(invocation=invocation, reason=reason, validate_only=validate_only)
        await self._ask(self._audit.ErasePayload, request)
