"""The ways to launch a sandbox. `auto` prefers Docker where an engine answers, and bubblewrap otherwise."""

from pathlib import Path
from typing import Literal

from jigsmith_sandbox.backend import Backend
from jigsmith_sandbox.backends.bubblewrap import BubblewrapBackend
from jigsmith_sandbox.backends.launched import LaunchedBackend
from jigsmith_sandbox.errors import BackendMissingError

BackendName = Literal["auto", "bubblewrap", "docker"]


async def choose(
    name: BackendName, *, docker_image: str, container_runtime: str | None = None, launcher: Path | None = None
) -> Backend:
    """Return the backend of that name, checked. Raises BackendMissingError: a named backend never falls back.

    `auto` chooses Docker only if the engine answers and has the image; what was chosen stands in the log and in each audit
    entry. A `container_runtime` (gVisor's runsc, Kata's) is Docker's, and never done without. With a `launcher`, the path of
    its socket, sandboxes are ordered there, and the name is of no account.
    """
    if launcher is not None:
        launched = LaunchedBackend(launcher)
        await launched.check()
        return launched
    if name == "bubblewrap" and container_runtime is None:
        backend: Backend = BubblewrapBackend()
        await backend.check()
        return backend
    # The import costs a quarter of a second and a dependency that the embedded default does without.
    from jigsmith_sandbox.backends.docker import DockerBackend  # noqa: PLC0415

    if name == "bubblewrap":
        raise BackendMissingError(f"bubblewrap has no container runtime {container_runtime}: choose the backend docker")
    backend = DockerBackend(docker_image, runtime=container_runtime)
    try:
        await backend.check()
    except BackendMissingError:
        await backend.close()
        if name == "docker" or container_runtime is not None:
            raise
        return await choose("bubblewrap", docker_image=docker_image)
    return backend
