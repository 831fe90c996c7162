"""`evaluate`, `compare`, `baseline` and `transfer`: measure what is there, change nothing."""

import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

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


def evaluate(
    revision: Revision,
    tasks: Tasks,
    model: options.Model = "",
    form: options.Form = "auto",
    agent: options.Agent = "tools",
    seed: options.Seed = 0,
    concurrency: options.Concurrency = 4,
    model_file: options.ModelFile = None,
    base_url: options.BaseUrl = "",
    api_key_file: options.ApiKeyFile = None,
    wire: options.WireName = "",
    temperature: options.Temperature = "",
    timeout_s: options.TimeOut = 120.0,
    address: options.Address = "",
    token_file: options.TokenFile = None,
    certificates: options.RootCertificates = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure a revision on tasks: loss with its interval, calls and reuse of each function.

    Example: jigsmith-optimizer evaluate --revision functionSets/tables/revisions/4 --tasks fresh.jsonl --model gpt-4o
    """
    measuring = _Measuring(
        options.who(_set_of(revision), model, "", model_file, agent, interpreter=False),
        options.means(
            options.runtime_address(address, token_file, certificates),
            options.access(model_file, base_url, api_key_file, wire, temperature, timeout_s),
            concurrency,
        ),
        seed,
        out,
    )

    async def work() -> None:
        async with measuring.session() as (session, observer):
            evaluation = await measuring.measure(session, observer, load(tasks, form), revision)
        measuring.show(_figures(revision, evaluation), as_json=as_json)

    run(work())


def compare(
    revision: Annotated[str, typer.Option(help="The revision in question.")],
    against: Annotated[str, typer.Option(help="The revision it is compared with.")],
    tasks: Tasks,
    model: options.Model = "",
    form: options.Form = "auto",
    agent: options.Agent = "tools",
    seed: options.Seed = 0,
    concurrency: options.Concurrency = 4,
    model_file: options.ModelFile = None,
    base_url: options.BaseUrl = "",
    api_key_file: options.ApiKeyFile = None,
    wire: options.WireName = "",
    temperature: options.Temperature = "",
    timeout_s: options.TimeOut = 120.0,
    address: options.Address = "",
    token_file: options.TokenFile = None,
    certificates: options.RootCertificates = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Compare two revisions task by task: what one gains over the other, with its interval.

    Example: jigsmith-optimizer compare --revision S/revisions/4 --against S/revisions/1 --tasks fresh.jsonl --model gpt-4o
    """
    measuring = _Measuring(
        options.who(_set_of(revision), model, "", model_file, agent, interpreter=False),
        options.means(
            options.runtime_address(address, token_file, certificates),
            options.access(model_file, base_url, api_key_file, wire, temperature, timeout_s),
            concurrency,
        ),
        seed,
        out,
    )

    async def work() -> None:
        found = load(tasks, form)
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
            as_json=as_json,
        )

    run(work())


def baseline(
    function_set: options.FunctionSet,
    tasks: Tasks,
    samples: Annotated[int, typer.Option(min=1, max=64, help="Answers to each task; the most frequent counts.")] = 1,
    model: options.Model = "",
    form: options.Form = "auto",
    agent: options.Agent = "tools",
    seed: options.Seed = 0,
    concurrency: options.Concurrency = 4,
    model_file: options.ModelFile = None,
    base_url: options.BaseUrl = "",
    api_key_file: options.ApiKeyFile = None,
    wire: options.WireName = "",
    temperature: options.Temperature = "",
    timeout_s: options.TimeOut = 120.0,
    address: options.Address = "",
    token_file: options.TokenFile = None,
    certificates: options.RootCertificates = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure the agent without any function; with several answers to each task, at a budget as large as training's.

    Example: jigsmith-optimizer baseline --set tables --tasks fresh.jsonl --samples 5 --model gpt-4o
    """
    measuring = _Measuring(
        options.who(function_set, model, "", model_file, agent, interpreter=False),
        options.means(
            options.runtime_address(address, token_file, certificates),
            options.access(model_file, base_url, api_key_file, wire, temperature, timeout_s),
            concurrency,
        ),
        seed,
        out,
    )

    async def work() -> None:
        found = load(tasks, form)
        async with measuring.session() as (session, observer):
            empty = await session.store.open(None, "without functions, as a baseline")
            evaluation = await majority(
                found, empty, samples, rollouts=session.rollouts, evaluating=observer.evaluating
            )
        measuring.show({"samples": samples, **_figures("no functions", evaluation)}, as_json=as_json)

    run(work())


def transfer(
    revisions: Annotated[list[str], typer.Option("--revision", help="A revision; may be repeated.")],
    models: Annotated[list[str], typer.Option("--model", help="A model; may be repeated.")],
    tasks: Tasks,
    form: options.Form = "auto",
    agent: options.Agent = "tools",
    seed: options.Seed = 0,
    concurrency: options.Concurrency = 4,
    model_file: options.ModelFile = None,
    base_url: options.BaseUrl = "",
    api_key_file: options.ApiKeyFile = None,
    wire: options.WireName = "",
    temperature: options.Temperature = "",
    timeout_s: options.TimeOut = 120.0,
    address: options.Address = "",
    token_file: options.TokenFile = None,
    certificates: options.RootCertificates = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure revisions with models: what was learned with one, used by another.

    Example: jigsmith-optimizer transfer --revision S/revisions/1 --revision S/revisions/4 --model gpt-4o --model gpt-4.1
      --tasks fresh.jsonl
    """
    measuring = _Measuring(
        options.who(_set_of(revisions[0]), models[0], "", model_file, agent, interpreter=False),
        options.means(
            options.runtime_address(address, token_file, certificates),
            options.access(model_file, base_url, api_key_file, wire, temperature, timeout_s),
            concurrency,
        ),
        seed,
        out,
    )

    async def work() -> None:
        found = load(tasks, form)
        cells: list[dict[str, Any]] = []
        async with measuring.session() as (session, observer):
            for name in models:
                rollouts = session.rollouts_of(await session.another_model(name))
                for revision in revisions:
                    weights = await session.store.load(revision)
                    done = observer.evaluating(f"{name}, {revision.rpartition('/')[2]}", len(found))
                    evaluation = await rollouts.evaluate(found, weights, done=done)
                    cells.append({"model": name, **_figures(revision, evaluation)})
        if as_json:
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
