"""What the attacks aim at."""

import ctypes
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

_IPC_CREAT_FOR_ALL: Final = 0o1666
_IPC_RMID: Final = 0
_MEMORY: Final = ctypes.create_string_buffer(b"memory of the host", 64)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give what the attacks aim at: a file, listeners, memory and a process, all of this test's own."""
    folder = tmp_path_factory.mktemp("target")
    (folder / "secret").write_text("the host's secret")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
        _shared_segment() as segment,
    ):
        unix.bind(str(folder / "socket"))
        unix.listen()
        name = f"@jigsmith-{secrets.token_hex(8)}"
        abstract.bind(name.replace("@", "\0"))
        abstract.listen()
        yield {
            "secret": str(folder / "secret"),
            "root": str(Path(__file__).parent),
            "port": tcp.getsockname()[1],
            "unix": str(folder / "socket"),
            "abstract": name,
            "pid": os.getpid(),
            "address": ctypes.addressof(_MEMORY),
            "segment": segment,
        }


@contextmanager
def _shared_segment() -> Iterator[int]:
    """Give the key of shared memory (shmget(2)) that everybody of this ipc namespace may use."""
    libc = ctypes.CDLL(None)
    key = secrets.randbits(30) | 1
    segment = libc.shmget(key, 8, _IPC_CREAT_FOR_ALL)
    assert segment >= 0
    try:
        yield key
    finally:
        libc.shmctl(segment, _IPC_RMID, None)
