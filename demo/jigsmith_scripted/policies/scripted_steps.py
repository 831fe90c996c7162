"""An optimizer that follows a plan: what it proposes in which step is written down beforehand.

It shows what the loop does with good, bad and malformed proposals. That a plan helps says nothing about any LLM as optimizer.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from jigsmith_scripted.errors import PolicyError
from jigsmith_scripted.policy import Call, Policy, Reply, Request

ACTIONS: Final = ("add_function", "revise_function", "remove_function", "terminate")
"""The optimizer's tools (arXiv:2402.11359, section 3)."""
TERMINATE: Final = Reply(calls=(Call("terminate", json.dumps({"reason": "The plan holds nothing more."})),))


class ScriptedSteps:
    """Gives planned answers to requests that offer the optimizer's tools.

    `plans` are the answers by number, in their order. The number is group 1 of `pattern` in the first user message, and which
    of its answers is due follows from how many the conversation holds. Behind a plan's end, and for a number without a plan,
    the answer is `terminate`. Requests that do not offer all of `ACTIONS` go to `otherwise`.
    """

    def __init__(
        self, plans: Mapping[int, Sequence[Reply]], pattern: str | re.Pattern[str], otherwise: Policy | None = None
    ) -> None:
        """Raises PolicyError if the pattern has no group."""
        self._plans = {number: tuple(plan) for number, plan in plans.items()}
        self._pattern = re.compile(pattern)
        if self._pattern.groups < 1:
            raise PolicyError(f"the pattern {self._pattern.pattern!r} has no group that could hold a number")
        self._otherwise = otherwise

    def answer(self, request: Request) -> Reply:
        """Return the answer that is due. Raises PolicyError if no number is found, or if this is no optimizer's request."""
        if any(request.tool(name) is None for name in ACTIONS):
            if self._otherwise is None:
                raise PolicyError(f"the plan is for an optimizer, which offers {', '.join(ACTIONS)}")
            return self._otherwise.answer(request)
        found = self._pattern.search(request.first("user"))
        try:
            number = int(found[1]) if found else None
        except (TypeError, ValueError):
            number = None
        if number is None:
            raise PolicyError(f"no number is found by {self._pattern.pattern!r} in the first user message")
        plan = self._plans.get(number, ())
        due = request.answers()
        return plan[due] if due < len(plan) else TERMINATE
