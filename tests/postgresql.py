"""A PostgreSQL server for tests: Debian's binaries, a folder and a socket of its own, nobody's password."""

import subprocess
import time
import uuid
from pathlib import Path

import pytest

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_START_TIMEOUT_S = 30


class Postgres:
    """A server process. Skips the test, saying what is missing, where the server is not installed."""

    def __init__(self, directory: Path) -> None:
        if not _BINARIES:
            pytest.skip("postgresql is not installed: no /usr/lib/postgresql/*/bin/initdb")
        self._binaries = _BINARIES[-1].parent
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._user: list[str] = []
        if Path("/proc/self").stat().st_uid == 0:
            # The server refuses to be root. In a user namespace it is `nobody`, and still reaches every folder.
            self._user = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync")

    @property
    def _data(self) -> str:
        return str(self._directory / "data")

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [*self._user, self._binaries / "postgres", "-D", self._data, "-k", self._directory]
        command += ["-c", "listen_addresses=", "-c", "max_connections=100"]
        with (self._directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._directory)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            assert self._process.poll() is None, (self._directory / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, as an operator does who cannot wait for its clients."""
        if self._process is not None and self._process.poll() is None:
            self._run("pg_ctl", "stop", "-D", self._data, "-m", "immediate")
            self._process.wait(timeout=30)

    def database(self) -> str:
        """Make an empty database; return its URL."""
        name = f"jigsmith_{uuid.uuid4().hex[:12]}"
        self._run("createdb", "-h", self._directory, "-U", "postgres", name)
        return f"postgresql://postgres@/{name}?host={self._directory}"

    def _answers(self) -> bool:
        command = [*self._user, self._binaries / "pg_isready", "-q", "-h", self._directory]
        return subprocess.run(command, check=False, cwd=self._directory).returncode == 0

    def _run(self, program: str, *arguments: object) -> None:
        command = [*self._user, str(self._binaries / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self._directory)
        assert done.returncode == 0, done.stderr
