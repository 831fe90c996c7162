"""What the attacks aim at."""

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give what the attacks aim at: a file, listeners and a process, all of this test's own."""
    folder = tmp_path_factory.mktemp("target")
    (folder / "secret").write_text("the host's secret")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
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
        }
