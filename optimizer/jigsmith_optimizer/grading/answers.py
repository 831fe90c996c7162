"""What an agent's last text says its answer is."""

import re
from typing import Final

from jigsmith_optimizer.tasks.boxed import last_boxed

_TEXT_CHARS_MAX: Final = 20_000
GIVEN_CHARS_MAX: Final = 4_000
"""Of an answer that a grader sees."""
_ANSWER: Final = re.compile(r"(?:FINAL )?ANSWER:[ \t]*(.+)", re.IGNORECASE)


def answer_in(text: str) -> str:
    r"""Return what the last `ANSWER:` line says, else the last `\boxed{...}`, else the whole text.

    Of a line or box that is longer than GIVEN_CHARS_MAX it is the beginning, where the value stands; of a text the end.
    """
    text = text.strip()[-_TEXT_CHARS_MAX:]
    found = _ANSWER.findall(text)
    if found:
        said = str(found[-1]).strip().strip("*`").strip()
        return (last_boxed(said) or said)[:GIVEN_CHARS_MAX]
    boxed = last_boxed(text)
    return boxed[:GIVEN_CHARS_MAX] if boxed else text[-GIVEN_CHARS_MAX:]
