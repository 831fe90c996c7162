"""A task: a question that an agent sees, and an answer that it does not."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Options = Mapping[str, Any]
"""JSON: what a grader needs beside the answer."""


class DatasetError(Exception):
    """A file is no dataset; the message names file, line and fault."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task."""

    id: str
    question: str
    """All that the agent is told."""
    answer: str
    grader: str = "number"
    """Who decides; see `jigsmith_optimizer.grading`."""
    options: Options = field(default_factory=dict)
    category: str = ""
    """What splits are stratified by."""
    group: str = ""
    """Tasks of one group, such as questions about one table, never stand in two splits. Empty for a task of its own."""

    def as_json(self) -> dict[str, Any]:
        """Return the task as a row of the project's own format."""
        row = {"id": self.id, "question": self.question, "answer": self.answer, "grader": self.grader}
        more = {"options": dict(self.options), "category": self.category, "group": self.group}
        return row | {name: value for name, value in more.items() if value}


def grouped(tasks: Sequence[Task]) -> dict[str, list[str]]:
    """Return the ids of tasks by their group; those without one are in none."""
    groups: dict[str, list[str]] = {}
    for one in tasks:
        if one.group:
            groups.setdefault(one.group, []).append(one.id)
    return groups


def digest(tasks: Sequence[Task]) -> str:
    """Return the sha256 over tasks in their order: what an audit log or report says that was trained or tested on."""
    text = json.dumps([one.as_json() for one in tasks], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
