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
_Permission = tuple[types.CodeType, dict[str, Any] | None]
"""Of the function with that code: the globals of the only module that may call it for this, or None for any."""
_Permissions = Mapping[str, Mapping[types.CodeType, _Permission]]
"""For each event, by code. Equal code may be another's, so the code itself is part of the permission."""

_RUN_A_TEXT: Final = """
    collections:namedtuple<jigsmith_worker.policy.doors
    dataclasses:_create_fn<dataclasses dataclasses:_FuncBuilder.add_fns_to_class<dataclasses
    sympy.parsing.sympy_parser:parse_expr sympy.parsing.sympy_parser:eval_expr<jigsmith_worker.policy.package_doors
    sympy.polys.monomials:MonomialOps._build<sympy.polys.monomials
"""
"""Functions that do such things themselves for a reason; after `<`, for one that takes the text from its caller, the module
that has to be that caller."""
_MAY: Final[Mapping[str, str]] = {  # by event: https://docs.python.org/3/library/audit_events.html
    "compile": f"{_RUN_A_TEXT} ast:parse typing:ForwardRef.__init__",
    "exec": f"{_RUN_A_TEXT} jigsmith_worker.child:_run importlib._bootstrap:_call_with_frames_removed",
    "marshal.loads": "jigsmith_worker.child:_call importlib._bootstrap_external:_compile_bytecode",
    "object.__getattr__": """
        jigsmith_worker.child:_traceback jigsmith_worker.policy.own:_is_checked
        inspect:_signature_from_function inspect:_signature_is_functionlike
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
        jigsmith_worker.policy.doors:namedtuple enum:EnumType._create_ typing:_caller
        pandas.core.common:is_setitem_syntax_in_caller_frame pandas.core.common:is_local_in_caller_frame
    """,
}
_ANYBODY_MAY: Final = frozenset({"builtins.id", "array.__new__", "sys._getframemodulename", "sys.unraisablehook"})
_WRITABLE: Final = frozenset({"__name__", "__qualname__", "__doc__"})

_hooks: Final[list[_Hook]] = []
"""One, made before the fork and taken out when it is used: nothing but the interpreter refers to it then."""


def prepare(profile_packages: Iterable[str]) -> None:
    """Make the hook for the library and a profile's packages. To be called when all is imported and nothing replaced."""
    absent = packages.MODULES.keys() - set(profile_packages)
    may = {event: dict(_listed(functions, absent)) for event, functions in _MAY.items()}
    _hooks[:] = [_hook(may, library=tuple(f"{path}/" for path in sys.path if path))]


def give_up() -> None:
    """Refuse these powers for the rest of this process."""
    while _hooks:
        sys.addaudithook(_hooks.pop())


def _listed(functions: str, absent: AbstractSet[str]) -> Iterator[tuple[types.CodeType, _Permission]]:
    for function in functions.split():
        path, _, caller = function.partition("<")
        module, _, name = path.partition(":")
        if module.partition(".")[0] in absent:
            continue
        try:
            found: Any = functools.reduce(getattr, name.split("."), importlib.import_module(module))
        except AttributeError:
            continue  # of another version of Python
        code = inspect.unwrap(found).__code__
        yield code, (code, vars(importlib.import_module(caller)) if caller else None)


# What follows uses nothing but what is bound in it: globals and builtins could be changed by what it is to stop.


def _path_check(library: tuple[str, ...]) -> Callable[[Any], bool]:
    kind, text = type, str

    def is_of_the_library(path: Any) -> bool:
        return kind(path) is text and path.startswith(library) and "/.." not in path

    return is_of_the_library


def _permission_check(may: _Permissions) -> Callable[[str, types.FrameType], bool]:
    nothing: dict[types.CodeType, _Permission] = {}

    def is_permitted(event: str, caller: types.FrameType) -> bool:
        permission = may.get(event, nothing).get(caller.f_code)
        if permission is None:
            return False
        code, called_from = permission
        back = caller.f_back
        return code is caller.f_code and (called_from is None or (back is not None and back.f_globals is called_from))

    return is_permitted


def _hook(may: _Permissions, library: tuple[str, ...]) -> _Hook:
    anybody_may, writable, refused = _ANYBODY_MAY, _WRITABLE, PermissionError
    frame_of, own = sys._getframe, globals()  # noqa: SLF001 - the public name of it
    is_of_the_library, is_permitted = _path_check(library), _permission_check(may)
    looking = False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal looking
        if event in anybody_may or (looking and event == "sys._getframe"):
            return
        looking = True
        try:
            caller = frame_of(1)
        finally:
            looking = False
        if caller.f_globals is own:  # that was this module, when it read `f_code`
            return
        if event == "import":
            allowed = args[1] is None or is_of_the_library(args[1])
        elif event == "object.__setattr__" and args[1] in writable:
            allowed = True
        elif event in ("open", "os.listdir"):
            allowed = is_permitted(event, caller) and is_of_the_library(args[0])
        else:
            allowed = is_permitted(event, caller)
        if not allowed:
            raise refused(f"{event} cannot be used here")

    return hook
