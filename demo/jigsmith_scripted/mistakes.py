"""Mistakes that models make, planted into an answer. Pure: an answer and randomness go in, an answer comes out.

Actions in plain text (ReAct: `Action:` and `Action Input:`) are broken in the same ways as tool calls.
"""

import random
import re
from dataclasses import replace
from typing import Final

from jigsmith_scripted.policy import Call, Reply, Request
from jigsmith_scripted.tool_choice import plain_call

_NOT_JSON: Final = '{"n": 1, '
_UNKNOWN: Final = "no_such_function"
_ACTION: Final = re.compile(r"^Action: *(?P<name>.+)\nAction Input: *(?P<arguments>.+)$", re.MULTILINE)
_ANSWER: Final = re.compile(r"^((?:FINAL )?ANSWER: *)(.*)$", re.MULTILINE)


def repeated(request: Request, reply: Reply, chance: random.Random) -> Reply:
    """Return an answer with several calls: its first one again, or one of another function beside it."""
    if not reply.calls:
        return reply
    others = [one for one in request.tools if one.name != reply.calls[0].name]
    if others and chance.random() < 0.5:
        return replace(reply, calls=(*reply.calls, plain_call(chance.choice(others))))
    return replace(reply, calls=(*reply.calls, *[reply.calls[0]] * chance.randint(1, 2)))


def malformed(reply: Reply, chance: random.Random) -> Reply:
    """Return an answer with one call that cannot be carried out; an answer without calls stays as it is."""
    if reply.calls:
        at = chance.randrange(len(reply.calls))
        broken = _broken(reply.calls[at], chance)
        return replace(reply, calls=(*reply.calls[:at], broken, *reply.calls[at + 1 :]))
    action = _ACTION.search(reply.text)
    if action is None:
        return reply
    call = _broken(Call(action["name"], action["arguments"]), chance)
    written = f"Action: {call.name}\nAction Input: {call.arguments_json}"
    return replace(reply, text=reply.text[: action.start()] + written + reply.text[action.end() :])


def wrong(reply: Reply, chance: random.Random) -> Reply:
    """Return a final answer with another value; what is no final answer (a call, an action) stays as it is.

    A number is off by 1 to 9; another value is negated in words. A text without a line `ANSWER:` becomes a false one.
    """
    if reply.calls or reply.refusal or _ACTION.search(reply.text):
        return reply
    lines = list(_ANSWER.finditer(reply.text))
    if not lines:
        return replace(reply, text=f"ANSWER: {chance.randint(1, 9)}")
    value = lines[-1]
    return replace(reply, text=reply.text[: value.start(2)] + _other(value[2], chance) + reply.text[value.end(2) :])


def _broken(call: Call, chance: random.Random) -> Call:
    way = chance.randrange(3)
    if way == 0:
        return replace(call, arguments_json=_NOT_JSON)
    return replace(call, name=_UNKNOWN) if way == 1 else replace(call, arguments_json="{}")


def _other(value: str, chance: random.Random) -> str:
    off = chance.choice((-1, 1)) * chance.randint(1, 9)
    if re.fullmatch(r"-?[0-9]{1,300}", value):
        return str(int(value) + off)
    try:
        number = float(value)
    except ValueError:
        return f"not {value}"
    # Beyond 2**53 a step of 9 is lost in rounding; the sign is not.
    return str(number + off if abs(number) < 2**53 else -number)
