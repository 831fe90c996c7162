"""A training from start to finish: splits told to the audit log, loop, effects, sealed test, what is left behind."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from jigsmith_optimizer import report, seals
from jigsmith_optimizer.baseline import majority, samples_for, vote_temperature
from jigsmith_optimizer.budget import BudgetExhaustedError
from jigsmith_optimizer.comparison import compared
from jigsmith_optimizer.effects import Effect, leave_one_out
from jigsmith_optimizer.journal import JournalError, NotJournalledError
from jigsmith_optimizer.proposer import Proposal, Proposer, Situation
from jigsmith_optimizer.rollout import Evaluation
from jigsmith_optimizer.session import Session
from jigsmith_optimizer.tasks import Splits, digest
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
SUMMARY: Final = "summary.json"
REPORT: Final = "report.html"


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
    temperature: float | None
    """What they were drawn at; None if the model takes no such parameter."""
    empty: Weights
    """What the baseline has: nothing, or the interpreter alone."""

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
                "temperature": self.temperature,
                "gain_over_baseline": _gain(self.after, self.baseline),
            },
        }


def _gain(one: Evaluation, other: Evaluation) -> dict[str, float]:
    return compared(one, other).gain.as_dict()


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run led to."""

    training: Training
    effects: list[Effect]
    test: TestResult | None
    """None if the budget did not reach so far, or if D_val could show nothing."""
    proposals: Mapping[int, list[dict[str, Any]]]
    """The optimizer's conversation by epoch, in the form of Chat Completions."""
    split_of: Mapping[str, str]
    """Of the tasks that are not sealed, by their digest."""


class _Recorded(Proposer):
    """A proposer whose conversations are kept for the report."""

    conversations: dict[int, list[dict[str, Any]]]

    async def propose(self, situation: Situation, seed: int) -> Proposal:
        """Return what the proposer does."""
        proposal = await super().propose(situation, seed)
        self.conversations[situation.epoch] = proposal.messages
        return proposal


async def begin(session: Session, splits: Splits, settings: Settings) -> Weights:
    """Tell the audit log what is going to be trained on what, and seal the test split; return the set to start from.

    Done once a run, however often it is asked for.
    """
    digests = splits.digests()
    told = ", ".join(f"{name} sha256 {digest} ({len(getattr(splits, name))} tasks)" for name, digest in digests.items())
    initial = await session.open_set(f"{settings.run} begins: {told}")
    if not session.replay:
        seals.seal(session.folder, splits.test.questions())
    return initial


async def train(session: Session, splits: Splits, settings: Settings, observer: Observer) -> Outcome:
    """Run a training, or go on with it. Raises what models, runtime and graders raise; the journal keeps what was done.

    A replay goes as far as the journal does. Raises JournalError if that holds not even the first set's measurement.
    """
    initial = await begin(session, splits, settings)
    if not session.replay:
        session.journal.keep("unfinished", "")
    proposer = _Recorded(
        session.optimizer_model,
        session.store,
        actions_max=settings.actions,
        functions_max=settings.functions,
        kept=session.kept,
    )
    proposer.conversations = {}
    parts = Parts(session.store, session.rollouts, proposer, splits, settings, observer)
    trainer = (TrustedTrainer if settings.algorithm == "trusted" else FaithfulTrainer)(parts)
    effects: list[Effect] = []
    test = None
    try:
        training = await trainer.train(initial)
        if training.unfinished:  # nothing can be won: the sealed test is kept for tasks that can show something
            return Outcome(training, effects, None, proposer.conversations, _split_of(splits))
        if isinstance(trainer, TrustedTrainer):
            effects = await _effects(session, trainer.training, observer)
            await trainer.prune(effects)
        splits.test.training_is_over()
        test = await _sealed_test(session, splits, trainer.training, observer)
    except (BudgetExhaustedError, NotJournalledError) as error:
        await session.journal.settle()  # what is still being answered belongs to what was spent
        trainer.training.unfinished = _unfinished(session, error, len(trainer.training.epochs), settings)
    return Outcome(trainer.training, effects, test, proposer.conversations, _split_of(splits))


def _split_of(splits: Splits) -> dict[str, str]:
    return {digest([task]): name for name in ("train", "validation") for task in getattr(splits, name)}


def _unfinished(session: Session, error: Exception, epochs: int, settings: Settings) -> str:
    """Return why a run ended before its time, and keep it for replays. Raises if nothing can be told of it."""
    if isinstance(error, BudgetExhaustedError):
        if not epochs:
            raise error
        why = f"{error}; {_reached(epochs, settings)}: --resume with a larger budget goes on"
        session.journal.keep("unfinished", why)
        return why
    if not epochs:
        raise JournalError(f"the run in {session.folder} has not yet measured the set to start from") from error
    interrupted = f"it was interrupted; {_reached(epochs, settings)}: --resume goes on"
    return str(session.journal.fact("unfinished") or interrupted)


def _reached(epochs: int, settings: Settings) -> str:
    return f"{epochs} of at most {settings.epochs} epochs were measured, the sealed test was not"


async def _effects(session: Session, training: Training, observer: Observer) -> list[Effect]:
    """Return what each function does on D_train: D_val judges what is removed for it, and must not have chosen it."""
    last = training.kept[-1]
    assert last.train is not None, "whatever training keeps was rolled out on D_train"
    return await leave_one_out(
        last.weights,
        last.train,
        store=session.store,
        rollouts=session.rollouts,
        kept=session.kept,
        evaluating=observer.evaluating,
    )


async def _sealed_test(session: Session, splits: Splits, training: Training, observer: Observer) -> TestResult:
    tasks = splits.test.open()
    if not session.replay:
        seals.opened(session.folder)

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
    temperature = vote_temperature(session.means.access.temperature, samples)
    voter = session.rollouts_of(await session.another_model(session.who.model, temperature=temperature))
    voted = await majority(tasks, empty, samples, rollouts=voter, evaluating=observer.evaluating)
    return TestResult(before, after, voted, samples, affordable, temperature, empty)


def _tokens(evaluation: Evaluation) -> int:
    return sum(one.conversation.prompt_tokens + one.conversation.completion_tokens for one in evaluation.rollouts)


def write(session: Session, splits: Splits, settings: Settings, outcome: Outcome) -> dict[str, Any]:
    """Write summary.json and report.html into the run's folder; return the summary. The run's time ends here."""
    session.stop_counting()
    summary = summarise(session, splits, settings, outcome)
    write_files(session.folder, files(session, summary, outcome))
    return summary


def write_files(folder: Path, found: Mapping[str, str]) -> None:
    """Write what `files` returned. Raises OSError."""
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")


def files(session: Session, summary: dict[str, Any], outcome: Outcome) -> dict[str, str]:
    """Return what a run leaves in its folder for people and programs: the same from a replay as from the run itself."""
    return {
        SUMMARY: json.dumps(summary, indent=2) + "\n",
        REPORT: report.report(summary, outcome, session.journal.each("rollout")),
    }


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
        "stopped_at": training.stopped_at,
        "temperature": session.means.access.temperature,
        "unfinished": training.unfinished,
        "epochs": [row(epoch) for epoch in training.epochs],
        "effects": [_effect(one) for one in outcome.effects],
        "use": _use(last),
        "split_digests": splits.digests(),
        "split_sizes": {name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        "spent": {**asdict(spent), "seconds": round(session.budget.seconds, 1), "estimated": session.budget.estimated},
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


def _use(kept: Epoch) -> dict[str, Any]:
    """Return how the last set's functions were used: on D_val, or on D_train if D_val was left alone."""
    name, measured = ("train", kept.train) if kept.validation is None else ("validation", kept.validation)
    assert measured is not None, "whatever was kept was rolled out"
    calls, tasks = measured.calls(), measured.users()
    functions = sorted(kept.weights.functions)
    return {
        "split": name,
        "tasks": len(measured.rollouts),
        "functions": [{"function": one, "calls": calls.get(one, 0), "tasks": tasks.get(one, 0)} for one in functions],
    }


def splits_folder(folder: Path) -> Path:
    """Return where a run keeps its own copy of its tasks."""
    return folder / "tasks"
