"""How the doors in numpy, pandas and sympy are closed inside of these packages: functions of theirs are replaced or wrapped.

A replacement does what the original did until `doors.guard` is called. Where a package reads or writes an attribute whose name
comes from data, the builtin that does it is replaced in that module: what is checked there is the name that is used, whatever a
class of the source's answers when it is asked for it a second time.
"""

import builtins
import dis
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Final

from jigsmith_worker.policy import doors, names


def wrap(cls: type, name: str, guarded: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace a method of a class by what `guarded` makes of it."""
    setattr(cls, name, guarded(vars(cls)[name]))


def replace_everywhere(package: str, original: Any, replacement: Any) -> None:
    """Replace a function in every module of a package that has it, whatever it is called there."""
    for name, module in list(sys.modules.items()):
        if module is not None and (name == package or name.startswith(package + ".")):
            for attribute, value in list(vars(module).items()):
                if value is original:
                    setattr(module, attribute, replacement)


def hold_methods(package: str) -> None:
    """Hold those methods of a package's classes to objects of their class that call the class of something or write to it.

    Of all its classes: what no facade offers may be an attribute of something.
    """
    for cls in _classes_of(package):
        for name, method in list(vars(cls).items()):
            if _may_be_named(name) and (
                (type(method) is types.FunctionType and _calls_classes_or_writes(method))
                or (
                    type(method) is property
                    and type(method.fget) is types.FunctionType
                    and _writes(method.fget.__code__)
                )
            ):
                setattr(cls, name, doors.held(cls, method))


def _classes_of(package: str) -> Iterator[type]:
    """Give all classes that a package has made, wherever it keeps them."""
    seen: set[type] = set()
    following: list[type] = [object]
    while following:
        derived: list[type] = type.__subclasses__(following.pop())
        following += [cls for cls in derived if cls not in seen]
        seen.update(derived)
    for cls in seen:
        if str(cls.__module__).partition(".")[0] == package and not cls.__flags__ & _IMMUTABLE:
            yield cls


_IMMUTABLE: Final = 1 << 8
"""Py_TPFLAGS_IMMUTABLETYPE."""
_ASKS: Final = frozenset({"type", "__class__", "setattr", "delattr", "__setattr__", "__dict__", "vars"})


def _may_be_named(name: str) -> bool:
    """Return whether a source can call a method of that name with any object."""
    if names.is_private(name) or names.why_unreadable_attribute(name):
        return False
    return name not in names.HELD_TO_THEIR_CLASS | {"__new__"}


def _calls_classes_or_writes(function: Any) -> bool:
    code = inspect.unwrap(function).__code__
    return bool(code.co_argcount) and any(not _ASKS.isdisjoint(one.co_names) or _writes(one) for one in _nested(code))


def _writes(code: types.CodeType) -> bool:
    return any(operation in _WRITES for operation in code.co_code[::2])


def _nested(code: types.CodeType) -> list[types.CodeType]:
    inner = [one for constant in code.co_consts if isinstance(constant, types.CodeType) for one in _nested(constant)]
    return [code, *inner]


_WRITES: Final = frozenset({dis.opmap["STORE_ATTR"], dis.opmap["DELETE_ATTR"]})


def refusing(original: Callable[..., Any], what: str) -> Callable[..., Any]:
    """Return a function that does what the original does, except in a call under the policy."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        if doors.guarding():
            raise ValueError(f"{what} cannot be used here: write the expression as Python")
        return original(*args, **kwargs)

    return refuse


def without_special_names(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a `__getattr__` or `__setattr__` of data: numpy would believe an `__array_interface__` among them."""

    def access(self: Any, name: str, *value: Any) -> Any:
        if doors.guarding() and names.is_dunder(name):
            raise AttributeError(f"{name} is a special attribute and cannot be used here")
        return original(self, name, *value)

    return access


def check_attributes(module_name: str, may_be_named: Callable[[str], bool], *builtin_names: str) -> None:
    """Have a module read and write only attributes of such names, by its own `getattr`, `setattr` or `hasattr`."""
    module = importlib.import_module(module_name)
    for builtin_name in builtin_names:
        setattr(module, builtin_name, _with_checked_name(getattr(builtins, builtin_name), may_be_named))


def _with_checked_name(original: Callable[..., Any], may_be_named: Callable[[str], bool]) -> Callable[..., Any]:
    def access(value: Any, name: str, *rest: Any) -> Any:
        if doors.guarding() and not (type(name) is str and may_be_named(name)):
            raise AttributeError("an attribute of that name cannot be used here")
        return original(value, name, *rest)

    return access


def is_ordinary(name: str) -> bool:
    """Return whether a name is not one of the insides of an object, such as a special one."""
    return names.why_unreadable_attribute(name) is None


def is_no_special_name(name: str) -> bool:
    """Return whether numpy and the interpreter give no meaning to an attribute of that name."""
    return not names.is_dunder(name)
