"""Calls with a request id run at most once: repeated, even after a restart, they get the answer that was given before."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import Any, Final

from jigsmith.names import InvocationName, VersionName

from jigsmith_runtime import clock
from jigsmith_runtime.audit import Receipt
from jigsmith_runtime.errors import (
    AlreadyExistsError,
    AuditUnavailableError,
    Failure,
    Reason,
    RuntimeFault,
    SandboxUnavailableError,
    Violation,
)
from jigsmith_runtime.execution import Answer
from jigsmith_runtime.registry import answers
from jigsmith_runtime.registry.answers import RequestKey
from jigsmith_runtime.registry.database import Database

_INTERRUPTED: Final = SandboxUnavailableError(
    "the runtime stopped during this run, and a run is not repeated under the same request id; send a new one"
)


class Repeats:
    """Answers calls that carry a request id."""

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._node = node
        self._running: dict[tuple[str, str], tuple[str, asyncio.Task[Answer]]] = {}

    async def once(self, key: RequestKey, serve: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the stored answer, or that of the same call that is running, or serve the call and store its answer.

        Raises AlreadyExistsError if the id was used for another request. A call that was refused before it ran leaves the
        id free. Cancelling this does not cancel `serve`.
        """
        identity = (key.principal, key.request_id)
        fingerprint, task = self._running.get(identity, (key.fingerprint, None))
        if fingerprint != key.fingerprint:
            raise _taken(key)
        if task is None:
            task = asyncio.create_task(self._serve(key, serve))
            self._running[identity] = (key.fingerprint, task)
            task.add_done_callback(lambda _: self._running.pop(identity, None))
        return await asyncio.shield(task)

    async def close_unfinished(self) -> int:
        """Answer the calls that were running when a predecessor stopped; return how many there were."""
        async with self._database.writing() as connection:
            return await answers.close_unfinished(connection, self._node, _encode_fault(_INTERRUPTED))

    async def _serve(self, key: RequestKey, serve: Callable[[], Awaitable[Answer]]) -> Answer:
        async with self._database.writing() as connection:
            mine = replace(key, node=self._node)
            stored = await answers.begin(connection, mine, clock.to_text(clock.now()))
        if stored is not None:
            return _recall(key, stored)
        try:
            answer = await serve()
        except AuditUnavailableError:
            raise  # whether it ran is known only to the next start, which closes what has no answer
        except RuntimeFault as fault:
            async with self._database.writing() as connection:
                if fault.ran:
                    await answers.finish(connection, key, _encode_fault(fault))
                else:
                    await answers.give_back(connection, key)
            raise
        async with self._database.writing() as connection:
            await answers.finish(connection, key, _encode_answer(answer))
        return answer


def _taken(key: RequestKey) -> AlreadyExistsError:
    return AlreadyExistsError(f"the request id {key.request_id!r} was used for another request")


def _recall(key: RequestKey, stored: answers.Stored) -> Answer:
    if stored.fingerprint != key.fingerprint:
        raise _taken(key)
    if stored.answer is None:
        raise AuditUnavailableError("whether this call ran is known only after the runtime has been started again")
    data = json.loads(stored.answer)
    if "fault" in data:
        raise _RecalledError(data["fault"])
    return Answer(
        **data["answer"]
        | {
            "invocation": InvocationName.parse(data["answer"]["invocation"]),
            "function_version": VersionName.parse(data["answer"]["function_version"]),
            "receipt": Receipt(**data["answer"]["receipt"] | {"leaf_hash": bytes.fromhex(data["leaf_hash"])}),
            "arguments_salt": bytes.fromhex(data["answer"]["arguments_salt"]),
            "result_salt": bytes.fromhex(data["answer"]["result_salt"]),
        }
    )


def _encode_answer(answer: Answer) -> str:
    data = asdict(answer)
    data |= {"invocation": str(answer.invocation), "function_version": str(answer.function_version)}
    data |= {"arguments_salt": answer.arguments_salt.hex(), "result_salt": answer.result_salt.hex()}
    data["receipt"].pop("leaf_hash")
    return json.dumps({"answer": data, "leaf_hash": answer.receipt.leaf_hash.hex()})


def _encode_fault(fault: RuntimeFault) -> str:
    return json.dumps(
        {
            "fault": {
                "reason": fault.reason.value,
                "message": fault.message,
                "metadata": fault.metadata,
                "failure": None if fault.failure is None else asdict(fault.failure),
                "violations": [asdict(violation) for violation in fault.violations],
            }
        }
    )


class _RecalledError(RuntimeFault):
    """A fault as it was told before."""

    def __init__(self, data: dict[str, Any]) -> None:  # Any: what `_encode_fault` wrote
        super().__init__(data["message"], **data["metadata"])
        self.reason = Reason(data["reason"])
        self.failure = None if data["failure"] is None else Failure(**data["failure"])
        self.violations = tuple(Violation(**violation) for violation in data["violations"])
