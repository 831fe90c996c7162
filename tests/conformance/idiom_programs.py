"""Idioms that a gate is tempted to refuse, though they are ordinary Python: each program is about one family of them.

Each defines `f()`, as in `programs`.
"""

from typing import Final

IDIOM_PROGRAMS: Final = {
    "attributes that may be missing": """
class Single:
    def __new__(cls):
        if getattr(cls, "_instance", None) is None:
            cls._instance = super().__new__(cls)
        return cls._instance
class Field:
    def __set_name__(self, owner, name):
        owner._fields = {**getattr(owner, "_fields", {}), name: self}
class Row:
    a, b = Field(), Field()
def f():
    return [Single() is Single(), sorted(Row._fields), getattr([], "_x", 5), getattr(len, "_x", None), hasattr(3, "_y")]
""",
    "formats that walk": """
import operator
from collections import namedtuple
P = namedtuple("P", "x y")
class User:
    def __init__(self, name): self.name, self.tags = name, {"k": [1, 2]}
def f():
    u, p = User("ann"), P(1, 2)
    get, call = operator.attrgetter("x", "y"), operator.methodcaller("upper")
    return ["{0.name:>5} {u.tags[k][1]}".format(u, u=u), "{} {p.x!r}".format(3, p=p),
            "{a}-{b[0]}".format_map({"a": 1, "b": "xy"}),
            "{0:{1.x}}|".format("z", p), get(p), call("abc"), sorted([P(2, 1), P(1, 3)], key=operator.attrgetter("y"))[0].x,
            list(map("{0.x}".format, [p])), list(map(str.format, ["{0.y}"], [p]))]
""",
    "enumerations in full": """
from enum import Enum, Flag, IntEnum, auto
class Level(Enum):
    def _generate_next_value_(name, start, count, last_values):
        return name.lower()
    LOW, HIGH = auto(), auto()
    @classmethod
    def _missing_(cls, value):
        return cls.LOW if value == "l" else None
class Planet(Enum):
    EARTH = (1, "blue")
    def __new__(cls, number, color):
        made = object.__new__(cls)
        made._value_ = number
        made.color = color
        return made
class Coin(int, Enum):
    PENNY = 1
    def __new__(cls, value):
        made = int.__new__(cls, value)
        made._value_ = value
        made.word = f"{value}p"
        return made
class Perm(Flag):
    R, W, X = auto(), auto(), auto()
def f():
    try: Level("zzz")
    except ValueError as e: said = str(e)
    return [Level("l").name, Level.HIGH.value, Planet(1).color, Coin.PENNY.word, Coin(1) + 1, list(Level.__members__), said,
            str(Perm.R | Perm.X), (Perm.R | Perm.W) & Perm.W == Perm.W, bool(Perm.R & Perm.W), (~Perm.R).value, Perm(3).value,
            [one.name for one in Level._member_map_.values()]]
""",
    "abstract classes by their metaclass": """
import abc
from abc import ABCMeta, abstractmethod
class Shape(metaclass=ABCMeta):
    @abstractmethod
    def area(self): ...
class Square(Shape):
    def area(self): return 4
class Other(metaclass=abc.ABCMeta):
    @property
    @abstractmethod
    def name(self): ...
def f():
    said = []
    for cls in (Shape, Other):
        try: cls()
        except TypeError: said.append("abstract")
    return [Square().area(), said, [c.__name__ for c in Shape.__subclasses__()], [c.__name__ for c in Square.__mro__],
            Square.__bases__ == (Shape,), Square.__module__, [c.__name__ for c in Square.mro()]]
""",
    "decorators of classes": """
import functools
def shown(cls):
    def show(self): return f"<{type(self).__name__} {self.x}>"
    cls.__repr__ = show
    cls.__len__ = lambda self: self.x
    return cls
class Counted:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function, self.calls = function, 0
    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)
@shown
class A:
    def __init__(self, x): self.x = x
@Counted
def double(x):
    "Twice."
    return 2 * x
@functools.lru_cache(maxsize=None)
def cached(x): return x
cached.hits = 0
def f():
    cached.hits += 1
    setattr(A, "__bool__", lambda self: False)
    return [repr(A(3)), len(A(2)), bool(A(1)), double(2), double.calls, double.__name__, double.__doc__, cached(1), cached.hits]
""",
    "modules that may be missing": """
from math import *
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from pathlib import Path
    import os
try:
    import numpy as np
    from scipy import stats
except ImportError:
    np = None
try:
    import yaml
except (ImportError, AttributeError):
    yaml = None
def g(path: "Path"): return path
def f():
    try:
        import requests
    except ModuleNotFoundError as error:
        said = error.name
    except ImportError as error:
        said = error.name
    return [floor(pi), hypot(3, 4), np is None, yaml is None, g(1), said == "requests"]
""",
    "exceptions": """
class Failed(Exception): pass
def f():
    out = []
    error = ValueError("bad")
    error.code = 42
    error.args = (error.args[0] + "!", 1)
    try:
        try:
            raise error
        except ValueError as e:
            e.add_note("n")
            raise Failed("outer") from e
    except Failed as e:
        out += [e.__cause__.code, e.__cause__.args, e.__suppress_context__, e.__cause__.__notes__]
    try: {}["k"]
    except KeyError as e: out.append(e.args[0])
    return out
""",
    "streams, warnings and what is expected": """
import contextlib, io, sys, warnings, ast, shlex, fnmatch, hmac, keyword, graphlib, string, colorsys, hashlib
def f():
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        print("inside"); print("there", file=sys.stdout)
    print("out", file=sys.stderr, end="")
    sys.stdout.write("written\\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("nobody hears it")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        warnings.warn("heard", DeprecationWarning)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.nullcontext(1)); stack.callback(text.write, "left")
    __all = [ast.literal_eval("{'a': [1, (2, None)]}"), shlex.split("a 'b c'"), fnmatch.filter(["a.py", "b"], "*.py"),
             hmac.new(b"k", b"m", "sha256").hexdigest()[:8], keyword.iskeyword("if"), hashlib.new("md5", b"").hexdigest()[:4],
             list(graphlib.TopologicalSorter({"a": {"b"}}).static_order()), string.Template("$x ${y}").substitute(x=1, y=2),
             string.Template("$x $z").safe_substitute(x=1), [round(v, 2) for v in colorsys.rgb_to_hsv(1, 0, 0)]]
    return [text.getvalue(), str(heard[0].message), heard[0].category.__name__, sys.version_info >= (3, 11), __all]
""",
    "annotations that are texts": """
from __future__ import annotations
from dataclasses import dataclass, field, fields, InitVar, KW_ONLY
from typing import ClassVar, overload
@dataclass
class Node:
    value: int
    seed: InitVar[int] = 3
    count: ClassVar[int] = 0
    _: KW_ONLY
    left: Node | None = None
    def __post_init__(self, seed): self.value += seed
@overload
def g(x: int) -> int: ...
@overload
def g(x: str) -> str: ...
def g(x): return x
def f():
    def h(a: int, *, b: str = "x") -> bool: ...
    return [repr(Node(1, left=Node(2))), [one.name for one in fields(Node)], Node.count, g(1), h.__annotations__,
            sorted(Node.__annotations__), sorted(Node.__dataclass_fields__)[:2]]
""",
    "names made of underscores, and what a module says of itself": """
__version__ = "1.2"
__author__ = "nobody"
__license__ = "Apache-2.0"
class Slots:
    __slots__ = ("a", "b")
    def __init__(self): self.a, self.b = 1, 2
    def __repr__(self): return ", ".join(f"{s}={getattr(self, s)}" for s in self.__slots__)
class Positive:
    def __set_name__(self, owner, name): self.name = "_" + name
    def __get__(self, obj, kind=None): return self if obj is None else getattr(obj, self.name, 0)
    def __set__(self, obj, value):
        if value < 0: raise ValueError(self.name)
        setattr(obj, self.name, value)
class Even(Positive):
    def __set__(self, obj, value): super().__set__(obj, value + value % 2)
class Box:
    size = Even()
def f():
    total = 0
    for __ in range(3): total += 1
    a, __, ___ = 1, 2, 3
    box = Box()
    box.size = 3
    return [total, a, ___, repr(Slots()), __version__, __author__, __license__, __doc__, box.size, type(Positive).__name__]
""",
    "types that are asked for": """
import collections, functools, re, types
from typing import TypedDict
class Movie(TypedDict):
    name: str
def f():
    kinds = [type(lambda: 0), type(re.compile("a")), type({}.keys()), type(None), type(iter([]))]
    d = collections.defaultdict(list)
    d.default_factory = int
    g = (i for i in [1])
    return [[k.__name__ for k in kinds], isinstance(f, type(lambda: 0)), type(g) is type(i for i in []), d["x"],
            type(functools.cache(f)) is type(functools.cache(len)), isinstance(functools.cache(f), type(functools.cache(len))),
            type("a")(5), type([1])((1, 2)), str(type), str(type(3)), sorted(Movie.__annotations__)]
""",
}
