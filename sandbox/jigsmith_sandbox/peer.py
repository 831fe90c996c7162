"""The process on the other end of a unix socket: what it has used by the kernel's account, and how to end it at once.

A child is measured while it waits to be dismissed, and killed from here, so that nobody has to wait until the kernel has taken
it apart. That takes its process id as this process sees it, which containers beside each other do not have, and the right to
send it signals. Where either is missing, the zygote does both, and its report is waited for.
"""

import contextlib
import os
import re
import signal
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final, Self

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))
CREDENTIALS_SPACE: Final = socket.CMSG_SPACE(_CREDENTIALS.size)
_PEAK: Final = re.compile(rb"VmHWM:\s+(\d+) kB")
_READ_BYTES: Final = 4_096
_FILES: Final = ("stat", "status", "task/{}/children")
_FAULTS_OF_CHILDREN: Final = (8, 10)
"""cminflt and cmajflt among the fields of /proc/PID/stat that follow the command (proc(5))."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used."""

    cpu_us: int
    memory_peak_bytes: int
    """The peak of its resident set."""


class Peer:
    """A living process, held by a descriptor, so that nothing that takes over its number is ever meant."""

    def __init__(self, process: int, descriptors: list[int]) -> None:
        """`descriptors` are its pidfd and what `_FILES` names, opened while nobody waited and not when it has answered."""
        self._descriptor, *self._files = descriptors
        self._clock = (~process << 3) | 2  # what clock_getcpuclockid(3) does

    @classmethod
    def of(cls, process: int) -> Self | None:
        """Return a process by its id, or None if it cannot be seen from here, for which the kernel says 0."""
        if process <= 0:
            return None
        descriptors: list[int] = []
        try:
            descriptors.append(os.pidfd_open(process))
            for name in _FILES:
                path = f"/proc/{process}/{name.format(process)}"
                descriptors.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            for descriptor in descriptors:
                os.close(descriptor)
            return None
        return cls(process, descriptors)

    def usage_alone(self) -> Usage | None:
        """Return what the process has used; None if it is gone, or has or had children, whose use only its end tells."""
        try:
            nanoseconds = time.clock_gettime_ns(self._clock)
            stat, status, children = [os.pread(file, _READ_BYTES, 0) for file in self._files]
        except OSError:
            return None
        fields = stat.rpartition(b")")[2].split()
        peak = _PEAK.search(status)
        if peak is None or children or any(fields[index] != b"0" for index in _FAULTS_OF_CHILDREN):
            return None
        return Usage(nanoseconds // 1_000, int(peak[1]) * 1_024)

    def kill(self) -> bool:
        """Send SIGKILL: not one more instruction of it will run. Return whether it was there and the signal allowed."""
        try:
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of it."""
        for descriptor in (self._descriptor, *self._files):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._descriptor, self._files = -1, []  # their numbers may soon be others'


def process_of(connection: socket.socket) -> int:
    """Return the id of the process that made a connection, as this process sees it, or 0 if it does not (unix(7))."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[0])


def speaker(said: list[tuple[int, int, bytes]]) -> int:
    """Return the id of the process that sent a message, by its ancillary data; 0 if that does not tell."""
    return int(_CREDENTIALS.unpack(said[0][2])[0]) if said else 0
