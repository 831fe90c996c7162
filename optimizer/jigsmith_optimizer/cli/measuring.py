"""`evaluate`, `compare`, `baseline` and `transfer`: measure what is there, change no set."""

import functools
import inspect
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.table import Table

from jigsmith_optimizer import seals
from jigsmith_optimizer.baseline import majority, vote_temperature
from jigsmith_optimizer.cli import options
from jigsmith_optimizer.cli.running import console, note, run, say
from jigsmith_optimizer.cli.runs import begun
from jigsmith_optimizer.comparison import compared
from jigsmith_optimizer.llm import Access
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
    max_requests: options.MaxRequests = None
    max_tokens: options.MaxTokens = None
    max_seconds: options.MaxSeconds = None
    max_cost: options.MaxCost = None
    prices: options.Prices = None
    out: Out = None
    as_json: AsJson = False

    def tasks(self, path: Path) -> list[Task]:
        """Return tasks to measure with. Raises DatasetError, typer.BadParameter, and SealedError for a run's sealed ones."""
        found = load(path, options.form(self.form))
        for remark in seals.check((one.question for one in found), files=[path], out=self.out):
            note(f"note: {remark}")
        return found

    def measuring(self, function_set: str, model: str) -> "_Measuring":
        """Return the session that they ask for. Raises typer.BadParameter."""
        who = options.who(function_set, model, "", self.model_file, self.agent, interpreter=False)
        runtime = options.runtime_address(self.address, self.token_file, self.certificates)
        access = options.access(
            self.model_file, self.base_url, self.api_key_file, self.wire, self.temperature, self.timeout_s
        )
        limits = options.limits(self.max_requests, self.max_tokens, self.max_seconds, self.max_cost)
        return _Measuring(who, Means(runtime, access, self.concurrency, limits, self.prices), self.seed, self.out)

    @property
    def says_temperature(self) -> bool:
        """Whether a temperature was asked for."""
        return bool(self.temperature) or "temperature" in options.model_facts(self.model_file)

    def model(self, said: str) -> tuple[str, Access | None]:
        """Return a model's name, and where it is if `said` names a file. Raises typer.BadParameter."""
        if not said.endswith(".toml"):
            return said, None
        return options.model_in(Path(said)), options.access_in(Path(said), self.timeout_s)

    def way_back(self) -> str:
        """Return how to go on after a failure."""
        return "" if self.out is None else f"the same command goes on, and pays for nothing in {self.out} again"


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

    async def work() -> None:
        measuring, found = shared.measuring(_set_of(revision), model), shared.tasks(tasks)
        async with measuring.session() as (session, observer):
            evaluation = await measuring.measure(session, observer, found, revision)
        measuring.show(_figures(revision, evaluation), as_json=shared.as_json)

    run(work, resume=shared.way_back)


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

    async def work() -> None:
        measuring, found = shared.measuring(_set_of(revision), model), shared.tasks(tasks)
        _set_of(against)
        async with measuring.session() as (session, observer):
            one = await measuring.measure(session, observer, found, revision)
            other = await measuring.measure(session, observer, found, against)
        pairs = compared(one, other)
        measuring.show(
            {
                "tasks": len(found),
                "tasks_sha256": digest(found),
                "revision": _figures(revision, one),
                "against": _figures(against, other),
                "wins": pairs.wins,
                "losses": pairs.losses,
                "gain": pairs.gain.as_dict(),
            },
            as_json=shared.as_json,
        )

    run(work, resume=shared.way_back)


@with_shared_options
def baseline(
    shared: Shared,
    tasks: Tasks,
    samples: Annotated[int, typer.Option(min=1, max=64, help="Answers to each task; the most frequent counts.")] = 1,
    model: options.Model = "",
) -> None:
    """Measure the agent without any function; with several answers to each task, at a budget as large as training's.

    Several answers are drawn at a temperature of 0.7, unless --temperature says otherwise: at 0 they are all the same one.

    Example: jigsmith-optimizer baseline --tasks fresh.jsonl --samples 5 --model gpt-4o
    """

    async def work() -> None:
        measuring, found = shared.measuring("", model), shared.tasks(tasks)
        async with measuring.session() as (session, observer):
            temperature = session.means.access.temperature
            if not shared.says_temperature:
                temperature = vote_temperature(temperature, samples)
            drawn = await session.another_model(session.who.model, temperature=temperature)
            evaluation = await majority(
                found, Weights("", {}), samples, rollouts=session.rollouts_of(drawn), evaluating=observer.evaluating
            )
        figures = {"samples": samples, "temperature": temperature, **_figures("no functions", evaluation)}
        measuring.show(figures, as_json=shared.as_json)

    run(work, resume=shared.way_back)


@with_shared_options
def transfer(
    shared: Shared,
    revisions: Annotated[list[str], typer.Option("--revision", help="A revision; may be repeated.")],
    models: Annotated[
        list[str], typer.Option("--model", help="A model, or a TOML file as of --model-file; may be repeated.")
    ],
    tasks: Tasks,
) -> None:
    """Measure revisions with models: what was learned with one, used by another.

    Example: jigsmith-optimizer transfer --revision S/revisions/1 --revision S/revisions/4 --model gpt-4o --model gpt-4.1
      --tasks fresh.jsonl
    """

    async def work() -> None:
        function_set, *_ = [_set_of(one) for one in revisions]
        named = {one: shared.model(one) for one in models}
        # The session's own access is for nothing else, and would want a key where every model has one in its file.
        first = Path(models[0]) if named[models[0]][1] else shared.model_file
        measuring = replace(shared, model_file=first).measuring(function_set, named[models[0]][0])
        found = shared.tasks(tasks)
        cells: list[dict[str, Any]] = []
        async with measuring.session(probe=False) as (session, observer):
            asked = [(one, await session.another_model(name, access=access)) for one, (name, access) in named.items()]
            for _, model in asked:  # each may be somewhere else, and is to fail before the first has cost anything
                if remark := await model.probe(tools=session.who.agent == "tools"):
                    note(f"note: {remark}")
            for name, model in asked:
                rollouts = session.rollouts_of(model)
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

    run(work, resume=shared.way_back)


class _Measuring:
    """One command's session, in a folder that is kept only if the user names one."""

    def __init__(self, who: Who, means: Means, seed: int, out: Path | None) -> None:
        self._who, self._means, self._seed, self._out = who, means, seed, out
        self.spent = ""

    @asynccontextmanager
    async def session(self, *, probe: bool = True) -> AsyncIterator[tuple[Session, ProgressObserver]]:
        """Open it, and see whether its model answers."""
        with tempfile.TemporaryDirectory(prefix="jigsmith-measuring-") as folder:
            out = self._out or Path(folder)
            if begun(out) is not None:
                raise typer.BadParameter(
                    f"--out {out} holds a training run, and is to stay as it is: name another folder"
                )
            out.mkdir(parents=True, exist_ok=True)
            async with Session(out, "measuring", self._who, self._means, seed=self._seed) as session:
                for remark in await session.probe(optimizer=False) if probe else ():
                    note(f"note: {remark}")
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
        raise typer.BadParameter(f"a revision is named functionSets/SET/revisions/N, not {revision!r}")
    return parts[1]
