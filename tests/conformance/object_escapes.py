"""Ways out of the policy gate by objects that write to, or read from, others than one's own: found by attack, now closed.

What lets them through in plain Python: functions take anything for `self`, helpers of the library hand attributes on, and a
text may be of a class that says something else each time it is asked.
"""

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
@functools.singledispatch
def g(a): pass
def h(a: "int"): pass
g.register(h)
x = got[0]""",
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
@functools.singledispatch
def g(a): pass
def h(a: "int"): pass
g.register(h)
x = got[0]""",
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
}  # fmt: skip
