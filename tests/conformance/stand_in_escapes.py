"""Ways out by what lists attributes and by the modules that stand in for those of the library: as in `test_policy_escapes`."""

from typing import Final

STAND_IN_ESCAPES: Final = {
    "a special attribute by __dict__": """
class C: pass
c = C()
c.__dict__['__array_interface__'] = 1
x = c.__dict__""",
    "a special attribute by update": """
class C: pass
c = C()
vars(c).update(__array_interface__=1)
x = c""",
    "a special attribute by setdefault": """
class C: pass
c = C()
vars(c).setdefault('__array_struct__', 1)
x = c""",
    "a special attribute by |=": """
class C: pass
c = C()
d = vars(c)
d |= {'__array_interface__': 1}
x = c""",
    "a special attribute by a name that changes": """
class S(str): pass
class C: pass
c = C()
vars(c)[S('__array_interface__')] = 1
x = c""",
    "a guard by __dict__": """
class C: pass
c = C()
c.__dict__['_getattr_'] = 1
x = c""",
    "__dict__ of a class": "class C: pass\nx = C.__dict__",
    "__dict__ of a function": "def g(): pass\nx = g.__dict__",
    "__dict__ of a module": "import math\nx = vars(math)",
    "__dict__ of a method": "class C:\n    def m(self): pass\nx = C().m.__dict__",
    "__dict__ replaced": """
class C: pass
c = C()
c.__dict__ = {'__array_interface__': 1}
x = c""",
    "the class of what vars gives": "class C: pass\nc = C()\nx = type(vars(c))({'__class__': 1})",
    "what is behind what vars gives": """
class C: pass
c = C()
c.a = 1
d = vars(c)
x = d._behind if hasattr(type(d), '_behind') else d.__class__.__mro__""",
    "vars of what is here": "x = vars()",
    "dir of what is here": "x = dir()",
    "dir of the builtins": "import builtins\nx = dir(builtins)",
    "__wrapped__ of the library": "import functools\nx = functools.lru_cache(print).__wrapped__",
    "__wrapped__ of a method of the library": """
import contextlib
x = contextlib.contextmanager(print).__wrapped__""",
    "the origin of what is no alias": "class C:\n    __origin__ = min\nx = C().__origin__",
    "an annotation that is a text": """
import typing
def g(a: '[].append'): pass
x = typing.get_type_hints(g)""",
    "annotations with globals of one's own": """
import typing
def g(a: 'b'): pass
x = typing.get_type_hints(g, {'b': min})""",
    "annotations of the library": """
import typing, json
x = typing.get_type_hints(json.dumps) is not None or 1""",
    "a signature with annotations evaluated": """
import inspect
def g(a: '[].append'): pass
x = inspect.signature(g, eval_str=True)""",
    "a signature from a callable": """
import inspect
def g(a: '[].append'): pass
x = inspect.signature(g).from_callable(g, eval_str=True)""",
    "a signature of a builtin": "import inspect\nx = inspect.signature(len)",
    "a class derived from Signature": "import inspect\nclass S(inspect.Signature): pass\nx = S",
    "arguments applied to another": """
import inspect
class C: pass
c = C()
c._signature, c.arguments = inspect.signature(min) if False else inspect.signature(lambda: 0), {}
inspect.BoundArguments.apply_defaults(c)
x = c""",
    "inspect's frames": "from inspect import currentframe\nx = currentframe()",
    "members of the library": "import inspect\nx = inspect.getmembers(min)",
    "ast's fields": """
import ast
def g(): pass
g._fields = ('__globals__',)
x = next(ast.iter_fields(g))""",
    "ast's fields of an own class": """
import ast
class N(ast.Name): _fields = ('__class__',)
x = list(ast.iter_fields(N()))""",
    "a node with any attribute": "import ast\nx = ast.Name(**{'__array_interface__': 1})",
    "a node's class by type": "import ast\nx = type(ast.parse('a'))(**{'__array_interface__': 1})",
    "a dump of what is no node": "import ast\nclass N(ast.Name): pass\nx = ast.dump(N())",
    "a visitor's getattr": """
import ast
class C:
    visit = ast.NodeVisitor.generic_visit
    _fields = ('__class__',)
c = C()
x = c.visit(c) or 1""",
    "ast's own modules": "from ast import sys\nx = sys",
    "logging's own modules": "import logging\nx = logging.os",
    "a file to log to": "import logging\nlogging.basicConfig(filename='/dev/null')\nx = 1",
    "a formatter that walks": """
import logging, io
b = io.StringIO()
h = logging.StreamHandler(b)
h.formatter = '{0.__class__.__init__.__globals__}'
h.handle(logging.LogRecord('a', 30, '', 1, 'm', (), None))
x = b""",
    "a style that walks": """
import logging
r = logging.makeLogRecord({'msg': len})
x = logging.Formatter('{msg.__self__}', style='{').format(r)""",
    "a level written to another": """
import logging
class C: pass
logging.Handler.setFormatter(C, 1)
x = C.formatter""",
    "a record's special attribute": """
import logging
logging.basicConfig(level=0, force=True, stream=__import__('io').StringIO())
logging.info('a', extra={'__array_interface__': 1})
x = 1""",
    "traceback's frames": "from traceback import walk_stack\nx = list(walk_stack(None))",
    "a queue's methods on another": """
import queue
class C:
    unfinished_tasks = 2
import threading
C.all_tasks_done = threading.Condition()
queue.Queue.task_done(C)
x = C""",
    "a parser's methods on another": """
from html.parser import HTMLParser
class C: pass
HTMLParser.reset(C)
x = C""",
    "what threading has of other threads": "import threading\nx = threading.current_thread()",
    "xml from a file": "import xml.etree.ElementTree as ET\nx = ET.parse(__import__('io').StringIO('<a/>'))",
    "ini from a file": """
import configparser
x = configparser.ConfigParser().read('/nowhere') or configparser.sys""",
    "the type of functions called": "import types\nx = types.FunctionType((lambda: 0).__code__, {})",
    "an alias of what is private": "import types\nx = types.GenericAlias(min, (int,)).__origin__",
}
"""The real modules are what makes them live: what stands in for these has less."""
