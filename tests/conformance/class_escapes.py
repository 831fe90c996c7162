# ruff: noqa: E501 - sources are easier to read on one line
"""Ways to the real `type`, to what is the library's, and to write it, by enumerations, generic functions, aliases and bases.

Each leaves something in `x`; see test_policy_escapes.py.
"""

from typing import Final

_MAKES_ANYTHING: Final = '("C", (), {"__getattribute__": lambda s, n: n})().gi_x'
_SEES: Final = """
got = []
class X:
    def __eq__(self, other): got.append(other)
"""

CLASS_ESCAPES: Final = {
    # the real type
    "an alias of another's origin, compared": f"import typing{_SEES}typing.Type[int] == type(typing.List[int])(X(), int)\nx = got[0]{_MAKES_ANYTHING}",
    "an annotated alias, compared": f"import typing{_SEES}typing.Type[int] == typing.Annotated[X(), 1]\nx = got[-1]{_MAKES_ANYTHING}",
    "a generic function that compares classes": f"""
import functools, typing
M = (1 << 64) - 1
P1, P2, P5 = 11400714785074694791, 14029467366897019727, 2870177450012600261
def first_of(h, rest):  # the hash of a tuple, backwards (Objects/tupleobject.c)
    acc = ((h & M) - ((1 + len(rest)) ^ (P5 ^ 3527539))) & M
    for lane in reversed(rest):
        acc = acc * pow(P1, -1, 1 << 64) & M
        acc = (acc >> 31 | acc << 33) & M
        acc = (acc - (lane & M) * P2) & M
    acc = acc * pow(P1, -1, 1 << 64) & M
    acc = (acc >> 31 | acc << 33) & M
    v = ((acc - P5) & M) * pow(P2, -1, 1 << 64) & M
    return v - (1 << 64) if v >> 63 else v
H = first_of(hash(typing.Type[int]), [hash((int,))])
got = []
class X:
    def __hash__(self): return H
    def __eq__(self, other): got.append(other)
@functools.singledispatch
def g(a): pass
g(int)
try: g.dispatch(X())
except AttributeError: pass
x = got[0]{_MAKES_ANYTHING}""",
    "flags that are classes": f"""
from enum import Enum, Flag
class V:
    def __or__(self, other): return int
class C: pass
class E(Enum):
    A = V()
    def __new__(cls, v): return C
x = Flag.__or__(C, C){_MAKES_ANYTHING}""",
    "an enumeration's raw property": """
import enum, functools, typing
p = functools.cache(enum.Enum).name
got = []
class Leak:
    def __set_name__(self, owner, name): got.append(owner)
class X(typing.TypedDict):
    a: int
X.overwrite_doc = False
X.fset = (X,)
X.fdel = {"__getattribute__": lambda s, n: n, "__reduce_ex__": lambda s, p: "a", "leak": Leak()}
try: type(p).getter(X, "C")
except TypeError: pass
x = dict.__new__(got[0]).gi_x""",
    # writing what is the library's
    "a member of an enumeration that is a class": """
from enum import Enum
from fractions import Fraction
class E(Enum):
    A = 5
    def __new__(cls, v): return Fraction
x = Fraction._sort_order_ + 1""",
    "a member of an enumeration that initializes a module": """
import functools, math
from dataclasses import dataclass
from enum import Enum
@dataclass(frozen=True)
class N:
    sin: object
c = functools.cache(N)
class E(Enum):
    A = (math, len)
    def __new__(cls, *a): return c
x = math.sin([]) + 1""",
    "an abstract class method of the library's": """
import abc, fractions
abc.abstractclassmethod(fractions.Fraction.limit_denominator)
class F(abc.ABC):
    m = fractions.Fraction.limit_denominator
x = None
try: F()
except TypeError as e: x = e""",
    "a protocol that can be asked": "import typing\nx = typing.runtime_checkable(typing.Protocol)._is_runtime_protocol",
    "Protocol's own __init_subclass__": "import typing\nclass P(typing.Protocol): pass\ntyping.Protocol.__init_subclass__()\nx = 1",
    "Generic's own __init_subclass__": "import typing\ntyping.Generic.__init_subclass__()\nx = 1",
    "__init_subclass__ of a class by super": "import typing\nsuper(typing.Generic, typing.SupportsInt).__init_subclass__()\nx = 1",
    "the dictionary behind a view": """
import re
got = []
class X:
    def __eq__(self, other): got.append(other)
re.compile("(?P<num>a)(?P<b>b)").groupindex == X()
got[0]["num"] = 2
x = re.match("(?P<num>a)(?P<b>b)", "ab").group("num") == "b" or None
x = x.real""",
    "an alias that marks what it makes": "import fractions\ntype(list[int])(lambda: fractions.Fraction, 'mine')()\nx = fractions.Fraction.__orig_class__",
    "a generic class that marks what it makes": "import typing, fractions\nclass C(typing.Generic[typing.TypeVar('T')]):\n    def __new__(cls): return fractions.Fraction\nC[int]()\nx = fractions.Fraction.__orig_class__",
    "a raw method of a class that is cached": "import typing, functools, fractions\nx = typing.final(functools.cache(fractions.Fraction).from_float).__final__",
    "what stands for ABCMeta": "import abc\nM = getattr(abc.ABCMeta, 'stands_for', abc.ABCMeta)\nx = M('C', (), {'__getattribute__': lambda s, n: n})().gi_x",
    "a stack that wraps something else": """
import contextlib, textwrap
class X:
    def _create_cb_wrapper(self, cb): return textwrap.dedent
    def _push_exit_callback(self, cb): pass
def mine(): pass
contextlib.ExitStack.callback(X(), mine)
textwrap.dedent.x = 5
x = textwrap.dedent.x""",
    "a derived stack that wraps something else": """
import contextlib, textwrap
class X(contextlib.ExitStack):
    def _create_cb_wrapper(self, cb): return textwrap.dedent
def mine(): pass
X().callback(mine)
textwrap.dedent.x = 5
x = textwrap.dedent.x""",
    "a stack that is another's": """
import contextlib, fractions
class X:
    _exit_callbacks = "mine"
    def __new__(cls): return fractions.Fraction
contextlib.ExitStack.pop_all(object.__new__(X))
x = fractions.Fraction._exit_callbacks""",
    "a fraction whose next __new__ gives a class": """
from fractions import Fraction
class M:
    def __new__(cls): return Fraction
class F(Fraction, M): pass
F(3)
x = Fraction.as_integer_ratio(Fraction)""",
    "a __new__ that is given later": "from fractions import Fraction\nclass M: pass\nclass F(Fraction, M): pass\nM.__new__ = lambda cls: Fraction\nF(3)\nx = Fraction.as_integer_ratio(Fraction)",
    "a __new__ that is bound, not defined": "from fractions import Fraction\nclass M:\n    __new__ = staticmethod(lambda cls: Fraction)\nclass F(Fraction, M): pass\nF(3)\nx = Fraction.as_integer_ratio(Fraction)",
    "flags that are combined while they change": """
from enum import Flag
from fractions import Fraction
class M(int): pass
class F(M, Flag):
    A = 1
    B = 2
class V(int):
    def __le__(self, o):
        M.__new__ = lambda *a: Fraction
        return True
    __ge__ = __le__
try: F(V(3))
except Exception: pass
x = Fraction._value_""",
    "fields that a tuple says it has": "import contextlib, random\nclass T(random.Random):\n    pass\nclass U(tuple):\n    _fields = ('_make',)\nclass W(contextlib.ContextDecorator, tuple):\n    _fields = ('_recreate_cm',)\nx = W()._recreate_cm",
    # names of a base, read from what is derived from it
    "a pattern of a base, for str.format": """
class C:
    __match_args__ = ("format",)
class S(C, str): pass
match S("{0.__class__.__mro__}"):
    case C(k): x = k(())""",
    "a pattern of a base, for a private method": """
import random
class C:
    __match_args__ = ("_randbelow",)
class S(C, random.Random): pass
match S(1):
    case C(k): x = [k(5)]""",
    "a dataclass as a base, for str.format": """
import dataclasses
@dataclasses.dataclass(init=False, repr=False, eq=False)
class C:
    "C"
    format: object
class S(C, str): pass
x = dataclasses.asdict(S("{0.__class__.__mro__}"))["format"](())""",
    "a dataclass that becomes one when there is something derived": """
import dataclasses, random
class C:
    "C"
    _randbelow: object
class S(C, random.Random): pass
dataclasses.dataclass(init=False, repr=False, eq=False)(C)
x = [dataclasses.asdict(S(1))["_randbelow"](5)]""",
    "a derived class that is kept though it is refused": """
import random
kept = []
class C:
    __match_args__ = ("_randbelow",)
    def __init_subclass__(cls): kept.append(cls)
try:
    class S(C, random.Random): pass
except TypeError: pass
match kept[0](1):
    case C(k): x = [k(5)]""",
    "a dataclass that is kept though it is refused": """
import dataclasses, random
class C:
    "C"
    _randbelow: object
class S(C, random.Random): pass
try: dataclasses.dataclass(init=False, repr=False, eq=False)(C)
except TypeError: pass
x = [dataclasses.asdict(S(1))["_randbelow"](5)]""",
    "fields whose names the compiler changes": """
import typing, dataclasses
B = typing.TypedDict("B", {"__class_\\uff3f": object, "__reduce_ex_\\uff3f": object})
class T(B): "d"
dataclasses.dataclass(init=False)(T)
x = repr(dict.__new__(T))""",
    "what a library's handler was handling": f"""
import functools
@functools.singledispatch
def g(a): pass
got = []
def deep():
    try: deep()
    except RecursionError:
        try: g(int)
        except RecursionError as e: got.append(e.__context__)
        raise
try: deep()
except (RecursionError, AttributeError): pass
x = [one.args[0] for one in got if isinstance(one, KeyError)][0]{_MAKES_ANYTHING}""",
    # what is offered in a safe form
    "attrgetter of what it walks to": "import operator\nx = operator.attrgetter('real.__class__')(1)",
    "methodcaller of a special method": "import operator\nx = operator.methodcaller('__reduce_ex__', 2)(1)",
    "a template that walks on": "class C: pass\nC.a = (lambda: 0)\nx = '{0.a.__globals__}'.format(C)",
    "a template that walks in a specification": "class C:\n    def __format__(self, text): return text\nx = '{0:{1.__class__}}'.format(C(), 1)",
    "format_map that walks": "x = '{a.__class__}'.format_map({'a': 1})",
    "a redirection of something else": "import contextlib\nclass R(contextlib.redirect_stdout):\n    _stream = 'modules'\nwith R({}) as r:\n    pass\nx = 1",
    "a redirection's own method": "import contextlib\nclass X:\n    _stream = 'modules'\n    _old_targets = []\n    _new_target = {}\nx = X()\ncontextlib.redirect_stdout.__enter__(x)\nx = x._old_targets[0]",
    "the file behind a stream": "import sys\nx = sys.stdout.buffer.raw",
    "warnings of another module": "import warnings\nclass M: pass\nm = M()\nm.filters, m.showwarning, m._showwarnmsg_impl, m._filters_mutated = [], 1, 2, int\nwith warnings.catch_warnings(module=m): pass\nx = 1",
    "a metaclass that is called ABCMeta": "ABCMeta = type\nclass C(metaclass=ABCMeta): pass\nx = C",
    "ABCMeta called": "import abc\nx = abc.ABCMeta('C', (), {'__getattribute__': lambda s, n: n})().gi_x",
    "the class of ABCMeta": "import abc\nclass M(type(abc.ABCMeta)): pass\nx = M",
    "a module in a try": "x = None\ntry:\n    import os as x\nexcept ImportError:\n    raise",
    "a module for type checkers": "TYPE_CHECKING = True\nif TYPE_CHECKING:\n    import os as x",
    "all of a module that is not listed": "from os import *\nx = getcwd",
    "bases of a class of the library": "import fractions\nx = fractions.Fraction.__mro__",
    "subclasses of object": "x = object.__subclasses__()",
    "subclasses by a base": "class C: pass\nx = C.__bases__[0].__subclasses__()",
    "a special method of a class of the library": "import fractions\nfractions.Fraction.__repr__ = lambda self: 'mine'\nx = repr(fractions.Fraction(1))",
    "a __getattr__ given later": "class C: pass\nC.__getattr__ = lambda self, name: 1\nx = C().__array_interface__",
    "a dataclass of what a class is being derived from": """
from dataclasses import dataclass, astuple
class Base:
    'b'
    format: object
class D(Base, str):
    dataclass(init=False, eq=False, repr=False)(Base)
x = astuple(D("{0.__globals__}"))[0](lambda: 0)""",
    "a class derived from what is becoming a dataclass": """
from dataclasses import dataclass, astuple
made = []
class Late:
    def __get__(self, obj, kind):
        if not made:
            class D(kind, str): pass
            made.append(D)
        return 1
class Base:
    'b'
    x: object = Late()
    format: object = 0
del Base.format
dataclass(init=False, eq=False, repr=False)(Base)
x = astuple(made[0]("{0.__globals__}"))[1](lambda: 0)""",
    "a type mixed into an enumeration": """
from enum import Enum
class Base:
    __match_args__ = ("format",)
class E(Base, Enum): pass
M = E("M", {"A": "{0.__globals__}"}, type=str)
match M.A:
    case Base(found): x = found(lambda: 0)""",
    "a private slot that is none": """
import copy, queue
class D(queue.Queue):
    slots = __slots__ = []
D.slots.append("_put")
x = copy.copy(D())""",
    "the parameters behind a signature": """
import inspect
got = []
class T:
    def __eq__(self, other):
        got.append(other)
        return True
s = inspect.signature(lambda a: 0)
s.parameters == T()
got[0]["x"] = T()
x = "x" in s.parameters or 1 / 0""",
}
