"""The data sets whose rows are known, each as a function from a row to a task.

MATH (Hendrycks et al. 2021), GSM8K (Cobbe et al. 2021), TabMWP (Lu et al. 2023), TAT-QA (Zhu et al. 2021), ConvFinQA (Chen et
al. 2022), GAIA (Mialon et al. 2023), and one's own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jigsmith_optimizer.tasks.boxed import last_boxed
from jigsmith_optimizer.tasks.numerals import number_in
from jigsmith_optimizer.tasks.rows import Row
from jigsmith_optimizer.tasks.task import Task

GRADERS: Final = ("number", "text", "choice", "tatqa", "gaia", "math", "function")
_SOURCE_BYTES_MAX: Final = 65_536
_ATTACHMENT_CHARS_MAX: Final = 50_000
_TEXT_SUFFIXES: Final = frozenset({".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".py", ".yaml"})


def own(row: Row) -> Task:
    """One's own: id, question, answer; optionally grader, tolerance, options, category, group, source_file."""
    grader = row.text("grader", default="number")
    options = row.values.get("options") or {}
    if grader not in GRADERS:
        raise row.fault(f"grader must be one of {', '.join(GRADERS)}, not {grader!r}")
    if not isinstance(options, dict):
        raise row.fault("options must be an object")
    options = dict(options)
    tolerance = row.values.get("tolerance", options.get("tolerance"))
    if tolerance is not None:
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or tolerance < 0:
            raise row.fault("tolerance must be a number of at least 0")
        options["tolerance"] = tolerance
    if grader == "choice" and not isinstance(options.get("choices"), list):
        raise row.fault('grader `choice` needs "options": {"choices": [...]}')
    if grader == "function":
        options["source"] = _grading_function(row, options)
    return Task(
        row.text("id"),
        row.text("question"),
        row.text("answer"),
        grader,
        options,
        row.text("category", default=""),
        row.text("group", default=""),
    )


def _grading_function(row: Row, options: dict[str, Any]) -> str:
    """Return the source of a grading function: in the row, or in a file beside the dataset."""
    if isinstance(options.get("source"), str):
        return str(options["source"])
    path = beside(row, row.text("source_file"))
    if path.stat().st_size > _SOURCE_BYTES_MAX:
        raise row.fault(f"the grading function {path.name} is larger than 64 KiB")
    return path.read_text(encoding="utf-8")


def beside(row: Row, name: str) -> Path:
    """Return a file in the dataset's folder. Raises DatasetError if it is missing or somewhere else."""
    path = (row.folder / name).resolve()
    if not path.is_relative_to(row.folder.resolve()):
        raise row.fault(f"the file {name!r} is not in the dataset's folder")
    if not path.is_file():
        raise row.fault(f"the file {name!r} is not there")
    return path


def math(row: Row) -> Task:
    r"""Return a task of MATH: the answer is in the last `\boxed{...}` of the solution."""
    answer = last_boxed(row.text("solution"))
    if answer is None:
        raise row.fault("the solution has no \\boxed{answer}")
    return Task(row.text("id"), row.text("question"), answer, "math", category=row.text("subject", default=""))


def gsm8k(row: Row) -> Task:
    """Return a task of GSM8K: a number, given or behind `####` in the solution."""
    answer = row.values.get("answer")
    if answer is None or "####" in str(answer):
        answer = str(answer or row.text("solution")).rpartition("####")[2].strip()
    return Task(row.text("id"), row.text("question"), str(answer), "number", {"tolerance": 1e-4})


def tabmwp(row: Row) -> Task:
    """Return a task of TabMWP: a table and a question, with choices or a number and its unit."""
    title, unit, choices = row.values.get("table_title"), row.values.get("unit"), row.values.get("choices")
    parts = [f"Table: {title}" if title else "Table:", row.text("table"), "", row.text("question")]
    if unit:
        parts.append(f"(Unit: {unit})")
    if choices:
        parts.append("Choose from: " + "; ".join(map(str, choices)))
    options: dict[str, Any] = {"choices": list(map(str, choices))} if choices else {"tolerance": 1e-4}
    kind = "choice" if choices else "number" if row.text("ans_type").endswith("number") else "text"
    return Task(row.text("id"), "\n".join(parts), row.text("answer"), kind, options, row.text("ans_type"))


def tatqa(row: Row) -> Task:
    """Return a task of TAT-QA: a table, paragraphs, and an answer with a scale."""
    parts = [_table(row.list("table")), "", *map(str, row.list("rel_paragraphs")), "", row.text("question")]
    return Task(
        row.text("id"),
        "\n".join(parts),
        row.text("answer"),
        "tatqa",
        {"scale": row.text("scale", default="")},
        row.text("answer_type"),
        row.text("table_id"),
    )


def _table(cells: Sequence[Any]) -> str:
    return "\n".join(" | ".join(map(str, line)) for line in cells)


def convfinqa(row: Row) -> Task:
    """Return a task of ConvFinQA: a table and a conversation, whose last question counts."""
    *before, asked = map(str, row.list("questions"))
    said = [f"Asked before: {one}" for one in before]
    # Earlier questions are told without their answers, as in the data set: the last one often rests on them.
    parts = [row.text("table"), row.text("golden_text", default=""), *said, f"Question: {asked}"]
    parts.append("(Give a share as a decimal fraction, such as 0.064.)")
    page = row.text("id").rpartition("-")[0] or row.text("id")
    answer = row.text("answer")
    grader = "text" if number_in(answer) is None else "number"  # some ask for yes or no
    return Task(row.text("id"), "\n".join(parts), answer, grader, {"tolerance": 1e-2}, group=page)


def gaia(row: Row) -> Task:
    """Return a task of GAIA's metadata.jsonl, with its attachment if that is text."""
    question, name = row.text("Question"), row.text("file_name", default="")
    if name:
        path = beside(row, name)
        if path.suffix.lower() in _TEXT_SUFFIXES:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(_ATTACHMENT_CHARS_MAX)
            question = f"{question}\n\nAttached file {name}:\n{text}"
        else:
            question = f"{question}\n\nAttached file: {name} ({path.stat().st_size} bytes, not text)"
    return Task(row.text("task_id"), question, row.text("Final answer"), "gaia", category=f"level {row.text('Level')}")


Form = Callable[[Row], Task]

FORMS: Final = MappingProxyType(
    {
        "gaia": (gaia, {"task_id", "Question", "Final answer"}),
        "tatqa": (tatqa, {"id", "table", "rel_paragraphs", "answer_type", "scale"}),
        "tabmwp": (tabmwp, {"id", "table", "choices", "ans_type", "question"}),
        "convfinqa": (convfinqa, {"id", "questions", "programs", "table"}),
        "math": (math, {"id", "question", "solution", "subject"}),
        "gsm8k": (gsm8k, {"id", "question", "solution", "answer"}),
        "own": (own, {"id", "question", "answer"}),
    }
)
"""By name: the function, and the fields by which a row is known; the first that fits counts."""
