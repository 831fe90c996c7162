"""A training run's folder: what the run is, whether it was begun, and which options would make another one of it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from jigsmith_optimizer import pipeline
from jigsmith_optimizer.cli import options
from jigsmith_optimizer.cli.datasets import kept_splits
from jigsmith_optimizer.journal import Journal, JournalError
from jigsmith_optimizer.llm import Access
from jigsmith_optimizer.progress import ProgressObserver
from jigsmith_optimizer.session import JOURNAL, Means, RuntimeAddress, Session, Who
from jigsmith_optimizer.training import Settings

_FACTS: Final = ("who", "settings", "access", "tasks")
_WHO: Final = ("function_set", "model", "optimizer_model", "agent", "interpreter", "revision")
_SETTINGS: Final = {
    name: name
    for name in ("algorithm", "epochs", "patience", "actions", "alpha", "target_gain", "repeats", "seed", "owner")
} | {"functions_max": "functions", "count_accepted": "count_epochs"}
"""By the name of an option's parameter."""
_TASKS: Final = ("tasks", "train_file", "validation_file", "test_file", "form", "fractions", "limit")


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is, as its journal has it."""

    who: Who
    settings: Settings
    access: Mapping[str, Any]
    """Wire, temperature, and the place of the endpoint that it was begun with; the same as `optimizer`, if that is another."""
    tasks: Mapping[str, Any]
    """The options that its tasks came from."""

    def means(self, means: Means) -> Means:
        """Return how to go on: with what decides answers as it was, wherever the endpoint is now."""
        other = self.access.get("optimizer")
        return replace(
            means,
            access=_as_begun(means.access, self.access),
            optimizer_access=_as_begun(means.optimizer_access or means.access, other) if other else None,
        )

    def facts(self) -> dict[str, Any]:
        """Return the run as it is kept."""
        return {"who": asdict(self.who), "settings": asdict(self.settings), "access": self.access, "tasks": self.tasks}


def begun(out: Path) -> Run | None:
    """Return the run in a folder, or None if none was begun there. Raises JournalError if another process works on it."""
    if not (out / JOURNAL).exists():
        return None
    journal = Journal(out / JOURNAL)
    try:
        who, settings, access, tasks = (journal.fact(name) for name in _FACTS)
    finally:
        journal.close()
    if who is None or settings is None or access is None or tasks is None:
        return None
    return Run(Who(**who), Settings(**settings), access, tasks)


def is_begun(out: Path) -> bool:
    """Return whether there is a run that may be gone on with, as far as that can be told."""
    try:
        return begun(out) is not None
    except JournalError:
        return False


def keep(session: Session, run: Run) -> None:
    """Put down what a run is: from now on it has begun, and cannot become another."""
    for name, value in run.facts().items():
        session.journal.keep(name, value)


def access_facts(means: Means) -> dict[str, Any]:
    """Return what of an endpoint belongs to what a run is."""
    other = means.optimizer_access
    return _facts_of(means.access) | ({} if other is None else {"optimizer": _facts_of(other)})


def _facts_of(access: Access) -> dict[str, Any]:
    return {"wire": access.wire, "temperature": access.temperature, "place": access.place}


def _as_begun(access: Access, facts: Mapping[str, Any]) -> Access:
    return replace(access, wire=facts["wire"], temperature=facts["temperature"], begun_at=facts["place"])


def tasks_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that tasks come from, as they are kept."""
    found = {name: parameters[name] for name in _TASKS}
    return {name: str(one.resolve()) if isinstance(one, Path) else one for name, one in found.items()}


def refuse_another(context: typer.Context, run: Run, out: Path, *, resume: bool) -> None:
    """Raise typer.BadParameter if the run in a folder is not to go on, or options were given that are not its own."""
    if not resume:
        raise typer.BadParameter(f"{out} holds a run already: --resume goes on with it, another --out begins anew")
    other = [f"{flag} {_said(kept)}, not {_said(asked)}" for flag, asked, kept in _asked(context, run) if asked != kept]
    if other:
        raise typer.BadParameter(
            f"the run in {out} was begun with {', and '.join(other)}: leave that out to go on with it, or begin another run "
            "with another --out"
        )


def _asked(context: typer.Context, run: Run) -> Iterator[tuple[str, Any, Any]]:
    """Yield option, value asked for and value kept for what was given on the command line and says what the run is."""
    who, settings, given = asdict(run.who), asdict(run.settings), dict(context.params)
    given["count_accepted"] = "accepted" if given["count_accepted"] else "all"
    flags = {
        one.name: one.opts[0]
        for one in context.command.params
        if one.name and (source := context.get_parameter_source(one.name)) is not None and source.name == "COMMANDLINE"
    }
    for name, flag in flags.items():
        if name in _WHO:
            yield flag, given[name], who[name]
        elif name in _SETTINGS:
            yield flag, given[name], settings[_SETTINGS[name]]
        elif name in _TASKS:
            yield flag, tasks_of(given)[name], run.tasks[name]
        elif name == "wire":
            yield flag, given[name], run.access[name]
        elif name == "temperature":
            yield flag, options.temperature_of(given[name]), run.access[name]
    facts = options.model_facts(given["model_file"]) if "model_file" in flags else {}
    if "model" in facts and "model" not in flags:
        yield "`model`", facts["model"], run.who.model
    if "wire" in facts and "wire" not in flags:
        yield "`wire`", facts["wire"], run.access["wire"]
    if "temperature" in facts and "temperature" not in flags:
        yield "`temperature`", options.temperature_of(str(facts["temperature"])), run.access["temperature"]


def _said(value: object) -> str:
    return "none" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A run gone through again, with nobody asked."""

    summary: dict[str, Any]
    files: dict[str, str]
    journal_sha256: str


async def replay(out: Path, *, console: Console) -> Replayed:
    """Go through a run as far as its journal goes. Raises JournalError if there is none."""
    run = begun(out)
    if run is None:
        raise JournalError(f"{out} holds no run: name the folder that was `train`'s --out")
    means = run.means(Means(RuntimeAddress(), Access()))
    splits = kept_splits(out)
    async with Session(out, run.settings.run, run.who, means, seed=run.settings.seed, replay=True) as session:
        session.check_same("splits", splits.digests())
        with ProgressObserver(console, session.budget) as observer:
            outcome = await pipeline.train(session, splits, run.settings, observer)
        summary = pipeline.summarise(session, splits, run.settings, outcome)
        return Replayed(summary, pipeline.files(session, summary, outcome), session.journal.digest())
