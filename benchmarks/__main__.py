"""`make bench`: one run over everything, interleaved, so that a noisy neighbour meets all alike; medians of all rounds.

Prints a table and the ratios that docs/performance.md aims at, and writes build/bench/summary.json: flat keys, each named after
what it holds and its unit.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from jigsmith_sandbox.backends import choose
from jigsmith_sandbox.pool import Pool
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks import acceptance, audit_log, flood, many_runtimes, peers, rollouts, samples
from benchmarks.processes import Process, echo_server, front, pss_mb, runtime
from benchmarks.samples import Samples
from benchmarks.subjects import KINDS, Crowd, Echo, Runtime, channel
from benchmarks.testbed import contest

SUMMARY = Path("build/bench/summary.json")
ROWS = Path("../shared/data/tatqa.jsonl")
"""TAT-QA, for the testbed; it is no part of the project."""

_RUNTIMES = {"bubblewrap": ("bubblewrap", None), "docker": ("docker", None), "docker_runsc": ("docker", "runsc")}
"""Backend and container runtime by the name in the keys."""
_SCIENTIFIC_MB_MIN = 40.0
"""Sandboxes do not say which profile they have: numpy, pandas and sympy take more than this, the standard library far less."""
_OVERLOAD_ROUNDS = 3
_OVERLOAD_PAUSE_S = 1.0
"""Until nothing of an overload is queued any more."""
_SETTLE_S = 0.15
"""For what a call leaves to be done after its answer: forking ahead, reaping."""


class Benchmark:
    """One run."""

    def __init__(self, console: Console, *, rounds: int, rows: Path | None) -> None:
        """`rows` is what the testbed trains on; None leaves it out."""
        self.found = Samples()
        self._rows = rows
        self._console = console
        self._rounds = rounds
        self._began = time.monotonic()

    async def run(self, echo: Echo, runtimes: list[Runtime]) -> None:
        """Measure what is asked over RPC, round by round, then what needs the machine for itself."""
        for one in runtimes:
            self._say(f"registering and warming up: {one.name}")
            await one.prepare()
            for word in KINDS:
                await samples.back_to_back(lambda one=one, word=word: one.call(word), 12)
        await samples.back_to_back(echo.call, 300)
        for number in range(self._rounds):
            self._say(f"round {number + 1} of {self._rounds}")
            await self._round(echo, runtimes)
        for one in runtimes:
            self._say(f"overload: {one.name}")
            await self._overload(one)
            await one.close()
            await asyncio.sleep(_SETTLE_S)  # until the last children are gone
            self._memory(one)

    async def _round(self, echo: Echo, runtimes: list[Runtime]) -> None:
        add = self.found.add
        add(
            "echo_ms",
            *await self._with_cpu("echo_cpu_ms", echo.process, lambda: samples.back_to_back(echo.call, 300), 300),
        )
        add("echo_paced_ms", *await samples.paced(echo.call, 50))
        for one in runtimes:
            key = f"invoke_{one.name}"
            slow = one.name == "docker_runsc"
            count = 30 if slow else 120
            times = await self._with_cpu(
                f"{key}_cpu_ms", one.process, lambda one=one, count=count: samples.back_to_back(one.call, count), count
            )
            add(f"{key}_ms", *times)
            add(f"{key}_paced_ms", *await samples.paced(one.call, 20 if slow else 50))
            add(f"{key}_calls_per_s_c16", await samples.rate(one.call, 16, 1.5))
            for word in KINDS:
                if word:
                    work = lambda one=one, word=word: one.call(word)  # noqa: E731
                    add(f"{key}_{word}_ms", *await samples.back_to_back(work, 8 if slow else 15))
            add(
                f"{key}_scientific_paced_ms",
                *await samples.paced(lambda one=one: one.call("scientific"), 15 if slow else 25),
            )
            for _ in range(4):
                registered, first = await one.first_call()
                add(f"register_{one.name}_ms", registered)
                add(f"first_call_{one.name}_ms", first)
            add(f"invoke_batch_{one.name}_per_item_ms", await one.batch(20 if slow else 100))
            # The echo once more between each: its neighbours in time are whom it is compared with.
            add("echo_ms", *await samples.back_to_back(echo.call, 100))
            add("echo_paced_ms", *await samples.paced(echo.call, 25))
        add("echo_calls_per_s_c16", await samples.rate(echo.call, 16, 1.0))

    async def _with_cpu(
        self, key: str, process: Process, work: Callable[[], Awaitable[list[float]]], count: int
    ) -> list[float]:
        """Do measured work and note what it cost in CPU time per call: server, sandboxes and this client together."""
        await asyncio.sleep(_SETTLE_S)
        server, client = process.cpu_s(), time.process_time()
        times: list[float] = await work()
        client = time.process_time() - client
        await asyncio.sleep(_SETTLE_S)
        self.found.add(key, (process.cpu_s() - server + client) / count * 1_000)
        return times

    async def _overload(self, one: Runtime) -> None:
        """Offer four times what can be served, and note which share is served of the same client's peak: medians of rounds."""
        _, callers = max([(await samples.rate(one.call, callers, 1.5), callers) for callers in (8, 16, 32)])
        crowd = Crowd(one)
        for _ in range(_OVERLOAD_ROUNDS):
            peak = await samples.rate(one.call, callers, 2.0)
            clients_peak = await samples.rate(one.client_answers, callers, 2.0)
            for key, best_per_s, served_per_s in (
                ("of_4x_callers", peak, lambda: samples.rate(crowd.answers, 4 * callers, 3.0)),
                ("at_4x", clients_peak, lambda most=clients_peak: samples.goodput(one.client_answers, 4 * most, 3.0)),
                ("in_4x_patient_flood", peak, lambda most=peak: samples.goodput(crowd.answers, 4 * most, 2.0)),
            ):
                self.found.add(f"goodput_{one.name}_{key}_share", await served_per_s() / best_per_s)
                await asyncio.sleep(_OVERLOAD_PAUSE_S)
        await crowd.close()
        with front(one.process) as proxy:
            if proxy is None:
                self._say("no HAProxy here: the front is LEFT OUT")
            await self._floods(one, callers, {"": one.process} | ({"_behind_front": proxy} if proxy else {}))
            if proxy is not None:
                async with channel(proxy) as connection:
                    times = await samples.paced(lambda: one.call_over(connection), 50)
                self.found.add(f"invoke_{one.name}_behind_front_paced_ms", *times)

    async def _floods(self, one: Runtime, callers: int, ways: dict[str, Process]) -> None:
        """Let nobody heed anything and nobody wait for long, with a front before the runtime and without."""
        for _ in range(_OVERLOAD_ROUNDS):
            for way, server in ways.items():
                peak = await flood.answers(one.flood(server, seconds=2.0, callers=callers))
                served = await flood.answers(one.flood(server, seconds=3.0, per_s=4 * peak.per_s))
                self.found.add(f"invoke_{one.name}{way}_calls_per_s_peak", peak.per_s)
                self.found.add(f"goodput_{one.name}_in_4x_flood{way}_share", served.per_s / peak.per_s)
                await asyncio.sleep(_OVERLOAD_PAUSE_S)

    def _memory(self, one: Runtime) -> None:
        for zygote, children in one.process.sandboxes().items():
            shares = [pss_mb(child) for child in children]
            whole = pss_mb(zygote) + sum(shares)
            kind = "scientific" if whole > _SCIENTIFIC_MB_MIN else "python"
            self.found.add(f"sandbox_{kind}_{one.name}_idle_mb", whole)
            self.found.add(f"sandbox_{kind}_{one.name}_children", len(shares))
            self.found.add(f"child_{kind}_{one.name}_mb", *shares)

    async def alone(self, *, docker: bool) -> None:
        """Measure peers, floors and cold starts; interleaved, too."""
        in_process = peers.in_process()
        with contextlib.ExitStack() as stack:
            commands = {"bubblewrap_cold_python": peers.cold_bubblewrap()}
            if docker:
                commands |= {"docker_exec": stack.enter_context(peers.docker_exec()), "docker_run": peers.docker_run()}
            for number in range(self._rounds):
                self._say(f"peers, round {number + 1} of {self._rounds}")
                self.found.add("restrictedpython_in_process_ms", *peers.timed(in_process, 200))
                for name, command in commands.items():
                    work = lambda command=command: peers.run(command)  # noqa: E731
                    self.found.add(f"{name}_ms", *await samples.back_to_back(work, 3))
                if docker:
                    exec_ = lambda: peers.run(commands["docker_exec"])  # noqa: E731
                    self.found.add("docker_exec_calls_per_s_c8", await samples.rate(exec_, 8, 2.0))
                self._floors()
                await self._cold_starts(docker=docker)
        self._say("the audit log by itself, up to a million entries")
        for key, value in audit_log.measure().items():
            self.found.add(key, value)
        self._say("two runtimes on one PostgreSQL")
        for key, values in many_runtimes.measure().items():
            self.found.add(key, *values)
        self._say("rules for accepting a candidate, over simulated runs")
        for key, value in acceptance.measure().items():
            self.found.add(key, value)
        self._say("rollouts of the optimizer")
        for key, value in rollouts.measure().items():
            self.found.add(key, value)
        self._say("what the policy's guards cost")
        slowdowns = json.loads(peers.python("benchmarks.policy_slowdown"))
        self.found.add("policy_slowdown", *slowdowns.values())
        self._testbed()

    def _testbed(self) -> None:
        if self._rows is None:
            self._say("the testbed is LEFT OUT, as asked for")
        elif not self._rows.is_file():
            self._say(
                f"the testbed is LEFT OUT: there is no {self._rows} (TAT-QA as JSON lines; --rows names another place)"
            )
        else:
            self._say("trainings on TAT-QA, some twenty minutes of them")
            for key, value in contest.measure(self._rows, self._say).items():
                self.found.add(key, value)

    def _floors(self) -> None:
        for profile in ("python", "scientific"):
            floor = json.loads(peers.python("benchmarks.fork_floor", profile, "60"))
            for kind, suffix in (("bare", ""), ("isolated", "_isolated")):
                if kind in floor:
                    self.found.add(f"fork_floor_{profile}{suffix}_ms", floor[kind]["wall_ms"])
                    self.found.add(f"fork_floor_{profile}{suffix}_cpu_ms", floor[kind]["cpu_ms"])

    async def _cold_starts(self, *, docker: bool) -> None:
        for name in ("bubblewrap", "docker") if docker else ("bubblewrap",):
            backend = await choose(name, docker_image=peers.IMAGE)  # type: ignore[arg-type]
            begin = time.perf_counter()
            async with Pool(backend, owner=f"benchmark-{os.getpid()}"):
                self.found.add(f"cold_start_{name}_ms", (time.perf_counter() - begin) * 1_000)

    def _say(self, what: str) -> None:
        self._console.print(f"[dim]{time.monotonic() - self._began:5.0f} s  {escape(what)}[/dim]")


def summary(found: Samples) -> dict[str, float]:
    """Return the figures by their flat keys: medians, and the 99th percentile of latencies."""
    figures: dict[str, float] = {}
    for key in found:
        if (
            key.endswith("_ms")
            and not key.endswith(("_cpu_ms", "_per_item_ms"))
            and not key.startswith(("fork", "cold", "audit"))
        ):
            stem = key.removesuffix("_ms")
            figures[f"{stem}_p50_ms"] = found.median(key)
            if stem.startswith(("invoke", "echo")):
                figures[f"{stem}_p99_ms"] = found.quantile(key, 0.99)
        elif key == "policy_slowdown":
            figures["policy_slowdown_median"] = found.median(key)
            figures["policy_slowdown_p90"] = statistics.quantiles(found.values(key), n=10)[-1]
        else:
            figures[key] = found.median(key)
    return {key: round(value, 4) for key, value in sorted(figures.items())}


AIMS = (
    ("paced call / paced echo", "invoke_{}_paced_p50_ms", "echo_paced_p50_ms", 3.0, False),
    ("back-to-back call / echo", "invoke_{}_p50_ms", "echo_p50_ms", 5.0, False),
    ("calls/s at 16 / docker exec at 8", "invoke_{}_calls_per_s_c16", "docker_exec_calls_per_s_c8", 20.0, True),
    ("CPU per call / (echo + floor)", "invoke_{}_cpu_ms", "echo_and_fork_floor_cpu_ms", 2.0, False),
    ("scientific / python, paced", "invoke_{}_scientific_paced_p50_ms", "invoke_{}_paced_p50_ms", 2.0, False),
    ("first call of a new function, ms", "first_call_{}_p50_ms", None, 50.0, False),
    ("idle python sandbox, MB", "sandbox_python_{}_idle_mb", None, 60.0, False),
    ("goodput at 4x load / peak", "goodput_{}_at_4x_share", None, 0.9, True),
    ("the same of 4x callers, who do not heed", "goodput_{}_of_4x_callers_share", None, 0.9, True),
    (
        "the same at 4x rate, 8 connections, none heed, all can wait",
        "goodput_{}_in_4x_patient_flood_share",
        None,
        0.9,
        True,
    ),
    (
        "the same, nobody waits longer than 2 s, behind the front",
        "goodput_{}_in_4x_flood_behind_front_share",
        None,
        0.9,
        True,
    ),
    ("the same without a front", "goodput_{}_in_4x_flood_share", None, 0.9, True),
    ("durable entries/s, 64 waiters", "{}_entries_per_s_w64", None, 5_000.0, True),
    ("the same, each fsync 5 ms slower", "{}_entries_per_s_w64_fsync_plus_5ms", None, 1_000.0, True),
    ("entries add at 100 calls/s, p99 ms", "{}_added_at_100_per_s_p99_ms", None, 10.0, False),
    ("verify a million entries, s", "{}_verify_million_s", None, 30.0, False),
    ("verify a million entries, peak MB", "{}_verify_million_peak_mb", None, 256.0, False),
    ("open a log of a million entries, ms", "{}_open_million_ms", None, 5_000.0, False),
    ("release seen by another runtime, ms", "{}_seen_elsewhere_p50_ms", None, 1_000.0, False),
    ("roll-back seen by another runtime, ms", "{}_seen_elsewhere_p50_ms", None, 1_000.0, False),
)
"""What, above what, the bound, and whether it is a lower one. docs/performance.md says where each comes from."""


def ratios(figures: dict[str, float]) -> list[tuple[str, str, float, float, bool]]:
    """Return (aim, backend, value, bound, met) for each that was measured."""
    floor = {"echo_and_fork_floor_cpu_ms": figures["echo_cpu_ms"] + figures["fork_floor_python_cpu_ms"]}
    rows = []
    for text, above, below, bound, at_least in AIMS:
        for name in (*_RUNTIMES, "audit", "release" if text.startswith("release") else "rollback"):
            try:
                value = figures[above.format(name)]
                value /= (figures | floor)[below.format(name)] if below else 1.0
            except KeyError:
                continue
            rows.append((text, name, value, bound, value >= bound if at_least else value <= bound))
    return rows


def show(console: Console, figures: dict[str, float]) -> None:
    """Print the figures and the ratios."""
    table = Table("what", "value", title="Medians", title_justify="left")
    for key, value in figures.items():
        table.add_row(key, f"{value:,.2f}")
    console.print(table)
    table = Table("aim", "of", "measured", "bound", "", title="Ratios", title_justify="left")
    for text, name, value, bound, met in ratios(figures):
        table.add_row(text, name, f"{value:.2f}", f"{bound:g}", "met" if met else "[bold]not met[/bold]")
    console.print(table)


async def measure(console: Console, names: list[str], *, rounds: int, rows: Path | None) -> dict[str, float]:
    """Start everything, measure, and return the figures."""
    benchmark = Benchmark(console, rounds=rounds, rows=rows)
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(echo_server())
        echo = Echo(server, await stack.enter_async_context(channel(server)))
        runtimes = []
        for name in names:
            process = stack.enter_context(runtime(*_RUNTIMES[name]))
            runtimes.append(Runtime(name, process, await stack.enter_async_context(channel(process))))
        await benchmark.run(echo, runtimes)
    await benchmark.alone(docker="docker" in names)
    return summary(benchmark.found)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--backend", action="append", choices=_RUNTIMES, help="default: all that this machine has")
    parser.add_argument("--rows", type=Path, default=ROWS, help="TAT-QA as JSON lines, for the testbed")
    parser.add_argument("--without-testbed", action="store_true", help="which takes longer than all the rest")
    options = parser.parse_args()
    console = Console()
    there = ["bubblewrap", *(n for n in ("docker", "docker_runsc") if peers.docker_has(_RUNTIMES[n][1]))]
    names = options.backend or there
    missing = sorted(set(_RUNTIMES) - set(names))
    console.print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, {options.rounds} rounds: {', '.join(names)}"
    )
    if missing:
        console.print(f"not measured here: {', '.join(missing)}")
    rows = None if options.without_testbed else options.rows
    figures = asyncio.run(measure(console, names, rounds=options.rounds, rows=rows))
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps(figures, indent=2) + "\n")
    show(console, figures)
    console.print(f"written: {SUMMARY}")


if __name__ == "__main__":
    main()
