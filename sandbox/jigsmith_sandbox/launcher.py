"""`jigsmith-sandbox-launcher`: the only process that holds the container engine's socket, and what may be asked of it.

Whoever holds that socket is root on the machine, so the runtime, which speaks to the world, is kept away from it. The launcher
takes four orders over a unix socket and decides everything that matters itself: image, limits, seccomp profile, mounts. The
worst that a taken runtime can do with it is to start and stop sandboxes.

One connection is one order: a line of JSON each way. `{"op", "sandbox_id", "owner"}` → `{"value"}` or `{"error", "missing"}`.
"""

import argparse
import asyncio
import contextlib
import json
import re
import signal
import sys
from pathlib import Path
from typing import Any, Final

from jigsmith_sandbox import profiles
from jigsmith_sandbox.backend import Backend, SandboxSpec
from jigsmith_sandbox.backends import choose
from jigsmith_sandbox.errors import BackendMissingError, SandboxError
from jigsmith_sandbox.limits import SandboxLimits, shipped

LINE_BYTES_MAX: Final = 4_096
_ID: Final = re.compile(r"[0-9a-f]{8,64}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TIMEOUT_S: Final = 60.0


class OrderInvalidError(SandboxError):
    """An order that is none."""


class Launcher:
    """Carries out orders on a backend; sandboxes find their sockets below one folder and nowhere else."""

    def __init__(self, backend: Backend, sockets: Path, limits: SandboxLimits) -> None:
        self._backend = backend
        self._sockets = sockets
        self._limits = limits

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one order and answer it."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer = await self._answer(await reader.readline())
        except (TimeoutError, ValueError, OSError) as error:
            answer = {"error": f"the launcher could not read or carry out the order: {error}"}
        writer.write(json.dumps(answer).encode() + b"\n")
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:  # Any: JSON
        try:
            order = json.loads(line)
            if not isinstance(order, dict):
                raise OrderInvalidError("an order is an object")
            return {"value": await self._carry_out(order)}
        except BackendMissingError as error:
            return {"error": str(error), "missing": True}
        except (SandboxError, ValueError) as error:
            return {"error": str(error)}

    async def _carry_out(self, order: dict[str, Any]) -> str | bool | list[str] | dict[str, str | None] | None:
        match order.get("op"):
            case "check":
                await self._backend.check()
                return {"name": self._backend.name, "image": self._backend.image}
            case "launch":
                await self._backend.launch(self._spec(order))
                return None
            case "list":
                return await self._backend.list_sandboxes(_checked(_NAME, order.get("owner")))
            case "kill":
                await self._backend.kill(_checked(_ID, order.get("sandbox_id")))
                return None
            case "alive":
                return await self._backend.alive(_checked(_ID, order.get("sandbox_id")))
            case "diagnose":
                return await self._backend.diagnose(_checked(_ID, order.get("sandbox_id")))
            case _:
                raise OrderInvalidError("op must be check, launch, list, kill, alive or diagnose")

    def _spec(self, order: dict[str, Any]) -> SandboxSpec:
        sandbox_id, owner = _checked(_ID, order.get("sandbox_id")), _checked(_NAME, order.get("owner"))
        pool = _checked(_NAME, order.get("pool"))
        directory = self._sockets / pool / sandbox_id
        if directory.is_symlink() or directory.parent.is_symlink() or not directory.is_dir():
            raise OrderInvalidError(f"{directory} is no folder for a sandbox's socket")
        profile = profiles.shipped().get(_checked(_NAME, order.get("profile")))
        if profile is None:
            raise OrderInvalidError(f"the launcher knows the profiles {', '.join(profiles.shipped())}")
        return SandboxSpec(sandbox_id, owner, directory, self._limits, profile)


def _checked(form: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise OrderInvalidError(f"{str(value)[:80]!r} is not of the form {form.pattern}")
    return value


async def serve(socket: Path, sockets: Path, backend: Backend) -> None:
    """Take orders at `socket` until SIGTERM. Raises BackendMissingError, OSError."""
    await backend.check()
    sockets.mkdir(parents=True, exist_ok=True)
    sockets.chmod(0o770)  # for the launcher's group, which the runtime is in
    socket.unlink(missing_ok=True)
    launcher = Launcher(backend, sockets, shipped().sandbox)
    server = await asyncio.start_unix_server(launcher.serve_one, socket, limit=LINE_BYTES_MAX)
    socket.chmod(0o660)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with server:
        await stopping.wait()
    await backend.close()
    socket.unlink(missing_ok=True)


async def _run(arguments: argparse.Namespace) -> None:
    backend = await choose("docker", docker_image=arguments.image, container_runtime=arguments.container_runtime)
    await serve(arguments.socket, arguments.sockets, backend)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="jigsmith-sandbox-launcher", description="Starts sandboxes for a runtime.")
    parser.add_argument("--socket", type=Path, required=True, help="where to take orders")
    parser.add_argument("--sockets", type=Path, required=True, help="folder below which sandboxes find their sockets")
    parser.add_argument("--container-runtime", help="the engine's OCI runtime for sandboxes, such as gVisor's runsc")
    parser.add_argument("--image", default="jigsmith-sandbox:dev", help="image of the sandboxes")
    try:
        asyncio.run(_run(parser.parse_args()))
    except (SandboxError, OSError) as error:
        sys.exit(f"jigsmith-sandbox-launcher: {error}")


if __name__ == "__main__":
    main()
