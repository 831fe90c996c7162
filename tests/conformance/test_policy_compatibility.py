"""The policy gate lets ordinary programs through: solutions of HumanEval and MBPP with their own tests."""

import json
from pathlib import Path

import pytest
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call

TASKS = Path(__file__).parents[3] / "shared" / "data" / "compat.jsonl"
REFUSED_MAX = 2
"""Programs that use what the gate refuses on purpose."""


async def test_ordinary_programs_pass_their_own_tests_behind_the_gate(pool: Pool) -> None:
    """Each program and its tests run as one source, in the sandbox, under the policy."""
    if not TASKS.exists():
        pytest.skip(f"no data set at {TASKS.name}: tasks of HumanEval and MBPP")
    refused = []
    for line in TASKS.read_text().splitlines():
        task = json.loads(line)
        tests = task["tests"] if "def check(" not in task["tests"] else f"{task['tests']}\ncheck({task['entry_point']})"
        source = f"{task['code']}\n{tests}\n\ndef f():\n    return True\n"
        outcome = await pool.run(call(source, policy="restricted", wall_ms=10_000, cpu_ms=10_000))
        if outcome.kind is not OutcomeKind.RETURNED:
            refused.append((task["id"], outcome.kind.value, outcome.message[:100]))
    assert len(refused) <= REFUSED_MAX, refused
