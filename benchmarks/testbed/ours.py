"""The contenders of jigsmith_optimizer: rollouts through a runtime, the model over HTTP, until the requests are spent."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jigsmith_optimizer.budget import BudgetExhaustedError, Limits
from jigsmith_optimizer.effects import leave_one_out
from jigsmith_optimizer.llm import Access
from jigsmith_optimizer.proposer import Proposer
from jigsmith_optimizer.session import Means, RuntimeAddress, Session, Who
from jigsmith_optimizer.tasks import Splits
from jigsmith_optimizer.training import AlgorithmName, Epoch, FaithfulTrainer, Settings, TrustedTrainer
from jigsmith_optimizer.training.trainer import Parts
from jigsmith_scripted import Behaviour, ScriptedServer

from benchmarks.testbed.model import Testbed
from benchmarks.testbed.outcome import Outcome
from benchmarks.testbed.questions import Known, splits

_CONCURRENCY: Final = 8
"""Two of these trainings share a runtime, which should not be driven to where it refuses calls."""
_EPOCHS: Final = {"trusted": 30, "agent-optimizer": 250}
"""More than the requests last for. Trusted training divides its error among its epochs, so it has to name a number that is not
far from what it gets to; the paper's rule is bounded because a set that was tried before costs it nothing."""


class _Silent:
    def evaluating(self, _what: str, _total: int) -> Callable[[], None]:
        return lambda: None

    def proposing(self, _number: int) -> None:
        pass

    def measured(self, _epoch: Epoch) -> None:
        pass


async def train(
    address: str, known: Known, algorithm: AlgorithmName, *, noise: float, seed: int, requests: int
) -> Outcome:
    """Train once with a runtime at `address` and at most so many requests, and judge the best set on the sealed test."""
    parts, epochs = splits(known, seed), _EPOCHS[algorithm]
    run = f"testbed-{algorithm}-{seed}-{round(100 * noise)}"
    settings = Settings(run, algorithm, epochs=epochs, patience=epochs, seed=seed)
    server = ScriptedServer(Testbed(known, parts.train, seed), Behaviour(seed, noise=noise), requests_kept=0)
    with tempfile.TemporaryDirectory() as folder, server:
        access = Access(server.base_url, "x")
        means = Means(RuntimeAddress(address), access, concurrency=_CONCURRENCY, limits=Limits(requests=requests))
        async with Session(Path(folder), run, Who(run, "m", "m"), means, seed=seed) as session:
            training = (await _trained(session, parts, settings)).training
            spent = session.budget.spent.requests
            session.budget.limits = Limits()  # the sealed test is the benchmark's to pay
            parts.test.training_is_over()
            measured = await session.rollouts.evaluate(parts.test.open(), training.best)
    proposals = sum(bool(one.actions) for one in training.epochs)
    return Outcome(measured.loss, tuple(sorted(training.best.functions)), spent, proposals)


async def _trained(session: Session, splits: Splits, settings: Settings) -> TrustedTrainer | FaithfulTrainer:
    """Train as jigsmith_optimizer.pipeline does, but keep what there is when the budget ends."""
    proposer = Proposer(session.optimizer_model, session.store)
    parts = Parts(session.store, session.rollouts, proposer, splits, settings, _Silent())
    trainer = (TrustedTrainer if settings.algorithm == "trusted" else FaithfulTrainer)(parts)
    try:
        await trainer.train(await session.open_set(settings.run))
        if isinstance(trainer, TrustedTrainer):
            last = trainer.training.kept[-1]
            assert last.train is not None
            effects = await leave_one_out(
                last.weights,
                last.train,  # D_val judges what is removed, and must not have chosen it
                store=session.store,
                rollouts=session.rollouts,
                kept=session.kept,
                evaluating=parts.observer.evaluating,
            )
            await trainer.prune(effects)
    except BudgetExhaustedError:
        if not trainer.training.epochs:
            raise
    return trainer
