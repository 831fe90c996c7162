"""What a proposal changed in a set: sources, descriptions, parameters, packages, line by line."""

import difflib
import json
from typing import Final

from jigsmith_optimizer.report.page import escaped
from jigsmith_optimizer.weights import Function, Weights

_LINES_MAX: Final = 2_000
_LINE_CHARS_MAX: Final = 2_000


def changes(before: Weights, after: Weights) -> str:
    """Return the diff between two sets; nothing if they are the same."""
    lines: list[str] = []
    for name in sorted(before.functions.keys() | after.functions.keys()):
        old, new = _lines(before.functions.get(name)), _lines(after.functions.get(name))
        lines += difflib.unified_diff(old, new, f"{name} before", f"{name} after", lineterm="")
    more = f"\n… {len(lines) - _LINES_MAX} more lines" if len(lines) > _LINES_MAX else ""
    return f"<pre>{chr(10).join(_line(one) for one in lines[:_LINES_MAX])}{more}</pre>" if lines else ""


def _lines(function: Function | None) -> list[str]:
    """Return all of a function that a model chose: what the agent is told of it first, as it may change alone."""
    if function is None:
        return []
    parameters = json.dumps(json.loads(function.parameters_json), indent=2, ensure_ascii=False)
    said = [
        *(f"description: {line}" for line in function.description.splitlines()),
        *f"parameters: {parameters}".splitlines(),
        f"packages: {', '.join(function.packages) or 'none'}",
    ]
    return [*said, "", *function.source.splitlines()]


def _line(line: str) -> str:
    kind = {"+": "plus", "-": "minus"}.get(line[:1])
    text = escaped(line if len(line) <= _LINE_CHARS_MAX else f"{line[:_LINE_CHARS_MAX]} … ({len(line):,} characters)")
    return f'<span class="{kind}">{text}</span>' if kind else text
