"""The tasks of a training run: from the files that options name, and as the run's own folder keeps them."""

import json
import random
from pathlib import Path
from typing import Final

from jigsmith_optimizer import pipeline
from jigsmith_optimizer.tasks import DatasetError, SealedTasks, Splits, Task, load, split

_SPLIT_NAMES: Final = ("train", "validation", "test")

Files = tuple[Path | None, Path | None, Path | None]
"""Of D_train, D_val and D_test."""


def splits_of(files: Files, tasks: Path | None, form: str, fractions: str, limit: int | None, seed: int) -> Splits:
    """Return the three splits. Raises DatasetError."""
    if tasks is not None and not any(files):
        return split(_sample(load(tasks, form), limit, seed), seed, _shares(fractions))
    if tasks is None and all(files):
        train_tasks, validation, test = (load(path, form) for path in files if path is not None)
        return Splits(train_tasks, validation, SealedTasks(test))
    raise DatasetError("give --tasks to be split, or all of --train, --validation and --test")


def _shares(said: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(one) for one in said.split(","))
    except ValueError:
        train = validation = test = 0.0
    if not (min(train, validation, test) > 0 and abs(train + validation + test - 1) < 1e-6):
        raise DatasetError(f"--split is three shares above 0 that add up to 1, such as 0.3,0.4,0.3, not {said!r}")
    return train, validation, test


def _sample(tasks: list[Task], limit: int | None, seed: int) -> list[Task]:
    if limit is None or limit >= len(tasks):
        return tasks
    return random.Random(seed).sample(sorted(tasks, key=lambda one: one.id), limit)  # noqa: S311 - a sample, no secret


def keep_tasks(out: Path, splits: Splits) -> None:
    """Copy the tasks into the run's folder: to resume or replay it takes nothing else. Raises OSError."""
    folder = pipeline.splits_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation"):
        _write_tasks(folder / f"{name}.jsonl", list(getattr(splits, name)))
    splits.test.copy_to(folder / "test.jsonl", _write_tasks)


def _write_tasks(path: Path, tasks: list[Task]) -> None:
    path.write_text("".join(json.dumps(one.as_json()) + "\n" for one in tasks))


def kept_splits(out: Path) -> Splits:
    """Return the splits that a run's folder keeps. Raises DatasetError."""
    folder = pipeline.splits_folder(out)
    train_tasks, validation, test = (load(folder / f"{name}.jsonl", "own") for name in _SPLIT_NAMES)
    return Splits(train_tasks, validation, SealedTasks(test))
