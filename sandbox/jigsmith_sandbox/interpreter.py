"""Which host files a Python needs inside a sandbox, and nothing else: binary, standard library, shared libraries.

Only files of the operator's own machine are looked at, never anything a call left.
"""

import functools
import importlib.metadata
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jigsmith_worker
import RestrictedPython  # the host reads its location, nothing more
from jigsmith_worker.profile import PACKAGES_HOME
from packaging.requirements import Requirement

from jigsmith_sandbox.errors import BackendMissingError

_LDD_PATH = re.compile(r"(?:=>\s+|^\s+)(/\S+)\s+\(0x")

PYTHON_HOME = "/python"
CODE_HOME = "/opt/jigsmith"
ENVIRONMENT = {"LANG": "C.UTF-8", "LD_BIND_NOW": "1"}
"""Of the worker, beside its PATH. Symbols are looked up once, in the zygote, not again in every child (ld.so(8))."""


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
    mounts += [
        (library, str(library))
        for library in sorted(_libraries([binary, *sorted((stdlib / "lib-dynload").glob("*.so"))]))
    ]
    for package in (jigsmith_worker, RestrictedPython):
        folder = Path(package.__path__[0])
        mounts.append((folder, f"{CODE_HOME}/{folder.name}"))
    return InterpreterFiles(tuple(mounts), python)


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    """Return the shared libraries that the dynamic linker would load for these files."""
    listing = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False).stdout
    return {Path(found[1]) for line in listing.splitlines() if (found := _LDD_PATH.search(line))}


@functools.cache
def package_files(packages: tuple[str, ...]) -> tuple[tuple[Path, str], ...]:
    """Return pairs of (host path, path in the sandbox) of installed distributions and all that they depend on.

    Raises BackendMissingError naming what is not installed.
    """
    mounts: dict[str, Path] = {}
    for distribution in _with_dependencies(packages):
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"} and not top.endswith((".pth", ".dist-info")):
                mounts[f"{PACKAGES_HOME}/{top}"] = Path(str(distribution.locate_file(top)))
    extensions = [file for folder in mounts.values() for file in sorted(folder.rglob("*.so"))]
    known = {source for source, _ in interpreter_files().mounts}
    for library in _libraries(extensions):
        if library not in known and not any(library.is_relative_to(folder) for folder in mounts.values()):
            mounts[str(library)] = library
    return tuple(sorted((source, target) for target, source in mounts.items()))


def _with_dependencies(packages: tuple[str, ...]) -> list[importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    wanted = list(packages)
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            advice = "install it beside the runtime (pip install 'jigsmith[scientific]' for the shipped profiles)"
            raise BackendMissingError(f"the profile's package {name} is not installed: {advice}") from None
        requirements = [Requirement(text) for text in found[name].requires or ()]
        wanted += [one.name for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    return list(found.values())
