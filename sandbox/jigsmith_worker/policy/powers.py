"""The powers that a way through the gate would be for, refused where the interpreter announces their use (PEP 578).

The rest of the gate closes ways; this closes what lies at their ends. Whoever gets hold of the real `eval`, `open` or `ctypes`
all the same cannot use it: before it evaluates a text, opens a file, hands out code or a frame, or calls the operating system,
the interpreter asks its audit hooks, and ours knows the few functions of the library that do such things for a reason. A hook
cannot be removed.

Not everything is announced: reading `__globals__` or `__subclasses__` is not, importing a module of the library is not always,
and what numpy does with memory never.
"""

import functools
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from jigsmith_worker.policy import packages

_Hook = Callable[[str, tuple[Any, ...]], None]
_Permission = tuple[types.CodeType, tuple[dict[str, Any], ...]]
"""Of the function with that code: the globals of those modules that may call it for this, or none for any."""
_Permissions = Mapping[str, Mapping[types.CodeType, _Permission]]
"""For each event, by code. Equal code may be another's, so the code itself is part of the permission."""

_RUN_A_TEXT: Final = """
    collections:namedtuple<jigsmith_worker.policy.doors
    dataclasses:_create_fn<dataclasses dataclasses:_FuncBuilder.add_fns_to_class<dataclasses
    sympy.parsing.sympy_parser:parse_expr sympy.parsing.sympy_parser:eval_expr<jigsmith_worker.policy.packages.doors
    sympy.polys.monomials:MonomialOps._build<sympy.polys.monomials
    jigsmith_worker.policy.packages.lambdify_door:_compile<sympy.utilities.lambdify
    jigsmith_worker.policy.packages.lambdify_door:_execute<sympy.utilities.lambdify
"""
"""Functions that do such things themselves for a reason; after `<`, for one that takes the text from its caller, the modules
of which one has to be that caller."""
_MAY: Final[Mapping[str, str]] = {  # by event: https://docs.python.org/3/library/audit_events.html
    "compile": f"""{_RUN_A_TEXT}
        ast:parse<ast,jigsmith_worker.policy.stand_ins.ast,jigsmith_worker.policy.packages.doors,sympy.parsing.sympy_parser
        typing:ForwardRef.__init__<typing
    """,
    "exec": f"{_RUN_A_TEXT} importlib._bootstrap:_call_with_frames_removed<importlib._bootstrap_external",
    "marshal.loads": "importlib._bootstrap_external:_compile_bytecode<importlib._bootstrap_external",
    "object.__getattr__": """
        jigsmith_worker.child:_traceback jigsmith_worker.policy.own:_is_checked
        inspect:_signature_from_function inspect:_signature_is_functionlike inspect:_has_code_flag typing:overload
        jigsmith_worker.policy.stand_ins.traceback:_frames
        sympy.core.decorators:__sympifyit sympy.core.decorators:_SympifyWrapper.make_wrapped
        pandas.core.common:is_setitem_syntax_in_caller_frame
    """,
    "object.__setattr__": """
        collections:namedtuple dataclasses:_set_new_attribute typing:NamedTupleMeta.__new__ typing:_TypedDictMeta.__new__
    """,
    # These two, and "import" of a file, only within the directories that modules come from.
    "open": "importlib._bootstrap_external:FileLoader.get_data",
    "os.listdir": "importlib._bootstrap_external:FileFinder._fill_cache",
    "sys._getframe": """
        inspect:currentframe<sympy.utilities.lambdify jigsmith_worker.policy.doors:namedtuple
        enum:EnumType._create_ typing:_caller
        pandas.core.common:is_setitem_syntax_in_caller_frame pandas.core.common:is_local_in_caller_frame
    """,
}
_ANYBODY_MAY: Final = frozenset({"builtins.id", "array.__new__", "sys._getframemodulename", "sys.unraisablehook"})
_WRITABLE: Final = frozenset({"__name__", "__qualname__", "__doc__"})

_hooks: Final[list[_Hook]] = []
"""One, made before the fork and taken out when it is used: nothing but the interpreter refers to it then."""


def prepare(profile_packages: Iterable[str]) -> None:
    """Make the hook for the library and a profile's packages. To be called before anything is replaced."""
    absent = packages.MODULES.keys() - set(profile_packages)
    may = {event: dict(_listed(functions, absent)) for event, functions in _MAY.items()}
    _hooks[:] = [_hook(may, library=tuple(f"{path}/" for path in sys.path if path))]


def give_up() -> None:
    """Refuse these powers for the rest of this process."""
    while _hooks:
        sys.addaudithook(_hooks.pop())


def _listed(functions: str, absent: AbstractSet[str]) -> Iterator[tuple[types.CodeType, _Permission]]:
    for function in functions.split():
        path, _, callers = function.partition("<")
        module, _, name = path.partition(":")
        if module.partition(".")[0] in absent:
            continue
        try:
            found: Any = functools.reduce(getattr, name.split("."), importlib.import_module(module))
        except AttributeError:
            continue  # of another version of Python
        code = inspect.unwrap(found).__code__
        present = [caller for caller in filter(None, callers.split(",")) if caller.partition(".")[0] not in absent]
        if callers and not present:
            continue  # nobody may
        yield code, (code, tuple(vars(importlib.import_module(caller)) for caller in present))


# What follows uses nothing but what is bound in it: globals and builtins could be changed by what it is to stop.


class _Probe(Exception):  # noqa: N818 - it tells of no error
    """Raised to learn who is asking."""


def _hook(may: _Permissions, library: tuple[str, ...]) -> _Hook:
    anybody_may, writable, refused, probe = _ANYBODY_MAY, _WRITABLE, PermissionError, _Probe
    is_of_the_library, is_permitted = _path_check(library), _permission_check(may)
    looked_at: object = None
    """What this is looking at itself, which is announced to it like everything else. Nobody else has it then."""

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal looked_at
        if event in anybody_may or (args and args[0] is looked_at is not None):
            return
        caller: Any = None
        try:
            raise probe  # noqa: TRY301 - for its traceback, whose frame is this one
        except probe as raised:
            looked_at = trace = raised.__traceback__
            caller = trace and trace.tb_frame.f_back
            looked_at = caller
            code = caller.f_code
        finally:
            looked_at = None
        if event == "import":
            allowed = args[1] is None or is_of_the_library(args[1])
        elif event == "object.__setattr__" and args[1] in writable:
            allowed = True
        elif event in ("open", "os.listdir"):
            allowed = is_permitted(event, caller, code) and is_of_the_library(args[0])
        else:
            allowed = is_permitted(event, caller, code)
        if not allowed:
            raise refused(f"{event} cannot be used here")

    return hook


def _path_check(library: tuple[str, ...]) -> Callable[[Any], bool]:
    kind, text = type, str

    def is_of_the_library(path: Any) -> bool:
        return kind(path) is text and path.startswith(library) and "/.." not in path

    return is_of_the_library


def _permission_check(may: _Permissions) -> Callable[[str, types.FrameType, types.CodeType], bool]:
    nothing: dict[types.CodeType, _Permission] = {}

    def is_permitted(event: str, caller: types.FrameType, code: types.CodeType) -> bool:
        permission = may.get(event, nothing).get(code)
        if permission is None or permission[0] is not code:
            return False
        back = caller.f_back
        for module in permission[1]:
            if back is not None and back.f_globals is module:
                return True
        return not permission[1]

    return is_permitted
