"""A training from start to finish: splits told to the audit log, loop, effects, sealed test, what is left behind."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from jigsmith_optimizer import report
from jigsmith_optimizer.baseline import majority, samples_for
from jigsmith_optimizer.budget import BudgetExhaustedError
from jigsmith_optimizer.effects import Effect, leave_one_out
from jigsmith_optimizer.intervals import paired_gain
from jigsmith_optimizer.proposer import Proposer
from jigsmith_optimizer.rollout import Evaluation
from jigsmith_optimizer.session import Session
from jigsmith_optimizer.tasks import Splits
from jigsmith_optimizer.training import (
    Epoch,
    FaithfulTrainer,
    Observer,
    Settings,
    Training,
    TrustedTrainer,
)
from jigsmith_optimizer.training.trainer import Parts
from jigsmith_optimizer.weights import Weights

BASELINE_SAMPLES_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class TestResult:
    """The sealed test split, read once."""

    __test__ = False  # pytest: this is no test

    before: Evaluation
    """With the set that training started from."""
    after: Evaluation
    baseline: Evaluation
    """Without functions, at an equal budget."""
    samples: int
    """Answers to each task of the baseline."""
    samples_affordable: int
    """How many the budget would have held."""

    def as_dict(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "tasks": len(self.after.rollouts),
            "before": self.before.interval.as_dict(),
            "after": self.after.interval.as_dict(),
            "gain": _gain(self.after, self.before),
            "baseline": {
                "loss": self.baseline.interval.as_dict(),
                "samples": self.samples,
                "samples_affordable": self.samples_affordable,
                "gain_over_baseline": _gain(self.after, self.baseline),
            },
        }


def _gain(one: Evaluation, other: Evaluation) -> dict[str, float]:
    differences = one.differences(other)
    return paired_gain(differences.count(1), differences.count(-1), len(differences)).as_dict()


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run led to."""

    training: Training
    effects: list[Effect]
    test: TestResult | None
    """None if the budget did not reach so far."""


async def train(session: Session, splits: Splits, settings: Settings, observer: Observer) -> Outcome:
    """Run a training, or go on with it. Raises what models, runtime and graders raise; the journal keeps what was done."""
    digests = splits.digests()
    told = ", ".join(f"{name} sha256 {digest} ({len(getattr(splits, name))} tasks)" for name, digest in digests.items())
    initial = await session.open_set(f"{settings.run} begins: {told}")
    proposer = Proposer(
        session.optimizer_model,
        session.store,
        actions_max=settings.actions,
        functions_max=settings.functions,
        kept=session.kept,
    )
    parts = Parts(session.store, session.rollouts, proposer, splits, settings, observer)
    trainer = (TrustedTrainer if settings.algorithm == "trusted" else FaithfulTrainer)(parts)
    effects: list[Effect] = []
    test = None
    try:
        await trainer.train(initial)
        if isinstance(trainer, TrustedTrainer):
            effects = await _effects(session, trainer.training, observer)
            await trainer.prune(effects)
        splits.test.training_is_over()
        test = await _sealed_test(session, splits, trainer.training, observer)
    except BudgetExhaustedError as error:
        done = len(trainer.training.epochs)
        if not done:
            raise
        trainer.training.unfinished = (
            f"{error}; {done} of at most {settings.epochs} epochs were measured, the sealed test was not: "
            "--resume with a larger budget goes on"
        )
    return Outcome(trainer.training, effects, test)


async def _effects(session: Session, training: Training, observer: Observer) -> list[Effect]:
    last = training.kept[-1]
    assert last.validation is not None, "whatever trusted training keeps was rolled out on D_val"
    return await leave_one_out(
        last.weights,
        last.validation,
        store=session.store,
        rollouts=session.rollouts,
        kept=session.kept,
        evaluating=observer.evaluating,
    )


async def _sealed_test(session: Session, splits: Splits, training: Training, observer: Observer) -> TestResult:
    tasks = splits.test.open()

    async def measure(weights: Weights, what: str) -> Evaluation:
        done: Callable[[], None] = observer.evaluating(what, len(tasks))
        return await session.rollouts.evaluate(tasks, weights, done=done)

    async def spent_so_far() -> int:
        return session.budget.spent.tokens

    # Kept with the run: one that is resumed behind this point has spent more by now.
    spent = await session.journal.once("training_tokens", session.run, spent_so_far)
    before = await measure(training.initial, "sealed test, before")
    after = await measure(training.best, "sealed test, after")
    kept = {name: one for name, one in training.initial.functions.items() if name in session.kept}
    empty = await session.store.revise(kept, parent="", message=f"{session.run}: without functions, as the baseline")
    alone = before if empty.digest == training.initial.digest else await measure(empty, "no functions")
    affordable = samples_for(spent + _tokens(after), _tokens(alone))
    samples = min(affordable, BASELINE_SAMPLES_MAX)
    voted = await majority(tasks, empty, samples, rollouts=session.rollouts, evaluating=observer.evaluating)
    return TestResult(before, after, voted, samples, affordable)


def _tokens(evaluation: Evaluation) -> int:
    return sum(one.conversation.prompt_tokens + one.conversation.completion_tokens for one in evaluation.rollouts)


def write(session: Session, splits: Splits, settings: Settings, outcome: Outcome) -> dict[str, Any]:
    """Write summary.json and report.html into the run's folder; return the summary."""
    summary = summarise(session, splits, settings, outcome)
    (session.folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    report.write(session.folder / "report.html", summary, outcome, session.journal)
    return summary


def summarise(session: Session, splits: Splits, settings: Settings, outcome: Outcome) -> dict[str, Any]:
    """Return a run in figures."""
    training, spent = outcome.training, session.budget.spent
    first, last = training.kept[0], training.kept[-1]
    kinds = Counter(action.kind for epoch in training.epochs for action in epoch.actions)
    test = None if outcome.test is None else outcome.test.as_dict()
    return {
        **asdict(settings),
        **asdict(session.who),
        "revision": last.weights.revision,
        "set_digest": last.weights.digest,
        "functions": sorted(last.weights.functions),
        "train_loss_before": first.train_loss,
        "train_loss_after": last.train_loss,
        "validation_loss_before": first.validation_loss,
        "validation_loss_after": last.validation_loss,
        "test_loss_before": test["before"]["estimate"] if test else None,
        "test_loss_after": test["after"]["estimate"] if test else None,
        "test": test,
        "actions": dict(kinds),
        "repairs": training.repairs,
        "rollbacks": training.rollbacks,
        "early_stopped": training.early_stopped,
        "unfinished": training.unfinished,
        "epochs": [row(epoch) for epoch in training.epochs],
        "effects": [_effect(one) for one in outcome.effects],
        "split_digests": splits.digests(),
        "split_sizes": {name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        "spent": {**asdict(spent), "seconds": round(session.budget.seconds, 1)},
        "functions_max": settings.functions,
    }


def row(epoch: Epoch) -> dict[str, Any]:
    """Return an epoch in figures."""
    test = epoch.test
    return {
        "epoch": epoch.number,
        "verdict": epoch.verdict,
        "why": epoch.why,
        "revision": epoch.weights.revision,
        "parent": epoch.parent.revision if epoch.parent else None,
        "functions": sorted(epoch.weights.functions),
        "actions": [{"kind": one.kind, "name": one.name, "reason": one.reason} for one in epoch.actions],
        "repairs": epoch.repairs,
        "train_loss": epoch.train_loss,
        "validation_loss": epoch.validation_loss,
        "test": None if test is None else {**asdict(test), "gain": test.gain.as_dict()},
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {**asdict(effect), "gain": effect.gain.as_dict(), "earns_its_place": effect.earns_its_place}


def splits_folder(folder: Path) -> Path:
    """Return where a run keeps its own copy of its tasks."""
    return folder / "tasks"
