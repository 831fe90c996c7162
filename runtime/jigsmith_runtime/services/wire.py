"""Messages to values and values to messages."""

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from jigsmith.names import FunctionName, ResourceNameError, SetName
from jigsmith.v1 import function_pb2, function_set_pb2, invocation_pb2, release_pb2
from jigsmith_sandbox.backend import Policy

from jigsmith_runtime import clock
from jigsmith_runtime.errors import NotFoundError, RequestInvalidError
from jigsmith_runtime.execution import Answer
from jigsmith_runtime.interceptors.identity import caller
from jigsmith_runtime.model import (
    Channel,
    Definition,
    Evidence,
    EvidenceResult,
    Function,
    FunctionSet,
    FunctionVersion,
    Provenance,
    Release,
    Revision,
)
from jigsmith_runtime.registry.answers import RequestKey

REQUEST_ID_CHARS_MAX: Final = 128
PROFILE_DEFAULT: Final = "python"
_NUMBER_LIMITS: Final = tuple(
    field.name for field in function_pb2.Limits.DESCRIPTOR.fields if field.name not in {"wall", "cpu"}
)

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_EVIDENCE_RESULTS: Final[Mapping[int, EvidenceResult]] = MappingProxyType(
    {
        release_pb2.EVIDENCE_RESULT_PASSED: EvidenceResult.PASSED,
        release_pb2.EVIDENCE_RESULT_FAILED: EvidenceResult.FAILED,
    }
)

Name = TypeVar("Name")


def parse_name(parse: Callable[[str], Name], field: str, text: str) -> Name:
    """Return a parsed resource name. Raises RequestInvalidError naming the field.

    Every name in a request comes through here, so this is where a tenant is told of other tenants' sets that they are not
    there. Raises NotFoundError.
    """
    try:
        name = parse(text)
    except ResourceNameError as error:
        raise RequestInvalidError.of(field, str(error)) from None
    function_set = getattr(name, "function_set", None)
    if function_set is not None and not caller().sees_set(function_set):
        raise NotFoundError(text)
    return name


def request_key(principal: str, request_id: str, request: Message) -> RequestKey | None:
    """Return the key of a request with a request id, None without one. Raises RequestInvalidError if it is too long."""
    if not request_id:
        return None
    if len(request_id) > REQUEST_ID_CHARS_MAX:
        raise RequestInvalidError.of("request_id", f"may have {REQUEST_ID_CHARS_MAX} characters")
    contents = type(request).FromString(request.SerializeToString(deterministic=True))
    contents.ClearField("request_id")
    kind = request.DESCRIPTOR.full_name.encode()
    fingerprint = hashlib.sha256(kind + b"\0" + contents.SerializeToString(deterministic=True)).hexdigest()
    return RequestKey(principal, request_id, fingerprint)


def timestamp(time: dt.datetime) -> Timestamp:
    """Return a time as a message."""
    message = Timestamp()
    message.FromDatetime(time)
    return message


def duration(microseconds: int) -> Duration:
    """Return a span as a message."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Duration(seconds=seconds, nanos=rest * 1_000)


def definition(parent: FunctionName, message: function_pb2.FunctionVersion) -> Definition:
    """Return what a message defines, with the defaults of empty fields filled in."""
    return Definition(
        function=parent.function,
        description=message.description,
        parameters_json=message.parameters_json,
        returns_json=message.returns_json,
        source=message.source,
        entry_point=message.entry_point or parent.function,
        packages=tuple(sorted(set(message.packages))),
        profile=message.profile or PROFILE_DEFAULT,
        policy=policy("function_version.policy", message.policy or function_pb2.POLICY_RESTRICTED),
        limits=_limits(message.limits),
    )


def policy(field: str, value: int) -> Policy:
    """Return a policy. Raises RequestInvalidError naming the field."""
    if value == function_pb2.POLICY_RESTRICTED:
        return "restricted"
    if value == function_pb2.POLICY_NONE:
        return "none"
    raise RequestInvalidError.of(field, "must be POLICY_RESTRICTED or POLICY_NONE")


def provenance(message: function_pb2.Provenance) -> Provenance:
    """Return where a version comes from."""
    return Provenance(
        run=message.run,
        epoch=message.epoch,
        action=message.action,
        reason=message.reason,
        task_ids=tuple(message.task_ids),
        model=message.model,
        prompt_digest=message.prompt_digest,
        response_digest=message.response_digest,
        owner=message.owner,
    )


def _limits(message: function_pb2.Limits) -> dict[str, int]:
    limits = {name: getattr(message, name) for name in _NUMBER_LIMITS}
    limits["wall_ms"] = _milliseconds("wall", message.wall)
    limits["cpu_ms"] = _milliseconds("cpu", message.cpu)
    return {name: value for name, value in sorted(limits.items()) if value}


def _milliseconds(field: str, message: Duration) -> int:
    nanoseconds = message.seconds * 1_000_000_000 + message.nanos
    if nanoseconds % 1_000_000:
        raise RequestInvalidError.of(f"function_version.limits.{field}", "must be whole milliseconds")
    return nanoseconds // 1_000_000


def version_message(version: FunctionVersion, *, in_list: bool = False) -> function_pb2.FunctionVersion:
    """Return a version as a message; in lists without the signed statement of its provenance."""
    defined, limits = version.definition, dict(version.definition.limits)
    message = function_pb2.FunctionVersion(
        name=str(version.name),
        digest=version.digest,
        description=defined.description,
        parameters_json=defined.parameters_json,
        returns_json=defined.returns_json,
        source=defined.source,
        entry_point=defined.entry_point,
        packages=defined.packages,
        profile=defined.profile,
        policy=_policy_value(defined.policy),
        provenance=function_pb2.Provenance(
            run=version.provenance.run,
            epoch=version.provenance.epoch,
            action=version.provenance.action,
            reason=version.provenance.reason,
            task_ids=version.provenance.task_ids,
            model=version.provenance.model,
            prompt_digest=version.provenance.prompt_digest,
            response_digest=version.provenance.response_digest,
            owner=version.provenance.owner,
        ),
        provenance_envelope_json="" if in_list else version.provenance_envelope,
        create_time=timestamp(version.create_time),
        creator=version.creator,
    )
    for field, name in (("wall", "wall_ms"), ("cpu", "cpu_ms")):
        if name in limits:
            getattr(message.limits, field).CopyFrom(duration(limits.pop(name) * 1_000))
    for name, value in limits.items():
        setattr(message.limits, name, value)
    return message


def _policy_value(value: Policy) -> "function_pb2.Policy.ValueType":
    return function_pb2.Policy.Value(f"POLICY_{value.upper()}")


def function_message(function: Function) -> function_pb2.Function:
    """Return a function as a message."""
    name = f"functions/{function.function}"
    return function_pb2.Function(
        name=name, latest_version=f"{name}/versions/{function.latest_digest}", version_count=function.version_count
    )


def set_message(value: FunctionSet) -> function_set_pb2.FunctionSet:
    """Return a set as a message."""
    return function_set_pb2.FunctionSet(
        name=str(SetName(value.function_set)),
        description=value.description,
        policy=_policy_value(value.policy),
        create_time=timestamp(value.create_time),
        creator=value.creator,
    )


def revision_message(value: Revision, resolved: Iterable[FunctionVersion] = ()) -> function_set_pb2.Revision:
    """Return a revision as a message, with the versions that were resolved."""
    return function_set_pb2.Revision(
        name=str(value.name),
        parent_revision=_optional(value.parent),
        function_versions=[str(version) for version in value.versions],
        message=value.message,
        state=function_set_pb2.RevisionState.Value(f"REVISION_STATE_{value.state.value}"),
        digest=value.digest,
        resolved_versions=[version_message(version) for version in resolved],
        create_time=timestamp(value.create_time),
        creator=value.creator,
    )


def channel_message(value: Channel) -> function_set_pb2.Channel:
    """Return a channel as a message."""
    return function_set_pb2.Channel(
        name=str(value.name),
        revision=_optional(value.revision),
        etag=str(value.generation),
        update_time=timestamp(value.update_time),
    )


def release_message(value: Release) -> release_pb2.Release:
    """Return a release as a message."""
    return release_pb2.Release(
        name=str(value.name),
        channel=str(value.channel),
        revision=str(value.revision),
        revision_digest=value.revision_digest,
        reason=value.reason,
        state=release_pb2.ReleaseState.Value(f"RELEASE_STATE_{value.state.value}"),
        previous_revision=_optional(value.previous_revision),
        requester=value.requester,
        reviewer=value.reviewer,
        review_reason=value.review_reason,
        create_time=timestamp(value.create_time),
        update_time=timestamp(value.update_time),
        etag=str(value.generation),
        approvals_needed=value.approvals_needed,
        raised_limits=value.raised_limits,
        approvals=[
            release_pb2.Approval(
                reviewer=one.reviewer,
                reason=one.reason,
                create_time=timestamp(one.create_time),
                expire_time=timestamp(one.expire_time),
                envelope_json=one.envelope,
            )
            for one in value.approvals
        ],
        evidence=[
            release_pb2.Evidence(
                suite=one.suite,
                suite_digest=one.suite_digest,
                result=release_pb2.EvidenceResult.Value(f"EVIDENCE_RESULT_{one.result.value}"),
                passed=one.passed,
                failed=one.failed,
                note=one.note,
                evaluator=one.evaluator,
                create_time=timestamp(one.create_time),
                envelope_json=one.envelope,
            )
            for one in value.evidence
        ],
    )


def evidence(message: release_pb2.Evidence) -> Evidence:
    """Return test results that are still to be attached. Raises RequestInvalidError."""
    if message.result not in _EVIDENCE_RESULTS:
        raise RequestInvalidError.of("evidence.result", "must be EVIDENCE_RESULT_PASSED or EVIDENCE_RESULT_FAILED")
    for field, chars_max in (("suite", 256), ("note", 4_096)):
        if len(getattr(message, field)) > chars_max:
            raise RequestInvalidError.of(f"evidence.{field}", f"may have {chars_max} characters")
    if not message.suite:
        raise RequestInvalidError.of("evidence.suite", "is mandatory: what was tested with")
    if message.suite_digest and not _SHA256.fullmatch(message.suite_digest):
        raise RequestInvalidError.of("evidence.suite_digest", "must be 64 lower-case hexadecimal digits")
    if message.passed < 0 or message.failed < 0:
        raise RequestInvalidError.of("evidence.passed", "must not be negative, and neither must failed")
    return Evidence(
        suite=message.suite,
        suite_digest=message.suite_digest,
        result=_EVIDENCE_RESULTS[message.result],
        passed=message.passed,
        failed=message.failed,
        note=message.note,
        evaluator="",
        create_time=clock.now(),
        envelope="",
    )


def answer_message(answer: Answer) -> invocation_pb2.InvokeResponse:
    """Return the answer of a call as a message."""
    return invocation_pb2.InvokeResponse(
        invocation=str(answer.invocation),
        function_version=str(answer.function_version),
        result_json=answer.result_json,
        output=answer.output,
        usage=invocation_pb2.Usage(
            wall=duration(answer.wall_us),
            cpu=duration(answer.cpu_us),
            memory_peak_bytes=answer.memory_peak_bytes,
            queued=duration(answer.queued_us),
        ),
        receipt=invocation_pb2.Receipt(
            log_origin=answer.receipt.log_origin,
            index=answer.receipt.index,
            leaf_hash=answer.receipt.leaf_hash,
            arguments_salt=answer.arguments_salt,
            result_salt=answer.result_salt,
        ),
    )


def _optional(name: object) -> str:
    return "" if name is None else str(name)
