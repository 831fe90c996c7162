"""Forks the children. Holds an interpreter with everything imported, and never the data of a call.

Were call data to pass through this process, every later child would inherit a copy of it. So the supervisor talks to
the children, and this process only forks, kills and reaps on its order, over a socket that keeps message borders and
carries descriptors. Children get neither that socket nor a way to signal or trace this process: they live in other
namespaces.
"""

import array
import gc
import os
import select
import signal
import socket
import struct
import sys
from typing import Final, NoReturn

from jigsmith_worker import child, confine

ORDER: Final = struct.Struct("!cIQ")  # b"F" fork or b"K" kill, token, temp_bytes
REPORT: Final = struct.Struct("!cIiQQ")  # b"X" exited or b"E" error, token, wait status or errno, cpu_us, peak_bytes
FORK, KILL, EXITED, FAILED = b"F", b"K", b"X", b"E"


class Zygote:
    """The loop of the forking process."""

    def __init__(self, orders: socket.socket, confinement: child.Confinement) -> None:
        self._orders = orders
        self._confinement = confinement
        self._tokens: dict[int, int] = {}
        self._pids: dict[int, int] = {}

    def serve(self) -> NoReturn:
        """Fork and reap until the supervisor is gone."""
        awake, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # what exists now is never collected, so children do not touch (and copy) its pages
        poll = select.poll()
        poll.register(self._orders, select.POLLIN)
        poll.register(awake, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == awake:
                    os.read(awake, 4096)
                    self._reap()
                else:
                    self._obey()

    def _obey(self) -> None:
        descriptors = array.array("i")
        message, ancillary, _, _ = self._orders.recvmsg(ORDER.size, socket.CMSG_SPACE(2 * descriptors.itemsize))
        if not message:
            sys.exit(0)
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        action, token, temp_bytes = ORDER.unpack(message)
        if action == KILL:
            if token in self._pids:
                os.kill(self._pids[token], signal.SIGKILL)
            return
        self._fork(token, temp_bytes, channel=descriptors[0], output=descriptors[1])
        for descriptor in descriptors:
            os.close(descriptor)

    def _fork(self, token: int, temp_bytes: int, *, channel: int, output: int) -> None:
        own = self._confinement
        try:
            pid = confine.fork_isolated()
        except OSError as error:
            self._report(FAILED, token, error.errno or 0)
            return
        if pid == 0:
            child.live(channel, output, child.Confinement(own.uid, own.gid, temp_bytes, own.filter_program))
        self._tokens[pid] = token
        self._pids[token] = pid

    def _reap(self) -> None:
        while self._tokens:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            token = self._tokens.pop(pid)
            del self._pids[token]
            cpu_us = int((usage.ru_utime + usage.ru_stime) * 1_000_000)
            self._report(EXITED, token, status, cpu_us, usage.ru_maxrss * 1024)

    def _report(self, what: bytes, token: int, status: int, cpu_us: int = 0, peak_bytes: int = 0) -> None:
        self._orders.send(REPORT.pack(what, token, status, cpu_us, peak_bytes))
