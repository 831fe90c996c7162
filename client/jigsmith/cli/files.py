"""Reading what a user names on the command line; faults end the program with a message."""

import json
from pathlib import Path

from jigsmith.cli.output import USAGE, fail


def text_of(path: Path) -> str:
    """Return a file's text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        fail(USAGE, f"cannot read {path}: {error.strerror}")
    except UnicodeDecodeError:
        fail(USAGE, f"{path} is not UTF-8 text")


def json_text(given: str) -> str:
    """Return JSON text that was given as itself or as `@FILE`."""
    text = text_of(Path(given[1:])) if given.startswith("@") else given
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        fail(USAGE, f"not JSON: {error} in {given[:80]}")
    return text
