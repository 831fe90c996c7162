"""What goes wrong on purpose, and when: independent faults of an endpoint and of a model, decided by a seed.

Faults of the endpoint (429, 500, silence, a body that breaks off) are decided by the request and by which attempt of it this
is, so that asking again may succeed. Faults of the model (a malformed call, a wrong answer) are decided by the request alone:
the same request always gets the same answer. The rates say how often a fault is planted here. They are no claim about any LLM.
"""

from dataclasses import dataclass, fields
from enum import Enum, auto
from typing import Final

from jigsmith_scripted import mistakes
from jigsmith_scripted.errors import BehaviourInvalidError
from jigsmith_scripted.policy import Call, Reply, Request, keyed_random

REFUSAL: Final = "I'm sorry, I can't help with that."


@dataclass(frozen=True, slots=True)
class First:
    """A schedule: the first attempts of each request, and none after them."""

    attempts: int


Chance = float | First
"""A probability per attempt, 0 to 1, or a schedule."""


class Fault(Enum):
    """What the endpoint does instead of answering."""

    RATE_LIMITED = auto()
    ERROR = auto()
    HANG = auto()
    TRUNCATED = auto()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What goes wrong, and how often; by default nothing."""

    seed: int = 0
    """Of every decision here."""
    rate_limited: Chance = 0.0
    """Answers 429 with Retry-After. `First(n)` is a client's usual case, a probability near 1 a storm."""
    retry_after_s: int = 1
    """What Retry-After says, in whole seconds (RFC 9110, section 10.2.3)."""
    error_rate: Chance = 0.0
    """Answers 500."""
    hang: Chance = 0.0
    """Never answers; the connection stays open until the client or the server ends it."""
    truncated: Chance = 0.0
    """Sends half of the body, then closes the connection."""
    slow_s: float = 0.0
    """Time before each answer, in seconds; errors come at once."""
    malformed_tool_calls: float = 0.0
    """Of the answers with calls: one call's arguments are no JSON, or lack everything, or its function is unknown."""
    parallel_tool_calls: float = 0.0
    """Of the answers with calls: the call comes two or three times, or with a call of another function beside it.

    Not where the request itself forbids several calls in one answer.
    """
    refusing: float = 0.0
    """Of all answers: the refusal's text, or the same in the field `refusal`, half of the times each."""
    noise: float = 0.0
    """Of the final answers: a wrong one in its place."""
    stubborn: float = 0.0
    """Of the conversations: the first answer is repeated whatever the tools say."""

    def __post_init__(self) -> None:
        """Raise BehaviourInvalidError for what makes no sense."""
        for one in fields(self):
            if one.name == "seed":
                continue
            value = getattr(self, one.name)
            if isinstance(value, First):
                value, most = value.attempts, float("inf")
            else:
                most = float("inf") if one.name in {"retry_after_s", "slow_s"} else 1.0
            if not 0 <= value <= most:
                raise BehaviourInvalidError(f"{one.name} is {value}: it must lie between 0 and {most}")

    def fault(self, request: Request, attempt: int) -> Fault | None:
        """Return what the endpoint does instead of answering, in its first, second, ... attempt; None if it answers."""
        planned = (
            (Fault.RATE_LIMITED, self.rate_limited),
            (Fault.ERROR, self.error_rate),
            (Fault.HANG, self.hang),
            (Fault.TRUNCATED, self.truncated),
        )
        for fault, chance in planned:
            if isinstance(chance, First):
                if attempt <= chance.attempts:
                    return fault
            elif self._happens(chance, f"{fault.name} {attempt}", request.digest):
                return fault
        return None

    def said(self, request: Request, reply: Reply) -> Reply:
        """Return what the model says in place of its script's answer."""
        if request.answers() and self._happens(self.stubborn, "stubborn", request.opening_digest):
            first = next(one for one in request.messages if one.role == "assistant")
            return Reply(first.content, tuple(Call(one.name, one.arguments_json) for one in first.tool_calls))
        if self._happens(self.refusing, "refusing", request.digest):
            in_field = keyed_random(self.seed, "refusal", request.digest).random() < 0.5
            return Reply(refusal=REFUSAL) if in_field else Reply(REFUSAL)
        if self._happens(self.parallel_tool_calls, "parallel", request.digest) and request.parallel_tool_calls:
            reply = mistakes.repeated(request, reply, keyed_random(self.seed, "repeated", request.digest))
        if self._happens(self.malformed_tool_calls, "malformed", request.digest):
            reply = mistakes.malformed(reply, keyed_random(self.seed, "broken", request.digest))
        if self._happens(self.noise, "noise", request.digest):
            reply = mistakes.wrong(reply, keyed_random(self.seed, "wrong", request.digest))
        return reply

    def _happens(self, probability: float, purpose: str, digest: bytes) -> bool:
        if not probability:  # the usual case, and seeding a generator is what a request costs most
            return False
        return keyed_random(self.seed, purpose, digest).random() < probability
