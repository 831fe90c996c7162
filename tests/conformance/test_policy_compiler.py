"""Sources that kill or stall whoever parses or compiles them: each is a refusal, and no long-lived process dies of it."""

import time

import pytest
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call

F = "def f():\n    return 1\n"
HOSTILE = {
    "nested parentheses": f"{F}x = {'(' * 5_000}1{')' * 5_000}",
    "nested lists": f"{F}x = {'[' * 5_000}{']' * 5_000}",
    "nested dicts": f"{F}x = {'{1:' * 5_000}1{'}' * 5_000}",
    "unary minuses": f"{F}x = {'-' * 60_000}1",
    "nots": f"{F}x = {'not ' * 15_000}1",
    "tildes": f"{F}x = {'~' * 60_000}1",
    "a chain of attributes": f"{F}x = f{'.a' * 30_000}",
    "a chain of calls": f"{F}x = f{'()' * 30_000}",
    "a chain of subscripts": f"{F}x = f{'[0]' * 20_000}",
    "a chain of operators": f"{F}x = 1{'+1' * 30_000}",
    "a chain of powers": f"{F}x = 1{'**1' * 20_000}",
    "a chain of comparisons": f"{F}x = 1{'<1' * 30_000}",
    "a chain of conditions": f"{F}x = {'1 if 1 else ' * 5_000}1",
    "a chain of lambdas": f"{F}x = {'lambda:' * 9_000}1",
    "nested comprehensions": f"{F}x = {'[' * 30}1{' for a in [1]]' * 30}",
    "nested f-strings": F + "x = " + 'f"{' * 100 + "1" + '}"' * 100,
    "nested ifs": F + "".join(f"{' ' * n}if 1:\n" for n in range(200)) + " " * 200 + "pass\n",
    "nested functions": F + "".join(f"{' ' * n}def g():\n" for n in range(99)) + " " * 99 + "pass\n",
    "nested classes": F + "".join(f"{' ' * n}class C:\n" for n in range(99)) + " " * 99 + "pass\n",
    "nested loops": F + "".join(f"{' ' * n}for a in b:\n" for n in range(99)) + " " * 99 + "pass\n",
    "an else-if ladder": F + "if 1: pass\n" + "elif 1: pass\n" * 4_500,
    "many functions": F + "def g(): pass\n" * 4_500,
    "a giant number": f"{F}x = {'9' * 60_000}",
    "a constant that grows": f"{F}x = 'a' * 2 ** 40",
    "a power that grows": f"{F}x = 9 ** 9 ** 9",
    "a shift that grows": f"{F}x = 1 << (1 << 40)",
    "many annotations": F + "".join(f"a{n}: int\n" for n in range(5_000)),
    "many globals": F + "def g():\n" + "".join(f"    global a{n}\n" for n in range(3_000)),
    "a null byte": f"{F}\0",
    "a lone surrogate": f"{F}x = '\\ud800'",
    "another encoding": f"# coding: utf-7\n{F}",
    "a form feed": f"\f{F}",
    "a line that goes on": f"{F}x = 1 \\\n" + "\\\n" * 20_000,
    "one long line": F + "x = 1;" * 10_000,
    "more than may be sent": f"{F}#{'x' * 70_000}",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_source_is_refused_or_harmless(pool: Pool, name: str) -> None:
    """An answer within seconds either way, by the gate and by a run; then the sandbox serves the next call."""
    begun = time.monotonic()
    verdict = await pool.check(HOSTILE[name], entry_point="f")
    outcome = await pool.run(call(HOSTILE[name], policy="restricted"))
    assert time.monotonic() - begun < 60  # no figure: a stall would last for ever
    if not verdict.accepted:
        assert outcome.kind is OutcomeKind.REFUSED, outcome
        assert verdict.refusals[0].advice
    assert outcome.kind in {
        OutcomeKind.REFUSED,
        OutcomeKind.RETURNED,
        OutcomeKind.RAISED,
        OutcomeKind.MEMORY_LIMIT,
        OutcomeKind.TIME_LIMIT,
    }, outcome
    assert (await pool.run(call(F, policy="restricted"))).result_json == "1"
