"""The audit log by itself: how many entries become durable, what a call waits for, and what a million of them cost later.

`python -m benchmarks.audit_log FOLDER` prints a JSON object; run in a process of its own, so that the peak of memory is the
verifier's.
"""

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from jigsmith.tlog import NoteVerifier
from jigsmith.verify import verify_log
from jigsmith_runtime.audit import AuditLog, load_or_create_signer
from jigsmith_runtime.audit.entries import EntryWriter

ORIGIN = "jigsmith/benchmark"
MILLION = 1_000_000
_WAITERS = 64
_SLOWER_S = 0.005
_PACED_CALLS = 300
_PACED_PAUSE_S = 0.01
_WRITER = EntryWriter("benchmark")
_DIGEST = "0" * 64


async def _call(log: AuditLog, number: int) -> None:
    """Log a call as the executor does: accepted, then finished."""
    invocation = f"invocations/{number:032x}"
    accepted = await log.append(
        _WRITER.call_accepted(
            "service:agent",
            invocation=invocation,
            target=f"functions/f/versions/{_DIGEST}",
            function_version=f"functions/f/versions/{_DIGEST}",
            revision=None,
            release=None,
            request_id=None,
            trace_id=None,
            arguments_commitment=_DIGEST,
            payload_level="metadata",
            limits={"wall_ms": 10_000, "cpu_ms": 10_000, "memory_bytes": 1 << 28, "processes": 8},
            backend="bubblewrap",
            image=None,
            profile="python",
            isolation="namespaces",
            memory_scope="call",
            policy="restricted",
        )
    )
    await log.append(
        _WRITER.call_finished(
            "service:agent",
            invocation=invocation,
            accepted_index=accepted.index,
            outcome="OK",
            result_commitment=_DIGEST,
            wall_us=1_000,
            cpu_us=900,
            memory_peak_bytes=20_000_000,
        )
    )


async def _rate(folder: Path, entries: int) -> float:
    """Return durable entries per second with 64 callers."""
    log = await AuditLog.open(folder / "log", signer=load_or_create_signer(folder / "key.pem", ORIGIN))
    calls = entries // 2 // _WAITERS

    async def caller(first: int) -> None:
        for number in range(first, first + calls):
            await _call(log, number)

    began = time.monotonic()
    await asyncio.gather(*(caller(number * calls) for number in range(_WAITERS)))
    seconds = time.monotonic() - began
    await log.close()
    return calls * _WAITERS * 2 / seconds


async def _paced(folder: Path) -> list[float]:
    """Return what each of 100 calls a second waits for its two entries, in ms."""
    log = await AuditLog.open(folder / "log", signer=load_or_create_signer(folder / "key.pem", ORIGIN))
    waits = []
    for number in range(_PACED_CALLS):
        began = time.perf_counter()
        await _call(log, number)
        waits.append((time.perf_counter() - began) * 1_000)
        await asyncio.sleep(_PACED_PAUSE_S)
    await log.close()
    return waits


async def _open(folder: Path) -> float:
    """Return what opening a log takes, in ms."""
    began = time.perf_counter()
    log = await AuditLog.open(folder / "log", signer=load_or_create_signer(folder / "key.pem", ORIGIN))
    milliseconds = (time.perf_counter() - began) * 1_000
    await log.close()
    return milliseconds


def _slow_disk() -> None:
    """Let every sync take 5 ms more."""
    real = os.fdatasync

    def slower(descriptor: int) -> None:
        time.sleep(_SLOWER_S)
        real(descriptor)

    os.fdatasync = slower


def _verified(folder: Path) -> dict[str, float]:
    key = NoteVerifier.parse(str(load_or_create_signer(folder / "key.pem", ORIGIN).verifier))
    began = time.monotonic()
    report = verify_log(folder / "log", key)
    seconds = time.monotonic() - began
    assert report.ok, report.first_bad
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    return {"audit_verify_million_s": seconds, "audit_verify_million_peak_mb": peak_mb}


def _in_a_process(what: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.audit_log", what, str(folder)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def measure() -> dict[str, float]:
    """Return all figures by their keys."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="jigsmith-bench-") as place:
        for what in ("rate", "slow", "paced", "million", "open", "verify"):
            folder = Path(place) / ("million" if what in ("million", "open", "verify") else what)
            folder.mkdir(exist_ok=True)
            figures |= _in_a_process(what, folder)
    return figures


def main() -> None:
    """Measure one thing, in this process, and print it."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    figures: dict[str, float] = {}
    match what:
        case "rate":
            figures["audit_entries_per_s_w64"] = uvloop.run(_rate(folder, 40_000))
        case "slow":
            _slow_disk()
            figures["audit_entries_per_s_w64_fsync_plus_5ms"] = uvloop.run(_rate(folder, 8_000))
        case "paced":
            waits = uvloop.run(_paced(folder))
            figures["audit_added_at_100_per_s_p50_ms"] = statistics.median(waits)
            figures["audit_added_at_100_per_s_p99_ms"] = statistics.quantiles(waits, n=100)[98]
        case "million":
            uvloop.run(_rate(folder, MILLION + 2 * _WAITERS))
        case "open":
            figures["audit_open_million_ms"] = uvloop.run(_open(folder))
        case "verify":
            figures = _verified(folder)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
