"""What a call costs: `make bench`. Medians over interleaved rounds, beside two peers measured in the same run.

The peers are a bare RPC to the same server (health check: what gRPC costs without us) and a fresh Python interpreter that
evaluates the same function on the host (what isolation by `python -I -c` costs, without any sandbox).
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jigsmith import Client

SOURCE = "def mean(values):\n    return sum(values) / len(values)\n"
ARGUMENTS = '{"values": [1, 2, 6]}'


@contextmanager
def runtime(backend: str) -> Iterator[str]:
    """Run a `--dev` runtime; yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--dev", "--data", str(data)]
        command += ["--listen", "127.0.0.1:0", "--backend", backend]
        log = Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(command, stderr=file)
        while not (data / "runtime.json").exists():
            if process.poll() is not None:
                sys.exit(f"the runtime did not start:\n{log.read_text()[-2_000:]}")
            time.sleep(0.05)
        try:
            yield json.loads((data / "runtime.json").read_text())["address"]
        finally:
            process.terminate()
            process.wait()


def timed(work: Callable[[], object], count: int) -> list[float]:
    """Return the times of `count` runs in ms."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1_000)
    return times


def measure(backend: str, rounds: int, calls: int) -> dict[str, float]:
    """Return medians in ms, and calls per second of a batch."""
    with runtime(backend) as address, Client(address, principal="user:bench", timeout_s=120) as client:
        version = client.register_source("mean", SOURCE, description="Mean.", parameters={"type": "object"}).name
        interpreter = [sys.executable, "-I", "-c", f"{SOURCE}\nprint(mean([1, 2, 6]))"]
        work: dict[str, Callable[[], object]] = {
            "bare RPC": client.health,
            "call": lambda: client.invoke(version, ARGUMENTS),
            "fresh interpreter": lambda: subprocess.run(interpreter, capture_output=True, check=True),
        }
        for warm in work.values():
            timed(warm, 20)
        times: dict[str, list[float]] = {name: [] for name in work}
        batches, in_sandbox = [], []
        for _ in range(rounds):
            for name, one in work.items():
                times[name] += timed(one, calls if name != "fresh interpreter" else max(5, calls // 10))
            in_sandbox += [client.invoke(version, ARGUMENTS).usage.wall_ms for _ in range(20)]
            start = time.perf_counter()
            answered = list(client.invoke_batch(((version, ARGUMENTS) for _ in range(calls)), timeout_s=120))
            batches.append(len(answered) / (time.perf_counter() - start))
    found = {name: statistics.median(values) for name, values in times.items()}
    return found | {"in the sandbox": statistics.median(in_sandbox), "batch/s": statistics.median(batches)}


def main() -> None:
    """Print one line per backend."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=100, help="per round")
    parser.add_argument("--backend", action="append", help="default: bubblewrap, and docker where its image is")
    options = parser.parse_args()
    backends = options.backend or ["bubblewrap", *_docker()]
    print(f"Python {platform.python_version()}, {options.rounds} rounds of {options.calls} calls, medians in ms")
    columns = ("bare RPC", "call", "in the sandbox", "fresh interpreter")
    print(
        f"{'backend':<12}"
        + "".join(f"{name:>19}" for name in columns)
        + f"{'call/interpreter':>19}{'batch, calls/s':>17}"
    )
    for backend in backends:
        found = measure(backend, options.rounds, options.calls)
        ratio = found["call"] / found["fresh interpreter"]
        cells = "".join(f"{found[name]:>19.2f}" for name in columns)
        print(f"{backend:<12}{cells}{ratio:>19.2f}{found['batch/s']:>17.0f}")


def _docker() -> list[str]:
    command = ["docker", "image", "inspect", "jigsmith-sandbox:dev"]
    try:
        there = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        there = False
    return ["docker"] if there else []


if __name__ == "__main__":
    main()
