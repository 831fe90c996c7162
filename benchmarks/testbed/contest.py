"""All contenders on the same splits, noise and seeds, with the same number of requests each."""

import asyncio
import functools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jigsmith_optimizer.training import AlgorithmName

from benchmarks import ag2_package
from benchmarks.processes import runtime
from benchmarks.testbed import figures, ours
from benchmarks.testbed.ag2 import Ag2
from benchmarks.testbed.outcome import Outcome
from benchmarks.testbed.questions import Known, needs

SEEDS: Final = 20
REQUESTS: Final = 2_500
"""Of one training: for trusted training ten to thirty proposals. The time goes with it and with the seeds."""
_NOISE: Final = (0.1, 0.0)
_WORKERS_MAX: Final = 2
"""Trainings side by side. It is losses that are measured here, no times, so they may disturb each other."""
_OURS: Final[dict[str, AlgorithmName]] = {"trusted": "trusted", "agent_optimizer": "agent-optimizer"}
"""The algorithms of ours, by what they are called in the keys."""
_AG2: Final = ("ag2", "ag2_bound")
"""As it is; and with its registration mended, to be fair to the algorithm: each function runs its own code, and what a proposal
does not hold is not offered."""


@dataclass(frozen=True)
class Training:
    """What is to be trained."""

    contender: str
    noise: float
    seed: int
    requests: int


@dataclass(frozen=True)
class Place:
    """Where trainings find what they need."""

    rows: Path
    address: str
    """Of a runtime."""
    ag2: Path | None
    """Where AG2 is installed."""


def measure(
    rows: Path, say: Callable[[str], None], *, seeds: int = SEEDS, requests: int = REQUESTS
) -> dict[str, float]:
    """Return all figures. `say` is told how far it is, and what is left out."""
    contenders = tuple(_OURS)
    try:
        say("testbed: AG2 is looked for, and installed if it is not there")
        ag2 = ag2_package.installed()
        contenders += _AG2
    except ag2_package.Ag2MissingError as error:
        ag2 = None
        say(f"testbed: AG2 is LEFT OUT: {error}")
    planned = [
        Training(name, noise, seed, requests) for seed in range(seeds) for noise in _NOISE for name in contenders
    ]
    with runtime("bubblewrap", None) as served:
        found = dict(_trained(planned, Place(rows, served.address, ag2), say))
    return {"testbed_tasks": len(needs(rows))} | _summary(found, contenders, seeds)


def _trained(planned: list[Training], place: Place, say: Callable[[str], None]) -> Iterator[tuple[Training, Outcome]]:
    workers = min(_WORKERS_MAX, len(os.sched_getaffinity(0)))
    step = max(1, len(planned) // 20)
    # Spawned, not forked: whoever calls this may have threads and gRPC channels.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(train, one, place): one for one in planned}
        try:
            for count, done in enumerate(as_completed(running), start=1):
                yield running[done], done.result()
                if count % step == 0:
                    say(f"testbed: {count} of {len(planned)} trainings")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def train(training: Training, place: Place) -> Outcome:
    """Train once, in a worker."""
    known, noise, seed, requests = _known(place.rows), training.noise, training.seed, training.requests
    if training.contender in _OURS:
        algorithm = _OURS[training.contender]
        return asyncio.run(ours.train(place.address, known, algorithm, noise=noise, seed=seed, requests=requests))
    assert place.ag2 is not None, "it is a contender only if it is there"
    mended = training.contender == "ag2_bound"
    return _ag2(place.ag2).train(known, mended=mended, noise=noise, seed=seed, requests=requests)


_known: Callable[[Path], Known] = functools.cache(needs)
_ag2 = functools.cache(Ag2)
"""A worker's own; it ends with the worker, when its stdin is closed."""


def _summary(found: dict[Training, Outcome], contenders: tuple[str, ...], seeds: int) -> dict[str, float]:
    by_seed = {(one.contender, one.noise, one.seed): outcome for one, outcome in found.items()}
    summary: dict[str, float] = {}
    for noise in _NOISE:
        key = f"noise{round(100 * noise)}"
        outcomes = {name: [by_seed[name, noise, seed] for seed in range(seeds)] for name in contenders}
        for name, some in outcomes.items():
            summary |= figures.of_contender(f"testbed_{name}_{key}", some)
        summary |= figures.of_differences(key, outcomes)
    return {key: round(value, 4) for key, value in summary.items()}
