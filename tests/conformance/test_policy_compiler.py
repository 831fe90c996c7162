"""Sources that kill or stall whoever parses or compiles them: each is a refusal, and no long-lived process dies of it.

What is expected of each source is that of CPython 3.11; bombs are shown to be live before they are thrown.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from jigsmith_sandbox import outcomes
from jigsmith_sandbox.backend import Outcome, PolicyVerdict
from jigsmith_sandbox.child import Child, Finished
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import End, OutcomeKind

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


ACCEPTED = dict.fromkeys(
    (
        "a chain of comparisons",
        "nested comprehensions",
        "nested functions",
        "nested classes",
        "many functions",
        "many annotations",
        "many globals",
        "a lone surrogate",
        "another encoding",
        "a form feed",
        "one long line",
    ),
    OutcomeKind.RETURNED,
) | {
    "a constant that grows": OutcomeKind.MEMORY_LIMIT,
    "a power that grows": OutcomeKind.TIME_LIMIT,
    "a shift that grows": OutcomeKind.MEMORY_LIMIT,
}
"""What comes of the hostile sources that the gate accepts. All others it refuses."""


def _finally(depth: int, inner: str, tried: str = "a", head: str = "") -> str:
    """Return nested `finally` clauses: the compiler writes each of them twice or more, so 2 ** depth times the innermost."""
    indent = 1 if head else 0
    lines = [f"{' ' * (indent + n)}{line}" for n in range(depth) for line in (f"try: {tried}", "finally:")]
    return F + head + "\n".join([*lines, f"{' ' * (indent + depth)}{inner}", ""])


def _matched(count: int, pattern: str, each: str) -> str:
    """Return a pattern with many captures: the compiler moves all of them for each of them, so count ** 2 instructions."""
    return f"{F}match f:\n case {pattern.format(','.join(each.format(n) for n in range(count)))}: pass\n"


_NAMES = [
    f"{a}{b}{c}" for a in "abc" for b in "abcdefghijklmnopqrstuvwxyz" for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
]
_ASTRAL = "\U00020000" * 190

MEMORY = {
    "finally": _finally(19, "a;" * 2_000),
    "finally in a function": _finally(18, "a;" * 2_000, head="def g():\n"),
    "finally and return": _finally(18, "a", "return", "def g():\n"),
    "finally in a class": _finally(18, "a = 1", head="class C:\n"),
    "finally and break": _finally(17, "a", "break", "for b in c:\n"),
    "finally and continue": _finally(17, "a", "continue", "while c:\n"),
    "finally and f-strings": _finally(18, "f'{a}{b}{c}{d}'" * 500),
    "finally and with": _finally(17, "with a: b"),
    "finally and match": _finally(17, "match a:\n" + " " * 18 + "case [b, c, d]: pass"),
    "finally and del": _finally(18, "del " + ",".join(["a"] * 2_000)),
    "finally and yield": _finally(18, "yield a", head="def g():\n"),
    "finally and raise": _finally(18, "raise a from b"),
    "finally and import": _finally(18, "import math"),
    "finally and assert": _finally(18, "assert a, b"),
    "finally and a dict": _finally(18, "a = {" + "b: c," * 300 + "}"),
    "finally and comparisons": _finally(18, "a" + " < e" * 1_000),
    "finally and a call": _finally(18, "a(" + "b," * 1_000 + ")"),
    "captures in a list": _matched(9_000, "[{}]", "a{}"),
    "captures in a mapping": _matched(5_000, "{{{}}}", "{0}: a{0}"),
    "captures in a class": _matched(9_000, "C({})", "a{}"),
    "captures by keyword": _matched(4_500, "C({})", "b{0}=a{0}"),
    "captures by as": _matched(5_000, "[{}]", "1 as a{}"),
}
TIME = {
    "finally and a lambda": _finally(18, "lambda: 0"),
    "finally and a class": _finally(17, "class C: pass"),
}
ANSWER = {
    "texts that grow": F + "x = [" + "".join(f"'{name}' * 1_300," for name in _NAMES) + "]\n",
    "bytes that grow": F + "x = [" + "".join(f"b'{name}' * 1_300," for name in _NAMES) + "]\n",
    "tuples that grow": F + "x = [" + "".join(f"(0, {n}) * 128," for n in range(3_400)) + "]\n",
}
OUTPUT = {
    "warnings of is": F + "1is 1\n" * 9_000,
    "warnings of assert": F + "assert(1,2)\n" * 5_000,
    "warnings of a call": F + "1()\n" * 9_000,
}
DEATH = {  # refusals that do not fit into the answer: an exception of the child that nobody catches
    "refusals of attributes": F + "".join(f"x.__{_ASTRAL}{n}__\n" for n in range(40)),
    "refusals of names": F + "".join(f"__{_ASTRAL}{n}__ = 1\n" for n in range(40)),
    "refusals of writing": F + "".join(f"x.__{_ASTRAL}{n}__ = 1\n" for n in range(40)),
}
BOMBS = MEMORY | TIME | ANSWER | OUTPUT | DEATH
ENDS = (
    dict.fromkeys(MEMORY, End.ANSWERED)
    | dict.fromkeys(TIME, End.WALL)
    | dict.fromkeys(ANSWER, End.ANSWER_SIZE)
    | dict.fromkeys(OUTPUT, End.OUTPUT)
    | dict.fromkeys(DEATH, End.EXITED)
)

_COMPILES = """
import marshal, resource, sys
for limit, most in ((resource.RLIMIT_AS, 1 << 29), (resource.RLIMIT_CPU, 4), (resource.RLIMIT_CORE, 0)):
    resource.setrlimit(limit, (most, most))
try:
    print(len(marshal.dumps(compile(sys.stdin.read(), "bomb", "exec", dont_inherit=True))))
except (MemoryError, RecursionError) as error:
    print(type(error).__name__)
"""


@pytest.fixture
def ends(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> list[Finished]:
    """How each compilation ended; skips where the interpreter is one that has other expectations."""
    if not pool.sandboxes[0]._python.endswith("311"):
        pytest.skip("what is expected of each source was found with CPython 3.11")
    seen: list[Finished] = []
    judge = outcomes.of_compilation

    def note(finished: Finished) -> tuple[Outcome, bytes | None]:
        seen.append(finished)
        return judge(finished)

    monkeypatch.setattr(outcomes, "of_compilation", note)
    return seen


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="what is expected was found with CPython 3.11")
@pytest.mark.parametrize("name", [*MEMORY, *TIME, *ANSWER, *OUTPUT])
def test_a_bomb_is_live(name: str) -> None:
    """A plain compiler under the same memory and less time dies of it, gives up, or gives more than may be answered."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _COMPILES], input=BOMBS[name], capture_output=True, text=True, check=False
    )
    if name in MEMORY:
        assert done.stdout.strip() == "MemoryError"
    elif name in TIME:
        assert done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}
    elif name in ANSWER:
        assert int(done.stdout) > 1 << 22
    else:
        assert len(done.stderr) > 4_096


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_and_harms_nobody(pool: Pool, ends: list[Finished], name: str) -> None:
    """The compiling child ends as expected, which is a refusal; the same sandbox serves the next call."""
    sandbox = pool.sandboxes[0]
    verdict = await pool.check(BOMBS[name], entry_point="f")
    assert not verdict.accepted
    assert verdict.refusals[0].advice
    assert [finished.end for finished in ends] == [ENDS[name]]
    if name in MEMORY:
        assert verdict.refusals[0].advice == "simplify it (MemoryError)"
    if name in DEATH:
        assert ends[0].exit_code == 1
    await _serves_on(pool, sandbox)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_source_is_refused_or_harmless(pool: Pool, ends: list[Finished], name: str) -> None:
    """Which of both is settled for each; then the sandbox serves the next call."""
    sandbox = pool.sandboxes[0]
    verdict = await pool.check(HOSTILE[name], entry_point="f")
    assert verdict.accepted == (name in ACCEPTED), verdict
    assert [finished.end for finished in ends] == [End.ANSWERED]
    outcome = await pool.run(call(HOSTILE[name], policy="restricted"))
    assert outcome.kind is ACCEPTED.get(name, OutcomeKind.REFUSED), outcome
    if not verdict.accepted:
        assert verdict.refusals[0].advice
    await _serves_on(pool, sandbox)


INJECTED: dict[str, tuple[Callable[[Child], None], End]] = {
    "a kill": (lambda child: _signal(child, signal.SIGKILL), End.EXITED),
    "a stop": (lambda child: _signal(child, signal.SIGSTOP), End.WALL),
}


@pytest.mark.parametrize("name", INJECTED)
async def test_the_end_of_a_compiling_child_is_a_refusal(pool: Pool, ends: list[Finished], name: str) -> None:
    """Killed or stopped while it compiles: refused within the bound, and the sandbox goes on."""
    if not pool.backend.shares_kernel:
        pytest.skip(f"the children of {pool.backend.name} are no processes of this kernel: nobody here can signal them")
    sandbox = pool.sandboxes[0]
    zygote = sandbox._zygote
    inject, end = INJECTED[name]
    begun = time.monotonic()
    checking = asyncio.create_task(pool.check(TIME["finally and a lambda"], entry_point="f"))
    child = await _compiling(pool, checking)
    await asyncio.sleep(0.1)  # it compiles
    inject(child)
    verdict = await checking
    assert time.monotonic() - begun < 10
    assert not verdict.accepted
    assert verdict.refusals[0].construct == "source that cannot be compiled within its limits"
    assert [(finished.end, finished.answer) for finished in ends] == [(end, None)]
    assert ends[0].exit_code == -signal.SIGKILL
    assert sandbox._zygote is zygote
    await _serves_on(pool, sandbox)


async def _compiling(pool: Pool, checking: asyncio.Task[PolicyVerdict]) -> Child:
    (sandbox,) = pool.sandboxes
    while not checking.done():
        for child in sandbox._children.values():
            if child._exchange is not None:
                return child
        await asyncio.sleep(0)
    raise AssertionError(checking)


def _signal(child: Child, number: signal.Signals) -> None:
    assert child._peer is not None
    signal.pidfd_send_signal(child._peer._descriptor, number)


async def _serves_on(pool: Pool, sandbox: object) -> None:
    assert pool.sandboxes == [sandbox]
    assert (await pool.check(F, entry_point="f")).accepted
    assert (await pool.run(call(F, policy="restricted"))).result_json == "1"
    assert pool.sandboxes == [sandbox]
