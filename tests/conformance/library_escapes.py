"""Ways out of the policy gate by ordinary functions of the standard library, which take as data what a source may not write.

Each binds `x` to what it should not reach: a frame, the real `type`, a module, a text that shows the inside of an object.
"""

_READ = "\nfor C in [{cls}]: C.register(type(i for i in ()))\nmatch (i for i in ()):\n    case {cls}({a}): x = {x}"
_READS_A_FRAME = _READ.format(cls="C", a="k", x="k")
_KEEP = "got = []\ndef keep(value):\n    got.append(value)\n    return int\n"
_TEMPLATE = "'{0.__class__.__mro__}'"

LIBRARY_ESCAPES = {
    # texts that are evaluated
    "an annotation for singledispatch": _KEEP + """
import functools
@functools.singledispatch
def g(a): pass
def h(a: "keep(().__class__.__base__)"): pass
g.register(h)
x = got[0]""",
    "an annotation for singledispatchmethod": _KEEP + """
import functools
class C:
    @functools.singledispatchmethod
    def m(self, a): pass
def h(a: "keep(keep.__globals__)"): pass
C().m.register(h)
x = got[0]""",
    "an annotation in a guard's globals": """
import functools
@functools.singledispatch
def g(a): pass
class N: pass
@functools.wraps(functools.total_ordering)
def h(a: "type"): pass
h.__annotations__ = {"a": "type"}
g.register(h)
x = [c for c in g.registry if c is not object][0]""",
    "a forward reference": """
import typing
R = type(typing.get_args(typing.List["a"])[0])
x = R("().__class__.__base__")._evaluate({}, {}, frozenset())""",
    "a forward reference's subclass": _KEEP + """
import typing
R = type(typing.get_args(typing.List["a"])[0])
class F(R, _root=True): pass
F("keep(().__class__)")._evaluate({"keep": keep}, {"keep": keep}, frozenset())
x = got[0]""",
    "a field's name as a program": """
from dataclasses import dataclass
from typing import TypedDict
got = []
class Own:
    def keep(self, value): got.append(value)
class T(TypedDict("T", {"keep(__import__('os'))": int}, total=False)): "With a text, so that nobody asks for a signature."
dataclass(init=False, eq=False)(T).__repr__(Own())
x = got[0]""",
    "a field's name that changes later": """
import dataclasses
class Later(type(dataclasses.field())): pass
@dataclasses.dataclass(init=False, eq=False)
class C:
    "C"
    a: int = Later(1, dataclasses.MISSING, True, True, None, True, None, False)
dataclasses.fields(C)[0].name = "keep(__import__('os'))"
got = []
@dataclasses.dataclass(init=False, eq=False)
class D(C):
    "D"
    def keep(self, value): got.append(value)
repr(D())
x = got[0]""",
    # the real type, and classes with special methods that no class statement may have
    "the type of a type": "x = type[int](int)",
    "the origin of an alias": "import typing\nx = typing.get_origin(typing.Type[int])('C', (), {})",
    "the arguments of an alias": "import typing\nx = typing.get_args(typing.List[type(int)])[0]('C', (), {})",
    "a metaclass by an alias": "import typing\nclass M(typing.Type[int]): pass\nx = M('C', (), {})",
    "a metaclass by a generic": "class M(type[int]): pass\nx = M('C', (), {})",
    "an enumeration's special method": "from enum import Enum\nx = Enum('E', {'__reduce_ex__': lambda s, p: 'a', 'A': 1})",
    "an enumeration's member that is a base": """
from enum import Enum
from abc import ABC
M = Enum('M', {'__mro_entries__': lambda s, b: (ABC,), 'A': 1})
class C(M.A): pass
x = C""",
    "an enumeration's names that change": """
from enum import Enum
class M(dict):
    asked = 0
    def __iter__(self):
        M.asked += 1
        return iter(["A"] if M.asked < 2 else ["__str__"])
class E(Enum): pass
M.asked = 1
x = E("F", M(A=1, __str__=lambda s: "f"))""",
    "an enumeration of texts that lie": """
from enum import Enum
class S(str):
    def startswith(self, *a): return False
    def endswith(self, *a): return False
x = Enum("E", [(S("__reduce_ex__"), lambda s, p: "a"), ("A", 1)])""",
    "a base that says it is another": """
class B:
    def __eq__(self, other): return True
    def __mro_entries__(self, bases): return ()
class C(B()): pass
x = C""",
    # patterns with positions
    "a field of a second base": """
from abc import ABC
from dataclasses import dataclass
@dataclass(match_args=False)
class B:
    gi_frame: object
@dataclass
class N: pass
@dataclass
class C(N, B, ABC): pass""" + _READS_A_FRAME,
    "names for positions": "from abc import ABC\nclass C(ABC):\n    __match_args__ = ('gi_frame',)" + _READS_A_FRAME,
    "names for positions of a base": """
from abc import ABC
class B:
    __match_args__ = ('gi_frame',)
class C(B, ABC): pass""" + _READS_A_FRAME,
    "a generic named tuple": """
from abc import ABC
from typing import Generic, NamedTuple, TypeVar
T = TypeVar('T')
class N(NamedTuple, Generic[T]):
    gi_frame: T
class C(N[int], ABC): pass""" + _READS_A_FRAME,
    "a traceback by its position": """
class E(Exception):
    __match_args__ = ('__traceback__',)
try:
    raise E
except E as e:
    match e:
        case E(k): x = k""",
    "a class that is another in the end": """
from abc import ABC
class Q(ABC):
    __match_args__ = ("gi_frame",)
Q.register(type(i for i in ()))
class N: pass
C = N
def swap():
    global C
    C = Q
def g():
    match (i for i in ()):
        case _ if swap(): pass
        case C(k): return k
x = g()
if x is None: raise LookupError("the class that was there before the match began")""",
    "a class that gets its names in the end": """
from abc import ABC
from dataclasses import dataclass
class C(ABC):
    gi_frame: object
C.register(type(i for i in ()))
def g():
    match (i for i in ()):
        case _ if not dataclass(init=False)(C): pass
        case C(k): return k
x = g()""",
    "format by its position": f"""
class C(str):
    __match_args__ = ('format',)
match C({_TEMPLATE}):
    case C(k): x = k(1)""",
    # methods that are reached by another road
    "format by super": f"class S(str):\n    def m(self, *a): return super().format(*a)\nx = S({_TEMPLATE}).m(1)",
    "format_map by super": "class S(str): pass\nx = super(S, S('{a.__class__.__mro__}')).format_map({'a': 1})",
    "format by a user's string": f"import collections\nx = collections.UserString({_TEMPLATE}).format(1)",
    "format by an alias": f"from typing import Annotated\nx = Annotated[str, 1].format({_TEMPLATE}, 1)",
    "format by an alias's getattr": f"""
from typing import Annotated
x = Annotated[str, 1].__getattr__('format')({_TEMPLATE}, 1)""",
    "mro by an alias": "x = list[int].mro()",
    "mro by an alias of typing": "import typing\nx = typing.Type.mro(int)",
    "what an exception was asked of": """
class E(AttributeError):
    def m(self): return super().obj
x = E(name='a', obj=5).m()""",
    # writing what is not one's own
    "a class that a decorator gives": """
from fractions import Fraction
@(lambda cls: Fraction)
class C: pass
Fraction.a = 1
x = Fraction.a""",
    "everything, by a decorator": """
import functools
@(lambda cls: object)
class C: pass
functools.cached_property.a = 1
x = functools.cached_property.a""",
    "a facade made anew": "import math\nmath.__init__('math')\nmath.__init__(name='math', doc='mine')\nx = math.__doc__",
    "a copy that is something else": """
import copy
class D:
    __slots__ = ('a',)
    made = None
    def __new__(cls): return D.made or object.__new__(cls)
d = D()
d.a = 5
def victim(): pass
D.made = victim
copy.copy(d)
x = victim.a""",
    "a namespace that says how it is copied": """
import copy, types
def victim(): pass
n = types.SimpleNamespace(**{'__reduce_ex__': lambda p: (lambda: victim, (), (None, {'__doc__': 'mine'}))})
x = copy.copy(n).__doc__""",
    "an attribute by a cached property's name": """
import functools
class D: pass
p = functools.cached_property(lambda s: 5)
p.__set_name__(D, '__reduce_ex__')
D.p = p
x = D().p""",
}  # fmt: skip
