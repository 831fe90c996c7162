"""What a training leads to, epoch by epoch, and who is told of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from jigsmith_optimizer.acceptance import Verdict
from jigsmith_optimizer.actions import Action
from jigsmith_optimizer.histories import Rejected
from jigsmith_optimizer.rollout import Evaluation
from jigsmith_optimizer.weights import Weights

EpochVerdict = Literal["baseline", "accepted", "rolled_back"]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One measured set: the baseline, or a candidate and what became of it."""

    number: int
    verdict: EpochVerdict
    why: str
    """One sentence."""
    weights: Weights
    parent: Weights | None
    actions: tuple[Action, ...] = ()
    repairs: int = 0
    train: Evaluation | None = None
    """On all of D_train; None if it did not come to that."""
    screen: Evaluation | None = None
    """On the few tasks of D_train that decide whether a candidate is worth a test on D_val."""
    test: Verdict | None = None
    """The paired test on D_val, if it came to that."""
    validation: Evaluation | None = None
    """The rollouts on D_val that the test looked at."""

    @property
    def train_loss(self) -> float | None:
        """The share of training tasks failed."""
        return None if self.train is None else self.train.loss

    @property
    def validation_loss(self) -> float | None:
        """The share of those validation tasks failed that were rolled out."""
        return None if self.validation is None else self.validation.loss

    def rejected(self) -> Rejected:
        """Return what later proposals are told of a candidate that was rolled back."""
        return Rejected(
            self.number, tuple(sorted(self.weights.functions)), self.train_loss, self.actions, self.why_for_model()
        )

    def why_for_model(self) -> str:
        """Return the reason without a word of D_val but that the candidate was not accepted there."""
        return "not accepted on tasks that are held out" if self.test is not None else self.why


@dataclass(slots=True)
class Training:
    """What a run has led to so far."""

    epochs: list[Epoch] = field(default_factory=list)
    stopped_at: int | None = None
    """The epoch after which it stopped early, for so many roll-backs in a row; None if it did not."""
    unfinished: str = ""
    """Why it ended before its time, and what was left undone; empty if it did not."""

    @property
    def best(self) -> Weights:
        """The set that was accepted last. Raises IndexError before the baseline was measured."""
        return self.kept[-1].weights

    @property
    def kept(self) -> list[Epoch]:
        """The baseline and the accepted epochs."""
        return [one for one in self.epochs if one.verdict != "rolled_back"]

    @property
    def early_stopped(self) -> bool:
        """Whether it ended for so many roll-backs in a row."""
        return self.stopped_at is not None

    @property
    def initial(self) -> Weights:
        """The set that training started from."""
        return self.epochs[0].weights

    @property
    def rollbacks(self) -> int:
        """How many candidates were rolled back."""
        return sum(epoch.verdict == "rolled_back" for epoch in self.epochs)

    @property
    def repairs(self) -> int:
        """How many answers were sent back with an error."""
        return sum(epoch.repairs for epoch in self.epochs)


class Observer(Protocol):
    """Who is told how training goes."""

    def evaluating(self, what: str, total: int) -> Callable[[], None]:
        """Hear that `total` rollouts begin; what is returned is called after each."""

    def proposing(self, number: int) -> None:
        """Hear that the model is asked for a change."""

    def measured(self, epoch: Epoch) -> None:
        """Hear how an epoch ended."""
