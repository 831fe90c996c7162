"""The scripted model: as agent, by what questions need; as optimizer, good and planted bad proposals in a seeded order."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jigsmith_optimizer.tasks import Task
from jigsmith_scripted import Call, Reply, Request

from benchmarks.testbed.questions import SOURCES, Known

_PARAMETERS: Final = {
    "type": "object",
    "properties": {"values": {"type": "array", "items": {"type": "number"}}, "percent": {"type": "boolean"}},
    "required": ["values", "percent"],
}


_STATE: Final = re.compile(r"```json\n(.*)\n```", re.DOTALL)
"""What the optimizer's prompt says of the set, as it stands there."""


class Testbed:
    """A policy for jigsmith_scripted; it keeps no state."""

    __test__ = False  # pytest: this is no test

    def __init__(self, known: Known, training: Sequence[Task], seed: int) -> None:
        """`training` is what a planted proposal may have learned by heart."""
        self._known, self._training, self._seed = known, training, seed

    def answer(self, request: Request) -> Reply:
        """Return the next move."""
        if request.tool("terminate") is not None:
            if request.answers():
                return _call("terminate", {"reason": "one change at a time"})
            state = json.loads(_STATE.findall(request.first("user"))[0])
            present = {one["name"]: one["source"] for one in state["best"]["functions"]}
            return Reply(calls=(self.proposal(state["epoch"], present),))
        last = request.messages[-1]
        if last.role == "tool":
            return Reply(f"ANSWER: {last.content}" if "error" not in last.content else "ANSWER: unknown")
        need = self._known[request.first("user")][1]
        if request.tool(need.function) is None:
            return Reply("ANSWER: unknown")
        return _call(need.function, need.arguments)

    def proposal(self, epoch: int, present: Mapping[str, str]) -> Call:
        """Return the action of an epoch, given the best set's sources by name."""
        throws = random.Random(f"{self._seed} {epoch}")
        wanted = [name for name in SOURCES if SOURCES[name] not in present.get(name, "")]
        if wanted and throws.random() < 0.5:
            name = throws.choice(wanted)
            kind = "revise_function" if name in present else "add_function"
            return _function(kind, name, SOURCES[name], "questions of this kind fail")
        return self._bad(throws, present)

    def _bad(self, throws: random.Random, present: Mapping[str, str]) -> Call:
        name = throws.choice(list(SOURCES))
        kind = "revise_function" if name in present else "add_function"
        match throws.choice(["useless", "sign", "by heart", "crash", "refused"]):
            case "useless":
                return _function("add_function", f"helper_{throws.randrange(10**6)}", "return 0", "it may help")
            case "sign":
                return _function(kind, name, f"return -({SOURCES[name].removeprefix('return ')})", "clearer")
            case "by heart":
                needed = [self._known[task.question][1] for task in self._training]
                learned = {str(one.arguments["values"]): one.value() for one in needed if one.function == name}
                return _function(kind, name, f"return {learned!r}.get(str(values), 0)", "faster")
            case "crash":
                return _function(kind, name, "return values[99]", "simpler")
        return _function(kind, name, "import socket; return 0", "look it up")


def _function(kind: str, name: str, body: str, reason: str) -> Call:
    source = f"def {name}(values, percent):\n    {body}\n"
    given = {"name": name, "description": name, "parameters": _PARAMETERS, "source": source, "reason": reason}
    return Call(kind, json.dumps(given))


def _call(name: str, arguments: Mapping[str, Any]) -> Reply:
    return Reply(calls=(Call(name, json.dumps(arguments)),))
