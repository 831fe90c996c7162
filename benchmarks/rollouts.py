"""What the optimizer itself costs: rollouts against an instant scripted model, each with a call of a function in a sandbox.

Run as `python -m benchmarks.rollouts RUNTIME MODEL COUNT`, a process of its own, so that its memory and CPU time are its own.
Prints JSON. Both servers are other processes; what they take is not counted.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jigsmith.v1 import function_pb2
from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.llm import Access
from jigsmith_optimizer.session import Means, RuntimeAddress, Session, Who
from jigsmith_optimizer.tasks import Task
from jigsmith_optimizer.weights import Weights

from benchmarks.processes import pss_mb, runtime

CONCURRENCY = 16
COUNT = 10_000
_WARM_UP = 200
_ACTION = Action(
    "add_function",
    "twice",
    "Twice a number.",
    {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    "def twice(n):\n    return 2 * n\n",
)


def measure(count: int = COUNT) -> dict[str, float]:
    """Start both servers and the process that is measured; return its figures."""
    command = [sys.executable, "-m", "jigsmith_scripted"]
    with runtime("bubblewrap", None) as served, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as model:
        assert model.stdout is not None
        try:
            base_url = json.loads(model.stdout.readline())["base_url"]
            measured = [sys.executable, "-m", "benchmarks.rollouts", served.address, base_url, str(count)]
            found: dict[str, float] = json.loads(
                subprocess.run(measured, capture_output=True, text=True, check=True).stdout
            )
        finally:
            model.terminate()
    return found


async def _measure(address: str, base_url: str, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        means = Means(RuntimeAddress(address), Access(base_url, "x"), concurrency=CONCURRENCY)
        who = Who("rollouts", "m", "m")
        async with Session(Path(folder), "bench", who, means, seed=0) as session:
            begin = await session.store.open(None, "")
            function = await session.store.register(_ACTION, function_pb2.Provenance())
            weights: Weights = await session.store.revise({"twice": function}, parent=begin.revision, message="")
            await session.rollouts.evaluate(_tasks(0, _WARM_UP), weights)
            memory, cpu, began = pss_mb(_self()), _cpu_s(), time.perf_counter()
            evaluation = await session.rollouts.evaluate(_tasks(_WARM_UP, count), weights)
            seconds, cpu = time.perf_counter() - began, _cpu_s() - cpu
            assert evaluation.solved == count
            return {
                "rollouts_per_s_c16": count / seconds,
                "rollout_optimizer_cpu_ms": cpu / count * 1_000,
                "rollouts_10000_memory_mb": (pss_mb(_self()) - memory) * 10_000 / count,
            }


def _tasks(begin: int, count: int) -> list[Task]:
    return [Task(str(n), f"Use twice on {n}.", str(2 * n)) for n in range(begin, begin + count)]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _self() -> int:
    return int(Path("/proc/self").resolve().name)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
