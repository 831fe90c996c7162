"""Where the processes of a sandbox connect to: its zygote, and its children where they cannot be handed their connections."""

import asyncio
import contextlib
import secrets
import shutil
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jigsmith_worker import wire

_BACKLOG: Final = 128

Attach = Callable[[int, bytes, socket.socket], bool]
"""Takes over a connection of a child: its token, which of its two it is; returns whether there is such a child."""


class Listener:
    """A unix socket in a folder of its own. To be closed."""

    def __init__(self, directory: Path, secret: bytes) -> None:
        """Make folder and socket; who connects later has to know the secret. Raises OSError."""
        self._secret = secret
        self._loop = asyncio.get_running_loop()
        self._strangers: set[socket.socket] = set()
        """Connections that have not said yet whose they are."""
        directory.mkdir(mode=0o711)
        path = directory / "worker.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._socket.listen(_BACKLOG)
        path.chmod(0o666)  # the sandbox's user is not ours; nobody else can guess the folder's name

    async def accept(self) -> socket.socket:
        """Return the next connection."""
        connection, _ = await self._loop.sock_accept(self._socket)
        return connection

    def serve(self, attach: Attach) -> None:
        """Take children's connections from now on."""
        self._loop.add_reader(self._socket.fileno(), self._accept_all, attach)

    def close(self) -> None:
        """Take no more connections, and close those that have not said whose they are."""
        for connection in (self._socket, *self._strangers):
            if connection.fileno() >= 0:
                self._loop.remove_reader(connection.fileno())
            connection.close()

    def _accept_all(self, attach: Attach) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                connection, _ = self._socket.accept()
                connection.setblocking(False)
                self._strangers.add(connection)
                self._loop.add_reader(connection.fileno(), self._greet, connection, attach)

    def _greet(self, connection: socket.socket, attach: Attach) -> None:
        """Find out whose connection it is. One that does not say so at once, in one piece, is closed."""
        self._loop.remove_reader(connection.fileno())
        self._strangers.discard(connection)
        try:
            who, secret, token = wire.HELLO.unpack(connection.recv(wire.HELLO.size))
        except (OSError, ValueError, struct.error):
            connection.close()
            return
        if not secrets.compare_digest(secret, self._secret) or not attach(token, who, connection):
            connection.close()


def remove_socket_directory(directory: Path) -> None:
    """Remove a sandbox's socket folder. Nothing but the host ever wrote to it: sandboxes mount it read-only."""
    shutil.rmtree(directory, ignore_errors=True)
