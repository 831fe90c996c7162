"""Which host files a Python needs inside a sandbox, and nothing else: binary, standard library, shared libraries.

Only files of the operator's own machine are looked at, never anything a call left.
"""

import functools
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jigsmith_worker
import RestrictedPython  # the host reads its location, nothing more

_LDD_PATH = re.compile(r"(?:=>\s+|^\s+)(/\S+)\s+\(0x")

PYTHON_HOME = "/python"
CODE_HOME = "/opt/jigsmith"


@dataclass(frozen=True, slots=True)
class InterpreterFiles:
    """Pairs of (host path, path in the sandbox), all to be mounted read-only."""

    mounts: tuple[tuple[Path, str], ...]
    python: str
    """The interpreter's path in the sandbox."""


@functools.cache
def interpreter_files() -> InterpreterFiles:
    """Return what the interpreter that runs this process needs."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    binary = Path(sys.executable).resolve()
    stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    python = f"{PYTHON_HOME}/bin/{version}"
    mounts = [(binary, python), (stdlib, f"{PYTHON_HOME}/lib/{version}")]
    mounts += [(library, str(library)) for library in sorted(set(_libraries(binary, stdlib)))]
    for package in (jigsmith_worker, RestrictedPython):
        folder = Path(package.__path__[0])
        mounts.append((folder, f"{CODE_HOME}/{folder.name}"))
    return InterpreterFiles(tuple(mounts), python)


def _libraries(binary: Path, stdlib: Path) -> Iterator[Path]:
    extensions = sorted((stdlib / "lib-dynload").glob("*.so"))
    listing = subprocess.run(["ldd", binary, *extensions], capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        if found := _LDD_PATH.search(line):
            yield Path(found[1])
