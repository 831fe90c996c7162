"""Forks the children. Holds an interpreter with everything imported, and never the data of a call.

Were call data to pass through this process, every later child would inherit a copy of it. So children talk to the host
themselves, and this process only forks, kills, measures and reaps on the host's order. Children do not get its connection,
nor a way to signal or trace it: they live in other namespaces, and the first process of a sandbox takes no signals from
inside. It ends when the host's connection ends, and because it is that first process, everything else ends with it.
"""

import gc
import os
import select
import signal
import socket
import sys
from collections import deque
from typing import Final, NoReturn

from jigsmith_worker import child, confine, usage, wire
from jigsmith_worker.deaths import Deaths
from jigsmith_worker.isolation import Isolation

_ORDERS_BYTES: Final = wire.BATCH_MAX * wire.ORDER.size
_DESCRIPTORS_SPACE: Final = socket.CMSG_SPACE(wire.BATCH_MAX * wire.HANDED_OVER_MAX * wire.DESCRIPTOR.size)
_PLANS_MAX: Final = 64
"""Functions may choose the size of their /tmp, but few sizes are in use at a time."""


class Zygote:
    """The loop of the forking process."""

    def __init__(self, host: socket.socket, home: child.Home, deaths: Deaths) -> None:
        self._host = host
        self._home = home
        self._deaths = deaths
        self._inbox = bytearray()
        self._handed_over: deque[int] = deque()
        """Descriptors whose order to fork is still to be obeyed."""
        self._plans: dict[tuple[int, int], confine.Plan] = {}
        self._tokens: dict[int, int] = {}
        self._pids: dict[int, int] = {}

    def serve(self) -> NoReturn:
        """Obey and reap until the host is gone."""
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # as all others: the first process of a sandbox takes none from inside
        gc.collect()
        gc.freeze()  # what exists now is never collected, so children do not touch (and copy) its pages
        poll = select.poll()
        poll.register(self._host, select.POLLIN)
        poll.register(self._deaths, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._deaths.fileno():
                    self._deaths.hear()
                    self._reap()
                else:
                    self._listen()

    def _listen(self) -> None:
        # The kernel delivers the descriptors of one message at a time, with the last byte that it delivers or before.
        data, ancillary, _, _ = self._host.recvmsg(_ORDERS_BYTES, _DESCRIPTORS_SPACE)
        if not data:
            sys.exit(0)
        self._inbox += data
        for _, _, descriptors in ancillary:
            self._handed_over.extend(wire.descriptors(descriptors))
        tasks: list[child.Task] = []
        while len(self._inbox) >= wire.ORDER.size:
            what, token, temp_bytes, temp_files = wire.ORDER.unpack_from(self._inbox)
            del self._inbox[: wire.ORDER.size]
            if what == wire.FORK:
                tasks.append(self._task(token, temp_bytes, temp_files))
            elif token in self._pids:
                self._obey(what, token)
        self._fork(tasks)

    def _task(self, token: int, temp_bytes: int, temp_files: int) -> child.Task:
        """Prepare what a child will do, as far as that can be done once for all or before the fork."""
        size = (temp_bytes, temp_files)
        if size not in self._plans:
            if len(self._plans) >= _PLANS_MAX:
                self._plans.clear()
            self._plans[size] = self._home.confinement(*size)
        hello = wire.HELLO.pack(wire.ANSWERS, self._home.secret, token)
        descriptors = [self._handed_over.popleft() for _ in range(self._home.handed_over)]
        taking_over = None
        if descriptors:
            answers, output, *groups = descriptors
            taking_over = confine.take_over(answers, output, groups)
        return child.Task(token, hello, self._plans[size], taking_over, descriptors)

    def _obey(self, what: bytes, token: int) -> None:
        if what == wire.KILL:
            # What its end takes along, the kernel adds to no figure but a group's.
            if self._home.handed_over <= wire.CONNECTIONS and usage.any_but(self._tokens):
                self._measure(token)
            os.kill(self._pids[token], signal.SIGKILL)
        elif what == wire.MEASURE:
            self._measure(token)

    def _measure(self, token: int) -> None:
        self._report(wire.MEASURED, token, 0, usage.tree_cpu_us(self._pids[token], self._tokens))

    def _fork(self, tasks: list[child.Task]) -> None:
        """Fork one child after the other, with little in between: all that is written between two forks is copied first."""
        for task in tasks:
            try:
                pid = os.fork() if self._home.isolation is Isolation.SANDBOX else confine.fork_isolated()
            except OSError as error:
                self._report(wire.FAILED, task.token, error.errno or 0)
                continue
            if pid == 0:
                child.live(self._home, task)
            self._tokens[pid] = task.token
            self._pids[task.token] = pid
        for task in tasks:
            for descriptor in task.descriptors:
                os.close(descriptor)

    def _reap(self) -> None:
        while self._tokens:
            pid, status, used = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            token = self._tokens.pop(pid)
            del self._pids[token]
            cpu_us = int((used.ru_utime + used.ru_stime) * 1_000_000)
            self._report(wire.EXITED, token, status, cpu_us, used.ru_maxrss * 1024)

    def _report(self, what: bytes, token: int, status: int, cpu_us: int = 0, peak_bytes: int = 0) -> None:
        self._host.sendall(wire.REPORT.pack(what, token, status, cpu_us, peak_bytes))
