"""A call that writes what it likes into its channel: it speaks for itself only, and is not believed.

Without the policy layer. The channel is descriptor 3; a frame is two big-endian lengths, a JSON header and a body.
"""

import json

import pytest
from jigsmith_sandbox.backend import Backend
from jigsmith_sandbox.backends.bubblewrap import BubblewrapBackend
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import backend, call, pool

__all__ = ["backend", "pool"]  # fixtures: the same sandboxes that the conformance suite uses

PRELUDE = """
import json, os, socket, struct
def send(header, body=b''):
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    os.write(3, struct.pack('!II', len(head), len(body)) + head + body)
def raw(data):
    os.write(3, data)
"""

FORGERIES = {
    "no frame at all": "raw(b'hello')",
    "half a frame": "raw(struct.pack('!II', 10, 10) + b'{')",
    "a giant length": "raw(struct.pack('!II', 0xffffffff, 0xffffffff))",
    "a header that is no JSON": "send(b'not json')",
    "a header that is a list": "send(b'[]')",
    "a header without a kind": "send({})",
    "a kind that does not exist": "send({'kind': 'ADMIN'})",
    "a kind that is an object": "send({'kind': {'a': 1}})",
    "a claim to have been cancelled": "send({'kind': 'CANCELLED'})",
    "deep nesting in the header": "send(b'[' * 10_000 + b']' * 10_000)",
    "a result that is no UTF-8": "send({'kind': 'RETURNED'}, b'\\xff\\xfe')",
    "the supervisor's own words": "send({'op': 'done', 'id': 1, 'end': 'ANSWERED', 'wall_us': 0, 'cpu_us': 0})",
    "a giant message": "send({'kind': 'RAISED', 'exception_type': 'E' * 60_000, 'message': ''})",
    "a message that is no text": "send({'kind': 'RAISED', 'exception_type': ['x'], 'message': {'a': 1}, 'traceback': 7})",
    "refusals that are none": "send({'kind': 'REFUSED', 'refusals': [[1], 'x', None, {'line': 'a'}]})",
    "refusals without end": "send({'kind': 'REFUSED', 'refusals': [[1, 1, 'x' * 50, 'y']] * 900})",
    "a line that is no number": "send({'kind': 'REFUSED', 'refusals': [[1e400, True, 'x', 'y']]})",
    "text that is no Unicode": 'send(b\'{"kind": "RAISED", "message": "\\\\ud800"}\')',
    "an empty answer": "os.close(3)",
    "a descriptor over the channel": "s = socket.socket(fileno=3); socket.send_fds(s, [b'x'], [1])",
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_answer_is_a_failure_of_its_call_and_nothing_else(pool: Pool, name: str) -> None:
    """An outcome, measured outside; bounded texts; and the next call is served by the same sandbox."""
    before = pool.sandboxes[0].spec.sandbox_id
    outcome = await pool.run(call(f"{PRELUDE}\ndef f():\n    {FORGERIES[name]}\n    os._exit(0)\n"))
    assert outcome.kind is not OutcomeKind.RETURNED, outcome
    assert outcome.kind is not OutcomeKind.CANCELLED, outcome
    assert outcome.wall_us > 0
    (outcome.message + outcome.traceback + outcome.exception_type).encode()  # can be sent on
    assert len(outcome.message) + len(outcome.traceback) + len(outcome.exception_type) < 100_000
    assert (await pool.run(call("def f():\n    return 1"))).result_json == "1"
    assert pool.sandboxes[0].spec.sandbox_id == before


async def test_two_answers_are_one(pool: Pool) -> None:
    """The first frame counts; what follows goes nowhere, least of all to the next call."""
    double = "send({'kind': 'RETURNED'}, b'1'); send({'kind': 'RETURNED'}, b'2'); os._exit(0)"
    assert (await pool.run(call(f"{PRELUDE}\ndef f():\n    {double}\n"))).result_json == "1"
    for n in range(5):
        assert (await pool.run(call("def f(n):\n    return n", json.dumps({"n": n})))).result_json == str(n)


async def test_numbers_of_a_run_are_not_the_calls_to_choose(pool: Pool) -> None:
    """It may claim any time and memory; what is reported was measured by its parent."""
    forged = "send({'kind': 'RETURNED', 'wall_us': 1, 'cpu_us': 1}, b'1')"
    outcome = await pool.run(call(f"{PRELUDE}\nimport time\ndef f():\n    time.sleep(0.2)\n    {forged}"))
    assert outcome.wall_us > 200_000


@pytest.mark.parametrize(
    "result",
    ['{"a": NaN}', '{"a": 1, "a": 2}', "[1", "1 2", "", "[" * 5_000 + "]" * 5_000, "1e999", '"\\ud800"', "Infinity"],
)
async def test_a_result_that_only_looks_like_json_is_not_given_out(result: str) -> None:
    """The host parses strictly before a result leaves; the caller gets an error."""
    from jigsmith_runtime.errors import Reason  # noqa: PLC0415
    from jigsmith_runtime.outcomes import fault_of  # noqa: PLC0415

    backend: Backend = BubblewrapBackend()
    async with Pool(backend, owner="forged") as warm:
        source = f"{PRELUDE}\ndef f(text):\n    send({{'kind': 'RETURNED'}}, text.encode()); os._exit(0)"
        outcome = await warm.run(call(source, json.dumps({"text": result})))
    fault = fault_of(outcome, "", result_depth=64)
    assert fault is not None
    assert fault.reason in {Reason.RESULT_NOT_SERIALIZABLE, Reason.RESULT_LIMIT, Reason.FUNCTION_DIED}
