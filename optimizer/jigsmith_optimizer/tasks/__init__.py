"""Tasks to train and test on: the formats of known data sets, one's own, and how they are split."""

from pathlib import Path
from typing import Final

from jigsmith_optimizer.tasks.formats import FORMS
from jigsmith_optimizer.tasks.rows import rows
from jigsmith_optimizer.tasks.sealed import SealedError, SealedTasks
from jigsmith_optimizer.tasks.splits import FRACTIONS, Splits, split
from jigsmith_optimizer.tasks.task import DatasetError, Task, digest

__all__ = [
    "FORM_NAMES", "FRACTIONS", "DatasetError", "SealedError", "SealedTasks", "Splits", "Task", "digest", "load", "split",
]  # fmt: skip

FORM_NAMES: Final = ("auto", *FORMS)


def load(path: Path, form: str = "auto") -> list[Task]:
    """Return the tasks of a file of JSON lines, in its order. Raises DatasetError.

    `form` is one of FORM_NAMES; `auto` goes by the fields of the first row.
    """
    tasks: list[Task] = []
    seen: set[str] = set()
    make = None if form == "auto" else FORMS[form][0]
    for row in rows(path):
        if make is None:
            make = next((one for one, fields in FORMS.values() if fields <= row.values.keys()), None)
        if make is None:
            raise row.fault("needs an object with id, question and answer, or a row of a known data set (--format)")
        task = make(row)
        if task.id in seen:
            raise row.fault(f"another task has the id {task.id!r}, too")
        seen.add(task.id)
        tasks.append(task)
    if not tasks:
        raise DatasetError(f"{path}: holds no task")
    return tasks
