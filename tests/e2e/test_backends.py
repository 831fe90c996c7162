"""A backend that is configured and not there: `jigsmith-runtime serve` says what to do and leaves; it never takes another."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
from jigsmith_runtime.server import sandbox_owner
from jigsmith_runtime.settings import IMAGE_DEFAULT
from jigsmith_sandbox.backends import choose
from jigsmith_sandbox.errors import BackendMissingError

_NOBODY_S = 60
"""How long a runtime may take to find out."""


@dataclass(frozen=True)
class Missing:
    """One thing that is not there."""

    options: tuple[str, ...]
    said: tuple[str, ...]
    """What is missing, and what to do."""
    environment: dict[str, str] = field(default_factory=dict)


_NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
_DOCKER = ("--backend", "docker")
MISSING = {
    "bubblewrap": Missing(
        ("--backend", "bubblewrap"), ("bubblewrap is not installed", "install bubblewrap"), {"PATH": "/nowhere"}
    ),
    "the engine's socket": Missing(_DOCKER, ("no Docker engine answers", "start it, or set DOCKER_HOST"), _NO_ENGINE),
    "the image": Missing(
        (*_DOCKER, "--sandbox-image", "jigsmith-nowhere:none"), ("no image jigsmith-nowhere:none", "make images")
    ),
    "a container runtime": Missing(
        (*_DOCKER, "--container-runtime", "nonesuch"), ("no runtime nonesuch", "daemon.json", "runc")
    ),
    "Kata": Missing((*_DOCKER, "--container-runtime", "kata"), ("no runtime kata", "install it", "daemon.json")),
    "a container runtime of any backend": Missing(
        ("--backend", "auto", "--container-runtime", "nonesuch"), ("no runtime nonesuch", "install it")
    ),
    "an engine for a container runtime": Missing(
        ("--backend", "auto", "--container-runtime", "runsc"), ("no Docker engine answers", "start it"), _NO_ENGINE
    ),
    "a container runtime in bubblewrap": Missing(
        ("--backend", "bubblewrap", "--container-runtime", "runsc"), ("runsc", "choose the backend docker")
    ),
    "the launcher": Missing(
        ("--launcher", "/nowhere/launcher.sock", "--sockets", "/nowhere"), ("/nowhere/launcher.sock", "start")
    ),
}


@pytest.fixture(scope="module")
def engine() -> docker.DockerClient:
    """Give the engine, on a machine where both backends work: only there would a fall-back succeed."""

    async def check() -> None:
        for backend in ("bubblewrap", "docker"):
            await (await choose(backend, docker_image=IMAGE_DEFAULT)).close()

    try:
        asyncio.run(check())
    except BackendMissingError as missing:
        pytest.skip(str(missing))
    return docker.from_env()


@pytest.mark.parametrize("what", MISSING)
def test_a_backend_that_is_missing_stops_the_start(engine: docker.DockerClient, what: str, tmp_path: Path) -> None:
    """Exit code 3, and what to do; nobody ever listened, nothing was launched, and the log has no start."""
    missing = MISSING[what]
    if what == "Kata" and "kata" in engine.info()["Runtimes"]:
        pytest.skip("the engine has the runtime kata")
    data, port, since = tmp_path / "data", _free_port(), int(time.time())
    command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--dev", "--data", str(data)]
    command += ["--listen", f"127.0.0.1:{port}", *missing.options]
    with (tmp_path / "stderr").open("wb") as stderr:
        process = subprocess.Popen(command, env=os.environ | missing.environment, stderr=stderr)
    try:
        listened, sandboxes = _watch(process, port, data / "node")
    finally:
        process.kill()
        process.wait()
    said = (tmp_path / "stderr").read_text()
    assert process.returncode == 3, said
    (line,) = [line for line in said.splitlines() if line.startswith("jigsmith-runtime: ")]
    for words in missing.said:
        assert words in line
    assert "Traceback" not in said
    assert (listened, sandboxes) == (False, set())
    assert not (data / "runtime.json").exists()
    assert b"runtime.started" not in b"".join(one.read_bytes() for one in data.rglob("*") if one.is_file())
    label = f"jigsmith.owner={sandbox_owner((data / 'node').read_text().strip())}"
    events = engine.events(since=since, until=int(time.time()) + 1, filters={"label": label}, decode=True)
    assert list(events) == []


def test_the_watch_sees_a_runtime_that_starts(engine: docker.DockerClient, tmp_path: Path) -> None:
    """What is looked at above is there to be seen where nothing is missing: a listener, sandboxes, an engine's events."""
    for backend in ("bubblewrap", "docker"):
        data, port, since = tmp_path / backend, _free_port(), int(time.time())
        command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--dev", "--data", str(data)]
        command += ["--listen", f"127.0.0.1:{port}", "--backend", backend]
        with (tmp_path / "stderr").open("wb") as stderr:
            process = subprocess.Popen(command, stderr=stderr)
        try:
            listened, sandboxes = _watch(process, port, data / "node")
        finally:
            process.terminate()
            process.wait()
        assert (listened, bool(sandboxes)) == (True, True)
        owner = sandbox_owner((data / "node").read_text().strip())
        events = engine.events(
            since=since, until=int(time.time()) + 1, filters={"label": f"jigsmith.owner={owner}"}, decode=True
        )
        assert bool(list(events)) == (backend == "docker")
        assert b"runtime.started" in b"".join(one.read_bytes() for one in data.rglob("*") if one.is_file())


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _watch(process: subprocess.Popen[bytes], port: int, node: Path) -> tuple[bool, set[int]]:
    """Watch a runtime until it ends or listens. Return whether it did, and the processes that its sandboxes had."""
    listened, sandboxes = False, set()
    end = time.monotonic() + _NOBODY_S
    while process.poll() is None and not listened and time.monotonic() < end:
        with socket.socket() as one:
            listened = one.connect_ex(("127.0.0.1", port)) == 0
        sandboxes |= _processes_of(node)
        time.sleep(0.01)
    return listened, sandboxes | _processes_of(node)


def _processes_of(node: Path) -> set[int]:
    """Return the processes with the name of a node's sandboxes on their command lines."""
    if not node.exists() or not (name := node.read_text().strip()):
        return set()
    owner, found = sandbox_owner(name).encode(), set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if owner in entry.read_bytes().split(b"\0"):
                found.add(int(entry.parent.name))
        except OSError:
            continue
    return found
