"""`train`, `propose` and `report`."""

import json
import random
import secrets
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from jigsmith_optimizer import pipeline, release
from jigsmith_optimizer.acceptance import ALPHA, TARGET_GAIN
from jigsmith_optimizer.budget import Limits
from jigsmith_optimizer.cli import options
from jigsmith_optimizer.cli.running import console, fail, run, say
from jigsmith_optimizer.journal import Journal, JournalError
from jigsmith_optimizer.llm import Access
from jigsmith_optimizer.progress import ProgressObserver, spent_line
from jigsmith_optimizer.proposer import ACTIONS_MAX, FUNCTIONS_MAX
from jigsmith_optimizer.session import JOURNAL, Means, RuntimeAddress, Session, Who
from jigsmith_optimizer.tasks import FRACTIONS, DatasetError, SealedTasks, Splits, Task, load, split
from jigsmith_optimizer.training import ALGORITHMS, Settings
from jigsmith_optimizer.training.trusted import check_tasks

_TASKS, _TRUSTED = "Tasks", "Trusted algorithm"
_SPLIT_NAMES: Final = ("train", "validation", "test")


def train(
    function_set: options.FunctionSet,
    out: Annotated[Path, typer.Option(help="Folder of the run: journal, tasks, summary.json, report.html.")],
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
    if algorithm not in ALGORITHMS:
        fail(f"--algorithm is one of {', '.join(ALGORITHMS)}, not {algorithm!r}")
    begun = (out / JOURNAL).exists()
    if begun and not (resume or replay):
        fail(f"{out} holds a run already: --resume goes on with it, another --out begins anew")
    if replay and not begun:
        fail(f"{out} holds no run to replay")
    settings = Settings(
        run=f"run-{secrets.token_hex(6)}",
        algorithm="trusted" if algorithm == "trusted" else "agent-optimizer",
        epochs=epochs,
        patience=patience,
        actions=actions,
        functions=functions_max,
        seed=seed,
        owner=owner,
        count_epochs="accepted" if count_accepted else "all",
        alpha=alpha,
        target_gain=target_gain,
        repeats=repeats,
    )
    limits = Limits(max_requests, max_tokens, max_seconds, max_cost)

    async def work() -> None:
        if begun:
            await _go_on(out, _means(replay=replay), replay=replay)
            return
        splits = _splits((train_file, validation_file, test_file), tasks, form, fractions, limit, seed)
        _tell_power(settings, splits)
        out.mkdir(parents=True, exist_ok=True)
        _keep_tasks(out, splits)
        found = options.who(
            function_set, model, optimizer_model, model_file, agent, interpreter=interpreter, revision=revision
        )
        await _train(out, found, _means(replay=False), settings, _kept_splits(out))

    def _means(*, replay: bool) -> Means:
        reached = Access() if replay else options.access(
            model_file, base_url, api_key_file, wire, temperature, timeout_s
        )  # fmt: skip
        runtime = RuntimeAddress() if replay else options.runtime_address(address, token_file, certificates)
        return options.means(runtime, reached, concurrency, limits, prices)

    run(
        work(),
        resume="" if replay else f"`train --resume --out {out}` with the same options goes on, and pays nothing twice",
    )


async def _go_on(out: Path, means: Means, *, replay: bool) -> None:
    """Go on with the run in a folder: what it is stands in its journal; endpoint, runtime and budget may be others."""
    who, settings = _kept_run(out)
    kept = _access_of(out)
    means = replace(means, access=replace(means.access, wire=kept["wire"], temperature=kept["temperature"]))
    await _train(out, who, means, settings, _kept_splits(out), replay=replay)


async def _train(
    out: Path, who: Who, means: Means, settings: Settings, splits: Splits, *, replay: bool = False
) -> None:
    async with Session(out, settings.run, who, means, seed=settings.seed, replay=replay) as session:
        if not replay:
            session.check_same("splits", splits.digests())
            session.check_same("who", asdict(who))
            session.check_same("settings", asdict(settings))
            session.check_same("access", {"wire": means.access.wire, "temperature": means.access.temperature})
            for remark in await session.probe(optimizer=True):
                say(f"note: {remark}")
        with ProgressObserver(console, session.budget) as observer:
            outcome = await pipeline.train(session, splits, settings, observer)
        summary = pipeline.write(session, splits, settings, outcome)
        _tell(out, summary, spent_line(session.budget))


def _kept_run(out: Path) -> tuple[Who, Settings]:
    """Return what the run in a folder is. Raises JournalError."""
    facts = _facts(out, "who", "settings")
    return Who(**facts["who"]), Settings(**facts["settings"])


def _access_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = _facts(out, "access")["access"]
    return found


def _facts(out: Path, *names: str) -> dict[str, Any]:
    journal = Journal(out / JOURNAL)
    try:
        found = {name: journal.fact(name) for name in names}
    finally:
        journal.close()
    if None in found.values():
        raise JournalError(f"the run in {out} had not begun: remove the folder, and train again")
    return found


def _splits(
    files: tuple[Path | None, Path | None, Path | None],
    tasks: Path | None,
    form: str,
    fractions: str,
    limit: int | None,
    seed: int,
) -> Splits:
    """Return the three splits. Raises DatasetError."""
    if tasks is not None and not any(files):
        found = load(tasks, form)
        shares = tuple(float(one) for one in fractions.split(",") if one.replace(".", "", 1).isdigit())
        if len(shares) != len(_SPLIT_NAMES) or abs(sum(shares) - 1) > 1e-6:
            raise DatasetError(f"--split is three shares that add up to 1, not {fractions!r}")
        return split(_sample(found, limit, seed), seed, (shares[0], shares[1], shares[2]))
    if tasks is None and all(files):
        train_tasks, validation, test = (load(path, form) for path in files if path is not None)
        return Splits(train_tasks, validation, SealedTasks(test))
    raise DatasetError("give --tasks to be split, or all of --train, --validation and --test")


def _sample(tasks: list[Task], limit: int | None, seed: int) -> list[Task]:
    if limit is None or limit >= len(tasks):
        return tasks
    return random.Random(seed).sample(sorted(tasks, key=lambda one: one.id), limit)  # noqa: S311 - a sample, no secret


def _tell_power(settings: Settings, splits: Splits) -> None:
    """Say what the validation tasks can show, before anything is spent. Raises TooFewTasksError."""
    if settings.algorithm != "trusted":
        say(
            "algorithm agent-optimizer: gains on D_train are taken as they come; nothing bounds the chance of a false one"
        )
        return
    count = len(splits.validation)
    gain = check_tasks(settings, count)
    points = "no gain" if gain is None else f"a gain of {round(100 * gain)} points or more"
    say(
        f"{count} validation tasks: {points} is found with a chance of 80 %, "
        f"a useless change kept with one of at most {settings.alpha:.0%} over the whole run"
    )


def _keep_tasks(out: Path, splits: Splits) -> None:
    """Copy the tasks into the run's folder: to resume or replay it takes nothing else."""
    folder = pipeline.splits_folder(out)
    folder.mkdir(exist_ok=True)
    for name in ("train", "validation"):
        _write_tasks(folder / f"{name}.jsonl", list(getattr(splits, name)))
    splits.test.copy_to(folder / "test.jsonl", _write_tasks)


def _write_tasks(path: Path, tasks: list[Task]) -> None:
    path.write_text("".join(json.dumps(one.as_json()) + "\n" for one in tasks))


def _kept_splits(out: Path) -> Splits:
    folder = pipeline.splits_folder(out)
    train_tasks, validation, test = (load(folder / f"{name}.jsonl", "own") for name in _SPLIT_NAMES)
    return Splits(train_tasks, validation, SealedTasks(test))


def _tell(out: Path, summary: dict[str, Any], spent: str) -> None:
    learned = ", ".join(summary["functions"]) or "nothing"
    say(f"learned: {learned} ({summary['revision']})")
    test = summary["test"]
    if test is not None:
        before, after, gain = test["before"], test["after"], test["gain"]
        say(
            f"loss on {test['tasks']} sealed test tasks: {before['estimate']:.3f} before, {after['estimate']:.3f} after; "
            f"paired gain {gain['estimate']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f}); without functions at an "
            f"equal budget {test['baseline']['loss']['estimate']:.3f}"
        )
    if summary["unfinished"]:
        say(f"unfinished: {summary['unfinished']}")
    say(f"spent: {spent}")
    say(f"{out}/report.html shows every step; {out}/summary.json has the figures")


def report(
    out: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
) -> None:
    """Write a run's report.html and summary.json anew, from its journal, without any network.

    Example: jigsmith-optimizer report run
    """
    if not (out / JOURNAL).exists():
        fail(f"{out} holds no run")

    async def work() -> None:
        await _go_on(out, Means(RuntimeAddress(), Access()), replay=True)

    run(work())


def propose(
    out: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    channel: Annotated[str, typer.Option(help="The channel that is to move to what was learned.")],
    address: options.Address = "",
    token_file: options.TokenFile = None,
    evaluator_token_file: Annotated[
        Path | None, typer.Option(help="File with an evaluator's token: the results are attached as signed evidence.")
    ] = None,
    certificates: options.RootCertificates = None,
) -> None:
    """Propose what a run learned for release. People decide: `jigsmith releases`.

    Example: jigsmith-optimizer propose run --channel staging --token-file optimizer.token
    """
    try:
        summary = json.loads((out / "summary.json").read_text())
    except (OSError, ValueError) as error:
        fail(f"{out} holds no finished run: {error}")
    if summary["test"] is None:
        fail(f"the run in {out} was not finished: {summary['unfinished']}")

    async def work() -> None:
        runtime = options.runtime_address(address, token_file, certificates)
        async with runtime.connect() as client:
            name = await release.propose(client, summary["function_set"], summary, channel)
        say(f"proposed: {name}")
        if evaluator_token_file is not None:
            evaluator = options.runtime_address(address, evaluator_token_file, certificates)
            async with evaluator.connect() as client:
                await release.attach(client, name, summary, out / "report.html")
            say("the sealed test's result is attached, signed")

    run(work())
