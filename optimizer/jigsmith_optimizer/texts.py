"""Texts that nobody vouches for (a model's, a function's): made fit to be kept and sent, and cut so that the cut is told."""

import re
from typing import Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def well_formed(text: str) -> str:
    r"""Return a text with U+FFFD for each half of a surrogate pair, which JSON can write (`\ud800`) and UTF-8 cannot."""
    return _SURROGATE.sub("\ufffd", text)


def beginning(text: str, chars_max: int) -> str:
    """Return the beginning of a text; where it is cut, that is told, with its whole length (some 40 characters more)."""
    return text if len(text) <= chars_max else f"{text[:chars_max]} … (cut; {len(text)} characters in all)"


def both_ends(text: str, chars_max: int) -> str:
    """Return a text, or as much of its two ends as is `chars_max` characters (and three for what is left out)."""
    half = chars_max // 2
    return text if len(text) <= chars_max else f"{text[:half]} … {text[-half:]}"
