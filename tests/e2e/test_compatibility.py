"""The gate lets ordinary programs through: solutions of HumanEval and MBPP with their own tests, registered and called."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from jigsmith import AsyncClient, JigsmithError
from jigsmith.v1 import function_pb2

TASKS = Path(__file__).parents[3] / "shared" / "data" / "compat.jsonl"
RIGHT_SHARE_MIN = 0.995
"""A few use what the gate refuses on purpose."""
CONCURRENCY = 4


def _source(task: dict[str, Any]) -> str:
    tests = task["tests"] if "def check(" not in task["tests"] else f"{task['tests']}\ncheck({task['entry_point']})"
    return f"{task['code']}\n{tests}\n\ndef f():\n    return True\n"


async def test_ordinary_programs_pass_their_own_tests_behind_the_gate(runtime) -> None:
    """Each program and its tests are one version, registered under the policy and called once."""
    if not TASKS.exists():
        pytest.skip(f"no data set at {TASKS.name}: tasks of HumanEval and MBPP")
    tasks = [json.loads(line) for line in TASKS.read_text().splitlines()]
    wrong: list[tuple[str, str]] = []
    limits = function_pb2.Limits()
    limits.wall.FromSeconds(10)
    limits.cpu.FromSeconds(10)
    places = asyncio.Semaphore(CONCURRENCY)

    async def run(client: AsyncClient, task: dict[str, Any]) -> None:
        async with places:
            try:
                version = await client.register_source(
                    "f", _source(task), description=task["id"], parameters={"type": "object"}, limits=limits
                )
                assert (await client.invoke(version.name)).result is True
            except JigsmithError as error:
                wrong.append((task["id"], str(error)[:100]))

    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        await asyncio.gather(*(run(client, task) for task in tasks))
    assert len(wrong) <= (1 - RIGHT_SHARE_MIN) * len(tasks), wrong
