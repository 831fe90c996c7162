"""Numbers as people write them."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"\(?-?\s*\$?\s*-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?\)?")


def number_in(text: str) -> float | None:
    """Return the first number of a text: with thousands separators, a currency sign, or in an accountant's brackets."""
    found = _NUMBER.search(text)
    if found is None:
        return None
    said = found[0]
    digits = re.sub(r"[\s$,()]", "", said)
    bracketed = said.startswith("(") and said.endswith(")") and "-" not in digits
    try:
        value = float(digits)
    except ValueError:
        return None
    return -value if bracketed else value
