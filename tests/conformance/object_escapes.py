"""Ways out of the policy gate by objects that write to, or read from, others than one's own: found by attack, now closed.

What lets them through in plain Python: functions take anything for `self`, helpers of the library hand attributes on, and a
text may be of a class that says something else each time it is asked.
"""

_EVALUATES = """@functools.singledispatch
def g(a): pass
def h(a: "int"): pass
g.register(h)
x = got[0]"""
"""Has the library evaluate an annotation, by what was put in place of its own method."""

OBJECT_ESCAPES = {
    "a forward reference of a text that lies": """
import functools
got = []
def keep(v):
    got.append(v)
    return int
class S(str):
    def __getitem__(self, i): return '*'
    def __format__(self, spec): return "keep(().__class__.__base__.__subclasses__)"
@functools.singledispatch
def g(a): pass
def h(a: S("int")): pass
g.register(h)
x = got[0]""",
    "a forward reference that evaluates itself": """
import functools, typing
got = []
R = type(typing.get_args(typing.List["a"])[0])
class F(R, _root=True):
    def _evaluate(self, g, *rest):
        got.append(g)
        return int
@functools.singledispatch
def g(a): pass
def h(a: F("int")): pass
g.register(h)
x = got[0]""",
    "an alias that writes to what it stands for": """
import functools, typing
got = []
def take(self, g, *rest):
    got.append(g)
    return int
class A(type(typing.List[int]), _root=True): pass
A(type(typing.get_args(typing.List["a"])[0]), int)._evaluate = take
""" + _EVALUATES,
    "an alias that reads from what it stands for": """
import typing, random
class A(type(typing.List[int]), _root=True): pass
x = A(random.Random(1), int)._randbelow""",
    "an alias of an exception": """
import typing
def leak(fn):
    try: fn()
    except AttributeError as e: return type(list[int])(e, int).obj
x = leak(lambda: [].nothing)""",
    "a field whose name is a property": """
import dataclasses
got = []
on = []
class Later(dataclasses.Field):
    @property
    def name(self):
        if on:
            on.append(1)
            if len(on) > 3: return "keep(__import__('os'))"
        return "a"
    @name.setter
    def name(self, v): on.append(1)
class B:
    a = Later(1, dataclasses.MISSING, True, True, None, True, None, False)
@dataclasses.dataclass(init=False, eq=False)
class C(B):
    "C"
    a: int
    def keep(self, v): got.append(v)
repr(C())
x = got[0]""",
    "a field that reads a frame": """
from dataclasses import dataclass
g = (i for i in [1])
@dataclass
class C:
    gi_frame: object
x = C.__repr__(g)""",
    "a field that replace reads": """
import dataclasses, typing
got = []
G = type(typing.List[int])
@dataclasses.dataclass(init=False, repr=False, eq=False)
class Fr(G, _root=True):
    "d"
    gi_frame: object
    def __init__(self, *a, **k):
        got.extend(k.values())
        if not k: super().__init__(*a, name="n")
@dataclasses.dataclass(init=False, repr=False, eq=False)
class Bu(G, _root=True):
    "d"
    f_builtins: object
    def __init__(self, *a, **k):
        got.extend(k.values())
        if not k: super().__init__(*a, name="n")
def gen(): yield
dataclasses.replace(Fr(gen(), int))
dataclasses.replace(Bu(got[0], int))
x = got""",
    "a __getattr__ of a class that was never made": """
import dataclasses
got = []
class Leak:
    def __init_subclass__(cls):
        got.append(cls)
        raise ValueError
try:
    class W(Leak):
        def __getattr__(self, name):
            if name == "__dataclass_fields__": return {}
            raise AttributeError(name)
except ValueError: pass
x = dataclasses.fields(got[0]())""",
    "a cached property's own name": """
import dataclasses, functools
class P(functools.cached_property): pass
p = P(lambda self: {})
class W:
    q = p
p.attrname = "__dataclass_fields__"
w = W()
w.q
x = dataclasses.fields(w)""",
    "a super of one's own": """
import typing, random
class P(super): pass
class L(random.Random): pass
p = P(L, L(1))
x = p._randbelow""",
    "slots that change": """
import copy
got = []
class Sl:
    n = 0
    def __iter__(self):
        Sl.n += 1
        return iter(["a"] if Sl.n < 2 else ["a", N("__dict__"), "__getattribute__"])
class N(str):
    def __eq__(self, o): return False
    __hash__ = str.__hash__
class D:
    __slots__ = Sl()
    def __setattr__(self, name, value): got.append((name, value))
class E(D): pass
copy.copy(E())
x = got""",
    "a UserDict that copies itself into a module": """
import collections, math
class U(collections.UserDict):
    made = None
    def __new__(cls, *a): return U.made or object.__new__(cls)
u = U()
u.sin = len
U.made = math
u.__copy__()
x = math.sin([])""",
    "a UserDict that copies itself into an alias": """
import collections, typing
class U(collections.UserDict):
    made = None
    def __new__(cls, *a): return U.made or object.__new__(cls)
u = U()
u._inst = True
T = U.made = typing.Type[int]
u.__copy__()
x = T("C", (), {"__getattribute__": lambda s, n: n})().gi_x""",
    "what wraps copies of a class": """
import functools, random
class O: pass
o = O()
functools.wraps(random.Random)(o)
x = o._randbelow, o._randbelow_with_getrandbits""",
    "a generated __init__ for an alias": """
import typing
from dataclasses import dataclass
@dataclass
class N:
    _inst: object
T = typing.Type[int]
N.__init__(T, True)
x = T("C", (), {"__getattribute__": lambda s, n: n, "__reduce_ex__": lambda s, p: "a"})().gi_x""",
    "a generated __init__ for a class of the library": """
from dataclasses import dataclass
import fractions
@dataclass
class N:
    numerator: object
    _x: object
N.__init__(fractions.Fraction, 5, 6)
x = fractions.Fraction(1, 2).numerator""",
    "a generated __init__ for a module": """
from dataclasses import dataclass
import math
@dataclass(frozen=True)
class N:
    sin: object
N.__init__(math, len)
x = math.sin([])""",
    "a generated __init__ for what evaluates": """
import typing, functools
from dataclasses import dataclass
got = []
def take(self, g, *rest):
    got.append(g); return int
@dataclass
class N:
    _evaluate: object
N.__init__(type(typing.get_args(typing.List["a"])[0]), take)
""" + _EVALUATES,
    "an __init__ of the library for its class": """
import json
json.JSONEncoder.__init__(json.JSONEncoder, default=lambda o: 7)
x = json.JSONEncoder.default(3)""",
    "a method that is deleted between two matches": """
import random
class C(random.Random):
    __match_args__ = ("_randbelow",)
    def _randbelow(self): pass
c = C(1)
match c:
    case C(k): pass
del C._randbelow
match c:
    case C(k): x = k""",
    "a field that is a method of every object": """
import dataclasses
import math
@dataclasses.dataclass(init=False, repr=False, eq=False)
class C:
    "C"
    __setattr__: object
dataclasses.fields(C)[0].default(math, 'sin', len)
x = math.sin([])""",
    "a field that is a method of a text": """
import dataclasses
@dataclasses.dataclass(init=False, repr=False, eq=False)
class S(str):
    "c"
    format: object
x = dataclasses.fields(S)[0].default('{0.__class__.__mro__}', ())""",
    "a field that is a private method of the library": """
import dataclasses, random
@dataclasses.dataclass(init=False, repr=False, eq=False)
class S(random.Random):
    "c"
    _randbelow: object
x = dataclasses.fields(S)[0].default""",
    "a field that is a method in the end": """
import dataclasses
@dataclasses.dataclass(init=False, repr=False, eq=False)
class S(str):
    "c"
    format: object = None
del S.format
x = dataclasses.astuple(S('{0.__class__.__mro__}'))[0](())""",
    "an __init__ that a cache hands on": """
import functools, math
from dataclasses import dataclass
@dataclass(frozen=True)
class N:
    sin: object
functools.cache(N).__init__(math, len)
x = math.sin([])""",
    "an __init__ that a context manager hands on": """
import contextlib, json
f = contextlib.contextmanager(json.JSONEncoder)
f.__init__(json.JSONEncoder, default=lambda o: 7)
x = json.JSONEncoder.default(3)""",
    "an __init__ that an alias hands on": """
import typing, functools
from dataclasses import dataclass
got = []
def take(self, g, *rest):
    got.append(g); return int
@dataclass
class N:
    _evaluate: object
type(list[int])(N, int).__init__(type(typing.get_args(typing.List["a"])[0]), take)
""" + _EVALUATES,
    "an __init__ that a copy binds to a module": """
import copy, math
from dataclasses import dataclass
@dataclass(frozen=True)
class N:
    sin: object
n = N(1)
copy.deepcopy(n.__init__, {id(n): math})(len)
x = math.sin([])""",
    "an __eq__ of private attributes": """
from dataclasses import dataclass
import random
got = []
class R(random.Random): pass
class Rec:
    def __eq__(self, o):
        got.append(o)
        return True
@dataclass(init=False, repr=False)
class C:
    "d"
    _randbelow: object
a = R(1); b = R(2)
a._randbelow = Rec()
C.__eq__(a, b)
x = got[0]""",
    "an alias made anew": """
import dataclasses, typing
A = typing.List[int]
A.__init__(dataclasses.Field, (int,), name="n")
class P(A): pass
x = isinstance(object.__new__(P), dataclasses.Field) or None""",
    "an enumeration of a cached property": """
from enum import Enum
import functools, dataclasses
E0 = Enum('E0', (), type=functools.cached_property, module='function')
class P(E0): pass
p = object.__new__(P)
p.__init__(lambda self: {})
class W:
    q = p
p.attrname = "__dataclass_fields__"
w = W()
w.q
x = dataclasses.fields(w)""",
    "an enumeration of an alias": """
from enum import Enum
import random
E0 = Enum('E0', (), type=type(list[int]), module='function')
class P(E0): pass
p = type(list[int]).__new__(P, random.Random(1), int)
x = p._randbelow""",
    "a memo of a copy that has its state": """
import copy, typing, dataclasses
class Memo(dict):
    n = 0
    def get(self, k, d=None):
        Memo.n += 1
        if Memo.n == 3: return (None, {'__dataclass_fields__': {}, '__class__': D})
        return d
class C:
    pass
class D:
    def leak(self): return self
c = C()
c.a = 1
y = copy.deepcopy(c, Memo())
x = dataclasses.fields(y)""",
}  # fmt: skip
