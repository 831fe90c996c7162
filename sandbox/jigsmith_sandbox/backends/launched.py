"""Sandboxes by a launcher in another process, which alone holds the container engine's socket."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

from jigsmith_sandbox.backend import SandboxSpec
from jigsmith_sandbox.errors import BackendMissingError, SandboxUnavailableError

_TIMEOUT_S: Final = 90.0
_ANSWER_BYTES_MAX: Final = 1 << 20


class LaunchedBackend:
    """Orders sandboxes from a launcher; see `jigsmith_sandbox.launcher` for what it may be asked."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._name = "launcher"
        self._image: str | None = None

    @property
    def name(self) -> str:
        """The name of the launcher's backend, once `check` has asked for it."""
        return self._name

    @property
    def image(self) -> str | None:
        """The image of the launcher's backend, once `check` has asked for it."""
        return self._image

    @property
    def shares_kernel(self) -> bool:
        """As the launcher's backend: one with another kernel has its runtime in its name."""
        return self._name in {"docker", "bubblewrap"}

    async def check(self) -> None:
        """Return if the launcher answers and can work. Raises BackendMissingError saying what to do."""
        found = await self._order("check")
        self._name, self._image = str(found["name"]), found["image"]

    async def launch(self, spec: SandboxSpec) -> None:
        """Start a sandbox. Raises SandboxUnavailableError. Limits and socket root are the launcher's own."""
        pool = spec.socket_directory.parent.name
        await self._order("launch", sandbox_id=spec.sandbox_id, owner=spec.owner, pool=pool, profile=spec.profile.name)

    async def list_sandboxes(self, owner: str) -> list[str]:
        """Return the ids of the owner's sandboxes."""
        found = await self._order("list", owner=owner)
        return [str(one) for one in found or ()]

    async def kill(self, sandbox_id: str) -> None:
        """End a sandbox."""
        await self._order("kill", sandbox_id=sandbox_id)

    async def alive(self, sandbox_id: str) -> bool:
        """Return whether a sandbox runs."""
        return bool(await self._order("alive", sandbox_id=sandbox_id))

    async def diagnose(self, sandbox_id: str) -> str:
        """Return the last lines that a sandbox wrote."""
        return str(await self._order("diagnose", sandbox_id=sandbox_id))

    async def close(self) -> None:
        """Nothing is held between orders."""

    async def _order(self, op: str, **fields: str) -> Any:  # Any: what the op gives
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self._socket, limit=_ANSWER_BYTES_MAX)
                try:
                    writer.write(json.dumps({"op": op, **fields}).encode() + b"\n")
                    answer = json.loads(await reader.readline())
                finally:
                    writer.close()
        except (FileNotFoundError, ConnectionRefusedError, PermissionError) as error:
            raise BackendMissingError(
                f"no sandbox launcher answers at {self._socket} ({error.strerror}): start jigsmith-sandbox-launcher"
            ) from error
        except (OSError, ValueError, TimeoutError) as error:
            raise SandboxUnavailableError(f"the sandbox launcher at {self._socket} failed: {error}") from error
        if "error" in answer:
            kind = BackendMissingError if answer.get("missing") else SandboxUnavailableError
            raise kind(f"sandbox launcher: {answer['error']}")
        return answer.get("value")
