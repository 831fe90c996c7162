"""What both algorithms share: the loop of Algorithm 2 of arXiv:2402.11359 around one question, whether a candidate is kept.

Epoch 1 measures the initial set. Each later one is a proposal from the best set so far. One that is not kept is rolled back:
the next step starts from the best set again and is told what was tried. Training stops after `patience` roll-backs in a row.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jigsmith_optimizer.histories import Rejected
from jigsmith_optimizer.proposer import Proposal, Proposer, Situation
from jigsmith_optimizer.rollout import Evaluation, Rollouts
from jigsmith_optimizer.tasks import Splits, Task
from jigsmith_optimizer.training.epoch import Epoch, Observer, Training
from jigsmith_optimizer.training.oscillation import oscillations
from jigsmith_optimizer.training.settings import Settings
from jigsmith_optimizer.weights import FunctionStore, Weights


@dataclass(frozen=True, slots=True)
class Parts:
    """What training works with."""

    store: FunctionStore
    rollouts: Rollouts
    proposer: Proposer
    splits: Splits
    settings: Settings
    observer: Observer


class Trainer(ABC):
    """Learns a function set."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings, self._splits = parts.settings, parts.splits
        self.training = Training()
        """So far: to be looked at also if training was cut short."""

    async def train(self, initial: Weights) -> Training:
        """Learn from the initial set on. The best set is in the result, never released by itself."""
        self._record(await self._baseline(initial))
        evaluation, rejected = self._kept_evaluation(), list[Rejected]()
        number = 2
        while not self._is_over(number):
            self._parts.observer.proposing(number)
            proposal = await self._propose(number, evaluation, rejected)
            epoch = await self._epoch(number, proposal)
            self._record(epoch)
            if epoch.verdict == "accepted":
                evaluation, rejected = self._kept_evaluation(), []
            else:
                rejected.append(epoch.rejected())
                if len(rejected) >= self._settings.patience:
                    self.training.stopped_at = number
                    break
            number += 1
        return self.training

    @abstractmethod
    async def _baseline(self, initial: Weights) -> Epoch:
        """Measure the initial set."""

    @abstractmethod
    async def _judge(self, number: int, candidate: Weights, proposal: Proposal) -> Epoch:
        """Measure a candidate and decide."""

    def _is_over(self, number: int) -> bool:
        counted = len(self.training.kept) + 1 if self._settings.count_epochs == "accepted" else number
        return counted > self._settings.epochs or bool(self.training.unfinished)

    def _record(self, epoch: Epoch) -> None:
        self.training.epochs.append(epoch)
        self._parts.observer.measured(epoch)

    def _kept_evaluation(self) -> Evaluation:
        evaluation = self.training.kept[-1].train
        assert evaluation is not None, "whatever was kept was rolled out on D_train"
        return evaluation

    async def _propose(self, number: int, evaluation: Evaluation, rejected: Sequence[Rejected]) -> Proposal:
        settings = self._settings
        situation = Situation(
            settings.run,
            settings.owner,
            number,
            self.training.best,
            evaluation,
            rejected,
            oscillations(self.training.epochs),
        )
        return await self._parts.proposer.propose(situation, settings.seed + number)

    async def _epoch(self, number: int, proposal: Proposal) -> Epoch:
        best = self.training.best
        message = "; ".join(f"{one.kind} {one.name}".strip() for one in proposal.actions) or "no change"
        candidate = await self._parts.store.revise(
            proposal.functions, parent=best.revision, message=f"epoch {number} of {self._settings.run}: {message}"
        )
        tried = next((one.number for one in self.training.epochs if one.weights.digest == candidate.digest), None)
        if tried is not None:
            same = candidate.digest == best.digest
            why = "it changes nothing" if same else f"it is the set of epoch {tried} again, which was rolled back"
            return self._turned_down(number, candidate, proposal, why=why)
        return await self._judge(number, candidate, proposal)

    def _turned_down(
        self, number: int, candidate: Weights, proposal: Proposal, *, why: str, screen: Evaluation | None = None
    ) -> Epoch:
        """Return the epoch of a candidate that is rolled back without a test on D_val."""
        return Epoch(
            number,
            "rolled_back",
            why,
            candidate,
            self.training.best,
            tuple(proposal.actions),
            proposal.repairs,
            screen=screen,
        )

    async def _measure(self, tasks: Sequence[Task], weights: Weights, what: str, *, attempt: int = 0) -> Evaluation:
        done = self._parts.observer.evaluating(what, len(tasks))
        return await self._parts.rollouts.evaluate(tasks, weights, attempt=attempt, done=done)
