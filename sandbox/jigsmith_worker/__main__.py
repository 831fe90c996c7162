"""The first process of a sandbox: `python3 -I -S /opt/jigsmith/jigsmith_worker SOCKET OWNER SANDBOX_ID`.

Connects to the host, takes its configuration, gives up root, forks the zygote and supervises. Owner and id stand on the
command line so that a backend can find its sandboxes after its own memory is gone. Ends when the host's connection ends.
"""

import os
import socket
import sys
from typing import Final

if not __package__:  # started as a folder: put the folder's parent in the folder's place on the path
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - keep it light

from jigsmith_worker import child, confine, frames
from jigsmith_worker.supervisor import Supervisor, ignore_signals
from jigsmith_worker.zygote import Zygote

_CONFIGURATION_BYTES_MAX: Final = 1 << 20


def main(socket_path: str) -> None:
    """Serve the host that listens at `socket_path` until it goes away."""
    host = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    host.connect(socket_path)
    header, program = _configuration(host)
    uid, gid = header["uid"], header["gid"]
    confine.become(uid, gid)
    orders, zygote_orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        confine.die_with_parent()
        host.close()
        orders.close()
        confine.remember_address_space()
        confinement = child.Confinement(os.getuid(), os.getgid(), header["temp_bytes"], program)
        Zygote(zygote_orders, confinement).serve()
    zygote_orders.close()
    ignore_signals()
    try:
        Supervisor(host, orders, spares=header["spares"], temp_bytes=header["temp_bytes"]).serve()
    except SystemExit as end:
        if isinstance(end.code, str):
            host.setblocking(True)
            host.sendall(frames.encode({"op": "failed", "message": end.code[:2_000]}))
        raise


def _configuration(host: socket.socket) -> tuple[frames.Header, bytes]:
    buffer = frames.FrameBuffer(_CONFIGURATION_BYTES_MAX)
    while (frame := buffer.next()) is None:
        data = host.recv(65_536)
        if not data:
            sys.exit(0)
        buffer.feed(data)
    return frame


if __name__ == "__main__":
    main(sys.argv[1])
