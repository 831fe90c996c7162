"""Processes that the benchmark starts, and what the kernel says they used."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_START_S = 120.0
_FRONT = Path("deploy/front/haproxy.cfg")


@dataclass(frozen=True)
class Process:
    """A server under measurement."""

    address: str
    pid: int
    owner: str | None = None
    """Whose sandboxes are its own: the word that their command lines have."""

    def cpu_s(self) -> float:
        """Return the CPU time of it, its sandboxes and all that they have reaped."""
        pids = [self.pid, *self.sandbox_pids()]
        return sum(map(_cpu_s, pids))

    def sandbox_pids(self) -> list[int]:
        """Return the processes of its sandboxes: zygotes, waiting children, bubblewrap beside them."""
        if self.owner is None:
            return []
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if self.owner.encode() in entry.read_bytes().split(b"\0"):
                    found.append(int(entry.parent.name))
        return found

    def sandboxes(self) -> dict[int, list[int]]:
        """Return the children of each zygote that has any, by the zygote's pid."""
        found: dict[int, list[int]] = {}
        for pid in self.sandbox_pids():
            with contextlib.suppress(OSError):
                if b"bwrap" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
                    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                    if children:
                        found[pid] = list(map(int, children))
        return found


def pss_mb(pid: int) -> float:
    """Return the memory that a process adds: its share of what it shares, in MB (proc(5), smaps_rollup)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1_024 / 1e6
    return 0.0


@contextlib.contextmanager
def echo_server() -> Iterator[Process]:
    """Run the bare server."""
    command = [sys.executable, "-m", "benchmarks.echo_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Process(f"127.0.0.1:{int(process.stdout.readline())}", process.pid)
        finally:
            process.terminate()


@contextlib.contextmanager
def runtime(backend: str, container_runtime: str | None) -> Iterator[Process]:
    """Run a `--dev` runtime as `jigsmith-runtime serve` does by default."""
    from jigsmith_runtime.server import sandbox_owner  # noqa: PLC0415 - heavy

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--dev", "--data", str(data)]
        command += ["--listen", "127.0.0.1:0", "--backend", backend]
        command += ["--container-runtime", container_runtime] if container_runtime else []
        log = Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(command, stderr=file)
        end = time.monotonic() + _START_S
        while not (data / "runtime.json").exists():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                sys.exit(f"the runtime did not start:\n{log.read_text()[-2_000:]}")
            time.sleep(0.05)
        facts = json.loads((data / "runtime.json").read_text())
        try:
            yield Process(facts["address"], process.pid, sandbox_owner(facts["node"]))
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def front(server: Process) -> Iterator[Process | None]:
    """Run the HAProxy of deploy/front before a server; give None where HAProxy is not installed."""
    if shutil.which("haproxy") is None:
        yield None
        return
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    settings = {"JIGSMITH_LISTEN": address, "JIGSMITH_RUNTIME": server.address, "JIGSMITH_PLAINTEXT": "yes"}
    with subprocess.Popen(["haproxy", "-db", "-q", "-f", str(_FRONT)], env=os.environ | settings) as process:
        try:
            yield Process(address, process.pid)
        finally:
            process.terminate()


def _cpu_s(pid: int) -> float:
    """Return user and system time of a process and of the children it has waited for (proc(5), stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS_PER_S
