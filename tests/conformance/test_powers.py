# ruff: noqa: E501 - sources are easier to read on one line
"""The ends of ways through the policy gate: what somebody who has got through still cannot do.

The operator's warm-up opens a hole in the gate, through which calls get the real builtins, modules and a raw `getattr`. Each
use that the interpreter announces is first shown to work through that hole without the policy, then refused under it.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from jigsmith_sandbox.pool import Pool
from jigsmith_sandbox.profiles import DEFAULT, Profile
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import BACKENDS, OWNER, call, working_backend

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLE = """
import builtins, ctypes, gc, importlib.machinery, inspect, marshal, math, mmap, os, pickle, runpy, sys, types, typing
from jigsmith_worker.policy import imports
hole = dict(vars(builtins), modules=sys.modules)
vars(math)["hole"] = vars(imports.facade("math"))["hole"] = hole
"""
"""What the warm-up of the sandbox does, so that `math.hole` leads anywhere."""

USES = {
    "evaluating a text": "x = h['eval']('6 * 7')",
    "running a text": "h['exec']('y = 1', {})\nx = 1",
    "compiling": "x = h['compile']('1', 'n', 'eval')",
    "opening a file": "x = h['open']('/dev/null').read() + 'opened'",
    "opening a descriptor": "x = m['os'].open('/dev/null', 0)",
    "listing a directory": "x = m['os'].listdir('/') and 1",
    "walking a directory": "x = m['os'].scandir('/') and 1",
    "another directory": "m['os'].chdir('/')\nx = 1",
    "the environment": "m['os'].putenv('A', 'b')\nx = 1",
    "a signal": "m['os'].kill(m['os'].getpid(), 0)\nx = 1",
    "a program": "x = m['os'].spawnv(0, '/bin/true', ['true']) is not None",
    "memory that is mapped": "x = m['mmap'].mmap(-1, 10) is not None",
    "code": "x = get(g, '__code__') is not None",
    "other code": "def other(): return 7\nset(g, '__code__', get(other, '__code__'))\nx = g()",
    "other defaults": "set(g, '__defaults__', (7,))\nx = 1",
    "another class": "class A: pass\nclass B: pass\na = A()\nset(a, '__class__', B)\nx = 1",
    "other bases": "class A: pass\nclass B(A): pass\nset(B, '__bases__', (A,))\nx = 1",
    "a generator's frame": "x = get((i for i in [1]), 'gi_frame') is not None",
    "a generator's code": "x = get((i for i in [1]), 'gi_code') is not None",
    "a traceback's frame": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    x = get(get(e, '__traceback__'), 'tb_frame') is not None",
    "the frame of the caller": "x = get(m['sys'], '_getframe')() is not None",
    "the current frame": "x = m['inspect'].currentframe() is not None",
    "the frames of all threads": "x = get(m['sys'], '_current_frames')() and 1",
    "the signature of a frame": "x = m['inspect'].stack() and 1",
    "a function of the code of another": "x = m['types'].FunctionType(get(g, '__code__'), {})()",
    "code from bytes": "x = m['marshal'].loads(m['marshal'].dumps(7))",
    "an unpickled object": "x = m['pickle'].loads(b'cposix\\ngetpid\\n(tR.')",
    "all objects": "x = m['gc'].get_objects() and 1",
    "who refers to an object": "x = m['gc'].get_referrers(g) and 1",
    "what an object refers to": "x = m['gc'].get_referents(g) and 1",
    "tracing": "m['sys'].settrace(lambda *a: None)\nx = 1",
    "profiling": "m['sys'].setprofile(lambda *a: None)\nx = 1",
    "another audit hook": "m['sys'].addaudithook(lambda *a: y.append(1))\nh['id'](1)\nif not y: raise PermissionError('it was not added')\nx = 1",
    "memory by its address": "x = m['ctypes'].string_at(h['id'](g), 8) and 1",
    "a library": "x = m['ctypes'].CDLL(None) is not None",
    "a program by its path": "x = m['runpy'].run_path('/dev/null') is not None",
    # functions of the library that do such things for a reason, asked to do them for another
    "a named tuple that evaluates": "m['collections'].namedtuple('A', h['map'](h['eval'], ['\"a\"']))\nx = 1",
    "an import that runs a text": "get(get(m['importlib'], '_bootstrap'), '_call_with_frames_removed')(h['exec'], 'y = 1', {})\nx = 1",
    "an import that reads a file": "x = get(m['importlib'], '_bootstrap_external').SourceFileLoader('a', '/dev/null').get_data('/dev/null') is not None",
    "a library by import": "try: m['importlib.machinery'].ExtensionFileLoader('a', '/dev/null').create_module(m['importlib.machinery'].ModuleSpec('a', None, origin='/dev/null'))\nexcept ImportError: x = 1",
    "what the gate's named tuple stands for": "n = get(m.get('jigsmith_worker.policy.doors'), '_make_namedtuple')\nn('A', h['map'](h['eval'], ['\"a\"']))\nx = 1",
}
"""Each leaves something in `x`. `h` are the builtins, `m` all modules that are imported, `get` and `set` are raw."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BACKENDS)
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    """Give a sandbox whose gate has a hole."""
    backend = await working_backend(request.param)
    profiles = {DEFAULT: Profile(DEFAULT, warm_up=HOLE)}
    async with Pool(backend, owner=f"{OWNER}-powers", profiles=profiles, slots=2) as one:
        yield one
    await backend.close()


def _source(use: str) -> str:
    lines = [
        "h = math.hole",
        "m, get, set = h['modules'], h['getattr'], h['setattr']",
        "y = []",
        *use.splitlines(),
        "return 'used' if x else 'nothing'",
    ]
    return "import math\ndef g(): return 1\ndef f():\n" + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize("name", USES)
async def test_a_power_is_refused_to_whoever_gets_through(pool: Pool, name: str) -> None:
    """It works without the policy, and not under it, with the same things in hand."""
    plain = await pool.run(call(_source(USES[name])))
    assert plain.result_json == '"used"', plain
    guarded = await pool.run(call(_source(USES[name]), policy="restricted"))
    assert guarded.kind is OutcomeKind.RAISED, guarded
    assert guarded.exception_type in {"PermissionError", "ImportError"}, guarded
