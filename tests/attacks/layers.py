"""Inner layers of a sandbox, and how to open sandboxes that lack one of them.

Nothing in the product can switch a layer off; each is taken out here by replacing the one place that puts it in.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from jigsmith_sandbox import call_groups, exchanges, seccomp
from jigsmith_sandbox.backend import Backend, SandboxSpec
from jigsmith_sandbox.backends.bubblewrap import BubblewrapBackend
from jigsmith_sandbox.backends.docker import DockerBackend
from jigsmith_sandbox.limits import Limits, SandboxLimits
from jigsmith_worker import confine, work

_INSTRUCTION: Final = struct.Struct("=HBBI")  # struct sock_filter: code, jumps if true and if false, operand
_ALLOW_ALL: Final = _INSTRUCTION.pack(0x06, 0, 0, 0x7FFF0000)  # return SECCOMP_RET_ALLOW
_NO_NAMESPACES: Final = b"".join(
    _INSTRUCTION.pack(*instruction)
    for instruction in (
        (0x20, 0, 0, 0),  # load the number
        (0x15, 0, 3, 56),  # unless it is clone's, go on to what follows
        (0x20, 0, 0, 16),  # load the flags
        (0x45, 0, 1, confine.NAMESPACES),  # unless one is set, go on to what follows
        (0x06, 0, 0, 0x00050001),  # return EPERM
    )
)
"""Instructions to be put before a filter (x86_64)."""
ANYTHING: Final = work.Limits(
    memory_bytes=1 << 46, cpu_ms=10**9, processes=10_000, open_files=1_000, temp_bytes=1 << 50
)


def without_call_filter(patch: pytest.MonkeyPatch, backend: Backend) -> None:
    """Let each call load a system-call filter that allows everything."""
    del backend
    patch.setattr(seccomp, "call_filter", lambda rules: _ALLOW_ALL)


def without_sandbox_filter(patch: pytest.MonkeyPatch, backend: Backend) -> None:
    """Put no filter of ours around the sandbox; the call still loads its own."""
    if isinstance(backend, BubblewrapBackend):
        command = backend._command

        def unfiltered(spec: SandboxSpec, filter_descriptor: int) -> list[str]:
            words = command(spec, filter_descriptor)
            at = words.index("--seccomp")
            return words[:at] + words[at + 2 :]

        patch.setattr(backend, "_command", unfiltered)
    else:
        patch.setattr(backend, "_profile", "unconfined")


def without_filters(patch: pytest.MonkeyPatch, backend: Backend) -> None:
    """Neither of them."""
    without_call_filter(patch, backend)
    without_sandbox_filter(patch, backend)


def without_namespaces(patch: pytest.MonkeyPatch, backend: Backend) -> None:
    """Refuse the zygote clone(2) with namespaces, as some engines do: no namespaces, no mounts, no /tmp of a call's own."""
    if isinstance(backend, BubblewrapBackend):
        patch.setattr(backend, "_filter", _NO_NAMESPACES + backend._filter)
    elif isinstance(backend, DockerBackend):
        profile = json.loads(backend._profile)
        next(rule for rule in profile["syscalls"] if "clone" in rule["names"])["names"].remove("clone")
        flags = {"index": 0, "value": confine.NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
        profile["syscalls"].append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [flags]})
        patch.setattr(backend, "_profile", json.dumps(profile))


def without_rlimits(patch: pytest.MonkeyPatch, backend: Backend) -> None:
    """Set rlimits that nothing reaches."""
    del backend

    def anything(limits: Limits) -> work.Limits:
        del limits
        return ANYTHING

    patch.setattr(exchanges, "rlimits", anything)


def without_groups(patch: pytest.MonkeyPatch, backend: Backend) -> None:
    """Give calls no control groups."""
    del backend

    def none(process: int, sandbox_id: str, limits: SandboxLimits) -> call_groups.CallGroups:
        raise call_groups.NoGroupsError(f"process {process} of {sandbox_id} gets none: {limits}")

    patch.setattr(call_groups, "below", none)


@dataclass(frozen=True, slots=True)
class Layer:
    """An inner layer, and what it alone stops: what succeeds without it. Nothing of that reaches the host or another call."""

    take_out: Callable[[pytest.MonkeyPatch, Backend], None]
    held_alone: frozenset[str]
    held_alone_in_docker: frozenset[str] = frozenset()
    """More, because a container has programs and a /sys."""
    held_alone_in_gvisor: frozenset[str] | None = None
    """More, because its kernel is another one; None where the layer cannot be taken out, or is not there."""
    system_calls: bool = False
    """Whether all system calls get as far as the kernel's own checks."""


_SOCKETS: Final = frozenset(
    {
        "asks netlink for routes",  # of its own network namespace, which has none
        "connects by IPv6",
        "lists interfaces",  # loopback, of its own
        "listens",
        "makes a pair of sockets",
        "opens a vsock",
        "sends UDP",  # into its own loopback
    }
)
_BY_CALLS_FILTER: Final = _SOCKETS | {
    "asks for a second set of namespaces",  # without powers over anything outside of them
    "makes a memory file",
    "runs Python again",
}
_PROGRAMS: Final = frozenset({"runs a program", "runs a shell"})
_LET_THROUGH_BY_SANDBOX: Final = frozenset(
    f"calls {name}"
    for name in (
        "bind", "clone into a user namespace", "execve", "listen", "memfd_create", "mount", "seccomp", "setgid", "setresgid",
        "setresuid", "setuid", "socket of an unknown family", "socketpair", "umount2",
    )
)  # fmt: skip
"""What the zygote needs, so that the sandbox's filter lets it through."""

LAYERS: Final[dict[str, Layer]] = {
    "the call's filter": Layer(
        without_call_filter,
        _BY_CALLS_FILTER | _LET_THROUGH_BY_SANDBOX,
        held_alone_in_docker=_PROGRAMS
        | {"makes what it wrote set-user-id"},  # which /tmp and no_new_privs make nothing of
        held_alone_in_gvisor=_PROGRAMS | {"raises its priority"},
    ),
    "the sandbox's filter": Layer(without_sandbox_filter, frozenset()),
    "both filters": Layer(
        without_filters,
        _BY_CALLS_FILTER,
        held_alone_in_docker=_PROGRAMS | {"makes what it wrote set-user-id"},
        system_calls=True,
    ),
    "the call's namespaces": Layer(
        without_namespaces,
        frozenset(
            {
                "finds its parent",
                "lists processes",  # the zygote, which it cannot signal to any effect
                "reads kernel symbols",  # without their addresses
                "reads the kernel's command line",
                "reads the memory map",
                "reads the mounts",
                "signals everybody",
            }
        ),
        held_alone_in_docker=frozenset({"looks at /sys", "looks at cgroups"}),
    ),
    "rlimits": Layer(
        without_rlimits,
        frozenset({"makes a giant sparse file", "maps memory", "maps memory in many pieces", "opens very many files"}),
        held_alone_in_gvisor=frozenset(
            {
                "allocates a list",
                "allocates bytes",
                "allocates in a child",
                "decompresses a bomb",
                "forks",
                "starts threads",
            }
        ),
    ),
    "control groups": Layer(without_groups, frozenset({"allocates in many children"})),
}
