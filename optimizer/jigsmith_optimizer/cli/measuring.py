"""`evaluate`, `compare`, `baseline` and `transfer`: measure what is there, change nothing."""

import functools
import inspect
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.table import Table

from jigsmith_optimizer.baseline import majority
from jigsmith_optimizer.cli import options
from jigsmith_optimizer.cli.running import console, fail, run, say
from jigsmith_optimizer.intervals import paired_gain
from jigsmith_optimizer.progress import ProgressObserver, spent_line
from jigsmith_optimizer.rollout import Evaluation
from jigsmith_optimizer.session import Means, Session, Who
from jigsmith_optimizer.tasks import Task, digest, load
from jigsmith_optimizer.weights import Weights

Revision = Annotated[str, typer.Option(help="functionSets/S/revisions/N.")]
Tasks = Annotated[Path, typer.Option(help="Tasks, JSON lines.")]
Out = Annotated[
    Path | None, typer.Option(help="Folder for the journal: what was rolled out before is not paid for again.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class Shared:
    """The options that all these commands have: each field is one."""

    form: options.Form = "auto"
    agent: options.Agent = "tools"
    seed: options.Seed = 0
    concurrency: options.Concurrency = 4
    model_file: options.ModelFile = None
    base_url: options.BaseUrl = ""
    api_key_file: options.ApiKeyFile = None
    wire: options.WireName = ""
    temperature: options.Temperature = ""
    timeout_s: options.TimeOut = 120.0
    address: options.Address = ""
    token_file: options.TokenFile = None
    certificates: options.RootCertificates = None
    out: Out = None
    as_json: AsJson = False

    def measuring(self, function_set: str, model: str) -> "_Measuring":
        """Return the session that they ask for."""
        who = options.who(function_set, model, "", self.model_file, self.agent, interpreter=False)
        runtime = options.runtime_address(self.address, self.token_file, self.certificates)
        access = options.access(
            self.model_file, self.base_url, self.api_key_file, self.wire, self.temperature, self.timeout_s
        )
        return _Measuring(who, options.means(runtime, access, self.concurrency), self.seed, self.out)


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the fields of `Shared` as further options; it gets them as its first argument."""
    hints = get_type_hints(command, include_extras=True) | get_type_hints(Shared, include_extras=True)
    own = [one for name, one in inspect.signature(command).parameters.items() if name != "shared"]
    shared = list(inspect.signature(Shared).parameters.values())
    # Typer reads options from a signature, and wants those without a default first.
    found = [one.replace(kind=one.KEYWORD_ONLY, annotation=hints[one.name]) for one in (*own, *shared)]

    def run_command(**given: Any) -> None:  # what the options give
        command(Shared(**{one.name: given.pop(one.name) for one in shared}), **given)

    functools.update_wrapper(run_command, command)
    run_command.__signature__ = inspect.Signature(found)  # type: ignore[attr-defined]  # what it is there for (PEP 362)
    run_command.__annotations__ = {one.name: hints[one.name] for one in found}
    return run_command


@with_shared_options
def evaluate(
    shared: Shared,
    revision: Revision,
    tasks: Tasks,
    model: options.Model = "",
) -> None:
    """Measure a revision on tasks: loss with its interval, calls and reuse of each function.

    Example: jigsmith-optimizer evaluate --revision functionSets/tables/revisions/4 --tasks fresh.jsonl --model gpt-4o
    """
    measuring = shared.measuring(_set_of(revision), model)

    async def work() -> None:
        async with measuring.session() as (session, observer):
            evaluation = await measuring.measure(session, observer, load(tasks, shared.form), revision)
        measuring.show(_figures(revision, evaluation), as_json=shared.as_json)

    run(work())


@with_shared_options
def compare(
    shared: Shared,
    revision: Annotated[str, typer.Option(help="The revision in question.")],
    against: Annotated[str, typer.Option(help="The revision it is compared with.")],
    tasks: Tasks,
    model: options.Model = "",
) -> None:
    """Compare two revisions task by task: what one gains over the other, with its interval.

    Example: jigsmith-optimizer compare --revision S/revisions/4 --against S/revisions/1 --tasks fresh.jsonl --model gpt-4o
    """
    measuring = shared.measuring(_set_of(revision), model)

    async def work() -> None:
        found = load(tasks, shared.form)
        async with measuring.session() as (session, observer):
            one = await measuring.measure(session, observer, found, revision)
            other = await measuring.measure(session, observer, found, against)
        differences = one.differences(other)
        wins, losses = differences.count(1), differences.count(-1)
        measuring.show(
            {
                "tasks": len(found),
                "tasks_sha256": digest(found),
                "revision": _figures(revision, one),
                "against": _figures(against, other),
                "wins": wins,
                "losses": losses,
                "gain": paired_gain(wins, losses, len(found)).as_dict(),
            },
            as_json=shared.as_json,
        )

    run(work())


@with_shared_options
def baseline(
    shared: Shared,
    function_set: options.FunctionSet,
    tasks: Tasks,
    samples: Annotated[int, typer.Option(min=1, max=64, help="Answers to each task; the most frequent counts.")] = 1,
    model: options.Model = "",
) -> None:
    """Measure the agent without any function; with several answers to each task, at a budget as large as training's.

    Example: jigsmith-optimizer baseline --set tables --tasks fresh.jsonl --samples 5 --model gpt-4o
    """
    measuring = shared.measuring(function_set, model)

    async def work() -> None:
        found = load(tasks, shared.form)
        async with measuring.session() as (session, observer):
            empty = await session.store.open(None, "without functions, as a baseline")
            evaluation = await majority(
                found, empty, samples, rollouts=session.rollouts, evaluating=observer.evaluating
            )
        measuring.show({"samples": samples, **_figures("no functions", evaluation)}, as_json=shared.as_json)

    run(work())


@with_shared_options
def transfer(
    shared: Shared,
    revisions: Annotated[list[str], typer.Option("--revision", help="A revision; may be repeated.")],
    models: Annotated[list[str], typer.Option("--model", help="A model; may be repeated.")],
    tasks: Tasks,
) -> None:
    """Measure revisions with models: what was learned with one, used by another.

    Example: jigsmith-optimizer transfer --revision S/revisions/1 --revision S/revisions/4 --model gpt-4o --model gpt-4.1
      --tasks fresh.jsonl
    """
    measuring = shared.measuring(_set_of(revisions[0]), models[0])

    async def work() -> None:
        found = load(tasks, shared.form)
        cells: list[dict[str, Any]] = []
        async with measuring.session() as (session, observer):
            for name in models:
                rollouts = session.rollouts_of(await session.another_model(name))
                for revision in revisions:
                    weights = await session.store.load(revision)
                    done = observer.evaluating(f"{name}, {revision.rpartition('/')[2]}", len(found))
                    evaluation = await rollouts.evaluate(found, weights, done=done)
                    cells.append({"model": name, **_figures(revision, evaluation)})
        if shared.as_json:
            say(json.dumps(cells, indent=2))
            return
        table = Table("revision", *models, title=f"loss on {len(found)} tasks")
        for revision in revisions:
            row = [next(_share(c) for c in cells if (c["model"], c["revision"]) == (name, revision)) for name in models]
            table.add_row(revision, *row)
        console.print(table)

    run(work())


class _Measuring:
    """One command's session, in a folder that is kept only if the user names one."""

    def __init__(self, who: Who, means: Means, seed: int, out: Path | None) -> None:
        self._who, self._means, self._seed, self._out = who, means, seed, out
        self.spent = ""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[tuple[Session, ProgressObserver]]:
        """Open it."""
        with tempfile.TemporaryDirectory(prefix="jigsmith-measuring-") as folder:
            out = self._out or Path(folder)
            out.mkdir(parents=True, exist_ok=True)
            async with Session(out, "measuring", self._who, self._means, seed=self._seed) as session:
                await session.probe(optimizer=False)
                with ProgressObserver(console, session.budget) as observer:
                    yield session, observer
                self.spent = spent_line(session.budget)

    async def measure(
        self, session: Session, observer: ProgressObserver, tasks: Sequence[Task], revision: str
    ) -> Evaluation:
        """Roll out a revision."""
        weights: Weights = await session.store.load(revision)
        return await session.rollouts.evaluate(tasks, weights, done=observer.evaluating(revision, len(tasks)))

    def show(self, figures: dict[str, Any], *, as_json: bool) -> None:
        """Print what was measured."""
        if as_json:
            say(json.dumps(figures | {"spent": self.spent}, indent=2))
            return
        for name, value in figures.items():
            say(f"{name}: {_share(value) if isinstance(value, dict) and 'loss' in value else _text(value)}")
        say(f"spent: {self.spent}")


def _figures(revision: str, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "revision": revision,
        "loss": evaluation.interval.as_dict(),
        "tasks": len(evaluation.rollouts),
        "calls": evaluation.calls(),
        "used_in_tasks": evaluation.users(),
    }


def _share(figures: dict[str, Any]) -> str:
    loss = figures["loss"]
    return f"{loss['estimate']:.3f} ({loss['low']:.3f} to {loss['high']:.3f})"


def _text(value: object) -> str:
    if isinstance(value, dict) and "estimate" in value:
        return f"{value['estimate']:+.3f} ({value['low']:+.3f} to {value['high']:+.3f})"
    return str(value)


def _set_of(revision: str) -> str:
    parts = revision.split("/")
    if len(parts) != 4 or parts[0] != "functionSets" or parts[2] != "revisions":
        fail(f"a revision is named functionSets/SET/revisions/N, not {revision!r}")
    return parts[1]
