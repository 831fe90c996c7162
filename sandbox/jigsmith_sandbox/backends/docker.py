"""Sandboxes by Docker: the only module that knows the `docker` package.

Its calls block, so they run in threads; they happen when sandboxes start and end, never on the way of a call.
"""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from typing import Any, Final, TypeVar

import docker
import docker.errors
import docker.types
import requests.exceptions

from jigsmith_sandbox import seccomp
from jigsmith_sandbox.backend import SandboxSpec
from jigsmith_sandbox.errors import BackendMissingError, SandboxUnavailableError
from jigsmith_sandbox.interpreter import CODE_HOME, ENVIRONMENT

_T = TypeVar("_T")

_OWNER_LABEL: Final = "jigsmith.owner"
_ID_LABEL: Final = "jigsmith.sandbox"
_SOCKET_HOME: Final = "/run/jigsmith"
_WORKER: Final = f"{CODE_HOME}/jigsmith_worker"
_API_TIMEOUT_S: Final = 30
_DIAGNOSIS_LINES_MAX: Final = 20
_SOCKET_DEFAULT: Final = "unix:///var/run/docker.sock"
_ENGINE_ERRORS: Final = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)


class DockerBackend:
    """One container per sandbox, found again by its labels."""

    def __init__(self, image: str, *, runtime: str | None = None) -> None:
        """`image` holds Python and the worker (deploy/images); `runtime` is an OCI runtime known to the engine."""
        self.name = "docker" if runtime is None else f"docker-{runtime}"
        self.shares_kernel = runtime in (None, "runc", "crun")
        self.image: str | None = None
        self._image = image
        self._runtime = runtime
        self._profile = json.dumps(seccomp.docker_profile(seccomp.load()))
        self._client: docker.DockerClient | None = None

    def _engine(self) -> docker.DockerClient:
        if self._client is None:
            self._client = docker.from_env(timeout=_API_TIMEOUT_S)
        return self._client

    async def check(self) -> None:
        """Return if an engine answers and has the image. Raises BackendMissingError saying what to do."""

        def ask() -> None:
            try:
                _probe(os.environ.get("DOCKER_HOST") or _SOCKET_DEFAULT)
                self._engine().ping()
                self.image = str(self._engine().images.get(self._image).id)
                known = self._engine().info().get("Runtimes", {})
                if self._runtime is not None and self._runtime not in known:
                    raise BackendMissingError(
                        f"Docker has no runtime {self._runtime} (it has {', '.join(sorted(known))}): install it and name it"
                        " under `runtimes` in the engine's daemon.json (deploy/README.md shows gVisor's), or choose another"
                    )
            except docker.errors.ImageNotFound:
                raise BackendMissingError(f"Docker has no image {self._image}: build it with `make images`") from None
            except _ENGINE_ERRORS as error:
                raise BackendMissingError(
                    f"no Docker engine answers ({str(error)[:200]}): start it, or set DOCKER_HOST, or choose bubblewrap"
                ) from None

        await asyncio.to_thread(ask)

    async def launch(self, spec: SandboxSpec) -> None:
        """Start a container. Raises SandboxUnavailableError."""
        await self._blocking(self._launch, spec)

    def _launch(self, spec: SandboxSpec) -> None:
        command = ["python3", "-I", "-S", _WORKER, f"{_SOCKET_HOME}/worker.sock", spec.owner, spec.sandbox_id]
        self._engine().containers.run(
            self._image,
            name=_container(spec.sandbox_id),
            entrypoint=command,
            detach=True,
            labels={_OWNER_LABEL: spec.owner, _ID_LABEL: spec.sandbox_id},
            user="65534:65534",
            network_mode="none",
            ipc_mode="none",  # a namespace of its own, and no /dev/shm
            hostname="sandbox",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges", f"seccomp={self._profile}"],
            stdin_open=True,  # else stdin is the host's /dev/null, which runsc would give to the sandbox's user
            pids_limit=spec.limits.processes,
            mem_limit=spec.limits.memory_bytes,
            memswap_limit=spec.limits.memory_bytes,
            cpu_period=100_000,  # µs; nano_cpus would be refused for more processors than there are
            cpu_quota=spec.limits.processors * 100_000,
            # Each call mounts its own /tmp; where it cannot (gVisor would give the sandbox one), nobody has any. There are no
            # terminals either; gVisor makes a /dev/pts all the same, but takes it to be read-only, so that none can be used.
            tmpfs=dict.fromkeys(("/tmp", "/dev/pts"), "ro,nosuid,nodev,noexec,size=4096,mode=0555"),  # noqa: S108
            mounts=[
                docker.types.Mount(_SOCKET_HOME, str(spec.socket_directory.resolve()), type="bind", read_only=True)
            ],
            environment={"PATH": "/usr/bin:/bin", **ENVIRONMENT},
            log_config=docker.types.LogConfig(type="json-file", config={"max-size": "64k", "max-file": "1"}),
            runtime=self._runtime,
        )

    async def list_sandboxes(self, owner: str) -> list[str]:
        """Return the ids of the owner's sandboxes, whoever started them; stopped containers count, to be removed."""

        def ask() -> list[str]:
            found = self._engine().containers.list(
                all=True,
                filters={"label": f"{_OWNER_LABEL}={owner}"},
                ignore_removed=True,  # between being listed and being looked at
            )
            return sorted(container.labels[_ID_LABEL] for container in found)

        return await self._blocking(ask)

    async def kill(self, sandbox_id: str) -> None:
        """End and remove the container."""

        def remove() -> None:
            try:
                self._engine().api.remove_container(_container(sandbox_id), force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if error.status_code != 409:  # "removal already in progress" is what we want
                    raise

        await self._blocking(remove)

    async def alive(self, sandbox_id: str) -> bool:
        """Return whether the container runs."""

        def ask() -> bool:
            try:
                return bool(self._engine().containers.get(_container(sandbox_id)).status in {"created", "running"})
            except docker.errors.NotFound:
                return False

        return await self._blocking(ask)

    async def diagnose(self, sandbox_id: str) -> str:
        """Return the last lines of the container's log."""

        def ask() -> str:
            log: bytes = self._engine().containers.get(_container(sandbox_id)).logs(tail=_DIAGNOSIS_LINES_MAX)
            return log.decode("utf-8", "replace").strip()

        try:
            return await self._blocking(ask)
        except SandboxUnavailableError:
            return ""

    async def _blocking(self, work: Callable[..., _T], *arguments: Any) -> _T:
        try:
            return await asyncio.to_thread(work, *arguments)
        except _ENGINE_ERRORS as error:
            raise SandboxUnavailableError(f"Docker: {str(error)[:500]}") from error

    async def close(self) -> None:
        """Close the connection to the engine."""
        if self._client is not None:
            await asyncio.to_thread(self._client.close)
            self._client = None


def _probe(url: str) -> None:
    """Raise OSError if nobody listens at a `unix://` address: the package would leak the socket that it tried with."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(_API_TIMEOUT_S)
            one.connect(url.removeprefix("unix://"))


def _container(sandbox_id: str) -> str:
    return f"jigsmith-sandbox-{sandbox_id}"
