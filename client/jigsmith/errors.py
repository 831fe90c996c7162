"""What the client raises, in one family. This module knows nothing of gRPC: `jigsmith._status` makes these from a status.

JigsmithError
├── RequestError                  the request cannot be served as it is
│   ├── RequestInvalidError       a field of it is missing or malformed
│   │   ├── ArgumentsInvalidError arguments do not fit the schema
│   │   └── PolicyRefusedError    the policy gate refuses the source
│   ├── NotFoundError             no such resource, or not for you to see
│   ├── AlreadyExistsError        a name or a request id is taken
│   └── StateError                not approved, quarantined, changed since, or in the wrong state
├── NotAuthorizedError            no valid credentials, or the role does not include this
├── FunctionError                 the function failed, not the service
│   ├── FunctionRaisedError       it raised
│   ├── FunctionDiedError         its process died
│   ├── ResultError               its result is not JSON, or does not fit the schema
│   └── LimitExceededError        it reached a limit
├── DeadlineError                 no answer within `timeout_s`
├── UnavailableError              no connection, no sandbox, no audit log; trying again later may help
│   └── OverloadedError           the queue, or your quota, is full; `retry_after_ms` says when to come back
└── InternalError                 a fault of the runtime, or an answer that breaks the contract

Everything in them that a server sent is hostile text: bounded in size, never obeyed, never used to look up code. Whoever
shows it on a terminal makes control characters visible first, as `jigsmith.cli` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault in a request."""

    field: str
    """The field's path, or a JSON pointer into the arguments."""
    description: str


@dataclass(frozen=True, slots=True)
class Failure:
    """How user code failed, in words that come from inside the sandbox."""

    exception_type: str = ""
    """The class of the exception, such as `ZeroDivisionError`."""
    message: str = ""
    traceback: str = ""
    """Frames of the function's own source only."""
    output: str = ""
    """What was printed before the failure."""
    output_truncated: bool = False
    exit_code: int = 0
    """Exit code, or the negative number of the signal, if the process died."""


@dataclass(frozen=True, slots=True)
class Details:
    """What a status says beside its code and message."""

    reason: str = ""
    metadata: Mapping[str, str] | None = None
    violations: tuple[Violation, ...] = ()
    failure: Failure = Failure()
    retry_after_ms: int | None = None


class JigsmithError(Exception):
    """The base of everything that a client raises for a request."""

    message: str
    """What happened, for people."""
    reason: str
    """A name of jigsmith.v1.Reason without its prefix, such as `TIME_LIMIT`; empty if there is none."""
    status: str
    """The name of a gRPC status code, such as `UNAVAILABLE`."""
    metadata: Mapping[str, str]
    """What else programs may want to know."""
    details: Details
    """All that the status said."""

    def __init__(self, message: str, *, status: str = "UNKNOWN", details: Details | None = None) -> None:
        super().__init__(message)
        details = details or Details()
        self.message = message
        self.reason = details.reason
        self.status = status
        self.metadata = details.metadata or {}
        self.details = details

    def __str__(self) -> str:
        return f"{self.reason or self.status}: {self.message}"


class RequestError(JigsmithError):
    """The request cannot be served as it is; sending it again will not help."""


class RequestInvalidError(RequestError):
    """A field of the request is missing or malformed."""

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Each fault, with the field it is in."""
        return self.details.violations


class ArgumentsInvalidError(RequestInvalidError):
    """The arguments do not fit the function's schema; each violation names its place by a JSON pointer."""


class PolicyRefusedError(RequestInvalidError):
    """The policy gate refuses the source. The properties are those of the first refusal; `violations` has them all."""

    @property
    def line(self) -> int | None:
        """The line in the source, from 1."""
        return _number(self.metadata.get("line"))

    @property
    def column(self) -> int | None:
        """The column in that line."""
        return _number(self.metadata.get("column"))

    @property
    def construct(self) -> str:
        """What is refused."""
        return self.metadata.get("construct", "")

    @property
    def advice(self) -> str:
        """What to write instead."""
        return self.metadata.get("advice", "")


class NotFoundError(RequestError):
    """There is no such resource, or it is not for the caller to see."""


class AlreadyExistsError(RequestError):
    """A name is taken, or a request id was used with other contents."""


class StateError(RequestError):
    """A resource is not approved, is quarantined, changed since it was read, or is in the wrong state."""


class NotAuthorizedError(JigsmithError):
    """There are no valid credentials, or the principal's roles do not include this."""


class FunctionError(JigsmithError):
    """The function failed; the service did its work."""

    @property
    def failure(self) -> Failure:
        """How it failed."""
        return self.details.failure

    @property
    def exception_type(self) -> str:
        """The class of the exception, such as `ZeroDivisionError`; may be empty."""
        return self.failure.exception_type

    @property
    def traceback(self) -> str:
        """Frames of the function's own source only; may be empty."""
        return self.failure.traceback

    @property
    def output(self) -> str:
        """What was printed before the failure."""
        return self.failure.output


class FunctionRaisedError(FunctionError):
    """The function raised."""


class FunctionDiedError(FunctionError):
    """The function's process died; `failure.exit_code` says how."""


class ResultError(FunctionError):
    """The result is not JSON, or does not fit its schema."""

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Each place where the result does not fit its schema."""
        return self.details.violations


class LimitExceededError(FunctionError):
    """It reached a limit; `reason` says which: TIME_LIMIT, MEMORY_LIMIT, PROCESS_LIMIT, OUTPUT_LIMIT, RESULT_LIMIT."""


class DeadlineError(JigsmithError):
    """No answer came within `timeout_s`. If it was a run, the runtime ends it."""


class UnavailableError(JigsmithError):
    """No connection, no sandbox, or no audit log. Trying again later may help."""

    @property
    def retry_after_ms(self) -> int | None:
        """When to come back, if the runtime said so."""
        return self.details.retry_after_ms


class OverloadedError(UnavailableError):
    """The queue is full, or the expected wait exceeds the deadline. Nothing was run."""


class InternalError(JigsmithError):
    """A fault of the runtime, or an answer that breaks the contract."""


class SignatureError(TypeError):
    """A Python function cannot be registered as it is; the message says why, and what to do. Raised before any request."""


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) <= 9 else None
