"""Pools of real sandboxes, one per backend that this machine has."""

import hashlib
import os
from collections.abc import AsyncIterator

import pytest
from jigsmith_sandbox.backend import Backend, Call, Policy
from jigsmith_sandbox.backends.bubblewrap import BubblewrapBackend
from jigsmith_sandbox.backends.docker import DockerBackend
from jigsmith_sandbox.errors import BackendMissingError
from jigsmith_sandbox.limits import shipped
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.isolation import Isolation

SANDBOX_IMAGE = "jigsmith-sandbox:dev"
OWNER = f"conformance-{os.getpid()}"
"""Of this run of the suite: another run on the same machine has its own sandboxes."""


BACKENDS = (
    "bubblewrap",
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("docker-runsc", marks=pytest.mark.gvisor),
)


def make_backend(name: str) -> Backend:
    """Return a backend by its name."""
    if name == "bubblewrap":
        return BubblewrapBackend()
    return DockerBackend(SANDBOX_IMAGE, runtime=name.partition("-")[2] or None)


async def working_backend(name: str) -> Backend:
    """Return a backend that works here; skips, by the name of what this machine lacks, where it does not."""
    made = make_backend(name)
    try:
        await made.check()
    except BackendMissingError as missing:
        pytest.skip(str(missing))
    return made


@pytest.fixture(params=BACKENDS)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """Each backend that works here."""
    made = await working_backend(request.param)
    yield made
    await made.close()


@pytest.fixture
async def pool(backend: Backend) -> AsyncIterator[Pool]:
    """One warm sandbox with two places."""
    async with Pool(backend, owner=OWNER, slots=2) as warm:
        yield warm


def skip_without_files(pool: Pool) -> None:
    """Skip what needs a /tmp where calls have none, as the sandbox says."""
    if pool.isolation is not Isolation.NAMESPACES:
        pytest.skip(f"calls have no /tmp in {pool.backend.name} sandboxes here (isolation: {pool.isolation.value})")


def call(source: str, arguments: str = "{}", *, policy: Policy = "none", **limits: int) -> Call:
    """Return a call of `f` in the source, under short limits and without the policy layer unless asked for."""
    short = shipped().default.replace(**({"wall_ms": 2_000, "cpu_ms": 1_000} | limits))
    digest = hashlib.sha256(source.encode()).hexdigest()
    return Call(source, "f", arguments, short, digest, policy=policy)
