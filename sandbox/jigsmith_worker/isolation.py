"""How far apart the calls of one sandbox are: what this kernel and engine allow, tried and not guessed.

The zygote tries before it is ready, and tells the host, who writes it into each audit entry. Nothing weaker is chosen than what
was found, and whatever is found, nothing that a call leaves behind reaches the next one.
"""

import os
from enum import Enum
from typing import Final

from jigsmith_worker import confine

_NO_MOUNTS: Final = 3
_PLACES: Final = ("/", "/tmp", "/var/tmp", "/run", "/dev", "/dev/shm", "/dev/mqueue")  # noqa: S108 - looked at, not used


class Isolation(Enum):
    """The kinds, strongest first."""

    NAMESPACES = "namespaces"
    """Each call is a process in user, pid, mount, ipc and uts namespaces of its own, with a /tmp of its own."""
    NAMESPACES_WITHOUT_FILES = "namespaces-without-files"
    """The same without mounts of its own, in a sandbox where nothing can be written: a call has no /tmp."""
    SANDBOX = "sandbox"
    """No namespaces inside the sandbox, so each call has a whole sandbox, which ends with it. Slow."""


def find_out() -> Isolation:
    """Try the strongest kind in a process of its own, and see how far it gets."""
    try:
        pid = confine.fork_isolated()
    except OSError:
        return Isolation.SANDBOX
    if pid == 0:
        os._exit(_try())
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return Isolation.NAMESPACES
    return Isolation.NAMESPACES_WITHOUT_FILES if code == _NO_MOUNTS and _nothing_writable() else Isolation.SANDBOX


def _try() -> int:
    identity, mounts = confine.Plan(), confine.Plan()
    confine.close_others(identity)
    confine.map_identity(identity, os.getuid(), os.getgid())
    try:
        identity.carry_out()
    except OSError:
        return 1
    try:
        confine.mount_private(mounts, 1 << 16, 16)
        mounts.carry_out()
    except OSError:
        return _NO_MOUNTS
    return 0


def _nothing_writable() -> bool:
    return not any(os.access(place, os.W_OK) for place in _PLACES)
