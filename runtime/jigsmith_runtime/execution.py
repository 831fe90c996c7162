"""One call between two log entries: accepted before it runs, finished before anyone learns the result. Fails closed.

A call that was accepted always gets its finished entry, whatever becomes of the caller: the work is a task of its own, which
nobody cancels; a caller who goes away stops the sandbox only.
"""

import asyncio
import sys
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from jigsmith.names import InvocationName, Target, VersionName
from jigsmith_sandbox.backend import Call, Outcome
from jigsmith_sandbox.errors import SandboxError
from jigsmith_sandbox.limits import LimitPolicy, Limits
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.sandbox import Prepared
from jigsmith_worker.outcome import OutcomeKind

from jigsmith_runtime.admission import Lane, LaneName
from jigsmith_runtime.audit import AuditLog, Receipt
from jigsmith_runtime.audit.commitments import Opening
from jigsmith_runtime.audit.entries import Entry, EntryWriter
from jigsmith_runtime.audit.payloads import AuditPolicy, Part, PayloadLevel, PayloadStore
from jigsmith_runtime.errors import (
    ArgumentsInvalidError,
    AuditUnavailableError,
    InternalError,
    QuarantinedError,
    RunCancelledError,
    RuntimeFault,
    SandboxUnavailableError,
    Violation,
)
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.json_text import JsonTextError, parse
from jigsmith_runtime.model import FunctionVersion
from jigsmith_runtime.outcomes import fault_of, time_limit
from jigsmith_runtime.schemas import load
from jigsmith_runtime.targets import Resolution, Targets, lane_of, permit

_DEADLINE_MARGIN_S: Final = 0.1
"""A caller who goes away this close to the deadline went because of it: its clock and ours do not tick together."""

_LIMITS_REMEMBERED_MAX: Final = 4_096

_UNMEASURED: Final = Outcome(OutcomeKind.CANCELLED)
"""In place of an outcome, when the sandbox did not say how the run ended."""

_log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller wants to have run."""

    principal: Principal
    target: Target
    arguments_json: str
    deadline: float | None
    """When the caller stops waiting, in the loop's time."""
    request_id: str | None = None
    """What the caller calls this request, if it is to run at most once."""
    trace_id: str | None = None
    """The trace that the caller counts this request to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call that returned gives its caller."""

    invocation: InvocationName
    function_version: VersionName
    result_json: str
    output: str
    wall_us: int
    cpu_us: int
    memory_peak_bytes: int
    queued_us: int
    receipt: Receipt
    arguments_salt: bytes
    result_salt: bytes


@dataclass(frozen=True, slots=True)
class _Begun:
    """What is fixed before a call is accepted."""

    invocation: InvocationName
    arguments: Opening
    level: PayloadLevel


class Stop:
    """A caller's way to end its call early. For one task, which nobody else cancels."""

    def __init__(self) -> None:
        self._requested = False
        self._guarding: asyncio.Task[Any] | None = None  # Any: whatever the task returns
        self.why: RuntimeFault | None = None
        """What the call ends with, if it is not its caller who ends it."""

    def request(self, why: RuntimeFault | None = None) -> None:
        """End what is guarded now, or will be."""
        first, self._requested, self.why = not self._requested, True, self.why or why
        if first and self._guarding is not None:
            self._guarding.cancel()

    async def guard(self, work: Coroutine[Any, Any, T]) -> T:  # Any: coroutines that only await
        """Do work that `request` may end. Raises RunCancelledError if it did."""
        if self._requested:
            work.close()
            raise RunCancelledError("the caller went away")
        task = self._guarding = asyncio.current_task()
        assert task is not None
        try:
            return await work
        except asyncio.CancelledError:
            raise RunCancelledError("the caller went away") from None
        finally:
            self._guarding = None
            if self._requested and task.cancelling():
                task.uncancel()


class Executor:
    """Runs calls."""

    def __init__(
        self,
        *,
        pool: Pool,
        log: AuditLog,
        entries: EntryWriter,
        payloads: PayloadStore,
        audit_policy: AuditPolicy,
        lanes: dict[LaneName, Lane],
        targets: Targets,
        limits: LimitPolicy,
    ) -> None:
        self._pool = pool
        self._log = log
        self._entries = entries
        self._payloads = payloads
        self._audit_policy = audit_policy
        self._lanes = lanes
        self._targets = targets
        self._limits = limits
        self._limits_of: dict[str, Limits] = {}
        self._running: dict[Stop, Resolution] = {}

    def end_running(self, name: str) -> int:
        """End the calls that run a quarantined function version or revision; return how many there are."""
        found = [
            stop
            for stop, running in self._running.items()
            if name in (str(running.version.name), str(running.revision))
        ]
        for stop in found:
            stop.request(QuarantinedError(f"{name} was taken out of use while it ran", resource=name))
        return len(found)

    def check_room(self, target: Target, principal: Principal, deadline: float | None) -> None:
        """Raise what `execute` would raise for want of room. `deadline` is in the loop's time."""
        permit(target, principal)
        self._lanes[lane_of(target)].check(principal.name, deadline)

    async def prepare(self, request: Request) -> Resolution:
        """Check name, rights and arguments. Raises what `execute` raises before anything is run."""
        resolution = await self._targets.resolve(request.target, request.principal)
        limits = self._chosen_limits(resolution.version)
        check_arguments(resolution.version.definition.parameters_json, request.arguments_json, limits.arguments_bytes)
        return resolution

    async def execute(self, request: Request, stop: Stop) -> Answer:
        """Run a call. Not to be cancelled: `stop` is for that. Raises RuntimeFault."""
        resolution = await self.prepare(request)
        lane = self._lanes[resolution.lane]
        place = lane.enter_at_once()
        if place is None:
            brings_bytes = sys.getsizeof(request.arguments_json)
            place = await stop.guard(lane.enter(request.principal.name, request.deadline, brings_bytes))
        try:
            begun = await self._begin(request, resolution)
            while not self._targets.holds(resolution):  # the channel moved while we waited
                resolution = await self.prepare(request)
            self._running[stop] = resolution
            return await self._between_entries(request, resolution, begun, stop, place.queued_us)
        finally:
            self._running.pop(stop, None)
            place.leave()

    async def _begin(self, request: Request, resolution: Resolution) -> _Begun:
        """Name the invocation, commit to its arguments, and keep them where that is asked for."""
        function = resolution.version.name.function
        begun = _Begun(
            InvocationName(uuid.uuid4().hex), Opening.of(request.arguments_json), self._audit_policy.level(function)
        )
        if begun.level is not PayloadLevel.METADATA:
            await self._payloads.keep(begun.invocation, Part.ARGUMENTS, begun.arguments)
        return begun

    async def _between_entries(
        self, request: Request, resolution: Resolution, begun: _Begun, stop: Stop, queued_us: int
    ) -> Answer:
        """Log, run, log. No `await` may come between the caller's check of the resolution and the append."""
        version, invocation = resolution.version, begun.invocation
        call = self._call(request, version)
        alone = sum(lane.running for lane in self._lanes.values()) == 1
        prepared = (
            self._pool.prepare(call) if alone else None
        )  # with nobody else to be served, its child has a processor
        try:
            accepted = await self._log.append(self._accepted(request, resolution, begun, call.limits), alone=alone)
            outcome, fault = await self._run(call, prepared, version.definition.returns_json, request.deadline, stop)
        finally:
            if prepared is not None:
                prepared.discard()
        result = None if fault is not None or outcome.result_json is None else Opening.of(outcome.result_json)
        if result is not None and begun.level is PayloadLevel.REQUEST_AND_RESPONSE:
            try:
                await self._payloads.keep(invocation, Part.RESULT, result)
            except AuditUnavailableError as error:  # what cannot be kept is not given out
                result, fault = None, error
        receipt = await self._log.append(
            self._entries.call_finished(
                request.principal.name,
                invocation=str(invocation),
                accepted_index=accepted.index,
                outcome="OK" if fault is None else fault.reason.value,
                result_commitment=None if result is None else result.commitment,
                wall_us=outcome.wall_us,
                cpu_us=outcome.cpu_us,
                memory_peak_bytes=outcome.memory_peak_bytes,
            ),
            alone=alone,
        )
        if outcome.gone is not None:
            await outcome.gone  # while the entry was being written: a call that has ended has left nothing behind
        if fault is not None:
            fault.ran = True
            fault.metadata |= {
                "invocation": str(invocation),
                "log_origin": receipt.log_origin,
                "log_index": str(receipt.index),
                "leaf_hash": receipt.leaf_hash.hex(),
                "arguments_salt": begun.arguments.salt.hex(),
            }
            raise fault
        assert result is not None
        return Answer(
            invocation=invocation,
            function_version=version.name,
            result_json=result.text,
            output=outcome.output,
            wall_us=outcome.wall_us,
            cpu_us=outcome.cpu_us,
            memory_peak_bytes=outcome.memory_peak_bytes,
            queued_us=queued_us,
            receipt=receipt,
            arguments_salt=begun.arguments.salt,
            result_salt=result.salt,
        )

    def _call(self, request: Request, version: FunctionVersion) -> Call:
        definition = version.definition
        return Call(
            source=definition.source,
            entry_point=definition.entry_point,
            arguments_json=request.arguments_json,
            limits=self._effective_limits(version, request.deadline),
            version_digest=version.digest,
            policy=definition.policy,
            profile=definition.profile,
        )

    def _accepted(self, request: Request, resolution: Resolution, begun: _Begun, limits: Limits) -> Entry:
        version = resolution.version
        return self._entries.call_accepted(
            request.principal.name,
            invocation=str(begun.invocation),
            target=str(request.target),
            function_version=str(version.name),
            revision=None if resolution.revision is None else str(resolution.revision),
            release=None if resolution.release is None else str(resolution.release),
            request_id=request.request_id,
            trace_id=request.trace_id,
            arguments_commitment=begun.arguments.commitment,
            payload_level=begun.level.value,
            limits=limits.as_dict(),
            backend=self._pool.backend.name,
            image=self._pool.backend.image,
            profile=version.definition.profile,
            isolation=self._pool.isolation.value,
            memory_scope=self._pool.memory_scope.value,
            policy=version.definition.policy,
        )

    async def _run(
        self, call: Call, prepared: Prepared | None, returns_json: str, deadline: float | None, stop: Stop
    ) -> tuple[Outcome, RuntimeFault | None]:
        """Run a call in a sandbox. Returns what was measured, and what went wrong; raises nothing."""
        try:
            outcome = await stop.guard(self._pool.run(call, prepared))
            return outcome, fault_of(outcome, returns_json, result_depth=call.limits.result_depth)
        except RunCancelledError as gone:
            if stop.why is not None:
                return _UNMEASURED, stop.why
            late = deadline is not None and asyncio.get_running_loop().time() > deadline - _DEADLINE_MARGIN_S
            return _UNMEASURED, time_limit("the deadline passed") if late else gone
        except SandboxError as error:
            return _UNMEASURED, SandboxUnavailableError(f"no sandbox ran the call: {error}")
        except Exception:  # noqa: BLE001 - whatever it is, the accepted call gets its finished entry
            _log.exception("execution.failed", version_digest=call.version_digest)
            return _UNMEASURED, InternalError("the runtime failed while the function ran")

    def _chosen_limits(self, version: FunctionVersion) -> Limits:
        """Return the limits of a version: what its author chose over the operator's defaults, under the ceiling."""
        known = self._limits_of.get(version.digest)
        if known is None:
            most = self._limits.ceiling.as_dict()
            wanted = self._limits.default.as_dict() | dict(version.definition.limits)
            known = Limits(**{name: min(value, most[name]) for name, value in wanted.items()})
            if len(self._limits_of) >= _LIMITS_REMEMBERED_MAX:
                self._limits_of.clear()
            self._limits_of[version.digest] = known
        return known

    def _effective_limits(self, version: FunctionVersion, deadline: float | None) -> Limits:
        limits = self._chosen_limits(version)
        if deadline is None:
            return limits
        left_ms = round((deadline - asyncio.get_running_loop().time()) * 1_000)
        return limits if left_ms >= limits.wall_ms else limits.replace(wall_ms=max(1, left_ms))


def check_arguments(parameters_json: str, arguments_json: str, bytes_max: int) -> None:
    """Check arguments against a schema that was accepted before. Raises ArgumentsInvalidError."""
    try:
        arguments = parse(arguments_json, bytes_max)
    except JsonTextError as error:
        raise ArgumentsInvalidError(f"the text of the arguments {error}", Violation("", str(error))) from None
    if not isinstance(arguments, dict):
        raise ArgumentsInvalidError("the arguments must be a JSON object", Violation("", "must be an object"))
    faults = load(parameters_json, "parameters").violations(arguments_json, arguments)
    if faults:
        first = faults[0]
        raise ArgumentsInvalidError(f"arguments{first.field or ''}: {first.description}", *faults)
