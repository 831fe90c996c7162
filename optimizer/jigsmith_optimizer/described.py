"""How functions are shown to the optimizer's model: every signature, and as much of the sources as there is room for.

The rule: half of the room at most is for signatures, in equal shares, so that a long description costs nobody else's; what they
leave is for sources. There each has an equal share again, and what a short one does not need goes to the longer ones: with
little room short functions are still told whole, and of long ones the beginning.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jigsmith_optimizer.weights import Function, Weights

_SHARE_SIGNATURES: Final = 0.5
_OVERHEAD: Final = 80
"""Characters of a function's own keys and marks."""


def described(weights: Weights, room: int) -> list[dict[str, object]]:
    """Return a set's functions in about `room` characters of JSON; those that are named at all come in the order of names."""
    functions = [one for _, one in sorted(weights.functions.items())]
    if not functions:
        return []
    share = max(0, round(room * _SHARE_SIGNATURES) // len(functions) - _OVERHEAD)
    rows: list[dict[str, object]] = []
    for one in functions:
        row = _signature(one, share)
        room -= json_length(row) + _OVERHEAD
        if room < 0:  # not even all names: a set of hundreds, or next to no room
            break
        rows.append(row)
    sources = [one.source for one in functions[: len(rows)]]
    for row, source, most in zip(rows, sources, _shares(list(map(json_length, sources)), room), strict=True):
        row["source"] = beginning_in_json(source, most)
    return rows


def _signature(function: Function, share: int) -> dict[str, object]:
    """Return name, description and parameters; of a description that is too long the beginning, of parameters the text's."""
    parameters: Any = json.loads(function.parameters_json)  # JSON
    for_parameters = max(share - json_length(function.description), share // 2)
    if json_length(parameters) > for_parameters:
        parameters = beginning_in_json(function.parameters_json, for_parameters)
    left = max(0, share - json_length(parameters))
    return {
        "name": function.name,
        "description": beginning_in_json(function.description, left),
        "parameters": parameters,
    }


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Return how much of a room each may have: as much as it wants, or an equal part of what the smaller ones leave."""
    shares = [0] * len(wanted)
    for left, index in zip(range(len(wanted), 0, -1), sorted(range(len(wanted)), key=wanted.__getitem__), strict=True):
        shares[index] = min(wanted[index], room // left)
        room -= shares[index]
    return shares


def json_length(value: Any) -> int:  # JSON
    """Return how many characters a value is as JSON text."""
    return len(json.dumps(value, ensure_ascii=False))


def beginning_in_json(text: str, room: int) -> str:
    """Return a text, or so much of its beginning as takes `room` characters of JSON, the remark that it is cut included."""
    if json_length(text) <= room:
        return text
    remark = f" … (cut; {len(text)} characters in all)"
    room = max(0, room - len(remark) - 2)
    head = text[:room]
    while (length := json_length(head) - 2) > room:  # a line break takes two, a control character six
        head = head[: len(head) * room // length]
    return head + remark


def within(room: float, rows: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Return the first rows that have room, in characters of JSON."""
    found: list[Mapping[str, object]] = []
    for row in rows:
        room -= json_length(row) + 2
        if room < 0:
            break
        found.append(row)
    return found
