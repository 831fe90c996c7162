"""Graders that compare texts and numbers, here and now: nothing in an answer is evaluated."""

import math
import re
import string
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from jigsmith_optimizer.tasks.numerals import number_in
from jigsmith_optimizer.tasks.task import Task

_SCALES: Final = MappingProxyType(
    {"": 1.0, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "percent": 1e-2, "%": 1e-2}
)
_TOLERANCE: Final = 1e-6
_TATQA_ROUNDING: Final = 0.0051
"""The data set's answers are rounded to two digits behind the point."""
_LETTERED: Final = re.compile(r"\(?([a-z])\)?(?:[.:)]?\s+(.*))?")
_SEPARATOR: Final = re.compile("[,;]")
_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_DECORATION: Final = str.maketrans("", "", "$%,")


def number(task: Task, given: str) -> bool:
    """Return whether the first number is that of the answer, within `tolerance`: relative above one, absolute below."""
    value, wanted = number_in(given), number_in(task.answer)
    tolerance = float(task.options.get("tolerance", _TOLERANCE))
    return (
        value is not None and wanted is not None and math.isclose(value, wanted, rel_tol=tolerance, abs_tol=tolerance)
    )


def text(task: Task, given: str) -> bool:
    """Return whether the texts are equal but for case and spaces."""
    return _plain(given) == _plain(task.answer)


def choice(task: Task, given: str) -> bool:
    """Return whether the right choice was named: by its text, by its letter, or by both."""
    choices = [_plain(str(one)) for one in task.options["choices"]]
    said = _plain(given)
    named = {one for one in choices if said in (one, f"{one}.")}
    lettered = _LETTERED.fullmatch(said)
    if not named and lettered:
        index = ord(lettered[1]) - ord("a")
        rest = lettered[2]
        if index < len(choices) and (rest is None or rest == choices[index]):
            named = {choices[index]}
    return named == {_plain(task.answer)}


def tatqa(task: Task, given: str) -> bool:
    """Return whether number, sign and scale are right (TAT-QA, section 5.2).

    A number without a scale of its own may be in that of the answer, or written out; a share may stand for a percentage. Where
    the answer is no number, texts are compared.
    """
    wanted, value = number_in(task.answer), number_in(given)
    if wanted is None:
        return text(task, given)
    if value is None:
        return False
    scale = _SCALES.get(str(task.options.get("scale", "")), 1.0)
    own = next((factor for name, factor in _SCALES.items() if name and name in given.casefold()), None)
    readings = [value * own / scale] if own is not None else [value, value / scale]
    return any(math.isclose(one, wanted, rel_tol=1e-4, abs_tol=_TATQA_ROUNDING) for one in readings)


def gaia(task: Task, given: str) -> bool:
    """Return whether an answer is right by GAIA's rules (arXiv:2311.12983, section 4.2: quasi exact match).

    A number is compared as one, without `$`, `%` and `,`; a list element by element, in order; a text without spaces,
    punctuation and case.
    """
    wanted = task.answer
    if _gaia_number(wanted) is not None:
        return _gaia_number(given) == _gaia_number(wanted)
    if "," in wanted or ";" in wanted:
        ours, theirs = _SEPARATOR.split(wanted), _SEPARATOR.split(given)
        return len(ours) == len(theirs) and all(map(_gaia_element, ours, theirs))
    return _squeezed(given).translate(_PUNCTUATION) == _squeezed(wanted).translate(_PUNCTUATION)


def _gaia_element(wanted: str, given: str) -> bool:
    if _gaia_number(wanted) is not None:
        return _gaia_number(given) == _gaia_number(wanted)
    return _squeezed(given) == _squeezed(wanted)


def _gaia_number(said: str) -> float | None:
    try:
        value = float(said.translate(_DECORATION))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _squeezed(said: str) -> str:
    return "".join(said.split()).casefold()


def _plain(said: str) -> str:
    return " ".join(said.casefold().split())


PLAIN: Final[Mapping[str, Callable[[Task, str], bool]]] = MappingProxyType(
    {"number": number, "text": text, "choice": choice, "tatqa": tatqa, "gaia": gaia}
)
