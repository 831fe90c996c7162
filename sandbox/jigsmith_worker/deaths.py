"""Hears of children's deaths by a descriptor (signalfd(2)): a signal handler would have to be forgotten by every child."""

import ctypes
import os
import signal
from typing import Final

_SFD_NONBLOCK: Final = os.O_NONBLOCK
_SFD_CLOEXEC: Final = os.O_CLOEXEC
_SIGINFO_BYTES: Final = 128  # struct signalfd_siginfo
_SIGSET_BYTES: Final = 128  # sigset_t of glibc


class Deaths:
    """Readable when a child has died.

    SIGCHLD is blocked from here on, in this thread and those that it will start, until a child unblocks it for itself. A thread
    that did not block it would take the news, and do nothing.
    """

    def __init__(self) -> None:
        """Raises OSError."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        libc = ctypes.CDLL(None, use_errno=True)
        wanted = (ctypes.c_char * _SIGSET_BYTES)()
        libc.sigemptyset(wanted)
        libc.sigaddset(wanted, signal.SIGCHLD.value)
        self._descriptor = libc.signalfd(-1, wanted, _SFD_NONBLOCK | _SFD_CLOEXEC)
        if self._descriptor == -1:
            raise OSError(number := ctypes.get_errno(), f"signalfd: {os.strerror(number)}")

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor  # type: ignore[no-any-return]  # an int, says ctypes

    def hear(self) -> None:
        """Take the news, once for however many: whoever hears must look for all that have died."""
        os.read(self._descriptor, _SIGINFO_BYTES)
