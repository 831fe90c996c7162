"""What a sandbox says of a run, in the runtime's terms. Everything it says is hostile text."""

from typing import Final

from jigsmith_sandbox.backend import Outcome
from jigsmith_worker.outcome import OutcomeKind

from jigsmith_runtime.errors import Failure, Reason, RunCancelledError, RunFailedError, RuntimeFault
from jigsmith_runtime.json_text import JsonTextError, nesting, parse
from jigsmith_runtime.schemas import load

RESULT_BYTES_MAX: Final = 16 * 1_048_576
"""Beyond any limit that an operator can set: the sandbox keeps the call's own limit, this only bounds the parser."""

_REASONS: Final = {
    OutcomeKind.RAISED: (Reason.FUNCTION_RAISED, "the function raised"),
    OutcomeKind.REFUSED: (Reason.POLICY_REFUSED, "the policy gate refuses the source"),
    OutcomeKind.TIME_LIMIT: (Reason.TIME_LIMIT, "the function reached its time limit"),
    OutcomeKind.MEMORY_LIMIT: (Reason.MEMORY_LIMIT, "the function reached its memory limit"),
    OutcomeKind.PROCESS_LIMIT: (Reason.PROCESS_LIMIT, "the function reached its process limit"),
    OutcomeKind.OUTPUT_LIMIT: (Reason.OUTPUT_LIMIT, "the function reached its output limit"),
    OutcomeKind.RESULT_LIMIT: (Reason.RESULT_LIMIT, "the result exceeds its limit"),
    OutcomeKind.DIED: (Reason.FUNCTION_DIED, "the function's process died"),
    OutcomeKind.NOT_SERIALIZABLE: (Reason.RESULT_NOT_SERIALIZABLE, "the result is not JSON"),
}


def fault_of(outcome: Outcome, returns_json: str, *, result_depth: int) -> RuntimeFault | None:
    """Return what went wrong with a run, or None if it returned what its schema and its depth limit allow."""
    if outcome.kind is OutcomeKind.CANCELLED:
        return RunCancelledError("the call was stopped")
    if outcome.kind is OutcomeKind.RETURNED:
        return _fault_of_result(outcome, returns_json, result_depth)
    reason, words = _REASONS[outcome.kind]
    what = ": ".join(text for text in (words, outcome.exception_type, outcome.message) if text)
    if outcome.kind is OutcomeKind.DIED:
        code = outcome.exit_code
        what = f"{words}: " + (f"signal {-code}" if code < 0 else f"exit code {code}")
    return RunFailedError(reason, _failure(outcome, outcome.message), what)


def time_limit(message: str) -> RunFailedError:
    """Return the fault of a run that was ended because its caller's time was up."""
    return RunFailedError(Reason.TIME_LIMIT, Failure(message=message), message)


def _fault_of_result(outcome: Outcome, returns_json: str, result_depth: int) -> RuntimeFault | None:
    text = outcome.result_json or ""
    if nesting(text, result_depth) > result_depth:
        message = f"the result is nested deeper than {result_depth} levels"
        return RunFailedError(Reason.RESULT_LIMIT, _failure(outcome, message), message)
    try:
        value = parse(text, RESULT_BYTES_MAX)
    except JsonTextError as error:
        message = f"the result {error}"
        return RunFailedError(Reason.RESULT_NOT_SERIALIZABLE, _failure(outcome, message), message)
    faults = load(returns_json, "returns").violations(text, value) if returns_json else ()
    if not faults:
        return None
    message = f"result{faults[0].field}: {faults[0].description}"
    fault = RunFailedError(Reason.RESULT_INVALID, _failure(outcome, message), message)
    fault.violations = faults
    return fault


def _failure(outcome: Outcome, message: str) -> Failure:
    return Failure(
        exception_type=outcome.exception_type,
        message=message,
        traceback=outcome.traceback,
        output=outcome.output,
        output_truncated=outcome.output_truncated,
        exit_code=outcome.exit_code,
    )
