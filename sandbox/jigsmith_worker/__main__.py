"""The first process of a sandbox: `python3 -I -S /opt/jigsmith/jigsmith_worker SOCKET OWNER SANDBOX_ID`.

Connects to the host, takes its configuration, gives up root, imports its profile and becomes the zygote. Owner and id stand
on the command line so that a backend can find its sandboxes after its own memory is gone.
"""

import os
import socket
import sys
from typing import Final

if not __package__:  # started as a folder: put the folder's parent in the folder's place on the path
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - keep it light

from jigsmith_worker import child, confine, frames, isolation, profile, randomness, wire
from jigsmith_worker.deaths import Deaths
from jigsmith_worker.zygote import Zygote

_CONFIGURATION_BYTES_MAX: Final = 1 << 20


def main(socket_path: str) -> None:
    """Serve the host that listens at `socket_path` until it goes away."""
    host = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    host.connect(socket_path)
    host.sendall(wire.HELLO.pack(wire.ZYGOTE, b"", 0))
    configuration, filters = _configuration(host)
    confine.become(configuration["uid"], configuration["gid"])
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a real text file; for the children
    os.environ.pop("LD_BIND_NOW", None)  # the linker has read it; calls need not know
    deaths = Deaths()  # before a package starts threads, which would let the signal through
    profile.prepare(configuration["packages"], configuration["warm_up"])
    child.prepare()
    confine.remember_address_space()
    apart = isolation.find_out()
    with_files = configuration["filter_with_files_bytes"]
    home = child.Home(
        socket_path=socket_path,
        handed_over=configuration["handed_over"],
        secret=bytes.fromhex(configuration["secret"]),
        filter_program=filters[:with_files] if apart is isolation.Isolation.NAMESPACES else filters[with_files:],
        isolation=apart,
        seeds=randomness.seeds(),
    )
    ready = {
        "op": "ready",
        "protocol": wire.PROTOCOL,
        "python": sys.implementation.cache_tag,
        "isolation": home.isolation.value,
    }
    host.sendall(frames.encode(ready))
    Zygote(host, home, deaths).serve()


def _configuration(host: socket.socket) -> tuple[frames.Header, bytes]:
    buffer = frames.FrameBuffer(_CONFIGURATION_BYTES_MAX)
    while (frame := buffer.next()) is None:
        data = host.recv(65_536)
        if not data:
            sys.exit(0)
        buffer.feed(data)
    return frame


if __name__ == "__main__":
    path = sys.argv[1]
    sys.argv[:] = sys.orig_argv[:] = [""]  # calls need not know whose they are
    main(path)
