"""Ways out of the policy gate by methods of the library that are called with something else, and by copies: found by attack."""

_MEMO = """
class Memo(dict):
    asked = 0
    def get(self, key, default=None):
        Memo.asked += 1
        return WANTED if Memo.asked == TURN else default
"""
_RAISES_IN_THE_END = '\nif x is None: raise LookupError("no turn gave it")'

FOREIGN_ESCAPES = {
    "a list's copy of a class": "import collections\nx = collections.UserList.copy(int)",
    "a counter's copy of a class": "import collections\nx = list(map(collections.Counter.copy, [int]))[0]",
    "a method in a class of one's own": "import collections\nclass D:\n    copy = collections.UserList.copy\nx = D.copy(int)",
    "a child of a class": """
import collections
class C:
    maps = [(), {"__reduce_ex__": lambda s, p: 1}]
x = collections.ChainMap.new_child(C, "Name")""",
    "a class as a datum": """
import abc, statistics
class V(abc.ABC): pass
class Total:
    def is_finite(self): return False
    def __radd__(self, other): return self
    def __truediv__(self, n): return V
total = Total()
class C:
    @staticmethod
    def as_integer_ratio(): return total, None
x = statistics.mean([C])""",
    "a calendar's setter": """
import calendar, fractions
calendar.Calendar.setfirstweekday(fractions.Fraction, 3)
x = 1""",
    "a matcher's setter": "import difflib\ndifflib.SequenceMatcher.set_seq1(difflib.Match, 'mine')\nx = difflib.Match.a",
    "an ordering of the library's class": "import functools, numbers\nfunctools.total_ordering(numbers.Real)\nx = 1",
    "an abstract method of the library": """
import abc, fractions
abc.abstractmethod(fractions.Fraction.limit_denominator)
x = 1""",
    "a copy that is an object of the library": """
import copy, json
victim = json.JSONEncoder()
class K:
    def __new__(cls): return victim
copy.deepcopy(json.JSONEncoder(indent=3), {id(json.JSONEncoder): K})
x = victim.indent
if x is None: raise LookupError("the victim is as it was")""",
    "a copy of a field by another name": """
import copy, dataclasses
@dataclasses.dataclass
class A:
    a: int
field = dataclasses.fields(A)[0]
x = copy.copy(field)""",
    "a copy of a cached property": "import copy, functools\nx = copy.copy(functools.cached_property(len))",
    "a memo that has a state": f"""
import copy, dataclasses
{_MEMO}
class E(Exception): pass
WANTED = {{"__dataclass_fields__": {{}}}}
e = E()
e.a = 1
x = None
for TURN in range(1, 12):
    Memo.asked = 0
    try: x = x or [dataclasses.fields(copy.deepcopy(e, Memo()))]
    except Exception: pass{_RAISES_IN_THE_END}""",
    "a class that is looked at before it has names": """
import abc, dataclasses
class Base:
    format: object
class C(Base, abc.ABC): pass
C.register(str)
try:
    match "a":
        case C(k): pass
except TypeError: pass
dataclasses.dataclass(init=False, repr=False, eq=False)(Base)
match "{0.__class__.__mro__}":
    case C(k): x = k(1)""",
}  # fmt: skip
