"""AG2, installed into a folder of its own: for a benchmark and for tests that set it beside ours. Nothing else uses it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

VERSION: Final = "0.13.4"
"""The last with AgentOptimizer."""
_FOLDER: Final = Path(__file__).parents[1] / "build" / f"ag2-{VERSION}"
_INSTALL_TIMEOUT_S: Final = 300


class Ag2MissingError(Exception):
    """AG2 cannot be installed; the message says why."""


def installed() -> Path:
    """Return the folder that has AG2, for PYTHONPATH; install it if it is not there. Raises Ag2MissingError."""
    if (_FOLDER / "autogen").is_dir():
        return _FOLDER
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(_FOLDER), f"ag2[openai]=={VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise Ag2MissingError(f"ag2 {VERSION} was not installed within {_INSTALL_TIMEOUT_S} s") from error
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        raise Ag2MissingError(f"ag2 {VERSION} cannot be installed: {last}")
    return _FOLDER
