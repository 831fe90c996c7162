r"""The answer in a LaTeX text: what stands in `\boxed{...}`, as the MATH data set marks it.

The text may be a hostile answer: the work is linear in its length, however many boxes begin in it and never end.
"""

import re
from typing import Final

_BOXED: Final = re.compile(r"\\f?boxed\s*")
_BRACE: Final = re.compile(r"[{}]")
_WORD: Final = re.compile(r"[^\s$]+")


def last_boxed(text: str) -> str | None:
    r"""Return what stands in the last `\boxed{...}`, braces nested, or None."""
    begins = [found.end() for found in _BOXED.finditer(text)]
    ends = _ends(text) if begins else {}
    for begin in reversed(begins):
        if text[begin : begin + 1] != "{":
            word = _WORD.match(text, begin)
            if word:
                return word[0]
        elif begin in ends:
            return text[begin + 1 : ends[begin]].strip()
    return None


def _ends(text: str) -> dict[int, int]:
    """Return where each brace that is closed ends, by where it opens."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for found in _BRACE.finditer(text):
        if found[0] == "{":
            opened.append(found.start())
        elif opened:
            ends[opened.pop()] = found.start()
    return ends
