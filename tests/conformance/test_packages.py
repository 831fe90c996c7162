# ruff: noqa: E501 - programs are easier to read on one line
"""The profile `scientific`: ordinary numpy, pandas and sympy run under the policy, and their doors are closed."""

import hashlib
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from jigsmith_sandbox import profiles
from jigsmith_sandbox.backend import Call, Outcome
from jigsmith_sandbox.limits import shipped
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import BACKENDS, OWNER, working_backend
from tests.conformance.package_escapes import PACKAGE_ESCAPES

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BACKENDS)
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    """Give one sandbox of the shipped profile, started by the first call."""
    backend = await working_backend(request.param)
    async with Pool(backend, owner=f"{OWNER}-packages", profiles=profiles.shipped(), slots=2) as one:
        yield one


async def run(pool: Pool, source: str) -> Outcome:
    """Run `f` of a source under the policy."""
    digest = hashlib.sha256(source.encode()).hexdigest()
    return await pool.run(Call(source, "f", "{}", shipped().default, digest, profile="scientific"))


ORDINARY = {
    "linear algebra": (
        "import numpy as np\ndef f():\n    a = np.array([[2.0, 0], [0, 4]])\n    a[0, 0] += 1\n    return np.linalg.inv(a).tolist()",
        [[1 / 3, 0.0], [0.0, 0.25]],
    ),
    "statistics": (
        "import numpy as np\ndef f():\n    x = np.arange(10)\n    return [float(x.mean()), int(x[x > 4].sum()), x.reshape(2, 5).shape]",
        [4.5, 35, [2, 5]],
    ),
    "a seeded generator": (
        "from numpy.random import default_rng\ndef f():\n    return default_rng(7).integers(0, 100, 3).tolist()",
        [94, 62, 68],
    ),
    "a data frame": (
        (
            "import pandas as pd\ndef f():\n    df = pd.DataFrame({'k': ['a', 'b', 'a'], 'v': [1, 2, 3]})\n"
            "    df['w'] = df['v'] * 2\n    return df.groupby('k')['w'].sum().to_dict()"
        ),
        {"a": 8, "b": 4},
    ),
    "CSV text": (
        "import io\nimport pandas as pd\ndef f():\n    df = pd.read_csv(io.StringIO('a,b\\n1,2\\n3,4\\n'))\n    return df.to_csv(index=False)",
        "a,b\n1,2\n3,4\n",
    ),
    "arrays as text, and what their C code imports late": (
        (
            "import numpy as np\ndef f():\n    a = np.array([1.0, 4.0])\n    try: a + np.ones(3)\n    except ValueError as e: wrong = str(e)\n"
            "    print(a, repr(a))\n    return [str(a), f'{a}', float(a.var()), float(a.std()), a.clip(0, 2).tolist(), a.dtype.name, wrong[:18],\n"
            "            np.zeros(1, 'f8,i4').dtype.names, isinstance(a, np.ndarray)]"
        ),
        ["[1. 4.]", "[1. 4.]", 2.25, 1.5, [1.0, 2.0], "float64", "operands could not", ["f0", "f1"], True],
    ),
    "functions by their names": (
        (
            "import pandas as pd\ndef f():\n    df = pd.DataFrame({'k': ['a', 'b', 'a'], 'v': [1, 2, 3]})\n    g = df.groupby('k')\n"
            "    return [int(df['v'].agg('sum')), df.agg({'v': ['min', 'max']})['v'].tolist(), g['v'].agg('mean').to_dict(),\n"
            "            g.agg(total=('v', 'sum'))['total'].to_dict(), g['v'].transform('sum').tolist(), df['v'].rolling(2).agg('sum').tolist()[1:],\n"
            "            df['v'].apply('sqrt').round(1).tolist(), df['v'].agg(lambda v: v + 1).tolist(), len(df.to_string()) > 5]"
        ),
        [6, [1, 3], {"a": 2.0, "b": 2.0}, {"a": 4, "b": 2}, [4, 2, 4], [3.0, 5.0], [1.0, 1.4, 1.7], [2, 3, 4], True],
    ),
    "text that is not evaluated at once": (
        "import sympy\ndef f():\n    return [str(sympy.sympify('x + x', evaluate=False)), str(sympy.Poly('x**2 + 1').degree())]",
        ["x + x", "2"],
    ),
    "equations": (
        (
            "from sympy import symbols, solve, Eq, simplify, sin, cos\ndef f():\n    x = symbols('x')\n"
            "    return [str(solve(Eq(x**2, 9), x)), str(simplify(sin(x)**2 + cos(x)**2))]"
        ),
        ["[-3, 3]", "1"],
    ),
    "text for sympy": (
        "import sympy\ndef f():\n    return [str(sympy.sympify('x**2 + 2*sin(y)').diff('x')), str(sympy.Rational('1/3') + sympy.S('2/3'))]",
        ["2*x", "1"],
    ),
    "functions of a series with arguments": (
        (
            "import pandas as pd\ndef f():\n    s, d = pd.Series([1, 2]), pd.DataFrame({'k': ['a', 'b'], 'v': [1, 2]})\n"
            "    return [s.apply(lambda v, n: v + n, args=(5,)).tolist(), d.apply(lambda r, c, n: r[c] + n, axis=1, args=('v', 2)).tolist(),\n"
            "            s.rolling(2).apply(lambda w, n: w.sum() * n, args=(2,)).tolist()[1:], s.transform(lambda v, t: v + t[0], t=(1, 2)).tolist(),\n"
            "            s.agg('to_list'), d.groupby('k').agg(t=pd.NamedAgg('v', 'max'))['t'].tolist()]"
        ),
        [[6, 7], [3, 4], [6.0], [2, 3], [1, 2], [1, 2]],
    ),
    "a pivot table with totals": (
        (
            "import pandas as pd\ndef f():\n    d = pd.DataFrame({'k': ['a', 'b', 'a'], 'v': [1, 2, 3]})\n"
            "    return [pd.pivot_table(d, index='k', values='v', aggfunc=how, margins=True).to_numpy().ravel().tolist()\n"
            "            for how in ('sum', {'v': 'max'}, ['min', 'sum'])]"
        ),
        [[4, 2, 6], [3, 2, 3], [1, 4, 2, 2, 1, 6]],
    ),
    "time zones": (
        (
            "import pandas as pd\ndef f():\n    t = pd.Timestamp('2024-07-01', tz='UTC')\n"
            "    return [str(t.tz_convert('America/New_York')), str(pd.Series([pd.Timestamp('2024-01-01')]).dt.tz_localize('Asia/Tokyo')[0]),\n"
            "            str(pd.date_range('2024-03-30', periods=3, tz='Europe/Berlin')[2])]"
        ),
        ["2024-06-30 20:00:00-04:00", "2024-01-01 00:00:00+09:00", "2024-04-01 00:00:00+02:00"],
    ),
    "modules of pandas": (
        (
            "import pandas as pd\nfrom pandas.api.types import is_numeric_dtype\nfrom pandas.errors import EmptyDataError\n"
            "from pandas.tseries.offsets import MonthEnd\nimport io\ndef f():\n    pd.set_option('display.max_rows', 5)\n"
            "    with pd.option_context('display.precision', 2): text = str(pd.Series([1.23456]))\n"
            "    try: pd.read_csv(io.StringIO(''))\n    except EmptyDataError: empty = True\n"
            "    return [pd.get_option('display.max_rows'), '1.23' in text and '1.234' not in text, empty, is_numeric_dtype(pd.Series([1])),\n"
            "            pd.api.types.is_string_dtype(pd.Series([1])), str(pd.Timestamp('2024-02-03') + MonthEnd())]"
        ),
        [5, True, True, True, False, "2024-02-29 00:00:00"],
    ),
    "modules of sympy": (
        (
            "import sympy, sympy.matrices\nfrom sympy.abc import x\nfrom sympy.combinatorics import Permutation, PermutationGroup\n"
            "from sympy.logic.boolalg import to_cnf\nfrom sympy.ntheory import factorint\nfrom sympy.physics.units import convert_to, kilometer, meter\n"
            "from sympy.solvers import solve\nfrom sympy.utilities.iterables import multiset_permutations\ndef f():\n"
            "    return [str(solve(x**2 - 4, x)), PermutationGroup([Permutation([1, 2, 0])]).order(), str(to_cnf(sympy.Or(x, sympy.And(x, sympy.abc.y)))),\n"
            "            str(factorint(12)), str(convert_to(3 * kilometer, meter)), len(list(multiset_permutations([1, 2, 2]))),\n"
            "            str(sympy.matrices.eye(2)), str(sympy.simplify(x - x)), str(sympy.GF(7)(9)), str(sympy.Poly(x**4 - 1).factor_list()[1][0][1])]"
        ),
        ["[-2, 2]", 3, "x & (x | y)", "{2: 2, 3: 1}", "3000*meter", 3, "Matrix([[1, 0], [0, 1]])", "0", "2 mod 7", "1"],
    ),
    "time zones by name": (
        (
            "from datetime import datetime\nfrom zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones\ndef f():\n"
            "    noon = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo('America/New_York'))\n    try:\n        ZoneInfo('No/Where')\n"
            "    except ZoneInfoNotFoundError:\n"
            "        return [noon.astimezone(ZoneInfo('Asia/Tokyo')).isoformat(), noon.tzname(), 'UTC' in available_timezones()]"
        ),
        ["2024-07-02T01:00:00+09:00", "EDT", True],
    ),
    "functions that lambdify makes": (
        (
            "import numpy as np\nimport sympy as sp\nx, y = sp.symbols('x y')\ndef g(v):\n    return v + 100\ndef f():\n"
            "    return [sp.lambdify(x, x**2 + sp.sin(x))(0.0), sp.lambdify((x, y), [x * y, sp.sqrt(x)], 'math')(4, 2),\n"
            "            sp.lambdify((x, y), sp.Matrix([[x, y], [y, sp.exp(x)]]))(0, 2).tolist(),\n"
            "            sp.lambdify(x, sp.Piecewise((x, x > 0), (-x, True)))(np.array([-1.0, 2.0])).tolist(), sp.lambdify(x, 'x + 1')(3),\n"
            "            str(sp.lambdify(x, sp.zeta(x), 'mpmath')(2))[:6], sp.lambdify((x, (y,)), x + y, cse=True)(1, (2,)),\n"
            "            sp.lambdify(x, sp.Function('g')(x), [{'g': g}, 'math'])(1)]"
        ),
        [0.0, [8, 2.0], [[0.0, 2.0], [2.0, 1.0]], [1.0, 2.0], 4, "1.6449", 3, 101],
    ),
    "numbers that sympy computes by lambdify": (
        (
            "import sympy as sp\nx, n = sp.symbols('x n')\ndef f():\n"
            "    return [str(sp.nsolve(sp.cos(x) - x, x, 1))[:8], str(sp.Sum(1 / n**2, (n, 1, sp.oo)).evalf(5)), str(sp.Sum(1 / sp.factorial(n), (n, 0, sp.oo)).n(5))]"
        ),
        ["0.739085", "1.6449", "2.7183"],
    ),
    "calculus": (
        "import sympy as sp\ndef f():\n    x = sp.Symbol('x')\n    return [str(sp.integrate(x * sp.exp(x), x)), float(sp.limit(sp.sin(x) / x, x, 0))]",
        ["(x - 1)*exp(x)", 1.0],
    ),
}


async def test_calls_do_not_share_the_state_of_random_numbers(pool: Pool) -> None:
    """Also where a package keeps one for everybody: numpy's global generator."""
    source = "import numpy as np\nimport random\ndef f():\n    return [np.random.random(), np.random.randint(10**9), random.random()]"
    drawn = [json.loads((await run(pool, source)).result_json or "null") for _ in range(6)]
    for position in range(3):
        assert len({one[position] for one in drawn}) == 6


@pytest.mark.parametrize("name", ORDINARY)
async def test_ordinary_programs_run(pool: Pool, name: str) -> None:
    """What a function for data or mathematics does, under the policy."""
    source, expected = ORDINARY[name]
    outcome = await run(pool, source)
    assert outcome.kind is OutcomeKind.RETURNED, outcome
    assert json.loads(outcome.result_json or "null") == expected


DOORS = {
    "sympify with an attribute": "import sympy\ndef f():\n    return str(sympy.sympify('x.__class__'))",
    "sympify with a call to open": "import sympy\ndef f():\n    return str(sympy.sympify('open(\"/etc/passwd\")'))",
    "sympify with eval": "import sympy\ndef f():\n    return str(sympy.sympify('eval(\"1+1\")'))",
    "sympify with getattr": 'import sympy\ndef f():\n    return str(sympy.sympify(\'getattr(x, "_" + "_class__")\'))',
    "sympify with an import": "import sympy\ndef f():\n    return str(sympy.sympify('__import__(\"os\").getcwd()'))",
    "sympify with a lambda": "import sympy\ndef f():\n    return str(sympy.sympify('(lambda: ().__class__)()'))",
    "sympify with lambdify": "import sympy\ndef f():\n    return str(sympy.sympify('lambdify(x, \"x.real\")'))",
    "S instead of sympify": "import sympy\ndef f():\n    return str(sympy.S('().__class__.__base__'))",
    "solve with text": "import sympy\ndef f():\n    return str(sympy.solve('x.__class__', 'x'))",
    "subs with text": "import sympy\ndef f():\n    return str(sympy.Symbol('x').subs('x', '[].append.__self__'))",
    "lambdify": "import sympy\ndef f():\n    return str(sympy.lambdify(sympy.Symbol('x'), '().__class__')(1))",
    "sympy's submodules": "from sympy.utilities.source import get_class\ndef f():\n    return 1",
    "pandas eval": "import pandas\ndef f():\n    return pandas.eval('1 + 1')",
    "query": "import pandas\ndef f():\n    d = pandas.DataFrame({'a': [1]})\n    return len(d.query('a > 0'))",
    "query by the name of a method": (
        "import pandas\ndef f():\n    d = pandas.DataFrame({'a': [1]})\n    return len(d.pipe(d.apply, 'query', args=('@pd',)))"
    ),
    "eval through agg": "import pandas\ndef f():\n    return str(pandas.DataFrame({'a': [1]}).agg('eval', expr='a.__class__'))",
    "query of a class of one's own": (
        "import pandas\nclass D(pandas.DataFrame):\n    pass\ndef f():\n    return len(D({'a': [1]}).query('a > 0'))"
    ),
    "query by super": (
        "import pandas\nclass D(pandas.DataFrame):\n    def go(self):\n        return super().query('a > 0')\n"
        "def f():\n    return len(D({'a': [1]}).go())"
    ),
    "a pickle": "import pandas\ndef f():\n    return pandas.read_pickle('/tmp/x')",
    "a pickle from memory": "import io, pandas\ndef f():\n    pandas.DataFrame({'a': [1]}).to_pickle(io.BytesIO()); return 1",
    "a file by name": "import pandas\ndef f():\n    return len(pandas.read_csv('/etc/passwd'))",
    "a file written by name": "import pandas\ndef f():\n    pandas.DataFrame({'a': [1]}).to_csv('/tmp/x'); return 1",
    "numpy.load": "import numpy\ndef f():\n    return numpy.load('/tmp/x', allow_pickle=True)",
    "numpy.fromfile": "import numpy\ndef f():\n    return numpy.fromfile('/etc/passwd')",
    "tofile": "import numpy\ndef f():\n    numpy.zeros(3).tofile('/tmp/x'); return 1",
    "dump": "import numpy\ndef f():\n    numpy.zeros(3).dump('/tmp/x'); return 1",
    "ctypes of an array": "import numpy\ndef f():\n    return numpy.zeros(3).ctypes.data",
    "numpy's array interface": "import numpy\ndef f():\n    return numpy.zeros(3).__array_interface__['data'][0]",
    "an array interface of one's own": (
        "import numpy\nclass A:\n    __array_interface__ = {'shape': (8,), 'typestr': '|u1', 'data': (4096, True), 'version': 3}\n"
        "def f():\n    return numpy.array(A()).tolist()"
    ),
    "an array interface by setattr": (
        "import numpy\nclass A:\n    pass\ndef f():\n    a = A()\n    setattr(a, '__array_interface__', {})\n    return 1"
    ),
    "the globals of a Cython function": "import numpy\ndef f():\n    return str(numpy.random.default_rng.func_globals)",
    "numpy's f2py": "import numpy.f2py\ndef f():\n    return 1",
    "numpy's testing": "import numpy\ndef f():\n    return str(numpy.testing)",
    "numpy's sys": "import numpy\ndef f():\n    return str(numpy.sys)",
}


@pytest.mark.parametrize("name", DOORS)
async def test_a_door_is_closed(pool: Pool, name: str) -> None:
    """Each ends as a refusal or an exception, and gives nothing."""
    outcome = await run(pool, DOORS[name])
    assert outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.RAISED}, outcome
    assert outcome.exception_type not in {"SyntaxError", "NameError", "FileNotFoundError"}, outcome


@pytest.mark.parametrize("name", PACKAGE_ESCAPES)
async def test_no_way_through_the_packages(pool: Pool, name: str) -> None:
    """Nor does any of those that an attack has found, all of which lead somewhere without the policy."""
    source = PACKAGE_ESCAPES[name]
    digest = hashlib.sha256(source.encode()).hexdigest()
    outcome = await pool.run(Call(source, "f", "{}", shipped().default, digest, policy="none", profile="scientific"))
    assert outcome.result_json not in {None, "null"}, outcome
    outcome = await run(pool, source)
    assert outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.RAISED}, outcome


async def test_the_same_packages_are_whole_without_the_policy(pool: Pool) -> None:
    """The doors are closed by the policy, so a run without it finds them open: otherwise closing them proved nothing."""
    source = (
        "import pandas, sympy\ndef f():\n    d = pandas.DataFrame({'a': [1, 2]})\n"
        "    return [len(d.query('a > 1')), str(sympy.sympify('().__class__.__name__')), sympy.lambdify(sympy.Symbol('x'), 'x + 1')(1)]"
    )
    digest = hashlib.sha256(source.encode()).hexdigest()
    outcome = await pool.run(Call(source, "f", "{}", shipped().default, digest, policy="none", profile="scientific"))
    assert json.loads(outcome.result_json or "null") == [1, "tuple", 2], outcome


async def test_a_profile_without_packages_has_none(pool: Pool) -> None:
    """They are not even on the path."""
    source = "def f():\n    import numpy"
    digest = hashlib.sha256(source.encode()).hexdigest()
    outcome = await pool.run(Call(source, "f", "{}", shipped().default, digest, policy="none"))
    assert outcome.exception_type == "ModuleNotFoundError"
