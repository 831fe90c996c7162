"""`jigsmith-optimizer`: learn a function set, or measure one."""

import asyncio
import collections
import dataclasses
import json
import secrets
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from jigsmith import DEFAULT_ADDRESS, AsyncClient, JigsmithError
from rich.console import Console

from jigsmith_optimizer import report
from jigsmith_optimizer.datasets import DatasetError, load
from jigsmith_optimizer.datasets.jsonl import split_digest
from jigsmith_optimizer.llm import Model, ModelError
from jigsmith_optimizer.loop import Epoch, Settings, Splits, Trainer, Training
from jigsmith_optimizer.progress import ProgressObserver
from jigsmith_optimizer.weights import FunctionStore

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
_errors = Console(stderr=True)


@app.callback()
def _program() -> None:
    """Learn functions for a black-box LLM agent (arXiv:2402.11359). Everything runs at the runtime, over gRPC."""


def _read_token(path: Path | None) -> str | None:
    return path.read_text().strip() if path else None


@app.command()
def train(
    function_set: Annotated[str, typer.Option("--set", help="The function set to train; created if it is not there.")],
    train_file: Annotated[Path, typer.Option("--train", help="Tasks to learn from, JSON lines.")],
    validation_file: Annotated[Path, typer.Option("--validation", help="Tasks that a change must not make worse.")],
    test_file: Annotated[Path, typer.Option("--test", help="Tasks for the final figures; read after training only.")],
    out: Annotated[Path, typer.Option(help="Folder for journal.jsonl, summary.json and report.html.")],
    model: Annotated[str, typer.Option(envvar="JIGSMITH_MODEL", help="The model's name at its endpoint.")],
    base_url: Annotated[
        str | None, typer.Option(envvar="OPENAI_BASE_URL", help="An OpenAI-compatible endpoint.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="Its key.", show_envvar=True)] = None,
    address: Annotated[str, typer.Option(envvar="JIGSMITH_ADDRESS", help="The runtime.")] = DEFAULT_ADDRESS,
    token_file: Annotated[Path | None, typer.Option(help="File with the optimizer's bearer token.")] = None,
    revision: Annotated[str | None, typer.Option(help="Start from this revision instead of an empty set.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Measured sets at most, the baseline included.")] = 10,
    patience: Annotated[int, typer.Option(min=1, help="Stop after this many roll-backs in a row.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of all rollouts.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Rollouts at a time.")] = 4,
    owner: Annotated[
        str,
        typer.Option(
            envvar="JIGSMITH_OWNER", help="user:NAME who starts the run; they may not approve what it learns."
        ),
    ] = "",
) -> None:
    """Learn a function set. The result is a draft revision: releasing it is somebody else's decision.

    Example: jigsmith-optimizer train --set tables --train t.jsonl --validation v.jsonl --test e.jsonl --model gpt-4o --out run
    """
    settings = Settings(f"run-{secrets.token_hex(6)}", epochs, patience, seed, concurrency, owner)
    try:
        splits = Splits(load(train_file), load(validation_file), load(test_file))
        key = api_key or ("none" if base_url else None)
        asyncio.run(
            _train(
                settings,
                splits,
                out,
                function_set,
                revision,
                (model, base_url, key),
                (address, _read_token(token_file)),
            )
        )
    except (DatasetError, ModelError, OSError, JigsmithError) as error:
        _fail(error)
    except ExceptionGroup as group:  # from rollouts that ran side by side: the first says it
        first = group.exceptions[0]
        if isinstance(first, ModelError | JigsmithError):
            _fail(first)
        raise


def _fail(error: Exception) -> NoReturn:
    _errors.print(f"jigsmith-optimizer: {error}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


async def _train(
    settings: Settings,
    splits: Splits,
    out: Path,
    function_set: str,
    revision: str | None,
    endpoint: tuple[str, str | None, str | None],
    runtime: tuple[str, str | None],
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    name, base_url, key = endpoint
    async with (
        AsyncClient(runtime[0], token=runtime[1]) as client,
        Model(name, base_url=base_url, api_key=key) as model,
    ):
        store = FunctionStore(client, function_set)
        initial = await store.open(revision)
        with ProgressObserver(Console(highlight=False)) as observer:
            training = await Trainer(model, store, splits, settings, observer).train(initial)
    summary = _summary(training, settings, splits) | {
        "model": name,
        "model_use": dataclasses.asdict(model.use),
    }
    (out / "journal.jsonl").write_text("".join(json.dumps(_row(epoch)) + "\n" for epoch in training.epochs))
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    report.write(out / "report.html", training)


def _row(epoch: Epoch) -> dict[str, Any]:
    return {
        "epoch": epoch.number,
        "verdict": epoch.verdict,
        "revision": epoch.weights.revision,
        "parent": epoch.parent.revision if epoch.parent else None,
        "functions": sorted(epoch.weights.versions),
        "actions": [{"kind": one.kind, "name": one.name, "reason": one.reason} for one in epoch.actions],
        "repairs": epoch.repairs,
        "train_loss": epoch.train_loss,
        "validation_loss": epoch.validation_loss,
    }


def _summary(training: Training, settings: Settings, splits: Splits) -> dict[str, Any]:
    best = training.best
    assert best is not None
    kept = next(epoch for epoch in training.epochs if epoch.weights.revision == best.revision)
    first = training.epochs[0]
    kinds = collections.Counter(action.kind for epoch in training.epochs for action in epoch.actions)
    digests = {name: split_digest(list(getattr(splits, name))) for name in ("train", "validation", "test")}
    return {
        "run": settings.run,
        "revision": best.revision,
        "functions": sorted(best.versions),
        "train_loss_before": first.train_loss,
        "train_loss_after": kept.train_loss,
        "validation_loss_before": first.validation_loss,
        "validation_loss_after": kept.validation_loss,
        "test_loss_before": training.test_loss_before,
        "test_loss_after": training.test_loss_after,
        "actions": dict(kinds),
        "repairs": sum(epoch.repairs for epoch in training.epochs),
        "rollbacks": training.rollbacks,
        "early_stopped": training.early_stopped,
        "epochs": [_row(epoch) for epoch in training.epochs],
        "split_digests": digests,
    }


def main() -> None:
    """Run the program."""
    app()
