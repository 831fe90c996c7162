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
_THREADS: Final = re.compile(rb"Threads:\s+(\d+)")
_READ_BYTES: Final = 4_096
_STATUS: Final = "status"
_FAMILY: Final = ("stat", "task/{}/children")
"""What tells of children; the latter of those that the first thread started, or inherited from others that have ended."""
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
        """`descriptors` are its pidfd and its files, opened while nobody waited and not when it has answered."""
        self._descriptor, self._status, *self._family = descriptors
        self._clock = (~process << 3) | 2  # what clock_getcpuclockid(3) does

    @classmethod
    def of(cls, process: int, *, with_family: bool) -> Self | None:
        """Return a process by its id, or None if it cannot be seen from here, for which the kernel says 0.

        `is_alone` is to be asked only of one `with_family`.
        """
        if process <= 0:
            return None
        descriptors: list[int] = []
        try:
            descriptors.append(os.pidfd_open(process))
            for name in (_STATUS, *_FAMILY) if with_family else (_STATUS,):
                path = f"/proc/{process}/{name.format(process)}"
                descriptors.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            for descriptor in descriptors:
                os.close(descriptor)
            return None
        return cls(process, descriptors)

    def cpu_us(self) -> int:
        """Return the CPU time of all its threads so far; 0 if it is gone."""
        try:
            return time.clock_gettime_ns(self._clock) // 1_000
        except OSError:
            return 0

    def usage(self) -> Usage | None:
        """Return what the process has used, without its children; None if it is gone."""
        cpu_us = self.cpu_us()
        try:
            peak = _PEAK.search(os.pread(self._status, _READ_BYTES, 0))
        except OSError:
            return None
        return Usage(cpu_us, int(peak[1]) * 1_024) if peak is not None else None

    def is_alone(self) -> bool:
        """Return whether it has one thread and no sign of a child. To be asked once more when it was killed, and starts none.

        Threads are counted first: the children of one that ends become another's, the first one's in the end. A child that
        ended while SIGCHLD was ignored has left no sign.
        """
        try:
            threads = _THREADS.search(os.pread(self._status, _READ_BYTES, 0))
            stat, children = [os.pread(file, _READ_BYTES, 0) for file in self._family]
        except OSError:
            return False
        fields = stat.rpartition(b")")[2].split()
        had_none = all(fields[index] == b"0" for index in _FAULTS_OF_CHILDREN)
        return threads is not None and int(threads[1]) <= 1 and not children and had_none

    def is_there(self) -> bool:
        """Return whether it lives, or has ended and nobody has waited for it yet."""
        return self._signal(0)

    def kill(self) -> bool:
        """Send SIGKILL: not one more instruction of it will run. Return whether it was there and the signal allowed."""
        return self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> bool:
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of it."""
        for descriptor in (self._descriptor, self._status, *self._family):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._descriptor, self._status, self._family = -1, -1, []  # their numbers may soon be others'


def process_of(connection: socket.socket) -> int:
    """Return the id of the process that made a connection, as this process sees it, or 0 if it does not (unix(7))."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[0])


def speaker(said: list[tuple[int, int, bytes]]) -> int:
    """Return the id of the process that sent a message, by its ancillary data; 0 if that does not tell."""
    return int(_CREDENTIALS.unpack(said[0][2])[0]) if said else 0
