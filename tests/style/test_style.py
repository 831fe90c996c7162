"""Rules of the house that no linter knows."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    ROOT / path
    for path in (
        "client/jigsmith",
        "sandbox/jigsmith_sandbox",
        "sandbox/jigsmith_worker",
        "runtime/jigsmith_runtime",
        "optimizer/jigsmith_optimizer",
        "witness/jigsmith_witness",
        "demo/jigsmith_demo",
        "demo/jigsmith_scripted",
    )
]
MODULES = [path for package in PACKAGES for path in package.rglob("*.py") if "v1" not in path.parts]

DOORS = {
    "aiohttp": [
        "witness/jigsmith_witness/server.py",
        "demo/jigsmith_scripted/server.py",
        "runtime/jigsmith_runtime/audit/cosigning.py",
        "runtime/jigsmith_runtime/identity/jwks.py",
    ],
    "jwt": ["runtime/jigsmith_runtime/identity/jwt_tokens.py"],
    "docker": ["sandbox/jigsmith_sandbox/backends/docker.py"],
    "openai": ["optimizer/jigsmith_optimizer/llm/"],
    "sqlalchemy": ["runtime/jigsmith_runtime/registry/"],
    "alembic": ["runtime/jigsmith_runtime/registry/"],
    "securesystemslib": ["client/jigsmith/attestation.py"],
    "RestrictedPython": ["sandbox/jigsmith_worker/policy/", "sandbox/jigsmith_sandbox/interpreter.py"],
}
"""Each library has one door, so that it can be looked at, limited and replaced there."""

FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
RUNS_FOREIGN_CODE = ["sandbox/jigsmith_worker/"]
"""Where source texts may become code: inside of a sandbox."""


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_a_module_keeps_the_rules(path: Path) -> None:
    """One door per library; no foreign code outside of a sandbox; no unpickling; no shell; one job, one screenful or few."""
    text = path.read_text()
    tree = ast.parse(text)
    name = _relative(path)
    imported = _imports(tree)
    for library, doors in DOORS.items():
        assert library not in imported or any(name.startswith(door) for door in doors), f"{name} imports {library}"
    assert not imported & {"pickle", "marshal", "shelve"} or name.startswith("sandbox/jigsmith_worker/"), name
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not calls & FORBIDDEN_CALLS or any(name.startswith(place) for place in RUNS_FOREIGN_CODE), name
    assert "shell=True" not in text
    assert len(text.splitlines()) <= 450, f"{name} has grown beyond one job"


@pytest.mark.parametrize(
    "folder",
    ["client", "proto", "runtime", "optimizer", "sandbox", "witness", "demo", "deploy", "tests", "benchmarks", "docs"],
)
def test_each_top_level_folder_says_what_is_in_it(folder: str) -> None:
    """A README that a stranger reads first."""
    assert (ROOT / folder / "README.md").stat().st_size > 200


def test_no_test_stands_a_mock_where_a_user_has_the_real_thing() -> None:
    """Faults are planted (monkeypatch of one system call), parts are not replaced."""
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__):
            assert "unittest.mock" not in path.read_text(), path


def test_the_tree_is_clean_of_what_does_not_belong() -> None:
    """No leftovers of editors or of other work."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert not [one for one in tracked if one.endswith((".orig", ".rej", ".pyc", ".log", "~"))]
