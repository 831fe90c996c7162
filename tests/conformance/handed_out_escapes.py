"""Ways out by what the library hands out, keeps or calls by a name from data: as in `test_policy_escapes`."""

from typing import Final

HANDED_OUT_ESCAPES: Final = {
    "a real module by a name that a facade lacks": "from json import decoder\nx = decoder",
    "the same where modules may be missing": """
try:
    from json import decoder as x
except ImportError:
    pass""",
    "a package's real module": """
try:
    from urllib import error as x
except ImportError:
    pass""",
    "what the library was busy with when it failed": """
from functools import singledispatch
from typing import Protocol, runtime_checkable
@runtime_checkable
class A(Protocol):
    def __or__(self, o): ...
@runtime_checkable
class B(Protocol):
    def __call__(self): ...
g = singledispatch(lambda a: 1)
g.register(A, lambda a: 2)
g.register(B, lambda a: 3)
try:
    g(int)
except RuntimeError as e:
    x = e.__context__.args[0]""",
    "a node that is made again": """
import ast
node = ast.parse("a").body[0].value
node.__init__(__array_interface__=1)
x = node""",
    "a node with other fields": """
import ast
node = ast.parse("a").body[0].value
node.__init__(_fields=("__class__", "__setattr__"))
x = dict(ast.iter_fields(node))["__setattr__"]""",
    "a signature in a text": """
import inspect
class C:
    __doc__ = "C(a=sys.executable)\\n--\\n\\n"
x = inspect.signature(C)""",
    "a signature of what an object calls": """
import inspect, functools
class C:
    __call__ = functools.partial(isinstance, 1)
x = inspect.signature(C())""",
    "a method that a document names": """
from html.parser import HTMLParser
class N(str):
    def __radd__(self, o): return "__setattr__"
class I(dict):
    def __add__(self, n): return 2
class Raw:
    def __len__(self): return 100
    def __getitem__(self, i):
        if isinstance(i, slice): return "<!xx" if i.stop == 10 else "<!"
        return {2: "d", 5: "["}.get(i, "<")
class P(HTMLParser):
    first = True
    def _scan_name(self, i, d):
        if self.first:
            self.first = False
            return "doctype", 5
        return N("element"), "__array_interface__"
p = P()
p.rawdata = Raw()
try:
    p.parse_declaration(I(data=1))
except TypeError:
    x = p""",
    "all attributes of a class as a record": """
import logging
class R:
    created, msecs, exc_text, exc_info, stack_info = 0.0, 1, None, None, None
    @staticmethod
    def getMessage(): return ""
x = logging.Formatter("%(__module__)s").format(R)""",
    "all attributes of a record for an operator": """
import logging
class M(str):
    def __mod__(self, values):
        M.values = values
        return ""
logging.Formatter(M("%(message)s")).format(logging.makeLogRecord({})) if hasattr(logging, "makeLogRecord") else 1 / 0
x = M.values""",
    "an attribute of a name that operators make": """
import configparser
class K:
    def __radd__(self, o): return "__array_interface__"
p = configparser.ConfigParser()
p.converters[K()] = len
x = p""",
    "a setter of the library": """
import fractions
x = fractions.Fraction.numerator.fget""",
    "a function in a descriptor of the library": "import functools\nx = functools.cached_property(print).func",
    "somebody else's context variables": """
import contextvars, decimal
decimal.setcontext(decimal.Context())
x = [v for v in contextvars.copy_context() if "decimal" in repr(v)][0]""",
    "a class derived from an element": "import xml.etree.ElementTree as ET\nclass E(ET.Element): pass\nx = E('a')",
    "an element of any class": """
import xml.etree.ElementTree as ET
class E:
    tag, text, tail, attrib = "a", None, None, {}
    def __len__(self): return 0
    def __iter__(self): return iter([])
    def iter(self): return [self]
    def items(self): return []
x = ET.tostring(E())""",
    "the object of an exception by its class": "x = AttributeError.obj",
    "a class derived from what stands in for one": """
import ast
class O:
    def __init_subclass__(cls): pass
class N(O, ast.Name): pass
x = N""",
    "a real name of a module": "import json\nx = json.__name__ and json.__spec__",
    "an augmented method": """
class Y:
    def __radd__(self, other):
        self.got = other
        return other
class C: pass
y = Y()
C.__setattr__ += y
x = y.got""",
    "an augmented template": """
class Y:
    def __radd__(self, other): return other
class S(str): pass
s = S("{0.__globals__}")
s.format += Y()
x = s.format(lambda: 0)""",
    "an augmented object of an exception": """
class Y:
    def __radd__(self, other): return other
try:
    [].nothing
except AttributeError as e:
    e.obj += Y()
    x = e""",
    "an augmented private method of the library": """
import random
class Y:
    def __radd__(self, other): return other
class R(random.Random): pass
r = R()
r._randbelow += Y()
x = r""",
    "an augmented initializer": """
from json import JSONDecoder
class Y:
    def __radd__(self, other): return other
class D(JSONDecoder): pass
D.__init__ += Y()
x = D""",
    "a name for a module": "import json\nobject.__setattr__(json, '__name__', 'json')\nx = 1",
    "a comparison with type in a signature": """
import inspect
got = []
class X:
    def __eq__(self, other):
        got.append(other)
        return False
    def __call__(self): return 1
inspect.signature(X())
x = got[0]""",
    "annotations for a derived staticmethod": """
import statistics
got = {}
class S(staticmethod):
    def __setattr__(self, name, value): got[name] = value
S(statistics.mean)
x = got["__annotations__"]""",
}
