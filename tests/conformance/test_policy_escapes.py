"""Ways out of the policy gate that were found in sandboxes like this one, each tried inside of a real sandbox.

A source that gets out returns the text "escaped". Behind the gate stand the process and the container, which hold without
it; that the gate holds too is what these tests are about. Where one of them is refused or raises, it does not matter which.
"""

import pytest
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.outcome import OutcomeKind

from tests.conformance.conftest import call

ESCAPES = {
    # the object graph
    "subclasses": "x = ().__class__.__base__.__subclasses__()",
    "class by getattr": "x = getattr((), '__class__')",
    "class by getattr and a str subclass": """
class S(str):
    pass
x = getattr((), S('__class__'))""",
    "a name that changes": """
class S(str):
    def startswith(self, *a): return False
    def __eq__(self, other): return False
    def __hash__(self): return 1
x = getattr((), S('__class__'))""",
    "globals of a function": "x = (lambda: 0).__globals__",
    "code of a function": "x = (lambda: 0).__code__",
    "closure": "x = (lambda: 0).__closure__",
    "builtins by name": "x = __builtins__",
    "loader": "x = __loader__",
    "spec": "x = __spec__",
    "import by name": "x = __import__('os')",
    "mro": "x = int.mro()",
    "mro by dunder": "x = int.__mro__",
    "dict of a class": "x = vars(int)",
    "dir": "x = dir(int)",
    # frames
    "a generator's frame": "g = (i for i in [1])\nx = g.gi_frame.f_back.f_globals",
    "a generator's frame by getattr": "g = (i for i in [1])\nx = getattr(g, 'gi_frame')",
    "a coroutine's frame": "async def c(): pass\nx = c().cr_frame",
    "an async generator's frame": "async def c(): yield 1\nx = c().ag_frame",
    "a generator's code": "g = (i for i in [1])\nx = g.gi_code",
    "what a generator waits for": "g = (i for i in [1])\nx = g.gi_yieldfrom",
    "a traceback's frame": "try:\n    1 / 0\nexcept Exception as e:\n    x = e.__traceback__.tb_frame",
    "a traceback by with_traceback": "try:\n    1 / 0\nexcept Exception as e:\n    x = e.with_traceback(None).tb_frame",
    "the object of an attribute error": "try:\n    [].nothing\nexcept AttributeError as e:\n    x = e.obj",
    "the frames of an exception group": "try:\n    raise ExceptionGroup('a', [ValueError()])\nexcept* ValueError as e:\n    x = e.__traceback__",
    "an exception's exit of with": """
class C:
    def __enter__(self): return self
    def __exit__(self, kind, error, traceback):
        global x
        x = traceback.tb_frame
        return True
x = None
with C():
    1 / 0
if x is None: raise ValueError""",
    # formatting
    "str.format": "x = '{0.__class__}'.format(())",
    "str.format with an item": "x = '{0[0].__class__}'.format([()])",
    "format_map": "x = '{a.__class__}'.format_map({'a': ()})",
    "str.format by the class": "x = str.format('{0.__class__}', ())",
    "format by map": "x = list(map(str.format, ['{0.__class__}'], [()]))[0]",
    "string.Formatter": "import string\nx = string.Formatter().format('{0.__class__}', ())",
    "a nested specification": "x = '{0:{1.__class__}}'.format(1, ())",
    "an f-string": "x = f'{().__class__.__base__}'",
    "format by a str subclass": "class S(str): pass\nx = S('{0.__class__}').format(())",
    # modules that lead on
    "json's codecs": "import json\nx = json.codecs.builtins",
    "statistics' sys": "import statistics\nx = statistics.sys.modules",
    "enum's builtins": "import enum\nx = enum.bltns",
    "random's os": "import random\nx = random._os",
    "collections' sys": "import collections\nx = collections._sys",
    "dataclasses' inspect": "import dataclasses\nx = dataclasses.inspect",
    "typing's sys": "import typing\nx = typing.sys",
    "a submodule that is not listed": "import json.decoder\nx = json.decoder.scanner",
    "os": "import os\nx = os",
    "os.path": "import os.path\nx = os.path",
    "subprocess": "import subprocess\nx = subprocess",
    "ctypes": "import ctypes\nx = ctypes",
    "importlib": "import importlib\nx = importlib",
    "builtins": "import builtins\nx = builtins",
    "gc": "import gc\nx = gc.get_objects()",
    "inspect": "import inspect\nx = inspect.currentframe()",
    "pickle": "import pickle\nx = pickle",
    "socket": "import socket\nx = socket",
    "sys.modules": "import sys\nx = sys.modules",
    "a star import": "from os import *\nx = system",
    "a relative import": "from . import x",
    "an import in a function": "def g():\n    import os\n    return os\nx = g()",
    # tools of the library that read attributes or evaluate text
    "operator.attrgetter": "import operator\nx = operator.attrgetter('__class__')(())",
    "operator.methodcaller": "import operator\nx = operator.methodcaller('__subclasses__')(object)",
    "functools.reduce over getattr": "import functools\nx = functools.reduce(getattr, ['__class__', '__base__'], ())",
    "map over getattr": "x = list(map(getattr, [()], ['__class__']))[0]",
    "typing.get_type_hints": "import typing\nclass C:\n    a: '__import__(\"os\")'\nx = typing.get_type_hints(C)",
    "typing.ForwardRef": "import typing\nx = typing.ForwardRef('__import__(\"os\")')",
    "dataclasses.make_dataclass": "import dataclasses\nx = dataclasses.make_dataclass('C', [('a', int, None)], namespace={'__reduce__': 1})",
    "functools.wraps with attributes": "import functools\nx = functools.wraps(print, assigned=['__self__'])(lambda: 0).__self__",
    "functools.update_wrapper": "import functools\nx = functools.update_wrapper(lambda: 0, print)",
    "collections.namedtuple with code": "import collections\nx = collections.namedtuple('C', 'a', module='os').__new__.__globals__",
    "partial's func": "import functools\nx = functools.partial(print).func.__self__",
    "random.SystemRandom": "import random\nx = random.SystemRandom",
    "copy by __reduce_ex__": "class C:\n    def __reduce_ex__(self, p): return (print, ('x',))\nimport copy\nx = copy.copy(C())\nif x is None: raise ValueError",
    "re.template": "import re\nx = re.template",
    # building things
    "type with three arguments": "x = type('X', (), {'__class__': 1})",
    "a metaclass": "class M(type): pass\nx = M",
    "a class by keyword": "class C(metaclass=type): pass\nx = type(C)('X', (), {})",
    "__build_class__": "x = __build_class__(lambda: 0, 'X')",
    "eval": "x = eval('1')",
    "exec": "exec('x = 1')\nx = 1",
    "compile": "x = compile('1', 'x', 'eval')",
    "open": "x = open('/proc/self/environ')",
    "input": "x = input()",
    "breakpoint": "x = breakpoint()",
    "globals": "x = globals()",
    "locals": "x = locals()",
    "memoryview": "x = memoryview",
    "help": "x = help",
    "exit": "x = exit",
    # writing where one should not
    "writing a class of the library": "import json\njson.JSONEncoder.default = 1\nx = 1",
    "writing a facade": "import json\njson.dumps = 1\nx = 1",
    "writing through setattr": "import json\nsetattr(json, 'dumps', 1)\nx = 1",
    "deleting from a facade": "import json\ndel json.dumps\nx = 1",
    "writing a dunder": "class C: pass\nC.__class__ = int\nx = 1",
    "an augmented dunder": "class C: pass\nC.__doc__ += '1'\nx = 1",
    "a dunder in a class body": "class C:\n    __class__ = int\nx = C().__class__",
    "a name of a guard": "_getattr_ = getattr\nx = 1",
    "an argument that is a guard": "def g(_getattr_): return _getattr_\nx = g(1)",
    "a guard by an import": "from math import pi as __builtins__\nx = 1",
    "a guard by a walrus": "(_getattr_ := 1)\nx = 1",
    "a guard by except": "try:\n    1 / 0\nexcept Exception as __builtins__:\n    x = 1",
    "a guard by a match": "match 1:\n    case __builtins__:\n        x = 1",
    "class pattern reads attributes": "class C:\n    __match_args__ = ('__class__',)\nmatch ():\n    case object(__class__=k):\n        x = k",
    "global of a guard": "def g():\n    global __builtins__\n    __builtins__ = 1\ng()\nx = 1",
    "a decorator that is print's self": "x = print.__self__",
    "super's thisclass": "class C:\n    def m(self): return super().__thisclass__\nx = C().m()",
    "property's fget": "x = property(lambda s: 1).fget.__globals__",
    "lambda defaults": "x = (lambda a=1: a).__defaults__",
    "a unicode look-alike of an underscore": "x = ().\uff3f\uff3fclass\uff3f\uff3f",
    # patterns that read by position, of classes that anything may be an instance of
    "a pattern of an abstract dataclass": """
from abc import ABC
from dataclasses import dataclass
@dataclass
class Q(ABC):
    gi_frame: object
g = (i for i in [1])
Q.register(type(g))
match g:
    case Q(x): pass""",
    "a pattern of an abstract named tuple": """
from abc import ABC
from collections import namedtuple
class Q(namedtuple('P', ['gi_frame']), ABC): pass
g = (i for i in [1])
Q.register(type(g))
match g:
    case Q(x): pass""",
    "a pattern of a class that leaks while it is made": """
from abc import ABC
from typing import NamedTuple
class P(NamedTuple):
    gi_frame: int
class Leak:
    def __init_subclass__(cls): global Q; Q = cls
class R(P, Leak, ABC): pass
g = (i for i in [1])
Q.register(type(g))
match g:
    case Q(x): pass""",
    "str.format by a pattern": """
from abc import ABC
from dataclasses import dataclass
@dataclass(match_args=True, slots=True)
class Q(ABC):
    format: object
Q.register(str)
match '{0.__class__}':
    case Q(template): x = template(1)""",
    "a private field of a protocol": """
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, runtime_checkable
@runtime_checkable
@dataclass
class Q(Protocol):
    _numerator: int
Q.register(Fraction)
match Fraction(1, 2):
    case Q(x): pass""",
    "an inherited field": """
from abc import ABC
from dataclasses import dataclass
@dataclass
class P:
    gi_code: int
@dataclass
class Q(P, ABC):
    n: int
g = (i for i in [1])
Q.register(type(g))
match g:
    case Q(x): pass""",
    # writing by the methods that classes inherit
    "object.__setattr__ on an object of the library": "import fractions\nx = fractions.Fraction(1)\nobject.__setattr__(x, '_numerator', 5)",
    "object.__setattr__ on a facade": "import math\nobject.__setattr__(math, 'sin', len)\nx = 1",
    "a class by object.__setattr__": """
import random
x = random.Random(1)
class R(random.Random): pass
object.__setattr__(x, '__class__', R)""",
    "a function's defaults by object.__setattr__": "def g(): pass\nobject.__setattr__(g, '__defaults__', (1,))\nx = 1",
    "a facade's own __setattr__": "import math\nx = math.__setattr__('sin', len)",
    "object.__delattr__ on a facade": "import math\nobject.__delattr__(math, 'sin')\nx = 1",
    "a bound __setattr__": "import fractions\nx = fractions.Fraction(1)\nx.__setattr__('_numerator', 5)",
    "a metaclass by __class__": "from abc import ABC\nx = ABC.__class__('C', (), {'__match_args__': ('gi_frame',)})",
    "__class__ by getattr": "x = getattr(1, '__class__')",
    "a descriptor called by name": "x = property.__get__",
    "a private name of somebody else's class": "import fractions\nx = fractions.Fraction(1)._numerator",
}  # fmt: skip


@pytest.mark.parametrize("name", ESCAPES)
async def test_no_way_out_of_the_policy(pool: Pool, name: str) -> None:
    """Refused before it runs, or stopped where it reaches out."""
    source = f"{ESCAPES[name]}\n\ndef f():\n    return 'escaped' if x is not None else 'escaped too'\n"
    outcome = await pool.run(call(source, policy="restricted"))
    assert outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.RAISED}, (outcome.kind, outcome.result_json)
