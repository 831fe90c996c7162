"""A real runtime for end-to-end tests: `jigsmith-runtime serve` as a process, on a free port, with a data folder of its own.

The fixture `runtime` is one process per backend and session; tests name their own resources and leave it running. A test
that stops or kills it uses `new_runtime`, which starts one for that test alone.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from jigsmith.tlog import NoteVerifier
from jigsmith.verify import verify_log
from jigsmith_runtime.cli import principal_entry
from jigsmith_runtime.identity import new_token
from jigsmith_runtime.settings import IMAGE_DEFAULT
from jigsmith_sandbox.backends import choose
from jigsmith_sandbox.errors import BackendMissingError

PRINCIPALS = {
    "agent": "service:agent",
    "optimizer": "service:optimizer",
    "evaluator": "service:evaluator",
    "reviewer": "user:reviewer",
    "operator": "user:operator",
    "auditor": "user:auditor",
    "admin": "user:admin",
}
"""One principal for each role; `service:agent` may invoke through every channel."""

_START_TIMEOUT_S = 60
_CHANNEL_OPTIONS = [("grpc.max_receive_message_length", 16 * 1024 * 1024)]


class RuntimeStartError(Exception):
    """The runtime did not become ready; the message is its log."""


@dataclass
class Runtime:
    """A runtime process and what a test needs to talk to it."""

    backend: str
    directory: Path
    options: tuple[str, ...] = ()
    address: str = ""
    process: subprocess.Popen[bytes] | None = None
    extra_principals: str = ""
    """Entries of the principals file beyond one for each role."""
    _tokens: dict[str, str] = field(default_factory=lambda: {role: new_token() for role in PRINCIPALS})

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.directory / "data"

    @property
    def log(self) -> str:
        """What the runtime wrote to stderr, over all of its starts."""
        return (self.directory / "runtime.log").read_text(errors="replace")

    @property
    def facts(self) -> dict[str, Any]:
        """What the runtime announced in runtime.json."""
        return json.loads((self.data / "runtime.json").read_text())

    def token(self, role: str) -> str:
        """Return the token of the principal with a role."""
        return self._tokens[role]

    def principal(self, role: str) -> str:
        """Return the name of the principal with a role."""
        return PRINCIPALS[role]

    def metadata(self, role: str) -> tuple[tuple[str, str], ...]:
        """Return the metadata that identifies the principal with a role."""
        return (("authorization", f"Bearer {self.token(role)}"),)

    def channel(self, role: str) -> grpc.aio.Channel:
        """Return a new asyncio channel whose RPCs are made by the principal with a role; the caller closes it."""
        return grpc.aio.insecure_channel(
            self.address, options=_CHANNEL_OPTIONS, interceptors=_identifying(self.metadata(role))
        )

    @property
    def untold(self) -> list[str]:
        """Lines of its log that tell of an error of a task that nobody looked at, or of a task that was lost."""
        return [line for line in self.log.splitlines() if "never retrieved" in line or "was destroyed but" in line]

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        port = self.address.rpartition(":")[2] or "0"
        entries = [
            principal_entry(PRINCIPALS[role], token, [role], ["functionSets/*/channels/*"] if role == "agent" else [])
            for role, token in self._tokens.items()
        ]
        (self.directory / "principals.toml").write_text("\n\n".join([*entries, self.extra_principals]))
        command = [sys.executable, "-m", "jigsmith_runtime", "serve", "--data", str(self.data)]
        command += ["--listen", f"127.0.0.1:{port}", "--backend", self.backend, "--log-format", "json"]
        command += ["--principals", str(self.directory / "principals.toml"), *self.options]
        (self.data / "runtime.json").unlink(missing_ok=True)
        with (self.directory / "runtime.log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, start_new_session=True)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not (self.data / "runtime.json").exists():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeStartError(self.log[-4_000:])
            time.sleep(0.02)
        self.address = self.facts["address"]

    def stop(self) -> int:
        """Ask the process to end, as an operator would; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """End the process as a crash would."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def restart(self) -> None:
        """Stop the process and start it again on the same data folder and port."""
        self.stop()
        self.start()


def _identifying(metadata: tuple[tuple[str, str], ...]) -> list[grpc.aio.ClientInterceptor]:
    def add(details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        return details._replace(metadata=grpc.aio.Metadata(*(details.metadata or ()), *metadata))

    class Unary(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation, client_call_details, request):
            return await continuation(add(client_call_details), request)

    class Stream(grpc.aio.StreamStreamClientInterceptor):
        async def intercept_stream_stream(self, continuation, client_call_details, request_iterator):
            return await continuation(add(client_call_details), request_iterator)

    class Tail(grpc.aio.UnaryStreamClientInterceptor):
        async def intercept_unary_stream(self, continuation, client_call_details, request):
            return await continuation(add(client_call_details), request)

    return [Unary(), Tail(), Stream()]


def _skip_without(backend: str) -> str:
    """Return the backend if it works on this machine; skip, saying what is missing, where it does not."""

    async def check() -> None:
        chosen = await choose(backend, docker_image=IMAGE_DEFAULT)
        await chosen.close()

    try:
        asyncio.run(check())
    except BackendMissingError as error:
        pytest.skip(f"backend {backend}: {error}")
    return backend


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try tests with every backend, or with those that their module names in BACKENDS."""
    if "backend" in metafunc.fixturenames:
        backends = getattr(
            metafunc.module, "BACKENDS", ["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)]
        )
        metafunc.parametrize("backend", backends, indirect=True, scope="session")


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    """Name a backend that works on this machine."""
    return _skip_without(request.param)


@pytest.fixture(scope="session")
def runtime(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Give a runtime that runs; the same one for all tests of a backend. Whatever they did, its log verifies in the end."""
    yield from _shared(Runtime(backend, tmp_path_factory.mktemp(f"runtime-{backend}")))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def stored_runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Give a runtime on each database, for what depends on the database and not on the backend."""
    options = ("--database", request.getfixturevalue("postgres").database()) if request.param == "postgresql" else ()
    backend = _skip_without("bubblewrap")
    yield from _shared(Runtime(backend, tmp_path_factory.mktemp(f"runtime-{request.param}"), options))


def _shared(started: Runtime) -> Iterator[Runtime]:
    started.start()
    yield started
    assert started.stop() == 0
    report = verify_log(started.data / "audit", NoteVerifier.parse((started.data / "audit-key.pub").read_text()))
    assert report.ok, report.first_bad
    assert report.open == 0
    assert report.unsigned == 0
    assert started.untold == []


@pytest.fixture
def new_runtime(backend: str, tmp_path: Path) -> Iterator[Callable[..., Runtime]]:
    """Give a way to start runtimes for one test alone: `new_runtime("--sandboxes", "1")`, or on a copy of a data folder."""
    started: list[Runtime] = []

    def start(*options: str, data: Path | None = None) -> Runtime:
        directory = tmp_path / f"runtime-{len(started)}"
        directory.mkdir()
        if data is not None:
            shutil.copytree(data, directory / "data")
        started.append(Runtime(backend, directory, options))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.kill()
    assert [one.untold for one in started if one.untold] == []
