"""A real witness: `jigsmith-witness serve` as a process, on a free port of the loopback address, with a folder of its own."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jigsmith.tlog import CosignatureVerifier

from tests.witness.logs import SignedLog

_START_TIMEOUT_S = 60
NAME = "witness.example.org/1"


class WitnessStartError(Exception):
    """The witness did not start; the message is what it wrote."""


@dataclass(frozen=True)
class Answer:
    """What a witness answered."""

    status: int
    kind: str
    body: str


@dataclass
class WitnessProcess:
    """A witness process and what a test needs to talk to it."""

    directory: Path
    keys: list[str]
    options: list[str] = field(default_factory=lambda: ["--name", NAME])
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """Its folder."""
        return self.directory / "witness"

    @property
    def log(self) -> str:
        """What it wrote to stderr since its last start."""
        return (self.directory / "witness.log").read_text()

    @property
    def verifier(self) -> CosignatureVerifier:
        """Its public key, from the file that it wrote."""
        return CosignatureVerifier.parse((self.data / "witness-key.pub").read_text())

    @property
    def url(self) -> str:
        """Its submission prefix."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        """The file of what it cosigned last, if it knows of one log."""
        (path,) = [one for one in (self.data / "checkpoints").iterdir() if not one.name.startswith(".")]
        return path

    def command(self) -> list[str]:
        """Return the command that starts it."""
        self.directory.mkdir(exist_ok=True)
        paths = [self.directory / f"log-{number}.pub" for number in range(len(self.keys))]
        for path, key in zip(paths, self.keys, strict=True):
            path.write_text(f"{key}\n")
        logs = [word for path in paths for word in ("--log-key", str(path))]
        serve = [sys.executable, "-m", "jigsmith_witness", "serve", "--data", str(self.data)]
        return [*serve, "--listen", f"127.0.0.1:{self.port}", *logs, *self.options]

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = self.command()
        with (self.directory / "witness.log").open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while '"witness.ready"' not in self.log:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise WitnessStartError(self.log)
            time.sleep(0.02)
        (ready,) = [one for one in map(json.loads, self.log.splitlines()) if one["event"] == "witness.ready"]
        self.port = int(ready["address"].rpartition(":")[2])

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def post(self, body: bytes, **headers: str) -> Answer:
        """Send an add-checkpoint request. Raises OSError, http.client.HTTPException if the witness is killed meanwhile."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/add-checkpoint", body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.getheader("Content-Type", ""), response.read().decode())
        finally:
            connection.close()


@pytest.fixture
def log() -> SignedLog:
    """Give a log of 40 entries."""
    log = SignedLog()
    log.grow(40)
    return log


@pytest.fixture
def witness(tmp_path: Path, log: SignedLog) -> Iterator[WitnessProcess]:
    """Give a running witness that was told the key of `log`."""
    witness = WitnessProcess(tmp_path / "process", [str(log.signer.verifier)])
    witness.start()
    yield witness
    witness.kill()
