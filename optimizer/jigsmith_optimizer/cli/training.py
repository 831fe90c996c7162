"""`train`: begin a run, or go on with one."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from jigsmith_optimizer import pipeline, seals
from jigsmith_optimizer.acceptance import ALPHA, TARGET_GAIN
from jigsmith_optimizer.cli import options, runs
from jigsmith_optimizer.cli.datasets import keep_tasks, kept_splits, splits_of
from jigsmith_optimizer.cli.running import console, note, run, say
from jigsmith_optimizer.cli.runs import Run
from jigsmith_optimizer.cli.telling import tell
from jigsmith_optimizer.progress import ProgressObserver
from jigsmith_optimizer.proposer import ACTIONS_MAX, FUNCTIONS_MAX
from jigsmith_optimizer.session import Means, Session
from jigsmith_optimizer.tasks import FRACTIONS, Splits
from jigsmith_optimizer.training import ALGORITHMS, AlgorithmName, Settings, check_tasks

_TASKS, _TRUSTED = "Tasks", "Trusted algorithm"


def train(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder of the run: journal, tasks, summary.json, report.html.")],
    function_set: Annotated[
        str, typer.Option("--set", help="The function set; created if it is not there. Not needed to go on.")
    ] = "",
    model: options.Model = "",
    tasks: Annotated[Path | None, typer.Option(help="Tasks to be split into three.", rich_help_panel=_TASKS)] = None,
    train_file: Annotated[
        Path | None, typer.Option("--train", help="Or: tasks to learn from.", rich_help_panel=_TASKS)
    ] = None,
    validation_file: Annotated[
        Path | None, typer.Option("--validation", help="Tasks that decide what is kept.", rich_help_panel=_TASKS)
    ] = None,
    test_file: Annotated[
        Path | None, typer.Option("--test", help="Tasks read once, at the end.", rich_help_panel=_TASKS)
    ] = None,
    form: options.Form = "auto",
    fractions: Annotated[
        str, typer.Option("--split", help="Shares of --tasks: train,validation,test.", rich_help_panel=_TASKS)
    ] = ",".join(map(str, FRACTIONS)),
    limit: Annotated[
        int | None, typer.Option(min=3, help="At most so many of --tasks, chosen by the seed.", rich_help_panel=_TASKS)
    ] = None,
    algorithm: Annotated[
        str, typer.Option(help="trusted, or agent-optimizer: the paper's, to the letter.")
    ] = "trusted",
    agent: options.Agent = "tools",
    interpreter: options.Interpreter = False,
    revision: Annotated[str | None, typer.Option(help="Start from this revision instead of an empty set.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Measured sets at most, the baseline included.")] = 10,
    patience: Annotated[int, typer.Option(min=1, help="Stop after this many roll-backs in a row.")] = 10,
    actions: Annotated[int, typer.Option(min=1, help="Actions in one proposal, at most.")] = ACTIONS_MAX,
    functions_max: Annotated[int, typer.Option(min=1, max=128, help="Functions in a set, at most.")] = FUNCTIONS_MAX,
    count_accepted: Annotated[
        bool, typer.Option("--count-accepted", help="Let only accepted epochs count, as Algorithm 2 prints it.")
    ] = False,
    alpha: Annotated[
        float,
        typer.Option(min=1e-6, max=0.5, help="Chance that a run keeps anything useless.", rich_help_panel=_TRUSTED),
    ] = ALPHA,
    target_gain: Annotated[
        float, typer.Option(min=0.01, max=1, help="The gain that is worth finding.", rich_help_panel=_TRUSTED)
    ] = TARGET_GAIN,
    repeats: Annotated[
        bool, typer.Option(help="Validation tasks may be rolled out twice.", rich_help_panel=_TRUSTED)
    ] = True,
    seed: options.Seed = 0,
    concurrency: options.Concurrency = 4,
    owner: Annotated[
        str,
        typer.Option(
            envvar="JIGSMITH_OWNER", help="user:NAME of who starts the run, who may then approve nothing of it."
        ),
    ] = "",
    optimizer_model: options.OptimizerModel = "",
    optimizer_model_file: options.OptimizerModelFile = None,
    model_file: options.ModelFile = None,
    base_url: options.BaseUrl = "",
    api_key_file: options.ApiKeyFile = None,
    wire: options.WireName = "",
    temperature: options.Temperature = "",
    timeout_s: options.TimeOut = 120.0,
    address: options.Address = "",
    token_file: options.TokenFile = None,
    certificates: options.RootCertificates = None,
    max_requests: options.MaxRequests = None,
    max_tokens: options.MaxTokens = None,
    max_seconds: options.MaxSeconds = None,
    max_cost: options.MaxCost = None,
    prices: options.Prices = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out; nothing is paid twice.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Go through a finished run again, without any network.")
    ] = False,
) -> None:
    """Learn a function set. The result is a draft revision: releasing it is somebody else's decision.

    Example: jigsmith-optimizer train --set tables --tasks tasks.jsonl --model gpt-4o --out run --token-file optimizer.token
    """

    def settings() -> Settings:
        return Settings(
            run=f"run-{secrets.token_hex(6)}",
            algorithm=_algorithm(algorithm),
            epochs=epochs,
            patience=patience,
            actions=actions,
            functions=functions_max,
            seed=seed,
            owner=owner,
            count_epochs="accepted" if count_accepted else "all",
            alpha=options.finite("--alpha", alpha),
            target_gain=options.finite("--target-gain", target_gain),
            repeats=repeats,
        )

    def means() -> Means:
        return Means(
            options.runtime_address(address, token_file, certificates),
            options.access(model_file, base_url, api_key_file, wire, temperature, timeout_s),
            concurrency,
            options.limits(max_requests, max_tokens, max_seconds, max_cost),
            prices,
            None if optimizer_model_file is None else options.access_in(optimizer_model_file, timeout_s),
        )

    async def work() -> None:
        known = runs.begun(out)
        if known is not None:
            runs.refuse_another(context, known, out, resume=resume or replay)
            await (_replay(out) if replay else _go_on(out, known, means()))
        elif replay:
            raise typer.BadParameter(f"{out} holds no run to replay")
        else:
            chosen, files = settings(), (train_file, validation_file, test_file)
            splits = splits_of(files, tasks, options.form(form), fractions, limit, seed)
            who = options.who(
                _named(function_set),
                model,
                optimizer_model or options.model_in(optimizer_model_file),
                model_file,
                agent,
                interpreter=interpreter,
                revision=revision,
            )
            reached = means()
            new = Run(who, chosen, runs.access_facts(reached), runs.tasks_of(context.params))
            _refuse_sealed(splits, [one for one in (tasks, *files) if one is not None], out)
            _tell_power(chosen, splits)
            keep_tasks(out, splits)
            await _train(out, new, reached, begin=True)

    run(work, resume=lambda: "" if replay else _way_back(out))


def _algorithm(said: str) -> AlgorithmName:
    found = next((one for one in ALGORITHMS if one == said), None)
    if found is None:
        raise typer.BadParameter(f"--algorithm is one of {', '.join(ALGORITHMS)}, not {said!r}")
    return found


def _named(function_set: str) -> str:
    if not function_set:
        raise typer.BadParameter("name the function set that is to learn: --set")
    return function_set


def _way_back(out: Path) -> str:
    """Return how to go on with a run, if one was begun."""
    if not runs.is_begun(out):
        return ""
    return (
        f"`jigsmith-optimizer train --resume --out {out}`, with the options for endpoint and runtime, goes on and pays "
        f"nothing twice; `jigsmith-optimizer report {out}` shows what there is"
    )


async def _replay(out: Path) -> None:
    found = await runs.replay(out, console=console)
    pipeline.write_files(out, found.files)
    tell(out, found.summary)


async def _go_on(out: Path, known: Run, reached: Means) -> None:
    if bool(known.access.get("optimizer")) is not bool(reached.optimizer_access):
        raise typer.BadParameter("--optimizer-model-file has to be given again, or left out again, to go on with a run")
    begun, now = known.access["place"], reached.access.place
    if begun != now:
        note(f"note: the run was begun at {_place(begun)}, and goes on at {_place(now)}")
    await _train(out, known, known.means(reached))


async def _train(out: Path, what: Run, means: Means, *, begin: bool = False) -> None:
    settings, splits = what.settings, kept_splits(out)
    async with Session(out, settings.run, what.who, means, seed=settings.seed) as session:
        session.check_same("splits", splits.digests())
        for remark in await session.probe(optimizer=True):
            say(f"note: {remark}")
        if begin:
            # Until model and runtime have answered it is no run yet, and may be begun with other options.
            await pipeline.begin(session, splits, settings)
            runs.keep(session, what)
        with ProgressObserver(console, session.budget) as observer:
            outcome = await pipeline.train(session, splits, settings, observer)
        tell(out, pipeline.write(session, splits, settings, outcome))


def _refuse_sealed(splits: Splits, files: list[Path], out: Path) -> None:
    """Raise SealedError for tasks that another run, which is not over, keeps sealed; say which were read by one that is."""
    seen = [one.question for one in (*splits.train, *splits.validation)]
    seals.check([*seen, *splits.test.questions()], files=files, out=out)
    for remark in seals.check(splits.test.questions(), files=files, out=out):
        note(f"note: of the test split, {remark}")


def _place(place: str) -> str:
    return place or "OpenAI's own endpoint"


def _tell_power(settings: Settings, splits: Splits) -> None:
    """Say what the validation tasks can show, before anything is spent. Raises TooFewTasksError."""
    if settings.algorithm != "trusted":
        say(
            "algorithm agent-optimizer: gains on D_train are taken as they come; nothing bounds the chance of a false one"
        )
        return
    say(check_tasks(settings, len(splits.train), splits.validation).sentence)
