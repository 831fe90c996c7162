"""Tasks as JSON lines: `{"id", "question", "answer"}` and optionally `grader` (`number` or `text`) and `tolerance`."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Grader = Literal["number", "text"]


class DatasetError(Exception):
    """A file is no dataset; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task."""

    id: str
    question: str
    answer: str
    grader: Grader = "number"
    tolerance: float = 1e-6
    """Relative for answers above one, absolute below (grader `number` only)."""


def load(path: Path) -> list[Task]:
    """Return the tasks of a file, in its order. Raises DatasetError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error
    tasks = [
        _task(json_line, f"{path}, line {number}") for number, json_line in enumerate(lines, 1) if json_line.strip()
    ]
    if not tasks:
        raise DatasetError(f"{path}: holds no task")
    if len({task.id for task in tasks}) < len(tasks):
        raise DatasetError(f"{path}: two tasks have the same id")
    return tasks


def _task(line: str, where: str) -> Task:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise DatasetError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict) or not {"id", "question", "answer"} <= row.keys():
        raise DatasetError(f"{where}: needs an object with id, question and answer")
    grader = row.get("grader", "number")
    if grader not in ("number", "text"):
        raise DatasetError(f"{where}: grader must be `number` or `text`, not {grader!r}")
    tolerance = row.get("tolerance", 1e-6)
    if not isinstance(tolerance, int | float) or isinstance(tolerance, bool) or tolerance < 0:
        raise DatasetError(f"{where}: tolerance must be a number of at least 0")
    return Task(str(row["id"]), str(row["question"]), str(row["answer"]), grader, float(tolerance))


def split_digest(tasks: list[Task]) -> str:
    """Return the sha256 over the tasks' ids, questions and answers: what a report says it was trained or tested on."""
    text = json.dumps([[task.id, task.question, task.answer] for task in tasks])
    return hashlib.sha256(text.encode()).hexdigest()
