"""Keeps warm sandboxes and spreads calls over them. Owns every sandbox it launched, and those a dead predecessor left."""

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from jigsmith_sandbox.backend import Backend, Call, Outcome, PolicyVerdict, SandboxSpec
from jigsmith_sandbox.connection import Connection, remove_socket_directory
from jigsmith_sandbox.errors import SandboxUnavailableError
from jigsmith_sandbox.limits import LimitPolicy, shipped

_RELAUNCH_DELAY_S: Final = (0.0, 0.5, 2.0, 5.0)
"""Waits before each new attempt to replace a lost sandbox; the last one repeats."""

_ANY_SANDBOX_TIMEOUT_S: Final = 10.0
"""How long a call waits for a lost sandbox to be replaced before it fails."""


class Pool:
    """`size` sandboxes with `slots` concurrent calls each. An async context manager; leaving it kills the sandboxes."""

    def __init__(
        self,
        backend: Backend,
        *,
        owner: str,
        size: int = 1,
        slots: int = 4,
        limits: LimitPolicy | None = None,
        sockets: Path | None = None,
    ) -> None:
        """`owner` names whose sandboxes these are (the runtime's data folder, say); `sockets` is a folder for sockets."""
        self.backend = backend
        self.limits = limits or shipped()
        self.capacity = size * slots
        self._owner = owner
        self._size, self._slots = size, slots
        self._sockets = sockets
        self._root: Path | None = None
        self._places = asyncio.Semaphore(self.capacity)
        self._connections: list[Connection] = []
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def __aenter__(self) -> Self:
        """Remove what a predecessor left, launch the sandboxes. Raises SandboxUnavailableError."""
        for sandbox_id in await self.backend.list_sandboxes(self._owner):
            await self.backend.kill(sandbox_id)
        if self._sockets is not None:
            self._sockets.mkdir(parents=True, exist_ok=True)
        self._root = Path(tempfile.mkdtemp(prefix="jigsmith-", dir=self._sockets))
        self._root.chmod(0o711)
        try:
            await asyncio.gather(*(self._launch() for _ in range(self._size)))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill the sandboxes."""
        await self._close()

    async def run(self, call: Call) -> Outcome:
        """Run a call. Raises SandboxUnavailableError; cancelling ends the run and everything it started."""
        async with self._places:
            return await (await self._connection()).run(call)

    async def check(self, source: str, *, entry_point: str) -> PolicyVerdict:
        """Ask the policy gate, which runs in a disposable child. Raises SandboxUnavailableError."""
        async with self._places:
            return await (await self._connection()).check(source, entry_point, self.limits.default)

    async def _connection(self) -> Connection:
        try:
            async with asyncio.timeout(_ANY_SANDBOX_TIMEOUT_S):
                while not self._connections:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise SandboxUnavailableError("no sandbox is running; the runtime's log says why") from None
        return min(self._connections, key=lambda connection: connection.running)

    async def _launch(self) -> None:
        assert self._root is not None
        sandbox_id = secrets.token_hex(8)
        spec = SandboxSpec(sandbox_id, self._owner, self._root / sandbox_id, self.limits.sandbox)
        connection = Connection(spec, self.backend, self._lost)
        await connection.open(self.limits.default, spares=self._slots)
        self._connections.append(connection)
        self._changed.set()

    def _lost(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            if not self._closing:
                self._start(self._replace(connection))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, connection: Connection) -> None:
        await connection.close()
        attempt = 0
        while not self._closing:
            await asyncio.sleep(_RELAUNCH_DELAY_S[min(attempt, len(_RELAUNCH_DELAY_S) - 1)])
            attempt += 1
            with contextlib.suppress(SandboxUnavailableError):
                await self._launch()
                return

    async def _close(self) -> None:
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        connections, self._connections = self._connections, []
        await asyncio.gather(*(connection.close() for connection in connections))
        await self.backend.close()
        if self._root is not None:
            remove_socket_directory(self._root)
