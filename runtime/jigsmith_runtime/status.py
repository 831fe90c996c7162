"""Domain errors as google.rpc.Status. Bounded: details travel in trailers, which gRPC caps at 8 KiB by default."""

from typing import Final

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from jigsmith.v1 import errors_pb2

from jigsmith_runtime.errors import Failure, RateLimitedError, RuntimeFault, Violation

DOMAIN: Final = "jigsmith"
MESSAGE_CHARS_MAX: Final = 512
METADATA_CHARS_MAX: Final = 400
TRAILER_BYTES_MAX: Final = 4_608
"""Base64 makes 6 KiB of it, and the message stands beside it, percent-encoded: below the 8 KiB of a default client."""


def to_status(error: RuntimeFault, bytes_max: int | None = None) -> status_pb2.Status:
    """Return the status of an error. With `bytes_max` details are cut to fit: output first, then traceback, message."""
    failure, violations = _failure(error.failure), list(error.violations)
    status = _assemble(error, failure, violations)
    while bytes_max is not None and (excess := status.ByteSize() - bytes_max) > 0:
        if failure is not None and _cut(failure, excess):
            pass
        elif violations:
            violations.pop()
        else:
            break
        status = _assemble(error, failure, violations)
    return status


def _assemble(
    error: RuntimeFault, failure: errors_pb2.FunctionFailure | None, violations: list[Violation]
) -> status_pb2.Status:
    details: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=error.reason.value,
            domain=DOMAIN,
            metadata={key: clean(value)[:METADATA_CHARS_MAX] for key, value in error.metadata.items()},
        )
    ]
    if violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(
                field=clean(one.field)[:METADATA_CHARS_MAX], description=clean(one.description)[:METADATA_CHARS_MAX]
            )
            for one in violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=fields))
    if error.retry_after_ms is not None:
        seconds, ms = divmod(error.retry_after_ms, 1_000)
        delay = duration_pb2.Duration(seconds=seconds, nanos=ms * 1_000_000)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if isinstance(error, RateLimitedError):
        violation = error_details_pb2.QuotaFailure.Violation(
            subject=error.metadata.get("quota", ""), description=clean(error.message)[:METADATA_CHARS_MAX]
        )
        details.append(error_details_pb2.QuotaFailure(violations=[violation]))
    if failure is not None:
        details.append(failure)
    status = status_pb2.Status(code=error.code, message=clean(error.message)[:MESSAGE_CHARS_MAX])
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _failure(failure: Failure | None) -> errors_pb2.FunctionFailure | None:
    if failure is None:
        return None
    return errors_pb2.FunctionFailure(
        exception_type=clean(failure.exception_type),
        message=clean(failure.message),
        traceback=clean(failure.traceback),
        output=clean(failure.output),
        output_truncated=failure.output_truncated,
        exit_code=max(-(2**31), min(2**31 - 1, failure.exit_code)),
    )


_KEPT_BYTES: Final = {"output": 0, "traceback": 1_024, "message": 256}


def _cut(failure: errors_pb2.FunctionFailure, excess: int) -> bool:
    """Shorten one text by about `excess` bytes; of a traceback the end is kept. Returns whether anything was cut."""
    for field, kept in _KEPT_BYTES.items():
        data: bytes = getattr(failure, field).encode()
        if len(data) > kept:
            size = max(kept, len(data) - excess)
            cut = data[-size:] if field == "traceback" and size else data[:size]
            setattr(failure, field, cut.decode("utf-8", "ignore"))
            failure.output_truncated = failure.output_truncated or field == "output"
            return True
    return False


def clean(text: str) -> str:
    """Return text that protobuf accepts: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()
