"""The graders by name: those that compare, and those that run as functions of the runtime."""

import asyncio
import json
from collections.abc import Callable
from importlib import resources
from typing import Any, Final

from jigsmith import AsyncClient, FunctionError, JigsmithError

from jigsmith_optimizer.grading.answers import answer_in
from jigsmith_optimizer.grading.plain import PLAIN
from jigsmith_optimizer.tasks.task import Task

_SOLVED_FROM: Final = 0.5
"""A grading function may give a mark between 0 and 1."""
_HOSTILE: Final = frozenset({"TIME_LIMIT", "MEMORY_LIMIT"})
"""What a given answer can bring about in our own comparison of mathematical texts, such as 9^9^9^9."""


class GradingError(Exception):
    """A grading function failed: the task can be neither solved nor failed; the message names it."""


class Graders:
    """Decides by a task's grader. Functions are registered at the runtime when the first task needs them."""

    def __init__(self, client: Callable[[], AsyncClient]) -> None:
        """`client` is asked for a connection when the first grading function is needed."""
        self._client = client
        self._versions: dict[str, asyncio.Task[str]] = {}

    async def solved(self, task: Task, text: str) -> bool:
        """Return whether an agent's final text solves a task. Raises GradingError, JigsmithError."""
        given = answer_in(text)
        if task.grader in PLAIN:
            return PLAIN[task.grader](task, given)
        if task.grader == "math":
            return await self._math(task, given)
        return await self._function(task, given)

    async def _math(self, task: Task, given: str) -> bool:
        if " ".join(given.split()) == " ".join(task.answer.split()):
            return True
        source = resources.files("jigsmith_optimizer.grading.functions").joinpath("math_equal.py").read_text()
        version = await self._registered("math_equal", source, ("sympy",))
        arguments = {"wanted": task.answer, "given": given}
        try:
            return (await self._client().invoke(version, arguments)).result is True
        except FunctionError as error:
            if error.reason in _HOSTILE:
                return False
            raise GradingError(f"task {task.id}: the comparison of {given[:80]!r} failed: {error}") from error

    async def _function(self, task: Task, given: str) -> bool:
        version = await self._registered("grade", str(task.options["source"]), ())
        arguments = {"question": task.question, "answer": task.answer, "given": given}
        try:
            mark = (await self._client().invoke(version, arguments)).result
        except FunctionError as error:
            raise GradingError(f"task {task.id}: its grading function failed: {error}\n{error.traceback}") from error
        if isinstance(mark, bool):
            return mark
        if isinstance(mark, int | float) and 0 <= mark <= 1:
            return mark >= _SOLVED_FROM
        raise GradingError(
            f"task {task.id}: its grading function gave {json.dumps(mark)[:80]}, neither true, false nor a mark from 0 to 1"
        )

    async def _registered(self, name: str, source: str, packages: tuple[str, ...]) -> str:
        """Return the version of a grading function, registered once. Raises GradingError if the runtime refuses it."""
        if source not in self._versions:
            self._versions[source] = asyncio.create_task(self._register(name, source, packages))
        try:
            return await asyncio.shield(self._versions[source])
        except JigsmithError as error:
            raise GradingError(f"the grading function `{name}` cannot be registered: {error}") from error

    async def _register(self, name: str, source: str, packages: tuple[str, ...]) -> str:
        parameters: dict[str, Any] = {"type": "object"}
        made = await self._client().register_source(
            name,
            source,
            description="Decides whether an answer is right.",
            parameters=parameters,
            packages=packages,
            profile="scientific" if packages else "",
        )
        return made.name
