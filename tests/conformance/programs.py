"""Programs as people and models write them: classes with state, special methods, decorators, parsers, tables.

Each defines `f()`, whose result says whether what it exercises worked. None reaches for anything that the gate refuses.
"""

from typing import Final

PROGRAMS: Final = {
    "an account": """
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto

class Kind(Enum):
    DEPOSIT = auto()
    WITHDRAWAL = auto()
    @property
    def sign(self):
        return 1 if self is Kind.DEPOSIT else -1

@dataclass(order=True)
class Transaction:
    when: datetime
    amount: Decimal = field(compare=False)
    kind: Kind = field(compare=False, default=Kind.DEPOSIT)

class Account:
    __next = 1
    def __init__(self, owner: str, limit: Decimal | None = None):
        self.owner, self._limit = owner, limit or Decimal(0)
        self._log: list[Transaction] = []
        self.number = Account.__next
        Account.__next += 1
    def post(self, kind, amount, when):
        if kind is Kind.WITHDRAWAL and self.balance - amount < -self._limit:
            raise ValueError(f"insufficient funds: {self.balance:.2f}")
        self._log.append(Transaction(when, Decimal(amount), kind))
        self._log.sort()
        return self
    @property
    def balance(self):
        return sum((t.kind.sign * t.amount for t in self._log), Decimal(0))
    def __iter__(self):
        yield from self._log
    def __len__(self):
        return len(self._log)
    def __repr__(self):
        return f"{self.__class__.__name__}({self.owner!r})"

def f():
    start = datetime(2024, 1, 1)
    account = Account("ann", Decimal("10"))
    account.post(Kind.DEPOSIT, Decimal("5.50"), start + timedelta(days=2)).post(Kind.DEPOSIT, Decimal(4), start)
    try:
        account.post(Kind.WITHDRAWAL, Decimal(100), start)
    except ValueError as error:
        message = str(error)
    days = [t.when.isoformat() for t in account]
    return [str(account.balance), len(account), days, repr(account), message, [k.name for k in Kind], Account("b").number]
""",
    "a matrix": """
from __future__ import annotations
from functools import cached_property, reduce
from operator import mul

class Matrix:
    def __init__(self, rows): self._rows = [list(row) for row in rows]
    @classmethod
    def identity(cls, n) -> Matrix: return cls([[float(i == j) for j in range(n)] for i in range(n)])
    @staticmethod
    def zeros(n, m): return Matrix([[0.0] * m for _ in range(n)])
    @cached_property
    def shape(self): return len(self._rows), len(self._rows[0])
    def __getitem__(self, at): return self._rows[at[0]][at[1]] if isinstance(at, tuple) else self._rows[at]
    def __setitem__(self, at, value): self._rows[at[0]][at[1]] = value
    def __matmul__(self, other):
        return Matrix([[sum(a * b for a, b in zip(row, col)) for col in zip(*other._rows)] for row in self._rows])
    def __add__(self, other): return Matrix([[a + b for a, b in zip(r, s)] for r, s in zip(self._rows, other._rows)])
    __radd__ = __add__
    def __iadd__(self, other):
        self._rows = (self + other)._rows
        return self
    def __rmul__(self, k): return Matrix([[k * x for x in row] for row in self._rows])
    def __eq__(self, other): return isinstance(other, self.__class__) and self._rows == other._rows
    def __hash__(self): return hash(tuple(map(tuple, self._rows)))
    def __pow__(self, n): return reduce(lambda a, b: a @ b, [self] * n, Matrix.identity(len(self._rows)))
    def __bool__(self): return any(any(row) for row in self._rows)
    def __str__(self): return "\\n".join(" ".join(f"{x:6.2f}" for x in row) for row in self._rows)
    def __contains__(self, x): return any(x in row for row in self._rows)
    def __call__(self, v): return [sum(map(mul, row, v)) for row in self._rows]

def f():
    m = Matrix([[1, 2], [3, 4]]); m[0, 0] = 5; m += Matrix.identity(2)
    m[1, 1] += 2
    return [(2 * m ** 2)[0], str(m), m == Matrix([[6, 2], [3, 7]]), m.shape, 7 in m, m([1, 1]),
            bool(Matrix.zeros(2, 2)), len({m, m})]
""",
    "descriptors": """
class Positive:
    def __set_name__(self, owner, name): self.name = "_" + name
    def __get__(self, instance, owner=None): return self if instance is None else getattr(instance, self.name, 0)
    def __set__(self, instance, value):
        if value <= 0: raise ValueError(f"{self.name[1:]} must be positive, not {value}")
        setattr(instance, self.name, value)
class Item:
    price = Positive(); count = Positive()
    def __init__(self, price, count): self.price = price; self.count = count
    def __del__(self): pass
    @property
    def total(self): return self.price * self.count
    @total.setter
    def total(self, value): self.price = value / self.count
def f():
    item = Item(2, 3); item.total = 12
    try: item.price = -1
    except ValueError as e: said = str(e)
    return [item.total, item.price, said, hasattr(item, "nope"), getattr(item, "nope", None)]
""",
    "a frozen dataclass that writes itself": """
from dataclasses import dataclass, replace, asdict, astuple, field
@dataclass(frozen=True, slots=True)
class Celsius:
    value: float
    unit: str = field(default="C", repr=False)
    def __post_init__(self): object.__setattr__(self, "value", round(self.value, 1))
class Config:
    def __init__(self, **options):
        super().__setattr__("options", options)
    def __setattr__(self, name, value):
        if name not in self.options: raise AttributeError(f"no option {name}")
        self.options[name] = value
    def __getattr__(self, name):
        try: return self.options[name]
        except KeyError: raise AttributeError(name) from None
    def __delattr__(self, name): del self.options[name]
def f():
    a = Celsius(21.456)
    try: a.value = 3
    except Exception as error: kind = type(error).__name__
    c = Config(depth=1); c.depth = 5; out = [c.depth]
    try: c.width = 1
    except AttributeError as error: out.append(str(error))
    del c.depth
    return [asdict(a), astuple(replace(a, value=3.14)), repr(a), kind, out, hasattr(c, "depth")]
""",
    "states, contexts and abstract classes": """
import contextlib
from abc import ABC, abstractmethod
class State(ABC):
    registry = {}
    def __init_subclass__(cls, /, name=None, **kwargs):
        super().__init_subclass__(**kwargs)
        State.registry[name or cls.__name__.lower()] = cls
    @abstractmethod
    def step(self, token): ...
class Idle(State):
    def step(self, token): return Running() if token == "go" else self
class Running(State, name="run"):
    def step(self, token): return Idle() if token == "stop" else self
class Trace:
    def __init__(self): self.lines = []
    def __enter__(self): self.lines.append("in"); return self
    def __exit__(self, kind, error, traceback):
        self.lines.append(kind.__name__ if kind else "out"); return kind is KeyError
@contextlib.contextmanager
def tagged(tag, out):
    out.append(f"<{tag}>")
    try: yield out
    finally: out.append(f"</{tag}>")
def f():
    state, names = Idle(), []
    for token in ["x", "go", "go", "stop"]:
        state = state.step(token); names.append(state.__class__.__name__)
    trace = Trace()
    with trace: pass
    with trace: {}["a"]
    out = []
    with tagged("p", out) as o: o.append("hi")
    try: State(); abstract = False
    except TypeError: abstract = True
    return [names, trace.lines, "".join(out), sorted(State.registry), abstract]
""",
    "a parser with patterns": """
import re
from abc import ABC
from dataclasses import dataclass
class Expr(ABC): pass
@dataclass(frozen=True)
class Num(Expr): value: float
@dataclass(frozen=True)
class Op(Expr): name: str; left: Expr; right: Expr
TOKEN = re.compile(r"\\s*(?:(\\d+\\.?\\d*)|(.))")
class Parser:
    PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
    def __init__(self, text): self.tokens = TOKEN.findall(text); self.at = 0
    def peek(self): return self.tokens[self.at] if self.at < len(self.tokens) else (None, None)
    def atom(self):
        number, op = self.peek(); self.at += 1
        if number: return Num(float(number))
        if op == "(":
            inner = self.expr(0); self.at += 1; return inner
        raise SyntaxError(f"unexpected {op!r}")
    def expr(self, lowest):
        left = self.atom()
        while (op := self.peek()[1]) in self.PRECEDENCE and self.PRECEDENCE[op] > lowest:
            self.at += 1
            left = Op(op, left, self.expr(self.PRECEDENCE[op]))
        return left
def value(e):
    match e:
        case Num(v): return v
        case Op("+", l, r): return value(l) + value(r)
        case Op("-", l, r): return value(l) - value(r)
        case Op("*", l, r): return value(l) * value(r)
        case Op(name="/", left=l, right=r) if value(r): return value(l) / value(r)
        case _: raise ZeroDivisionError
def kind(x):
    match x:
        case [] | {}: return "empty"
        case [first, *rest]: return f"list {first} {len(rest)}"
        case {"type": t, **more}: return f"{t} {sorted(more)}"
        case int() | float() as n if n > 3: return "big"
        case str(s): return s.upper()
        case None: return "none"
        case _: return "?"
def f():
    return [value(Parser("2*(3+4)-10/4").expr(0)), [kind(x) for x in ([], [1, 2], {"type": "a", "b": 1}, 7, 1, "x", None)]]
""",
    "decorators": """
import functools
from functools import singledispatch, singledispatchmethod, wraps
CALLS = []
def logged(level="info"):
    def decorate(fn):
        @wraps(fn)
        def inner(*args, **kwargs):
            CALLS.append((level, fn.__name__))
            return fn(*args, **kwargs)
        inner.level = level
        return inner
    return decorate
def memo(fn):
    cache = {}
    def inner(*args):
        if args not in cache: cache[args] = fn(*args)
        return cache[args]
    inner.cache = cache
    inner.__name__, inner.__doc__ = fn.__name__, "memoized"
    return inner
@memo
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
@logged("debug")
def add(a, b=2): "Adds."; return a + b
class Countdown:
    def __init__(self, fn): functools.update_wrapper(self, fn) if False else None; self.fn = fn; self.left = 2
    def __call__(self, *args): self.left -= 1; return self.fn(*args)
@Countdown
def greet(name): return f"hi {name}"
@singledispatch
def show(x): return "?"
@show.register
def _(x: int): return "int"
@show.register(list)
def _(x): return "list"
class Printer:
    @singledispatchmethod
    def show(self, x): return "?"
    @show.register
    def _(self, x: str): return "str"
def f():
    return [fib(50), len(fib.cache), fib.__name__, fib.__doc__, add(1), add.level, add.__name__, greet("a"), greet.left, CALLS,
            show(1), show([]), show(None), Printer().show("x")]
""",
    "generators": """
from collections import Counter, defaultdict, deque, namedtuple
from itertools import accumulate, count, groupby, islice, takewhile
Point = namedtuple("Point", ["x", "y"])
def primes():
    found = []
    for n in count(2):
        if all(n % p for p in takewhile(lambda p: p * p <= n, found)):
            found.append(n); yield n
def averager():
    total, n, value = 0, 0, None
    while True:
        got = yield value
        if got is None: return total
        total += got; n += 1; value = total / n
def run(values):
    a = averager(); next(a); out = [a.send(v) for v in values]
    try: a.send(None)
    except StopIteration as end: out.append(end.value)
    return out
def f():
    words = "the quick brown the lazy dog the end".split()
    groups = {k: list(g) for k, g in groupby(sorted(words, key=len), key=len)}
    d = defaultdict(lambda: defaultdict(int))
    for w in words: d[w[0]][w] += 1
    p = Point(1, 2)._replace(x=9)
    q = deque(maxlen=2); q.extend([1, 2, 3])
    first, *middle, last = range(6)
    return [list(islice(primes(), 8)), run([1, 2, 3]), groups, Counter(words).most_common(1),
            {k: dict(v) for k, v in d.items()}, p._asdict(), list(q), middle,
            [*accumulate([1, 2, 3])], {**{"a": 1}, "b": 2},
            (lambda *a, k=1, **kw: [a, k, kw])(1, 2, k=3, z=4)]
""",
    "errors": """
class AppError(Exception):
    code = 500
    def __init__(self, message, *, hint=""):
        super().__init__(message); self.hint = hint
class NotFound(AppError): code = 404
LOG = []
def risky(n):
    try:
        if n == 0: raise NotFound("nothing", hint="look again")
        if n == 1: return 10 / 0
        if n == 2: raise ExceptionGroup("many", [ValueError("a"), TypeError("b")])
        return "fine"
    except ZeroDivisionError as e:
        raise AppError("math") from e
    finally:
        LOG.append(n)
def f():
    out = []
    for n in range(4):
        try: out.append(risky(n))
        except NotFound as e: out.append([e.code, str(e), e.hint, e.args])
        except AppError as e: out.append([e.__class__.__name__, repr(e)])
        except ExceptionGroup as g: out.append([len(g.exceptions), g.message])
    return [out, LOG]
""",
    "tables and texts": """
import base64, bisect, calendar, csv, fractions, hashlib, heapq, io, math, random, statistics, textwrap
def f():
    rng = random.Random(42)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=["a", "b"]); writer.writeheader(); writer.writerow({"a": 1, "b": "x,y"})
    rows = list(csv.DictReader(io.StringIO(buffer.getvalue())))
    heap = [5, 1, 4]; heapq.heapify(heap)
    return [rows, heapq.heappop(heap), bisect.bisect([1, 3, 5], 3), textwrap.fill("a b c d e f", 5),
            round(statistics.stdev([1, 2, 3, 4]), 3), str(fractions.Fraction(1, 3) + fractions.Fraction(1, 6)),
            rng.randint(1, 6), hashlib.sha256(b"x").hexdigest()[:8], base64.b64encode(b"hello").decode(),
            calendar.monthrange(2024, 2)[1],
            "{:>8}|{:<6}|{:^7}".format("r", "l", "c"), f"{math.pi:.3f} {1_000_000:,} {255:#x} {'q'!r:>5} {0.25:.0%}",
            "%s is %05.1f" % ("x", 2.5), "abc".translate(str.maketrans("ab", "xy")), sorted("bAc", key=str.lower)]
""",
    "shortest paths": """
import heapq
from collections import defaultdict
from typing import Generic, NamedTuple, TypeVar
T = TypeVar("T")
class Edge(NamedTuple):
    to: str
    weight: float = 1.0
class PriorityQueue(Generic[T]):
    def __init__(self) -> None: self._items: list[tuple[float, int, T]] = []; self._n = 0
    def push(self, priority: float, item: T) -> None:
        heapq.heappush(self._items, (priority, self._n, item)); self._n += 1
    def pop(self) -> T: return heapq.heappop(self._items)[-1]
    def __len__(self): return len(self._items)
class Graph:
    def __init__(self): self._edges: dict[str, list[Edge]] = defaultdict(list)
    def add(self, a, b, w=1.0, *, both=True):
        self._edges[a].append(Edge(b, w))
        if both: self._edges[b].append(Edge(a, w))
        return self
    def shortest(self, start, goal):
        queue: PriorityQueue[tuple[str, list[str]]] = PriorityQueue()
        queue.push(0, (start, [start]))
        costs = {start: 0}
        while queue:
            at, path = queue.pop()
            if at == goal: return costs[at], path
            for to, weight in self._edges[at]:
                new = costs[at] + weight
                if to not in costs or new < costs[to]:
                    costs[to] = new; queue.push(new, (to, path + [to]))
        return float("inf"), []
def f():
    return Graph().add("a", "b", 1).add("b", "c", 2).add("a", "c", 5).shortest("a", "c")
""",
    "a vector": """
import functools, operator
class V:
    def __new__(cls, *c): return super().__new__(cls)
    def __init__(self, *c): self.c = tuple(c)
    def __add__(self, o): return V(*(a + b for a, b in zip(self.c, o.c)))
    __radd__ = __add__
    def __neg__(self): return V(*(-a for a in self.c))
    def __sub__(self, o): return self + -o
    def __lt__(self, o): return self.c < o.c
    def __getattr__(self, name):
        try: return self.c["xyz".index(name)]
        except (ValueError, IndexError): raise AttributeError(name) from None
    def __format__(self, spec): return "(" + ", ".join(format(a, spec) for a in self.c) + ")"
    def __reversed__(self): return V(*reversed(self.c))
    def __len__(self): return len(self.c)
    def __iter__(self): return iter(self.c)
    def __index__(self): return int(self.c[0])
    __int__ = __index__
    def __float__(self): return float(self.c[0])
    def __abs__(self): return sum(a * a for a in self.c) ** .5
    def __delitem__(self, i): self.c = self.c[:i] + self.c[i + 1:]
def f():
    a = V(1, 2, 3); b = V(0, 1, 5)
    total = functools.reduce(operator.add, [a, b, V(1, 1, 1)])
    return [list(total), f"{a - b:.1f}", a.y, abs(V(3, 4)), sorted([a, b])[0].c, list(reversed(a)), [10, 20][V(1)], int(a),
            float(b), hasattr(a, "w")]
""",
    "classes derived from the library's": """
import copy, functools, json, types
from collections.abc import Mapping
from enum import Enum, IntEnum
class Planet(Enum):
    EARTH = (5.97e24, 6.37e6)
    def __init__(self, mass, radius): self.mass = mass; self._radius = radius
class Square:
    __match_args__ = ("side", "_name")
    def __init__(self, side): self.side = side; self._name = "s"
class Base:
    _LIMIT = 3
    def _help(self): return 1
    def __getattr__(self, name): return name[1:]
class Sub(Base):
    def _help(self): return super()._help() + 1
    def __getattr__(self, name): return super().__getattr__(name)
class Text(str):
    format = lambda self, *a: "own"
class Louder(Text):
    def format(self, *a): return super().format(*a) + "!"
class Row(Mapping[str, int]):
    def __init__(self, d): self._d = d
    __getitem__ = lambda self, k: self._d[k]
    __iter__, __len__ = lambda self: iter(self._d), lambda self: len(self._d)
@functools.singledispatch
def show(x): return "?"
@show.register
def _(x: "list | tuple"): return "sequence"
def kind(x):
    match x:
        case Square(side, name): return [side, name]
        case Base._LIMIT: return "limit"
def f():
    ns = json.loads('{"a": {"b": 1}}', object_hook=lambda d: types.SimpleNamespace(**d))
    return [Planet.EARTH._radius, kind(Square(2)), kind(3), Sub()._help(), Sub().west, Text().format(), Louder().format(1),
            ns.a.b, copy.copy(ns) == ns, repr(ns), dict(Row({"k": 1})), show(()), IntEnum("E", {"A": 1, "B": 2}).B + 1]
""",
}
