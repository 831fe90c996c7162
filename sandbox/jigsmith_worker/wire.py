"""What host, zygote and children say to each other, beside the work that a child is handed and the frame that it answers with.

The zygote connects to the host's socket. Each child has two connections of its own, for its answers and its output: where host
and sandbox share a kernel, the host hands them over with the order to fork (SCM_RIGHTS, unix(7)); elsewhere a child makes them.
So the data of a call goes from the host to the one process that needs it and back, past every other.
"""

import socket
import struct
from collections.abc import Iterable
from typing import Final

PROTOCOL: Final = 3
"""Which edition of all this. A host refuses a worker of another one, which an image that was built earlier may have."""

HELLO: Final = struct.Struct("!c16sI")  # who speaks, the sandbox's secret, the child's token
ZYGOTE, ANSWERS, OUTPUT = b"Z", b"A", b"O"
SECRET_BYTES: Final = 16
"""Handed to the zygote with its configuration; a connection that does not know it is not of this sandbox."""

ORDER: Final = struct.Struct("!cIQI")  # host to zygote: what, token, temp_bytes, temp_files
CONNECTIONS: Final = 2
HANDED_OVER_MAX: Final = CONNECTIONS + 3
"""Descriptors that come with an order to fork, if any do: the child's ends of its answers and its output, then those that
put it into its control groups."""
BATCH_MAX: Final = 16
"""Orders that are sent as one message: to fork several children costs less than to fork one several times."""
DESCRIPTOR: Final = struct.Struct("@i")
FORK, KILL, MEASURE = b"F", b"K", b"M"

REPORT: Final = struct.Struct("!cIiQQ")  # zygote to host: what, token, wait status or errno, cpu_us, peak_bytes
EXITED, FAILED, MEASURED = b"X", b"E", b"M"


def descriptors(data: bytes) -> list[int]:
    """Return the descriptors that came with a message (SCM_RIGHTS)."""
    return [one for (one,) in DESCRIPTOR.iter_unpack(data)]


def ancillary(handed_over: Iterable[int]) -> list[tuple[int, int, bytes]]:
    """Return what hands descriptors over, for `sendmsg`; socket.send_fds does the same, and imports a module each time."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, b"".join(map(DESCRIPTOR.pack, handed_over)))]
