r"""The answer in a LaTeX text: what stands in `\boxed{...}`, as the MATH data set marks it."""

import re
from typing import Final

_BOXED: Final = re.compile(r"\\f?boxed\s*")


def last_boxed(text: str) -> str | None:
    r"""Return what stands in the last `\boxed{...}`, braces nested, or None."""
    last = None
    for found in _BOXED.finditer(text):
        content = _braced(text, found.end())
        last = content if content is not None else last
    return last


def _braced(text: str, begin: int) -> str | None:
    """Return what is in the braces that open at `begin`, or the one word that stands there instead."""
    if begin >= len(text):
        return None
    if text[begin] != "{":
        return re.split(r"[\s$]", text[begin:], maxsplit=1)[0] or None
    depth = 0
    for index in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return text[begin + 1 : index].strip()
    return None
