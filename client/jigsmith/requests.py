"""Requests and answers without any connection: what the synchronous and the asynchronous client share."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from jigsmith import _status
from jigsmith.errors import InternalError, JigsmithError
from jigsmith.v1 import audit_pb2, function_pb2, function_set_pb2, invocation_pb2, release_pb2

Policy = Literal["restricted", "none"]
"""What checks a source: the policy gate, or nothing."""

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of one gRPC message: results reach 8 MiB at the operator's ceiling."""

PAGE_SIZE: Final = 500

RECEIPT_METADATA: Final = "jigsmith-receipt-bin"
"""The key of the trailing metadata that holds a serialized Receipt."""

CHANNEL_OPTIONS: Final = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.initial_reconnect_backoff_ms", 200),  # a runtime that restarts is back in a second
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.use_local_subchannel_pool", 1),  # a new client does not inherit another one's back-off
    (
        "grpc.service_config",
        json.dumps(
            {
                "methodConfig": [
                    {
                        "name": [
                            {"service": "jigsmith.v1.FunctionService", "method": "GetFunctionVersion"},
                            {"service": "jigsmith.v1.FunctionSetService", "method": "GetRevision"},
                            {"service": "jigsmith.v1.FunctionSetService", "method": "GetChannel"},
                        ],
                        "retryPolicy": {
                            "maxAttempts": 3,
                            "initialBackoff": "0.1s",
                            "maxBackoff": "1s",
                            "backoffMultiplier": 2,
                            "retryableStatusCodes": ["UNAVAILABLE"],
                        },
                    }
                ]
            }
        ),
    ),
]
"""Only reads are tried again, and only when nothing was reached."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run used, measured outside of it."""

    wall_ms: float
    cpu_ms: float
    memory_peak_bytes: int
    queued_ms: float


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where the audit log recorded a run."""

    log_origin: str
    index: int
    leaf_hash: bytes
    arguments_salt: bytes
    """Opens the log's commitment to the arguments; whoever has it not can only guess."""
    result_salt: bytes
    """Opens the log's commitment to the result."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A run that returned."""

    name: str
    function_version: str
    result: Any
    """Any JSON value; integers of any size stay integers."""
    result_json: str
    output: str
    usage: Usage
    receipt: Receipt


def metadata(token: str | None, principal: str | None) -> tuple[tuple[str, str | bytes], ...]:
    """Return the credentials of each request: a bearer token, or a name that a `--dev` runtime believes. Raises ValueError."""
    for value in (token, principal):
        if value is not None and not (value.isascii() and value.isprintable()):
            raise ValueError("a token or principal is printable ASCII; this one is not")
    if token:
        return (("authorization", f"Bearer {token}"),)
    return (("jigsmith-principal", principal),) if principal else ()


def version(
    *,
    description: str,
    parameters: str | Mapping[str, Any],
    source: str,
    returns: str | Mapping[str, Any] | None = None,
    entry_point: str = "",
    limits: function_pb2.Limits | None = None,
    packages: Iterable[str] = (),
    profile: str = "",
    policy: Policy = "restricted",
    provenance: function_pb2.Provenance | None = None,
) -> function_pb2.FunctionVersion:
    """Return a FunctionVersion to be registered. Schemas are given as text or as a mapping."""
    return function_pb2.FunctionVersion(
        description=description,
        parameters_json=_text(parameters),
        returns_json="" if returns is None else _text(returns),
        source=source,
        entry_point=entry_point,
        limits=limits,
        packages=packages,
        profile=profile,
        policy=policy_value(policy),
        provenance=provenance,
    )


def policy_value(policy: Policy) -> "function_pb2.Policy.ValueType":
    """Return a policy as a message's value."""
    return function_pb2.Policy.Value(f"POLICY_{policy.upper()}")


def allow_policy(
    function_set: str, policy: Policy, reason: str, *, validate_only: bool
) -> function_set_pb2.AllowPolicyRequest:
    """Return the request that allows a policy for a set."""
    return function_set_pb2.AllowPolicyRequest(
        name=set_name(function_set), policy=policy_value(policy), reason=reason, validate_only=validate_only
    )


def _text(schema: str | Mapping[str, Any]) -> str:
    return schema if isinstance(schema, str) else json.dumps(schema)


def create_version(
    name: str, function_version: function_pb2.FunctionVersion, *, validate_only: bool
) -> function_pb2.CreateFunctionVersionRequest:
    """Return the request that registers a version of the function `name` (bare or a resource name)."""
    parent = name if name.startswith("functions/") else f"functions/{name}"
    return function_pb2.CreateFunctionVersionRequest(
        parent=parent, function_version=function_version, validate_only=validate_only
    )


def set_name(name: str) -> str:
    """Return the resource name of a set, given it or its last part."""
    return name if name.startswith("functionSets/") else f"functionSets/{name}"


def create_set(name: str, description: str, *, validate_only: bool) -> function_set_pb2.CreateFunctionSetRequest:
    """Return the request that creates a set."""
    return function_set_pb2.CreateFunctionSetRequest(
        function_set_id=name.removeprefix("functionSets/"),
        function_set=function_set_pb2.FunctionSet(description=description),
        validate_only=validate_only,
    )


def create_revision(
    function_set: str,
    versions: Iterable[function_pb2.FunctionVersion | str],
    *,
    parent: str,
    message: str,
    request_id: str,
    validate_only: bool,
) -> function_set_pb2.CreateRevisionRequest:
    """Return the request that adds a revision to a set."""
    names = [one if isinstance(one, str) else one.name for one in versions]
    revision = function_set_pb2.Revision(parent_revision=parent, function_versions=names, message=message)
    return function_set_pb2.CreateRevisionRequest(
        parent=set_name(function_set), revision=revision, request_id=request_id, validate_only=validate_only
    )


def create_release(
    function_set: str, revision: str, channel: str, reason: str, *, validate_only: bool = False
) -> release_pb2.CreateReleaseRequest:
    """Return the request for a release of a revision to a channel (its name or its last part)."""
    parent = set_name(function_set)
    path = channel if "/" in channel else f"{parent}/channels/{channel}"
    release = release_pb2.Release(channel=path, revision=revision, reason=reason)
    return release_pb2.CreateReleaseRequest(parent=parent, release=release, validate_only=validate_only)


def approve_release(
    release: release_pb2.Release, reason: str, valid_for: dt.timedelta | None, *, validate_only: bool
) -> release_pb2.ApproveReleaseRequest:
    """Return the request that approves exactly what a release shows."""
    request = release_pb2.ApproveReleaseRequest(
        name=release.name,
        reason=reason,
        revision_digest=release.revision_digest,
        etag=release.etag,
        validate_only=validate_only,
    )
    if valid_for is not None:
        request.valid_for.FromTimedelta(valid_for)
    return request


def invoke(name: str, arguments: Mapping[str, Any] | str, request_id: str) -> invocation_pb2.InvokeRequest:
    """Return the request that runs a function; arguments are a mapping or the text of a JSON object."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    return invocation_pb2.InvokeRequest(name=name, arguments_json=text, request_id=request_id)


def invocation(response: invocation_pb2.InvokeResponse) -> Invocation:
    """Return the answer of a run as a value."""
    usage, receipt = response.usage, response.receipt
    return Invocation(
        name=response.invocation,
        function_version=response.function_version,
        result=json.loads(response.result_json),
        result_json=response.result_json,
        output=response.output,
        usage=Usage(
            usage.wall.ToMicroseconds() / 1_000,
            usage.cpu.ToMicroseconds() / 1_000,
            usage.memory_peak_bytes,
            usage.queued.ToMicroseconds() / 1_000,
        ),
        receipt=Receipt(
            receipt.log_origin, receipt.index, receipt.leaf_hash, receipt.arguments_salt, receipt.result_salt
        ),
    )


def batch(calls: Iterable[tuple[str, Mapping[str, Any] | str]]) -> Iterator[invocation_pb2.InvokeBatchRequest]:
    """Yield the requests of a stream, tagged with their position."""
    for position, (name, arguments) in enumerate(calls):
        yield invocation_pb2.InvokeBatchRequest(tag=str(position), invoke=invoke(name, arguments, ""))


def batch_outcome(answer: invocation_pb2.InvokeBatchResponse) -> tuple[int, Invocation | JigsmithError]:
    """Return the position and the outcome that an answer of a stream stands for. Raises InternalError for a foreign tag."""
    if not answer.tag.isdecimal():
        raise InternalError(f"the runtime answered a request that was not sent: {answer.tag[:40]!r}")
    if answer.WhichOneof("outcome") == "error":
        return int(answer.tag), _status.from_status(answer.error)
    return int(answer.tag), invocation(answer.response)


def audit_filter(
    *,
    invocation: str = "",
    kinds: Iterable[str] = (),
    principal: str = "",
    resource: str = "",
    outcome: str = "",
    start_time: dt.datetime | None = None,
    end_time: dt.datetime | None = None,
) -> audit_pb2.AuditFilter:
    """Return which audit entries are wanted: what is given must fit; `call.*` stands for a family of kinds."""
    message = audit_pb2.AuditFilter(
        invocation=invocation, kinds=kinds, principal=principal, resource=resource, outcome=outcome
    )
    if start_time is not None:
        message.start_time.FromDatetime(start_time)
    if end_time is not None:
        message.end_time.FromDatetime(end_time)
    return message


def hand_over(trailing_metadata: Iterable[tuple[str, str | bytes]], to: Callable[[Receipt], None]) -> None:
    """Hand over the receipts that came with a reply: one for each audit entry that the request brought about."""
    for key, value in trailing_metadata:
        if key == RECEIPT_METADATA and isinstance(value, bytes):
            message = invocation_pb2.Receipt.FromString(value)
            to(Receipt(message.log_origin, message.index, message.leaf_hash, b"", b""))
