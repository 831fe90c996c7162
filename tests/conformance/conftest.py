"""Pools of real sandboxes, one per backend that this machine has."""

import hashlib
import os
from collections.abc import AsyncIterator

import pytest
from jigsmith_sandbox.backend import Backend, Call, PolicyMode
from jigsmith_sandbox.backends.bubblewrap import BubblewrapBackend
from jigsmith_sandbox.backends.docker import DockerBackend
from jigsmith_sandbox.errors import BackendMissingError
from jigsmith_sandbox.limits import shipped
from jigsmith_sandbox.pool import Pool

SANDBOX_IMAGE = "jigsmith-sandbox:dev"
OWNER = f"conformance-{os.getpid()}"
"""Of this run of the suite: another run on the same machine has its own sandboxes."""


@pytest.fixture(params=["bubblewrap", "docker"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """Each backend, skipped by the name of what this machine lacks."""
    made: Backend = BubblewrapBackend() if request.param == "bubblewrap" else DockerBackend(SANDBOX_IMAGE)
    try:
        await made.check()
    except BackendMissingError as missing:
        pytest.skip(str(missing))
    yield made
    await made.close()


@pytest.fixture
async def pool(backend: Backend) -> AsyncIterator[Pool]:
    """One warm sandbox with two places."""
    async with Pool(backend, owner=OWNER, slots=2) as warm:
        yield warm


def call(source: str, arguments: str = "{}", *, policy: PolicyMode = "off", **limits: int) -> Call:
    """Return a call of `f` in the source, under short limits and without the policy layer unless asked for."""
    short = shipped().default.replace(**({"wall_ms": 2_000, "cpu_ms": 1_000} | limits))
    digest = hashlib.sha256(source.encode()).hexdigest()
    return Call(source, "f", arguments, short, digest, policy=policy)
