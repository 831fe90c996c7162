"""Programs that look into their own objects, functions and classes: each as in `programs`."""

from typing import Final

INTROSPECTION_PROGRAMS: Final = {
    "attributes listed": r"""
import json, functools, copy
from types import SimpleNamespace
class P:
    def __init__(self, **kw):
        self.__dict__.update(kw)
        self._hidden = 1
    def to_dict(self):
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
    def __repr__(self):
        return f"P({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"
    def __eq__(self, o):
        return self.__dict__ == o.__dict__
    def __setattr__(self, n, v):
        self.__dict__[n] = v
    def clone(self):
        return type(self)(**self.to_dict())
class Field:
    def __set_name__(self, owner, name):
        self.name = name
    def __get__(self, o, t=None):
        return self if o is None else o.__dict__.get(self.name, 0)
    def __set__(self, o, v):
        if v < 0:
            raise ValueError(self.name)
        o.__dict__[self.name] = v
    def __delete__(self, o):
        del o.__dict__[self.name]
class A:
    x = Field()
    y = Field()
    def __init__(self, x, y):
        self.x, self.y = x, y
class Lazy:
    def __init__(self, fn):
        self.fn, self.name = fn, fn.__name__
    def __get__(self, o, t=None):
        v = o.__dict__[self.name] = self.fn(o)
        return v
class B:
    n = 0
    @Lazy
    def val(self):
        B.n += 1
        return 42
def deco(fn):
    @functools.wraps(fn)
    def inner(*a):
        return fn(*a) + 1
    return inner
@deco
def add(a, b):
    return a + b
@functools.lru_cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def f():
    p = P(a=1, b=[2])
    a = A(3, 4)
    b = B()
    ns = SimpleNamespace(q=1, r=2)
    out = [
        p.to_dict(),
        repr(p),
        p == p.clone(),
        json.dumps(p, default=lambda o: o.__dict__),
        dict(a.__dict__),
        vars(a) == {"x": 3, "y": 4},
        a.x,
        b.val,
        b.val,
        B.n,
    ]
    del a.x
    out += [a.x, vars(ns), ns.__dict__, hasattr(p, "__dict__"), hasattr(3, "__dict__"), getattr(3, "__dict__", None)]
    out += [
        [n for n in dir(p) if not n.startswith("_")],
        [n for n in dir(P) if not n.startswith("_")],
        sorted(n for n in dir(b) if callable(getattr(b, n)) and not n.startswith("_")),
    ]
    d = p.__dict__
    d.setdefault("z", 9)
    d |= {"w": 1}
    x = d.pop("w")
    d["v"] = 2
    del d["v"]
    out += [
        p.z,
        x,
        hasattr(p, "w"),
        hasattr(p, "v"),
        copy.copy(d) == d,
        copy.deepcopy(d),
        dict(d),
        {**d},
        list(d),
        d.get("nope"),
        d.copy(),
    ]
    out += [add(1, 2), add.__wrapped__(1, 2), fib.__wrapped__(1), hasattr(len, "__wrapped__"), add.__name__]
    try:
        vars(3)
    except TypeError as e:
        out.append("T")
    try:
        d.pop("none")
    except KeyError as e:
        out.append(str(e))
    class E(Exception):
        def __init__(self, m, code):
            super().__init__(m)
            self.code = code
    out.append(E("a", 5).__dict__)
    return out
""",
    "attributes of dataclasses": r"""
from dataclasses import dataclass, field
@dataclass
class D:
    a: int
    b: str = "x"
    _c: int = field(default=3, repr=False)
    def asdict(self):
        return self.__dict__.copy()
    def upd(self, **k):
        for n, v in k.items():
            if n in self.__dict__:
                setattr(self, n, v)
        return self
def f():
    return [D(1).asdict(), D(2).upd(a=5, zz=1).__dict__, "a" in vars(D(1)), len(vars(D(1)))]
""",
    "signatures": r"""
import inspect, functools
from typing import get_type_hints, Optional, List
from dataclasses import dataclass
@dataclass
class D:
    a: int
    b: "str" = "x"
def tool(q: str, n: int = 3, *rest, k: Optional[float] = None, **kw) -> List[str]:
    '''Do it.
    More.'''
class K:
    def m(self, x):
        pass
    @property
    def p(self):
        return 1
    def __call__(self, z):
        pass
class Dog:
    def __init__(self, d: D):
        self.d = d
def gen():
    yield 1
@functools.wraps(tool)
def w(*a, **k):
    pass
def f():
    s = inspect.signature(tool)
    b = s.bind("a", k=2)
    b.apply_defaults()
    return [
        str(s),
        list(s.parameters),
        [p.kind.name for p in s.parameters.values()],
        s.parameters["n"].default,
        s.parameters["q"].default is inspect.Parameter.empty,
        s.return_annotation is not inspect.Signature.empty,
        str(inspect.signature(D)),
        str(inspect.signature(K().m)),
        str(inspect.signature(K())),
        str(inspect.signature(Dog)),
        str(inspect.signature(lambda a, b=2: 0)),
        str(inspect.signature(functools.partial(tool, "x"))),
        inspect.getdoc(tool),
        inspect.isfunction(tool),
        inspect.isclass(D),
        inspect.ismethod(K().m),
        inspect.isgeneratorfunction(gen),
        inspect.isgenerator(gen()),
        str(inspect.signature(w)),
        dict(b.arguments),
        b.args,
        {k: str(v) for k, v in get_type_hints(tool).items()},
        get_type_hints(D)["b"].__name__,
        [n for n, m in inspect.getmembers(K(), inspect.ismethod) if not n.startswith("_")],
        [n for n, m in inspect.getmembers(K, inspect.isfunction) if not n.startswith("_")],
    ]
""",
    "flags of functions and types": r"""
import types, typing
def mark(fn):
    fn._is_tool = True
    fn._calls = 0
    return fn
class R:
    @mark
    def a(self):
        return 1
    def b(self):
        return 2
    def tools(self):
        return [n for n in dir(self) if getattr(getattr(self, n), "_is_tool", False)]
    def __enter__(self):
        return self
    def __exit__(self, t: type | None, e: BaseException | None, tb: types.TracebackType | None) -> bool:
        return False
def add_repr(cls):
    def __repr__(self):
        return f"<{cls.__name__}>"
    def __init__(self, x):
        self.x = x
    cls.__repr__ = __repr__
    cls.__init__ = __init__
    return cls
@add_repr
class Q:
    pass
class M:
    def __init__(self, v):
        self.v = v
    def __imatmul__(self, o):
        self.v *= o
        return self
    def __ilshift__(self, o):
        self.v <<= o
        return self
    def __irshift__(self, o):
        self.v >>= o
        return self
def gen():
    yield 1
def f():
    m = M(3)
    m @= 4
    m <<= 2
    m >>= 1
    tp = typing.Optional[int]
    l = list[int]
    return [
        R().tools(),
        R.a._is_tool,
        hasattr(R().a, "_is_tool"),
        getattr(R.b, "_is_tool", "no"),
        repr(Q(1)),
        Q(2).x,
        m.v,
        tp.__origin__ is typing.Union,
        [getattr(a, "__name__", str(a)) for a in tp.__args__],
        l.__origin__ is list,
        hasattr(int, "__origin__"),
        getattr(3, "__origin__", 5),
        isinstance(int | str, types.UnionType),
        isinstance(f, types.FunctionType),
        isinstance(gen(), types.GeneratorType),
        isinstance(None, types.NoneType),
        isinstance(R().a, types.MethodType),
        isinstance(len, types.BuiltinFunctionType),
        isinstance(list[int], types.GenericAlias),
        types.MethodType(lambda self, x: (self, x), 3)(4),
        type(f) is types.FunctionType,
        typing.Annotated[int, "m"].__metadata__,
        types.SimpleNamespace(_x=1)._x,
    ]
""",
    "what classes say of themselves": r"""
from dataclasses import dataclass
from abc import ABC, abstractmethod
@dataclass
class P:
    x: int
    y: int
class A(ABC):
    @abstractmethod
    def m(self): ...
from typing import TypedDict, NamedTuple
class T(TypedDict, total=False):
    a: int
def f():
    return [
        P.__match_args__,
        sorted(A.__abstractmethods__),
        A.m.__isabstractmethod__,
        T.__total__,
        sorted(T.__optional_keys__),
    ]
""",
    "what is no member": r"""
from enum import Enum, member, nonmember
class E(Enum):
    A = 1
    helper = nonmember(5)
    @member
    def B():
        return 3
def f():
    return [[e.name for e in E], E.helper]
""",
}
