"""The filters do what deploy/sandbox/seccomp.toml says, number by number; the kernel's side of it is tests/attacks."""

import errno
import platform
import struct

import pytest
from jigsmith_sandbox import seccomp
from jigsmith_sandbox._syscalls import AUDIT_ARCH, NUMBERS

RULES = seccomp.load()
NATIVE = AUDIT_ARCH[platform.machine()]
KILL, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
CLONE_NEWUSER, CLONE_VM = 0x10000000, 0x100


def _verdict(program: bytes, number: int, argument: int = 0, arch: int = NATIVE, *, place: int = 0) -> int:
    """Run a program as the kernel would (networking/filter.rst), for the few instructions that it has."""
    instructions = list(struct.iter_unpack("=HBBI", program))
    data, accumulator, at = {0: number, 4: arch, 16 + 8 * place: argument}, 0, 0
    while True:
        what, if_so, if_not, operand = instructions[at]
        at += 1
        if what == 0x06:
            return operand
        if what == 0x20:
            accumulator = data[operand]
        else:
            holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}
            at += if_so if holds[what] else if_not


def _expected(name: str | None, *, sandbox: bool) -> int:
    if name in RULES.call_allow or (sandbox and name in RULES.sandbox_allow):
        return ALLOW
    if name in RULES.call_absent:
        return ERRNO | errno.ENOSYS
    return KILL if name in RULES.call_kill else ERRNO | errno.EPERM


@pytest.mark.parametrize("sandbox", [False, True], ids=["of a call", "around a sandbox"])
def test_every_number_gets_the_verdict_of_its_list(sandbox: bool) -> None:
    """And what is in no list fails."""
    program = seccomp.sandbox_filter(RULES) if sandbox else seccomp.call_filter(RULES)
    names = {number: name for name, number in NUMBERS[platform.machine()].items()}
    for number in range(1_000):
        if names.get(number) != "clone" and (sandbox or names.get(number) not in RULES.call_only):
            assert _verdict(program, number) == _expected(names.get(number), sandbox=sandbox), names.get(number)
    assert _verdict(program, 0x40000000) == KILL  # the x32 ABI
    assert _verdict(program, 0xFFFFFFFF) == KILL
    assert _verdict(program, 0, arch=0x40000003) == KILL  # i386


def test_a_call_may_clone_threads_and_no_namespaces() -> None:
    """By the flags, bit by bit; the zygote may."""
    call, sandbox = seccomp.call_filter(RULES), seccomp.sandbox_filter(RULES)
    clone = NUMBERS[platform.machine()]["clone"]
    assert _verdict(call, clone, CLONE_VM) == ALLOW
    for bit in range(32):
        flag = 1 << bit
        assert _verdict(call, clone, flag) == (KILL if flag & RULES.clone_forbidden_flags else ALLOW)
    assert _verdict(call, clone, CLONE_VM | CLONE_NEWUSER) == KILL
    assert _verdict(sandbox, clone, CLONE_NEWUSER) == ALLOW


@pytest.mark.parametrize("name", RULES.call_only)
def test_some_system_calls_are_allowed_for_some_values_of_an_argument_alone(name: str) -> None:
    """As the list says; around the sandbox they are free."""
    call, sandbox, only = seccomp.call_filter(RULES), seccomp.sandbox_filter(RULES), RULES.call_only[name]
    number = NUMBERS[platform.machine()][name]
    near = {value + step for value in only.values for step in (-1, 0, 1)} | {0, 1 << 31, 0xFFFFFFFF}
    for value in near - {-1}:
        expected = ALLOW if value in only.values else ERRNO | errno.EPERM
        assert _verdict(call, number, value, place=only.argument) == expected, value
    assert _verdict(sandbox, number) == ALLOW


def test_a_call_without_files_may_change_no_times_and_no_modes() -> None:
    """And all else that one with files may."""
    with_files, without_files = seccomp.call_filters(RULES)
    assert with_files == seccomp.call_filter(RULES)
    for name, number in NUMBERS[platform.machine()].items():
        refused = ERRNO | errno.EPERM if name in RULES.call_needs_files else None
        if name not in RULES.call_only:
            assert _verdict(without_files, number) == (refused or _verdict(with_files, number)), name


def test_equal_verdicts_stand_in_a_filter_once() -> None:
    """It is translated anew for each call, so every instruction is paid for each time."""
    returns = [one for one in struct.iter_unpack("=HBBI", seccomp.call_filter(RULES)) if one[0] == 0x06]
    decided_by_arguments = 1 + len(RULES.call_only)  # clone is the one
    assert len(returns) <= 6 + 2 * decided_by_arguments
