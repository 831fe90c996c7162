"""What can go wrong in the runtime, in domain terms; the wire form is made in `status.py`.

RuntimeFault
├── RequestInvalidError          a field of a request is malformed
│   ├── ArgumentsInvalidError    arguments do not fit the schema
│   └── PolicyRefusedError       the policy gate refuses the source
├── NotFoundError                no such resource, or not for the caller to see
├── AlreadyExistsError           a name, or a request id with other contents, is taken
├── StateInvalidError            a resource is not in a state that allows this
│   ├── NotApprovedError         no approved release stands behind a channel
│   ├── PolicyNotAllowedError    a function has a policy that its set does not allow
│   └── QuarantinedError         taken out of use
├── EtagMismatchError            a resource changed since it was read
├── UnauthenticatedError         no valid credentials
├── NotPermittedError            the principal's roles do not include this
├── QueueFullError               overload
├── RateLimitedError             the principal's own limits
├── SandboxUnavailableError      no sandbox, or it was lost
├── AuditUnavailableError        the log cannot be written
├── RegistryUnavailableError     the database does not answer
├── RunFailedError               the function's own failure, or a limit it reached
├── RunCancelledError            the caller went away
└── InternalError                a fault of ours
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from google.rpc import code_pb2


class Reason(StrEnum):
    """The words of ErrorInfo and of the audit log: `jigsmith.v1.Reason` without its prefix, and CANCELLED beside it."""

    ARGUMENTS_INVALID = "ARGUMENTS_INVALID"
    POLICY_REFUSED = "POLICY_REFUSED"
    REQUEST_INVALID = "REQUEST_INVALID"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    RESOURCE_EXISTS = "RESOURCE_EXISTS"
    NOT_APPROVED = "NOT_APPROVED"
    QUARANTINED = "QUARANTINED"
    POLICY_NOT_ALLOWED = "POLICY_NOT_ALLOWED"
    STATE_INVALID = "STATE_INVALID"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    FUNCTION_RAISED = "FUNCTION_RAISED"
    FUNCTION_DIED = "FUNCTION_DIED"
    RESULT_NOT_SERIALIZABLE = "RESULT_NOT_SERIALIZABLE"
    RESULT_INVALID = "RESULT_INVALID"
    TIME_LIMIT = "TIME_LIMIT"
    MEMORY_LIMIT = "MEMORY_LIMIT"
    PROCESS_LIMIT = "PROCESS_LIMIT"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    RESULT_LIMIT = "RESULT_LIMIT"
    QUEUE_FULL = "QUEUE_FULL"
    RATE_LIMITED = "RATE_LIMITED"
    SANDBOX_UNAVAILABLE = "SANDBOX_UNAVAILABLE"
    AUDIT_UNAVAILABLE = "AUDIT_UNAVAILABLE"
    REGISTRY_UNAVAILABLE = "REGISTRY_UNAVAILABLE"
    INTERNAL = "INTERNAL"
    CANCELLED = "CANCELLED"  # the caller went away: seen by nobody but those who shared the request id


CODE_OF_REASON: Final[Mapping[Reason, int]] = MappingProxyType(
    {
        Reason.ARGUMENTS_INVALID: code_pb2.INVALID_ARGUMENT,
        Reason.POLICY_REFUSED: code_pb2.INVALID_ARGUMENT,
        Reason.REQUEST_INVALID: code_pb2.INVALID_ARGUMENT,
        Reason.RESOURCE_NOT_FOUND: code_pb2.NOT_FOUND,
        Reason.RESOURCE_EXISTS: code_pb2.ALREADY_EXISTS,
        Reason.NOT_APPROVED: code_pb2.FAILED_PRECONDITION,
        Reason.QUARANTINED: code_pb2.FAILED_PRECONDITION,
        Reason.POLICY_NOT_ALLOWED: code_pb2.FAILED_PRECONDITION,
        Reason.STATE_INVALID: code_pb2.FAILED_PRECONDITION,
        Reason.ETAG_MISMATCH: code_pb2.ABORTED,
        Reason.UNAUTHENTICATED: code_pb2.UNAUTHENTICATED,
        Reason.PERMISSION_DENIED: code_pb2.PERMISSION_DENIED,
        Reason.FUNCTION_RAISED: code_pb2.UNKNOWN,
        Reason.FUNCTION_DIED: code_pb2.UNKNOWN,
        Reason.RESULT_NOT_SERIALIZABLE: code_pb2.UNKNOWN,
        Reason.RESULT_INVALID: code_pb2.UNKNOWN,
        Reason.TIME_LIMIT: code_pb2.DEADLINE_EXCEEDED,
        Reason.MEMORY_LIMIT: code_pb2.RESOURCE_EXHAUSTED,
        Reason.PROCESS_LIMIT: code_pb2.RESOURCE_EXHAUSTED,
        Reason.OUTPUT_LIMIT: code_pb2.RESOURCE_EXHAUSTED,
        Reason.RESULT_LIMIT: code_pb2.RESOURCE_EXHAUSTED,
        Reason.QUEUE_FULL: code_pb2.RESOURCE_EXHAUSTED,
        Reason.RATE_LIMITED: code_pb2.RESOURCE_EXHAUSTED,
        Reason.SANDBOX_UNAVAILABLE: code_pb2.UNAVAILABLE,
        Reason.AUDIT_UNAVAILABLE: code_pb2.UNAVAILABLE,
        Reason.REGISTRY_UNAVAILABLE: code_pb2.UNAVAILABLE,
        Reason.INTERNAL: code_pb2.INTERNAL,
        Reason.CANCELLED: code_pb2.CANCELLED,
    }
)
"""The one status of each reason: the table in docs/design.md."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault in a request."""

    field: str
    """The field's path, or a JSON pointer into the arguments."""
    description: str


@dataclass(frozen=True, slots=True)
class Failure:
    """How user code failed. Every text comes from inside a sandbox and is hostile."""

    exception_type: str = ""
    message: str = ""
    traceback: str = ""
    output: str = ""
    output_truncated: bool = False
    exit_code: int = 0


class RuntimeFault(Exception):  # noqa: N818 - the family's name; its members end in Error
    """The base: a message for people, metadata for programs. Never carries a secret, an argument or a result."""

    reason: Reason
    violations: tuple[Violation, ...] = ()
    retry_after_ms: int | None = None
    failure: Failure | None = None
    ran: bool = False
    """Whether user code was run, or may have been."""

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata

    @property
    def code(self) -> int:
        """The status code, a value of google.rpc.Code."""
        return CODE_OF_REASON[self.reason]


class RequestInvalidError(RuntimeFault):
    """A field of the request is missing or malformed."""

    reason = Reason.REQUEST_INVALID

    def __init__(self, message: str, *violations: Violation, **metadata: str) -> None:
        super().__init__(message, **metadata)
        self.violations = violations

    @classmethod
    def of(cls, field: str, description: str) -> "RequestInvalidError":
        """Return the error for one field."""
        return cls(f"{field}: {description}", Violation(field, description))


class ArgumentsInvalidError(RequestInvalidError):
    """The arguments do not fit the schema; the violations hold JSON pointers."""

    reason = Reason.ARGUMENTS_INVALID


class PolicyRefusedError(RequestInvalidError):
    """The policy gate refuses the source. Metadata: line, column, construct, advice of the first refusal."""

    reason = Reason.POLICY_REFUSED


class NotFoundError(RuntimeFault):
    """There is no such resource, or it is not for the caller to see."""

    reason = Reason.RESOURCE_NOT_FOUND

    def __init__(self, name: object) -> None:
        super().__init__(f"{name} does not exist", resource=str(name)[:200])


class AlreadyExistsError(RuntimeFault):
    """A name, or a request id with other contents, is taken."""

    reason = Reason.RESOURCE_EXISTS


class StateInvalidError(RuntimeFault):
    """The resource is not in a state that allows this."""

    reason = Reason.STATE_INVALID


class NotApprovedError(StateInvalidError):
    """No approved release stands behind the channel."""

    reason = Reason.NOT_APPROVED


class PolicyNotAllowedError(StateInvalidError):
    """A function has a policy that its set does not allow."""

    reason = Reason.POLICY_NOT_ALLOWED


class QuarantinedError(StateInvalidError):
    """The revision was taken out of use."""

    reason = Reason.QUARANTINED


class EtagMismatchError(RuntimeFault):
    """The resource changed since it was read."""

    reason = Reason.ETAG_MISMATCH


class UnauthenticatedError(RuntimeFault):
    """No valid credentials."""

    reason = Reason.UNAUTHENTICATED


class NotPermittedError(RuntimeFault):
    """The principal's roles do not include this."""

    reason = Reason.PERMISSION_DENIED


class QueueFullError(RuntimeFault):
    """The lane's queue is full, or the expected wait exceeds the deadline."""

    reason = Reason.QUEUE_FULL

    def __init__(self, message: str, retry_after_ms: int, **metadata: str) -> None:
        super().__init__(message, **metadata)
        self.retry_after_ms = retry_after_ms


class RateLimitedError(RuntimeFault):
    """The principal asked for more than it may; the metadata's `quota` says which limit it reached."""

    reason = Reason.RATE_LIMITED

    def __init__(self, message: str, retry_after_ms: int, **metadata: str) -> None:
        super().__init__(message, **metadata)
        self.retry_after_ms = retry_after_ms


class SandboxUnavailableError(RuntimeFault):
    """No sandbox could be had, or it was lost during the call."""

    reason = Reason.SANDBOX_UNAVAILABLE


class AuditUnavailableError(RuntimeFault):
    """The audit log cannot be written, so nothing is run and no result is given out."""

    reason = Reason.AUDIT_UNAVAILABLE


class RegistryUnavailableError(RuntimeFault):
    """The registry's database does not answer, so nothing is known for certain of what may run."""

    reason = Reason.REGISTRY_UNAVAILABLE


class RunFailedError(RuntimeFault):
    """The function failed, or reached a limit; `reason` says which."""

    def __init__(self, reason: Reason, failure: Failure, message: str, **metadata: str) -> None:
        super().__init__(message, **metadata)
        self.reason = reason
        self.failure = failure


class RunCancelledError(RuntimeFault):
    """The caller went away."""

    reason = Reason.CANCELLED


class InternalError(RuntimeFault):
    """A fault of ours; the metadata helps to find it in the log."""

    reason = Reason.INTERNAL
