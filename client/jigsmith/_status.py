"""From a gRPC status to an error of the family. What the status says is hostile: sizes are bounded."""

from collections.abc import Mapping
from typing import Final, cast

import grpc
from google.protobuf.any_pb2 import Any as PackedDetail
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from jigsmith import errors
from jigsmith.errors import Details, Failure, JigsmithError, Violation
from jigsmith.v1 import errors_pb2

_MESSAGE_CHARS_MAX: Final = 4_096
_TEXT_CHARS_MAX: Final = 16_384
_OUTPUT_CHARS_MAX: Final = 1_048_576
_NAME_CHARS_MAX: Final = 256
_DETAILS_MAX: Final = 16
_ITEMS_MAX: Final = 64
_RETRY_AFTER_MS_MAX: Final = 3_600_000
_DETAILS_KEY: Final = "grpc-status-details-bin"

_BY_REASON: Final[Mapping[int, type[JigsmithError]]] = {
    errors_pb2.REASON_ARGUMENTS_INVALID: errors.ArgumentsInvalidError,
    errors_pb2.REASON_POLICY_REFUSED: errors.PolicyRefusedError,
    errors_pb2.REASON_NOT_APPROVED: errors.StateError,
    errors_pb2.REASON_QUARANTINED: errors.StateError,
    errors_pb2.REASON_POLICY_NOT_ALLOWED: errors.StateError,
    errors_pb2.REASON_FUNCTION_RAISED: errors.FunctionRaisedError,
    errors_pb2.REASON_TIME_LIMIT: errors.LimitExceededError,
    errors_pb2.REASON_MEMORY_LIMIT: errors.LimitExceededError,
    errors_pb2.REASON_PROCESS_LIMIT: errors.LimitExceededError,
    errors_pb2.REASON_OUTPUT_LIMIT: errors.LimitExceededError,
    errors_pb2.REASON_RESULT_LIMIT: errors.LimitExceededError,
    errors_pb2.REASON_FUNCTION_DIED: errors.FunctionDiedError,
    errors_pb2.REASON_RESULT_NOT_SERIALIZABLE: errors.ResultError,
    errors_pb2.REASON_RESULT_INVALID: errors.ResultError,
    errors_pb2.REASON_QUEUE_FULL: errors.OverloadedError,
    errors_pb2.REASON_RATE_LIMITED: errors.OverloadedError,
    errors_pb2.REASON_SANDBOX_UNAVAILABLE: errors.UnavailableError,
    errors_pb2.REASON_AUDIT_UNAVAILABLE: errors.UnavailableError,
    errors_pb2.REASON_REGISTRY_UNAVAILABLE: errors.UnavailableError,
    errors_pb2.REASON_REQUEST_INVALID: errors.RequestInvalidError,
    errors_pb2.REASON_RESOURCE_NOT_FOUND: errors.NotFoundError,
    errors_pb2.REASON_RESOURCE_EXISTS: errors.AlreadyExistsError,
    errors_pb2.REASON_UNAUTHENTICATED: errors.NotAuthorizedError,
    errors_pb2.REASON_PERMISSION_DENIED: errors.NotAuthorizedError,
    errors_pb2.REASON_ETAG_MISMATCH: errors.StateError,
    errors_pb2.REASON_STATE_INVALID: errors.StateError,
    errors_pb2.REASON_INTERNAL: errors.InternalError,
}

_BY_STATUS: Final[Mapping[grpc.StatusCode, type[JigsmithError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.RequestInvalidError,
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: errors.StateError,
    grpc.StatusCode.ABORTED: errors.StateError,
    grpc.StatusCode.UNAUTHENTICATED: errors.NotAuthorizedError,
    grpc.StatusCode.PERMISSION_DENIED: errors.NotAuthorizedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineError,
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.INTERNAL: errors.InternalError,
    grpc.StatusCode.DATA_LOSS: errors.InternalError,
    grpc.StatusCode.UNIMPLEMENTED: errors.InternalError,
}
"""For a status without a reason that we know: gRPC itself, a proxy, or a newer runtime made it."""

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def from_rpc(error: grpc.RpcError, address: str) -> JigsmithError:
    """Return the error of a failed RPC to a runtime at `address`."""
    call = cast("grpc.Call", error)  # what every RpcError of a call is: grpc.aio.AioRpcError answers the same questions
    code = call.code()
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            status = status_pb2.Status()
            try:
                status.ParseFromString(value)
            except DecodeError:
                return errors.InternalError(f"{address} sent a status that cannot be read", status=code.name)
            return from_status(status)
    text = str(call.details() or "")[:_MESSAGE_CHARS_MAX]
    kind = _BY_STATUS.get(code, JigsmithError)
    return kind(_explained(code, text, address), status=code.name)


def from_status(status: status_pb2.Status) -> JigsmithError:
    """Return the error that a google.rpc.Status stands for."""
    details = _details(list(status.details[:_DETAILS_MAX]))
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    reason = errors_pb2.Reason.Value(f"REASON_{details.reason}") if details.reason else 0
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(code, JigsmithError)
    return kind(status.message[:_MESSAGE_CHARS_MAX], status=code.name, details=details)


def _explained(code: grpc.StatusCode, text: str, address: str) -> str:
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            return f"no runtime answers at {address} ({text}). Is `jigsmith-runtime serve` running there?"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"{address} gave no answer in time; give a longer timeout if the work may take so long"
        case grpc.StatusCode.UNIMPLEMENTED:
            return f"what answers at {address} does not know this request: no Jigsmith runtime, or another version ({text})"
        case _:
            return text


def _details(packed: list[PackedDetail]) -> Details:
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry, failure = error_details_pb2.RetryInfo(), errors_pb2.FunctionFailure()
    found: set[str] = set()
    for detail in packed:
        for message in (info, request, retry, failure):
            try:
                if detail.Unpack(message):
                    found.add(message.DESCRIPTOR.name)
            except DecodeError:
                message.Clear()
    ours = info.domain == "jigsmith"
    return Details(
        reason=info.reason if ours and f"REASON_{info.reason}" in errors_pb2.Reason.keys() else "",  # noqa: SIM118 - an enum wrapper, no mapping
        metadata=_metadata(info.metadata) if ours else {},
        violations=tuple(
            Violation(one.field[:_NAME_CHARS_MAX], one.description[:_MESSAGE_CHARS_MAX])
            for one in request.field_violations[:_ITEMS_MAX]
        ),
        failure=_failure(failure),
        retry_after_ms=max(0, min(retry.retry_delay.ToMilliseconds(), _RETRY_AFTER_MS_MAX))
        if "RetryInfo" in found
        else None,
    )


def _metadata(given: Mapping[str, str]) -> dict[str, str]:
    return {key[:_NAME_CHARS_MAX]: value[:_MESSAGE_CHARS_MAX] for key, value in sorted(given.items())[:_ITEMS_MAX]}


def _failure(given: errors_pb2.FunctionFailure) -> Failure:
    return Failure(
        exception_type=given.exception_type[:_NAME_CHARS_MAX],
        message=given.message[:_MESSAGE_CHARS_MAX],
        traceback=given.traceback[-_TEXT_CHARS_MAX:],
        output=given.output[:_OUTPUT_CHARS_MAX],
        output_truncated=given.output_truncated,
        exit_code=given.exit_code,
    )
