"""Numbers as people write them. What is read may be a hostile answer: the work is linear in its length."""

import math
import re
from typing import Final

# Whatever this begins to match it matches: it never goes back over a text. What stands before the digits is looked at once,
# from them backwards, because a pattern that may begin with blanks takes a run of them from each of its characters anew.
_DIGITS: Final = re.compile(r"(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")
_MINUS: Final = ("-", "\u2212")


def number_in(text: str) -> float | None:
    """Return the first number of a text: with thousands separators, a currency sign, or in an accountant's brackets.

    None if there is none, or none that a float can hold.
    """
    found = _DIGITS.search(text)
    if found is None:
        return None
    negative, opened = _before(text, found.start())
    bracketed = opened and text[found.end() : found.end() + 1] == ")"
    value = float(found[0].replace(",", ""))
    if not math.isfinite(value):
        return None
    return -value if negative or bracketed else value


def _before(text: str, end: int) -> tuple[bool, bool]:
    """Return whether a minus and whether a bracket stands before the digits, with blanks and a currency sign between."""
    head = text[:end]
    negative = head.endswith(_MINUS)
    head = (head[:-1] if negative else head).rstrip()
    if head.endswith("$"):
        head = head[:-1].rstrip()
    if head.endswith(_MINUS):
        negative, head = True, head[:-1]
    return negative, head.endswith("(")
