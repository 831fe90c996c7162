"""Turns deploy/sandbox/seccomp.toml into filters: classic BPF for prctl(2) and bubblewrap, and a profile for Docker.

The numbers below are the kernel's (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h); a name that an
architecture lacks is left out there. Format of a program: include/uapi/linux/filter.h, struct sock_filter.
"""

import platform
import struct
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from jigsmith_sandbox._syscalls import AUDIT_ARCH, NUMBERS
from jigsmith_sandbox.errors import BackendMissingError
from jigsmith_sandbox.limits import data_directory

_INSTRUCTION: Final = struct.Struct("=HBBI")
_Instruction = tuple[int, int, int, int]
"""What to do, how many to skip if it holds, how many if it does not, operand."""
_Case = tuple[_Instruction, ...]
"""What to do about some system calls; it ends with returns."""
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

_KILL: Final = 0x80000000  # SECCOMP_RET_KILL_PROCESS
_ERRNO: Final = 0x00050000
_ALLOW: Final = 0x7FFF0000
_EPERM: Final = 1
_ENOSYS: Final = 38
_X32_BIT: Final = 0x40000000

_NUMBER_OFFSET, _ARCH_OFFSET, _FIRST_ARGUMENT_OFFSET = 0, 4, 16  # struct seccomp_data; the low word on little endian
_ARGUMENT_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Only:
    """Which values of an argument let a system call through. It is a number of 32 bits for the kernel, too."""

    argument: int
    """Counted from 0."""
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SeccompRules:
    """The lists of seccomp.toml."""

    call_allow: tuple[str, ...]
    call_needs_files: tuple[str, ...]
    """Of those, what only a call with files of its own may do."""
    call_only: Mapping[str, Only]
    """Of those, what is allowed for some values of an argument alone."""
    call_absent: tuple[str, ...]
    call_kill: tuple[str, ...]
    clone_forbidden_flags: int
    sandbox_allow: tuple[str, ...]


def load(path: Path | None = None) -> SeccompRules:
    """Read the rules (default: the shipped ones)."""
    data: dict[str, Any] = tomllib.loads((path or data_directory() / "seccomp.toml").read_text())
    call = data["call"]
    return SeccompRules(
        call_allow=tuple(call["allow"]),
        call_needs_files=tuple(call["needs_files"]),
        call_only={name: Only(only["argument"], tuple(only["values"])) for name, only in call["only"].items()},
        call_absent=tuple(call["absent"]),
        call_kill=tuple(call["kill"]),
        clone_forbidden_flags=call["clone_forbidden_flags"],
        sandbox_allow=tuple(data["sandbox"]["allow"]),
    )


def call_filters(rules: SeccompRules) -> tuple[bytes, bytes]:
    """Return the program of a call that has files of its own, and that of one that has none."""
    allow = tuple(name for name in rules.call_allow if name not in rules.call_needs_files)
    return call_filter(rules), call_filter(replace(rules, call_allow=allow))


def call_filter(rules: SeccompRules) -> bytes:
    """Return the program that a child loads before user code can run."""
    lists = ((rules.call_allow, _ALLOW), (rules.call_absent, _ERRNO | _ENOSYS), (rules.call_kill, _KILL))
    no_namespaces: _Case = (
        (_LOAD, 0, 0, _FIRST_ARGUMENT_OFFSET),
        (_ANY_BIT, 0, 1, rules.clone_forbidden_flags),
        (_RETURN, 0, 0, _KILL),
        (_RETURN, 0, 0, _ALLOW),
    )
    return _program(lists, {"clone": no_namespaces} | {name: _only(only) for name, only in rules.call_only.items()})


def _only(only: Only) -> _Case:
    to_allow = range(len(only.values), 0, -1)  # over what is left of the comparisons, and the refusal
    return (
        (_LOAD, 0, 0, _FIRST_ARGUMENT_OFFSET + _ARGUMENT_BYTES * only.argument),
        *((_EQUAL, skip, 0, value) for skip, value in zip(to_allow, only.values, strict=True)),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    )


def sandbox_filter(rules: SeccompRules) -> bytes:
    """Return the program around a whole sandbox: the call's rules, less strict by what the zygote needs."""
    allow = tuple(dict.fromkeys((*rules.call_allow, *rules.sandbox_allow)))
    kill = tuple(name for name in rules.call_kill if name not in rules.sandbox_allow)
    return _program(((allow, _ALLOW), (rules.call_absent, _ERRNO | _ENOSYS), (kill, _KILL)), {})


def docker_profile(rules: SeccompRules) -> dict[str, object]:
    """Return the same as a Docker seccomp profile (the JSON that `--security-opt seccomp=` takes)."""
    allow = sorted({*rules.call_allow, *rules.sandbox_allow})
    kill = sorted(set(rules.call_kill) - set(rules.sandbox_allow))
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _EPERM,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [
            {"names": allow, "action": "SCMP_ACT_ALLOW"},
            {"names": list(rules.call_absent), "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS},
            {"names": kill, "action": "SCMP_ACT_KILL_PROCESS"},
        ],
    }


def _program(rules: tuple[tuple[tuple[str, ...], int], ...], by_arguments: Mapping[str, _Case]) -> bytes:
    """Return the program of lists of names and their verdicts, and of what is decided by its arguments."""
    machine = platform.machine()
    if machine not in NUMBERS:
        raise BackendMissingError(f"no system-call table for {machine}: sandboxes run on {', '.join(NUMBERS)}")
    numbers = NUMBERS[machine]
    verdicts = {numbers[name]: verdict for names, verdict in rules for name in names if name in numbers}
    special = {numbers[name]: case for name, case in by_arguments.items()}
    cases: list[_Case] = []
    borders: list[int] = []
    for number in range(max(verdicts) + 2):
        case = special.get(number) or ((_RETURN, 0, 0, verdicts.get(number, _ERRNO | _EPERM)),)
        if not cases or case != cases[-1]:
            cases.append(case)
            borders.append(number)
    code = [
        (_LOAD, 0, 0, _ARCH_OFFSET),
        (_EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
        *_search(borders, cases),
    ]
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)


def _search(borders: list[int], cases: list[_Case]) -> list[_Instruction]:
    """Return a binary search for the case of a number: the last one whose border is not above it. Equal cases stand there once.

    A filter is loaded for each call, and the kernel then translates all of it and runs it once for every system call that
    there is (seccomp_cache_prepare). A chain of comparisons took 0.2 ms more, a case behind each of its borders 0.02 ms.
    """
    steps = _steps(borders, cases, 0)
    places: dict[_Case, int] = {}
    ends: list[_Instruction] = []
    for case in cases:
        if case not in places:
            places[case] = len(steps) + len(ends)
            ends += case
    code: list[_Instruction] = []
    for place, (border, below, above) in enumerate(steps):
        to_above, to_below = (places[to] if isinstance(to, tuple) else to for to in (above, below))
        code.append(
            (_AT_LEAST, to_above - place - 1, to_below - place - 1, border)
        )  # over 255 away, packing it would fail
    return [*code, *ends]


def _steps(borders: list[int], cases: list[_Case], place: int) -> list[tuple[int, int | _Case, int | _Case]]:
    """Return the comparisons, the first of them at a place: each with a border, and what to go to below it and from it on."""
    if len(cases) == 1:
        return []
    middle = len(cases) // 2
    below = _steps(borders[:middle], cases[:middle], place + 1)
    above = _steps(borders[middle:], cases[middle:], place + 1 + len(below))
    to_below = place + 1 if below else cases[0]
    to_above = place + 1 + len(below) if above else cases[middle]
    return [(borders[middle], to_below, to_above), *below, *above]
