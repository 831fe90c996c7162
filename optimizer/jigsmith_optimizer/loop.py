"""The training loop: Algorithm 2 of arXiv:2402.11359, with a validation split beside the training loss.

What the paper leaves open is settled so: epoch 1 measures the initial set; every later epoch is one proposal, accepted or
not, and counts; a candidate is accepted if its training loss is strictly lower and its validation loss not higher (ties are
rolled back); training stops early after `patience` roll-backs in a row. The test split is read twice, after training: for
the initial set and for the best one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.datasets import Task
from jigsmith_optimizer.llm import Model
from jigsmith_optimizer.proposer import Proposer, Rejected, Situation
from jigsmith_optimizer.rollout import Evaluation, evaluate
from jigsmith_optimizer.weights import FunctionStore, Weights

Verdict = Literal["baseline", "accepted", "rolled_back"]


@dataclass(frozen=True, slots=True)
class Splits:
    """D_train, D_val and D_test."""

    train: Sequence[Task]
    validation: Sequence[Task]
    test: Sequence[Task]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train."""

    run: str
    epochs: int = 10
    patience: int = 10
    seed: int = 0
    concurrency: int = 4
    owner: str = ""
    """The person who started the run: the runtime lets them approve nothing that comes of it."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One measured set: the baseline, or a candidate and what became of it."""

    number: int
    verdict: Verdict
    weights: Weights
    parent: Weights | None
    actions: tuple[Action, ...]
    repairs: int
    train_loss: float
    validation_loss: float


@dataclass(slots=True)
class Training:
    """What a run led to."""

    epochs: list[Epoch] = field(default_factory=list)
    early_stopped: bool = False
    best: Weights | None = None
    test_loss_before: float = 0.0
    test_loss_after: float = 0.0

    @property
    def rollbacks(self) -> int:
        """How many candidates were rolled back."""
        return sum(epoch.verdict == "rolled_back" for epoch in self.epochs)


class Observer(Protocol):
    """Who is told how training goes."""

    def evaluating(self, what: str, total: int) -> Callable[[], None]:
        """Hear that `total` rollouts begin; what is returned is called after each."""

    def proposing(self, number: int) -> None:
        """Hear that the model is asked for a change."""

    def measured(self, epoch: Epoch) -> None:
        """Hear how an epoch ended."""


class Trainer:
    """Runs the loop over one function set."""

    def __init__(
        self, model: Model, store: FunctionStore, splits: Splits, settings: Settings, observer: Observer
    ) -> None:
        self._model, self._store = model, store
        self._splits, self._settings, self._observer = splits, settings, observer
        self._proposer = Proposer(model, store)

    async def train(self, initial: Weights) -> Training:
        """Learn from the initial set on; the best set is in the result, never released by itself."""
        training = Training()
        best, on_train, validation_loss = await self._baseline(initial, training)
        rejected: list[Rejected] = []
        for number in range(2, self._settings.epochs + 1):
            self._observer.proposing(number)
            situation = Situation(self._settings.run, self._settings.owner, number, best, on_train, rejected)
            proposal = await self._proposer.propose(situation, self._settings.seed + number)
            message = "; ".join(f"{one.kind} {one.name}".strip() for one in proposal.actions) or "no change"
            candidate = await self._store.revise(proposal.versions, parent=best.revision, message=message)
            measured = await self._measure(self._splits.train, candidate, f"epoch {number}, train")
            on_validation = await self._measure(self._splits.validation, candidate, f"epoch {number}, validation")
            better = measured.loss < on_train.loss and on_validation.loss <= validation_loss
            taken = tuple(proposal.actions)
            epoch = Epoch(
                number,
                "accepted" if better else "rolled_back",
                candidate,
                best,
                taken,
                proposal.repairs,
                measured.loss,
                on_validation.loss,
            )
            training.epochs.append(epoch)
            self._observer.measured(epoch)
            if better:
                best, on_train, validation_loss = candidate, measured, on_validation.loss
                rejected = []
                continue
            rejected.append(Rejected(tuple(sorted(candidate.versions)), measured.loss, taken))
            if len(rejected) >= self._settings.patience:
                training.early_stopped = True
                break
        training.best = best
        training.test_loss_before = (await self._measure(self._splits.test, initial, "test, before")).loss
        training.test_loss_after = (await self._measure(self._splits.test, best, "test, after")).loss
        return training

    async def _baseline(self, initial: Weights, training: Training) -> tuple[Weights, Evaluation, float]:
        on_train = await self._measure(self._splits.train, initial, "epoch 1, train")
        on_validation = await self._measure(self._splits.validation, initial, "epoch 1, validation")
        epoch = Epoch(1, "baseline", initial, None, (), 0, on_train.loss, on_validation.loss)
        training.epochs.append(epoch)
        self._observer.measured(epoch)
        return initial, on_train, on_validation.loss

    async def _measure(self, tasks: Sequence[Task], weights: Weights, what: str) -> Evaluation:
        tools = await self._store.tools(weights)
        return await evaluate(
            tasks,
            self._model,
            tools,
            seed=self._settings.seed,
            concurrency=self._settings.concurrency,
            done=self._observer.evaluating(what, len(tasks)),
        )
