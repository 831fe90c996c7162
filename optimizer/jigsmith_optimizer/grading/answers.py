"""What an agent's last text says its answer is."""

import re
from typing import Final

from jigsmith_optimizer.tasks.boxed import last_boxed

_TEXT_CHARS_MAX: Final = 20_000
_ANSWER: Final = re.compile(r"(?:FINAL )?ANSWER:[ \t]*(.+)", re.IGNORECASE)


def answer_in(text: str) -> str:
    r"""Return what the last `ANSWER:` line says, else the last `\boxed{...}`, else the whole text."""
    text = text[-_TEXT_CHARS_MAX:]
    found = _ANSWER.findall(text)
    if found:
        said = str(found[-1]).strip().strip("*`").strip()
        return last_boxed(said) or said
    return last_boxed(text) or text.strip()
