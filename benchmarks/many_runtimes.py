"""How soon a runtime serves what another one on the same PostgreSQL released, and stops serving what that one rolled back."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from jigsmith import Client
from jigsmith.errors import JigsmithError

_START_S = 60
_WITHIN_S = 10
_RELEASES = 8


def measure() -> dict[str, list[float]]:
    """Return ms from the answer to a decision on one runtime until the other one acts on it; nothing without PostgreSQL."""
    if not sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return {}
    from tests.postgresql import Postgres  # noqa: PLC0415 - the tests know how to run one

    with tempfile.TemporaryDirectory(prefix="jigsmith-bench-") as place:
        folder = Path(place)
        folder.chmod(0o755)  # the server runs as somebody else
        (folder / "postgres").mkdir()
        server = Postgres(folder / "postgres")
        server.start()
        try:
            with _runtimes(folder, server.database()) as (here, there):
                return _measured(here, there)
        finally:
            server.stop()


def _measured(here: str, there: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"release_seen_elsewhere_ms": [], "rollback_seen_elsewhere_ms": []}
    target = "functionSets/demo/channels/production/functions/f"
    with (
        Client(here, principal="user:ann") as author,
        Client(here, principal="user:ben") as reviewer,
        Client(there) as other,
    ):
        author.create_set("demo")
        for number in range(_RELEASES):
            about = {"description": uuid.uuid4().hex, "parameters": {"type": "object"}}
            version = author.register_source("f", f"def f():\n    return {number}", **about)
            revision = author.create_revision("demo", [version])
            release = author.request_release("demo", revision.name, channel="production", reason="r")
            release = reviewer.approve_release(release, reason="r")
            found["release_seen_elsewhere_ms"].append(_until(other, target, number))
        for number in reversed(range(_RELEASES - 1)):
            reviewer.roll_back_release(release.name, reason="r")
            found["rollback_seen_elsewhere_ms"].append(_until(other, target, number))
            release = reviewer.get_release(f"functionSets/demo/releases/{number + 1}")
    return found


def _until(other: Client, target: str, wanted: int) -> float:
    began = time.perf_counter()
    while time.perf_counter() - began < _WITHIN_S:
        with contextlib.suppress(JigsmithError):
            if other.invoke(target).result == wanted:
                break
        time.sleep(0.002)
    return (time.perf_counter() - began) * 1_000


@contextlib.contextmanager
def _runtimes(folder: Path, database: str) -> Iterator[tuple[str, str]]:
    """Run two `--dev` runtimes that trust each other; yield their addresses. The first start makes the keys."""
    with _runtime(folder / "a", database), _runtime(folder / "b", database):
        pass
    keys = [str(folder / name / "release-key.pub") for name in "ab"]
    with _runtime(folder / "a", database, keys[1]) as here, _runtime(folder / "b", database, keys[0]) as there:
        yield here, there


@contextlib.contextmanager
def _runtime(data: Path, database: str, *trusted: str) -> Iterator[str]:
    command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--dev", "--data", str(data), "--database", database]
    command += ["--listen", "127.0.0.1:0", "--backend", "bubblewrap", "--sandboxes", "1"]
    for key in trusted:
        command += ["--trusted-keys", key]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    end = time.monotonic() + _START_S
    while not (data / "runtime.json").exists():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            sys.exit("a runtime on PostgreSQL did not start")
        time.sleep(0.05)
    try:
        yield json.loads((data / "runtime.json").read_text())["address"]
    finally:
        process.terminate()
        process.wait()
