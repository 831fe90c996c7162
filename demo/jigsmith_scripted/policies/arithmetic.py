"""A small honest agent for tests: "Use NAME on N" is answered by calling NAME if it is offered, and by 0 if it is not.

It shows that calls and results find their way. That it is right says nothing about any LLM's arithmetic.
"""

import json
import re
from typing import Final

from jigsmith_scripted.policy import Call, Reply, Request

_TASK: Final = re.compile(r"\bUse ([A-Za-z_]\w*) on (-?(?:0|[1-9]\d*)(?:\.\d+)?)\b", re.ASCII)
"""N is a number as JSON has them, and goes into the arguments as it is."""
_REACT_WORDS: Final = ("Action:", "Action Input:", "Observation:", "FINAL ANSWER:")
_OBSERVATION: Final = "Observation:"
_UNKNOWN: Final = "0"


class Arithmetic:
    """Answers by tool calls, or in ReAct's text form if no tools are offered and the system text describes that form."""

    def answer(self, request: Request) -> Reply:
        """Return the next move. Never raises: what is no task is answered with 0."""
        if request.tool("ping") is not None:  # the optimizer's check of an endpoint before a run
            return Reply(calls=(Call("ping", json.dumps({"text": "hello"})),))
        task = _TASK.search(request.first("user"))
        system = "\n".join(one.content for one in request.messages if one.role == "system")
        if not request.tools and all(word in system for word in _REACT_WORDS):
            return _in_text(request, system, task)
        last = request.messages[-1]
        if last.role == "tool":
            return Reply(f"ANSWER: {_value(last.content)}")
        if task is None or request.tool(task[1]) is None:
            return Reply(f"ANSWER: {_UNKNOWN}")
        return Reply(calls=(Call(task[1], _arguments(task)),))


def _in_text(request: Request, system: str, task: re.Match[str] | None) -> Reply:
    last = request.messages[-1]
    if last.role == "user" and last.content.startswith(_OBSERVATION):
        value = _value(last.content.removeprefix(_OBSERVATION).strip())
        return Reply(f"Thought: the function gave it.\nFINAL ANSWER: {value}")
    if task is None or not re.search(rf"\b{task[1]}\b", system):
        return Reply(f"Thought: no function helps.\nFINAL ANSWER: {_UNKNOWN}")
    return Reply(f"Thought: {task[1]} does it.\nAction: {task[1]}\nAction Input: {_arguments(task)}")


def _arguments(task: re.Match[str]) -> str:
    return f'{{"n": {task[2]}}}'


def _value(result: str) -> str:
    """Return a result as an answer: a string without its quotes, 0 for an error, anything else as it is."""
    if result.startswith(('{"error"', "error")):
        return _UNKNOWN
    try:
        value = json.loads(result)
    except (ValueError, RecursionError):
        return result
    return value if isinstance(value, str) else result
