"""An agent that acts in plain text, for models without tool calls (ReAct, arXiv:2210.03629).

The model writes a thought, an action and its input; what the function gives is told as an observation. What a model imagines
behind its action, observations above all, is cut off before it is believed.
"""

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

from jigsmith_optimizer.agents.agent import STEPS_MAX, Asker, Caller, Conversation
from jigsmith_optimizer.llm import Answer, RequestRefusedError

_ACTION: Final = re.compile(r"^[ \t]*Action:(.*)$", re.MULTILINE)
_NAME_CHARS_MAX: Final = 200
_INPUT: Final = re.compile(r"^[ \t]*Action Input:[ \t]*", re.MULTILINE)
_OBSERVATION: Final = re.compile(r"^[ \t]*Observation:", re.MULTILINE)
_FINAL: Final = re.compile(r"FINAL ANSWER:|^[ \t]*ANSWER:", re.MULTILINE)
_MALFORMED: Final = (
    "error: neither an action nor an answer was found. Write `Action: NAME` and `Action Input: JSON object`, "
    "or `FINAL ANSWER: value`"
)


class ReactAgent:
    """For any model that follows a format."""

    name = "react"

    async def solve(self, question: str, model: Asker, functions: Caller, seed: int) -> Conversation:
        """Let the model work on a question, calling functions, until it answers or has used its steps."""
        system = resources.files("jigsmith_optimizer.prompts").joinpath("react.md").read_text()
        described = "\n".join(_described(one["function"]) for one in functions.openai()) or "(there are none)"
        conversation = Conversation()
        messages = conversation.messages
        messages += [
            {"role": "system", "content": f"{system.strip()}\n\nFunctions:\n{described}"},
            {"role": "user", "content": question},
        ]
        for _ in range(STEPS_MAX):
            try:
                answer = await model.ask(list(messages), [], seed)
            except RequestRefusedError as error:
                conversation.cut_short = str(error)
                return conversation
            text, action = parse(answer.text)
            conversation.heard(Answer(text, (), answer.usage))
            if action is None and (_FINAL.search(text) or not text):
                return conversation
            observed = _MALFORMED if action is None else await conversation.call(functions, *action)
            messages.append({"role": "user", "content": f"Observation: {observed}"})
        conversation.cut_short = f"no answer within {STEPS_MAX} steps"
        return conversation


def parse(text: str) -> tuple[str, tuple[str, str] | None]:
    """Return what counts of a model's text, and the action that it ends with: name and arguments as JSON text.

    The first of an action or a final answer counts; what follows an action's input is imagined, and cut off.
    """
    name, begin, end = next(_actions(text), ("", len(text), len(text)))
    final = _FINAL.search(text)
    if not name or (final is not None and final.start() < begin):
        return text, None
    given = _INPUT.search(text, end)
    if given is None:
        return text[:end], (name, "{}")
    begin = given.end()
    try:
        value, length = json.JSONDecoder().raw_decode(text[begin:])
        arguments = json.dumps(value)  # nested as deeply as it can just be read, it cannot be written
    except (ValueError, RecursionError):
        observation = _OBSERVATION.search(text, begin)
        end = len(text) if observation is None else observation.start()
        return text[:end].rstrip(), (name, text[begin:end].strip())
    return text[: begin + length], (name, arguments)


def _actions(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each action's name, and where its line begins and ends."""
    for found in _ACTION.finditer(text):
        # By hand: a pattern with blanks at both ends of a name takes a run of them apart in every way there is.
        name = found[1].strip().removeprefix("`").removesuffix("`")
        if name and "`" not in name and len(name) <= _NAME_CHARS_MAX:
            yield name, found.start(), found.end()


def _described(function: dict[str, Any]) -> str:
    return f"- {function['name']}: {function['description']}\n  input: {json.dumps(function['parameters'])}"
