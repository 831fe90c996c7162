"""The least that a process of its own per call can cost: fork, run and exit of a zygote with a profile's modules imported.

`python -m benchmarks.fork_floor PROFILE COUNT` prints, as JSON, the median time in ms and the mean CPU time in ms of parent and
child together, twice: of a bare fork, and of one into fresh namespaces as sandboxes make it.
"""

import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable

from jigsmith_sandbox import profiles
from jigsmith_worker import confine, profile

_WARM_UP = 30


def main(name: str, count: int) -> None:
    """Measure."""
    chosen = profiles.load()[name]
    profile.prepare(list(chosen.packages), chosen.warm_up)
    gc.collect()
    gc.freeze()
    found = {"bare": _measure(os.fork, count)}
    try:
        found["isolated"] = _measure(confine.fork_isolated, count)
    except OSError as error:
        print(f"no namespaces here: {error}", file=sys.stderr)
    print(json.dumps(found))


def _measure(fork: Callable[[], int], count: int) -> dict[str, float]:
    for _ in range(_WARM_UP):
        _once(fork)
    before = _cpu_s()
    times = [_once(fork) for _ in range(count)]
    return {"wall_ms": statistics.median(times), "cpu_ms": (_cpu_s() - before) / count * 1_000}


def _once(fork: Callable[[], int]) -> float:
    begin = time.perf_counter()
    pid = fork()
    if pid == 0:
        _mean([1, 2, 6])
        os._exit(0)
    os.waitpid(pid, 0)
    return (time.perf_counter() - begin) * 1_000


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)


def _cpu_s() -> float:
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
