"""Ways out of the policy gate that were found in sandboxes like this one, each tried inside of a real sandbox.

A source that gets out returns the text "escaped". Behind the gate stand the process and the container, which hold without
it; that the gate holds too is what these tests are about. Where one of them is refused or raises, it does not matter which.
"""

import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from jigsmith_sandbox.pool import Pool
from jigsmith_worker.isolation import Isolation
from jigsmith_worker.outcome import OutcomeKind
from jigsmith_worker.policy import names

from tests.conformance.class_escapes import CLASS_ESCAPES
from tests.conformance.conftest import BACKENDS, OWNER, call, working_backend
from tests.conformance.foreign_escapes import FOREIGN_ESCAPES
from tests.conformance.handed_out_escapes import HANDED_OUT_ESCAPES
from tests.conformance.library_escapes import LIBRARY_ESCAPES
from tests.conformance.object_escapes import OBJECT_ESCAPES
from tests.conformance.stand_in_escapes import STAND_IN_ESCAPES

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BACKENDS)
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    """Give one sandbox for all escapes: what gets out of one call would be seen by the others."""
    backend = await working_backend(request.param)
    async with Pool(backend, owner=f"{OWNER}-escapes", slots=2) as one:
        yield one
    await backend.close()


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
    def endswith(self, *a): return False
    def __contains__(self, part): return False
    def __getitem__(self, place): return 'a'
    def __str__(self): return 'a'
x = getattr((), S('__class__'))""",
    "globals of a function": "x = (lambda: 0).__globals__",
    "code of a function": "x = (lambda: 0).__code__",
    "closure": "def g(a): return lambda: a\nx = g(1).__closure__",
    "builtins by name": "x = __builtins__",
    "loader": "x = __loader__",
    "spec": "x = __spec__",
    "import by name": "x = __import__('os')",
    "mro": "x = int.mro()",
    "mro by dunder": "x = int.__mro__",
    "dict of a class": "x = vars(int)",
    "dir": "x = dir(int)",
    # frames
    "a generator's frame": "def h(): yield g.gi_frame.f_back.f_globals\ng = h()\nx = next(g)",
    "a generator's frame by getattr": "g = (i for i in [1])\nx = getattr(g, 'gi_frame')",
    "a coroutine's frame": "async def c(): pass\nx = c().cr_frame",
    "an async generator's frame": "async def c(): yield 1\nx = c().ag_frame",
    "a generator's code": "g = (i for i in [1])\nx = g.gi_code",
    "what a generator waits for": "def h(): yield from [1]\ng = h()\nnext(g)\nx = g.gi_yieldfrom",
    "a traceback's frame": "try:\n    1 / 0\nexcept Exception as e:\n    x = e.__traceback__.tb_frame",
    "a traceback by with_traceback": "try:\n    1 / 0\nexcept Exception as e:\n    x = e.with_traceback(e.__traceback__).__traceback__.tb_frame",
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
    "a nested specification": "class C:\n    def __format__(self, text): return text\nx = '{0:{1.__class__}}'.format(C(), ())",
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
    "a relative import": "from . import decoder as x",
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
    "functools.update_wrapper": "import functools, textwrap\nx = functools.update_wrapper(textwrap.dedent, print)",
    "collections.namedtuple with code": "import collections\nx = collections.namedtuple('C', 'a', module='os').__new__.__globals__",
    "partial's func": "import functools\nx = functools.partial(print).func.__self__",
    "random.SystemRandom": "import random\nx = random.SystemRandom",
    "copy by __reduce_ex__": "class C:\n    def __reduce_ex__(self, p): return (str, ('made',))\nimport copy\nx = copy.copy(C())",
    "re.template": "import re\nx = re.template",
    # building things
    "type with three arguments": "x = type('X', (), {'__class__': 1})",
    "a metaclass": "class M(type): pass\nx = M",
    "a class by keyword": "class C(metaclass=type): pass\nx = type(C)('X', (), {})",
    "__build_class__": "x = __build_class__(lambda: 0, 'X')",
    "eval": "x = eval('1')",
    "exec": "exec('x = 1')\nx = 1",
    "compile": "x = compile('1', 'x', 'eval')",
    "open": "x = open('/dev/zero', 'rb').read(1)",
    "input": "x = input()",
    "breakpoint": "x = breakpoint()",
    "globals": "x = globals()",
    "locals": "x = locals()",
    "memoryview": "x = memoryview",
    "help": "x = help",
    "exit": "x = exit",
    # writing where one should not
    "writing a class of the library": "import json\njson.JSONEncoder.default = 1\nx = json.JSONEncoder().default",
    "writing a facade": "import json\njson.dumps = len\nx = json.dumps([])",
    "writing through setattr": "import json\nsetattr(json, 'dumps', len)\nx = json.dumps([])",
    "deleting from a facade": "import json\ndel json.dumps\ntry:\n    x = json.dumps and None\nexcept AttributeError:\n    x = 1",
    "writing a dunder": "class C: pass\nclass D: pass\nc = C()\nc.__class__ = D\nx = True if type(c) is D else None",
    "an augmented dunder": "class C: pass\nC.__module__ += '1'\nx = C.__module__",
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
    "a unicode look-alike of an underscore": "x = (lambda: 0)._\uff3fglobals_\uff3f",
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
    "object.__setattr__ on a facade": "import math\nobject.__setattr__(math, 'sin', len)\nx = math.sin([])",
    "a class by object.__setattr__": """
import random
x = random.Random(1)
class R(random.Random): pass
object.__setattr__(x, '__class__', R)""",
    "a function's defaults by object.__setattr__": "def g(): pass\nobject.__setattr__(g, '__defaults__', (1,))\nx = 1",
    "a facade's own __setattr__": "import math\nmath.__setattr__('sin', len)\nx = math.sin([])",
    "object.__delattr__ on a facade": "import math\nobject.__delattr__(math, 'sin')\nx = 1",
    "a bound __setattr__": "import fractions\nx = fractions.Fraction(1)\nx.__setattr__('_numerator', 5)",
    "a metaclass by __class__": "from abc import ABC\nx = ABC.__class__('C', (), {'__match_args__': ('gi_frame',)})",
    "__class__ by getattr": "x = getattr(1, '__class__')",
    "a descriptor called by name": "x = property.__get__",
    "a private name of somebody else's class": "import fractions\nx = fractions.Fraction(1)._numerator",
    # mechanisms of RestrictedPython's advisories and issues, and of its cousins'
    "a unicode look-alike of a letter": "x = (lambda: 0).__\uff47lobals__",
    "format_map with a nested conversion": "x = '{a:{b.__class__!s:>9}}'.format_map({'a': 'a', 'b': 1}) if 0 else '{b.__class__!s:>20}'.format_map({'b': 1})",
    "an f-string with a nested field": "x = f'{\"\":{len([].__class__.__mro__)}}'",
    "an f-string that formats a template": "x = f'{\"{0.__class__}\".format(())!r:>30}'",
    "string.Formatter's get_field": "import string\nx = string.Formatter().get_field('0.__class__', [()], {})[0]",
    "string.Formatter from the module": "from string import Formatter\nx = Formatter().vformat('{0.__class__}', [()], {})",
    "a subclass of string.Formatter": "import string\nclass F(string.Formatter): pass\nx = F().format('{a.__class__}', a=())",
    "string.Template's pattern": "import string\nx = string.Template('$a').substitute(a=string.Template.__mro__)",
    "format by a partial": "import functools\nx = functools.partial(str.format, '{0.__class__}')(())",
    "format by super": "class S(str):\n    def m(self): return super().format(())\nx = S('{0.__class__}').m()",
    "format by super with a class": "class S(str): pass\nx = super(S, S).format('{0.__class__}', ())",
    "format_map by super": "class S(str):\n    def m(self): return super().format_map({'a': ()})\nx = S('{a.__class__}').m()",
    "format by UserString": "import collections\nx = collections.UserString('{0.__class__}').format(())",
    "format by a subclass of UserString": "import collections\nclass S(collections.UserString):\n    def m(self): return super().format(())\nx = S('{0.__class__}').m()",
    "format by the class UserString": "import collections\nx = collections.UserString.format(collections.UserString('{0.__class__}'), ())",
    "format_map by UserString": "import collections\nx = collections.UserString('{a.__class__}').format_map({'a': ()})",
    "format by a generic class": "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass S(str, Generic[T]): pass\nx = S[int].format('{0.__class__}', ())",
    "format by Annotated": "from typing import Annotated\nx = Annotated[str, 1].format('{0.__class__}', ())",
    "format_map by Annotated": "from typing import Annotated\nx = Annotated[str, 1].format_map('{a.__class__}', {'a': ()})",
    "format by getattr and an alias": "from typing import Annotated\nx = getattr(Annotated[str, 1], 'format')('{0.__class__}', ())",
    "mro by Annotated": "from typing import Annotated\nx = Annotated[int, 1].mro()",
    "mro by an alias": "x = list[int].mro()",
    "an exception's object by super": "class E(AttributeError):\n    def m(self): return super().obj\nx = E(obj=1).m()",
    "format_map by the class": "x = str.format_map('{a.__class__}', {'a': ()})",
    "try and except* with a group of tracebacks": "try:\n    raise ExceptionGroup('a', [ValueError()])\nexcept* ValueError as e:\n    x = e.__traceback__.tb_frame",
    "except* alone": "try:\n    raise ExceptionGroup('a', [ValueError()])\nexcept* ValueError:\n    x = 1",
    "an attribute error's object by getattr": "try:\n    (lambda: 0).nothing\nexcept AttributeError as e:\n    x = getattr(e, 'obj').__globals__",
    "a name error's traceback": "try:\n    nothing\nexcept NameError as e:\n    x = e.__traceback__.tb_frame.f_builtins",
    "a stop's traceback": "def g():\n    yield\nh = g()\nnext(h)\ntry:\n    h.throw(ValueError())\nexcept ValueError as e:\n    x = e.__traceback__.tb_next.tb_frame.f_code",
    "an exception's context": "try:\n    try:\n        1 / 0\n    finally:\n        [].nothing\nexcept AttributeError as e:\n    x = e.__context__.__traceback__",
    "__build_class__ with a body that is a lambda": "x = __builtins__['__build_class__'](lambda: None, 'C') if type(__builtins__) is dict else __builtins__.__build_class__(lambda: None, 'C')",
    "__import__ by a class body": "class C:\n    __import__ = lambda *a: 1\n    import os as x\nx = C.x",
    "__import__ by an attribute": "x = getattr(__builtins__, '__import__', None) or __builtins__['__import__']",
    "__builtins__ by a class body": "class C:\n    __builtins__ = {}\nx = C",
    "a metaclass by keywords": "class C(**{'metaclass': type}): pass\nx = C",
    "a metaclass that is a function": "class C(metaclass=lambda n, b, d: d): pass\nx = C",
    "a metaclass with __prepare__": "class M(type):\n    @classmethod\n    def __prepare__(cls, *a): return {'a': 1}\nclass C(metaclass=M): pass\nx = C.a",
    "type with three arguments by map": "x = list(map(type, ['C'], [()], [{}]))[0]",
    "type with three arguments by a star": "x = type(*('C', (), {'__reduce__': 1}))",
    "type by its own call": "x = type.__call__(type, 'C', (), {})",
    "type by type's type": "x = type(type)('C', (), {})",
    "__new__ of type": "x = type.__new__(type, 'C', (), {})",
    "__set_name__ that reaches the class": "class D:\n    def __set_name__(self, owner, name): self.a = owner.__dict__\nclass C:\n    d = D()\nx = C.d.a",
    "__set_name__ that writes the class": "class D:\n    def __set_name__(self, owner, name): setattr(owner, '__match_args__', ('gi_frame',))\nclass C:\n    d = D()\nx = C",
    "__class_getitem__ that is getattr": "class C:\n    @classmethod\n    def __class_getitem__(cls, name): return getattr(cls, name)\nx = C['__dict__']",
    "__init_subclass__ that reaches the class": "class C:\n    def __init_subclass__(cls): cls.a = cls.__mro__[-1].__subclasses__()\nclass D(C): pass\nx = D.a",
    "__init_subclass__ with attributes": "class C:\n    def __init_subclass__(cls, **more):\n        for name, value in more.items(): setattr(cls, name, value)\nclass D(C, __match_args__=('gi_frame',)): pass\nx = D",
    "a descriptor that is a function": "class C:\n    def m(self): return 1\nx = C.m.__get__(1)",
    "a descriptor's bound self": "x = [].append.__self__",
    "a method's function": "class C:\n    def m(self): return 1\nx = C().m.__func__.__globals__",
    "a property of a guard's function": "class C:\n    p = property(lambda self: getattr(self, '__class__'))\nx = C().p",
    "__getattribute__ of object": "x = object.__getattribute__((), '__class__')",
    "__getattribute__ of one's own": "class C:\n    def __getattribute__(self, name): return 1\nx = C().a",
    "__instancecheck__ of a metaclass": "class M(type):\n    def __instancecheck__(cls, value): return True\nclass C(metaclass=M): pass\nx = isinstance(1, C)",
    "__subclasshook__": "from abc import ABC\nclass C(ABC):\n    @classmethod\n    def __subclasshook__(cls, other): return True\nx = isinstance(1, C)",
    "__class__ as a cell": "class C:\n    def m(self): return __class__\nx = C().m()",
    "__mro_entries__": "class B:\n    def __mro_entries__(self, bases): return (int,)\nclass C(B()): pass\nx = C",
    "unpacking in C over getattr": "a, b = map(getattr, [(), ()], ['__class__', '__doc__'])\nx = a",
    "sorted over getattr": "x = sorted(['__class__'], key=lambda name: 1 if getattr((), name) else 0)",
    "sorted over a formatter": "a = []\nsorted(['{0.__class__}'], key=lambda t: a.append(t.format(())))\nx = a[0]",
    "zip and a star over getattr": "x = [getattr(*pair) for pair in zip([()], ['__class__'])][0]",
    "max over a private method": "import random\nx = max([random.Random()], key=lambda r: r._randbelow(2))",
    "min over mro": "x = min([int], key=lambda c: len(c.mro()))",
    "filter over an attribute": "x = list(filter(lambda c: c.__subclasses__(), [object]))[0]",
    "reduce over a formatter": "import functools\nx = functools.reduce(str.format, [()], '{0.__class__}')",
    "starmap over getattr": "import itertools\nx = list(itertools.starmap(getattr, [((), '__class__')]))[0]",
    "accumulate over getattr": "import itertools\nx = list(itertools.accumulate(['__class__', '__base__'], getattr, initial=()))[2]",
    "iter over a partial of getattr": "import functools\nx = next(iter(functools.partial(getattr, (), '__class__'), None))",
    "a slice assigned from a map": "a = [0]\na[:] = map(getattr, [()], ['__class__'])\nx = a[0]",
    "a dict from a map": "x = dict([map(getattr, [(), ()], ['__class__', '__doc__'])])",
    "join over a map": "x = ''.join(map(getattr, [()], ['__doc__'])) + str(getattr((), '__class__'))",
    "__iter__ that reaches out": "class C:\n    def __iter__(self): yield (i for i in []).gi_frame\n[x] = C()",
    "__getitem__ that reaches out": "class C:\n    def __getitem__(self, n): return (lambda: 0).__globals__ if not n else [][n]\n[x] = C()",
    "keys of a mapping that reach out": "class C:\n    def keys(self): return ['a']\n    def __getitem__(self, name): return (lambda: 0).__code__\ndef g(a): return a\nx = g(**C())",
    "a guard of a decorator": "@lambda f: f.__globals__\ndef g(): pass\nx = g",
    "a guard of a default": "def g(a=().__class__.__base__): return a\nx = g()",
    "a guard of an annotation": "def g(a: ().__class__.__base__): pass\nx = g",
    "operator's itemgetter over globals": "import operator\nx = operator.itemgetter('__builtins__')(globals())",
}  # fmt: skip


_GUARDS = [value for value in vars(names).values() if type(value) is str and names.is_guard_shaped(value)]
# Where a guard is shadowed, `int.mro` is what it would have kept from being read.
_SHADOWS = {
    "a parameter": "def g(_getattr_): return int.mro\nx = g(min)",
    "a positional-only parameter": "def g(_getattr_, /): return int.mro\nx = g(min)",
    "a keyword-only parameter": "def g(*, _getattr_=min): return int.mro\nx = g()",
    "a parameter with a default": "def g(_getattr_=min): return int.mro\nx = g()",
    "the arguments": "def g(*_getattr_): return int.mro\nx = g(min)",
    "the keywords": "def g(**_getattr_): return int.mro\nx = g()",
    "a lambda's parameter": "x = (lambda _getattr_: int.mro)(min)",
    "a lambda's positional-only parameter": "x = (lambda _getattr_, /: int.mro)(min)",
    "a lambda's keyword-only parameter": "x = (lambda *, _getattr_=min: int.mro)()",
    "a lambda's arguments": "x = (lambda *_getattr_: int.mro)(min)",
    "a lambda's keywords": "x = (lambda **_getattr_: int.mro)()",
    "a method's positional-only parameter": "class C:\n    def m(self, _getattr_, /): return int.mro\nx = C().m(min)",
    "a match": "match min:\n    case _getattr_: x = int.mro",
    "a match as": "match min:\n    case object() as _getattr_: x = int.mro",
    "a match of the rest": "match [min]:\n    case [*_getattr_]: x = int.mro",
    "a match of a mapping's rest": "match {'a': min}:\n    case {**_getattr_}: x = int.mro",
    "a match within a sequence": "match [min]:\n    case [_getattr_]: x = int.mro",
    "a match within alternatives": "match [min]:\n    case [1, _getattr_] | [_getattr_]: x = int.mro",
    "a walrus": "x = int.mro if (_getattr_ := min) else None",
    "a walrus in a comprehension": "[(_getattr_ := value) for value in [min]]\nx = int.mro",
    "an exception": "try:\n    1 / 0\nexcept ZeroDivisionError as _getattr_:\n    x = int.mro",
    "an exception of a group": "try:\n    raise ExceptionGroup('a', [ValueError()])\nexcept* ValueError as _getattr_:\n    x = int.mro",
    "an import": "import math as _getattr_\nx = int.mro",
    "an import of a name": "from heapq import heappush as _getattr_\nx = int.mro",
    "a loop": "for _getattr_ in [min]: x = int.mro",
    "a loop over pairs": "for a, (_getattr_, *b) in [(1, [min])]: x = int.mro",
    "a comprehension": "x = [int.mro for _getattr_ in [min]][0]",
    "a comprehension of a set": "x = {int.mro for _getattr_ in [min]}",
    "a comprehension of a dict": "x = {1: int.mro for _getattr_ in [min]}",
    "a generator": "x = next(int.mro for _getattr_ in [min])",
    "a comprehension over stars": "x = [int.mro for a, *_getattr_ in [[1, min]]][0]",
    "a with": "from contextlib import nullcontext\nwith nullcontext(min) as _getattr_: x = int.mro",
    "a with over pairs": "from contextlib import nullcontext\nwith nullcontext([min]) as [_getattr_]: x = int.mro",
    "a class": "class _getattr_: pass\nx = int.mro",
    "a function": "def _getattr_(value, name): return value\nx = int.mro",
    "an annotation": "_getattr_: int = 1\nx = int.mro",
    "a star": "a, *_getattr_ = [1, min]\nx = int.mro",
    "a chain": "a = _getattr_ = min\nx = int.mro",
    "an augmented one": "_getattr_ = 1\n_getattr_ += 1\nx = int.mro",
    "a class body": "class C:\n    _getattr_ = min\n    a = int.mro\nx = C.a",
    "global": "def g():\n    global _getattr_\n    _getattr_ = min\ng()\nx = int.mro",
    "nonlocal": "def g():\n    _getattr_ = 1\n    def h():\n        nonlocal _getattr_\n        _getattr_ = min\n    h()\n    return int.mro\nx = g()",
    "del": "_getattr_ = 1\ndel _getattr_\nx = int.mro",
    "del of the builtins": "del __builtins__\nx = 1",
    "a unicode look-alike": "_g\uff45tattr_ = min\nx = int.mro",
    "RestrictedPython's roles": "class C:\n    a__roles__ = None\nx = C",
} | {
    f"{name} by {way}": source.format(name)
    for name in (*_GUARDS, "__builtins__", "__import__", "__build_class__", "__name__", "__debug_", "_print_", "_iter_unpack_sequence_")
    for way, source in {"an assignment": "{} = min\nx = 1", "a parameter": "x = (lambda {}, /: 1)(1)"}.items()
}  # fmt: skip
if sys.version_info >= (3, 12):
    _SHADOWS |= {
        "a type parameter": "def g[_getattr_](): return int.mro\nx = g()",
        "a class's type parameter": "class C[_getattr_]:\n    a = int.mro\nx = C.a",
        "a type alias": "type _getattr_ = int\nx = int.mro",
        "a type alias's parameter": "type A[_getattr_] = int.mro\nx = A.__value__",
        "a starred type parameter": "def g[*_getattr_](): return int.mro\nx = g()",
        "a parameter specification": "def g[**_getattr_](): return int.mro\nx = g()",
    }
ESCAPES |= LIBRARY_ESCAPES | OBJECT_ESCAPES | FOREIGN_ESCAPES | CLASS_ESCAPES
ESCAPES |= STAND_IN_ESCAPES | HANDED_OUT_ESCAPES
ESCAPES |= {f"a guard shadowed by {way}": source for way, source in _SHADOWS.items()}

_WITHOUT_THE_GATE = """
import io as _io, sys as _sys
_sys.stdin = _io.StringIO("typed")
import builtins as _builtins
_builtins.help, _builtins.exit = print, _sys.exit
_sys.breakpointhook = lambda: _sys._getframe(1)
__package__ = "json"
"""
"""What a process has where `input`, `breakpoint`, relative imports and what `site` adds give something."""


def _source(escape: str, before: str = "") -> str:
    return f"{before}{escape}\n\ndef f():\n    return 'escaped' if x is not None else 'nothing'\n"


async def test_every_way_out_is_one_without_the_policy(pool: Pool) -> None:
    """So that what stops it below is the gate: an escape that fails by itself would show nothing."""
    if pool.isolation is Isolation.SANDBOX:
        pytest.skip(f"each call has a sandbox of its own in {pool.backend.name}: the others show the same sooner")
    failed = {}
    for name, escape in ESCAPES.items():
        outcome = await pool.run(call(_source(escape, _WITHOUT_THE_GATE)))
        if outcome.result_json != '"escaped"':
            failed[name] = outcome.kind, outcome.result_json, outcome.exception_type, outcome.message
    assert not failed


@pytest.mark.parametrize("name", ESCAPES)
async def test_no_way_out_of_the_policy(pool: Pool, name: str) -> None:
    """Refused before it runs, or stopped where it reaches out."""
    outcome = await pool.run(call(_source(ESCAPES[name]), policy="restricted"))
    assert outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.RAISED}, (outcome.kind, outcome.result_json)
