"""Doors in ordinary functions of the standard library that this gate closes, inside the library itself.

A class statement and an annotation are checked before they are compiled. The same can be said to functions as data:
`Enum("M", {"__getattribute__": f})` makes a class with any special method, `singledispatch(g).register` evaluates annotations
that are texts.
"""

import collections
import copy
import copyreg
import enum
import functools
import inspect
import operator
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

from jigsmith_worker.policy import classes, names

_NAME: Final = r"\s*[^\W\d_]\w*(\.[^\W\d_]\w*)*\s*"
_NAMES: Final = re.compile(rf"{_NAME}(\|{_NAME})*")
"""What a text in place of an annotation may be: names with dots, also several of them with `|`."""

TYPE: Final = typing.Type  # noqa: UP006 - unlike type[int], typing.Type[int] cannot be called
"""Stands for `type` where one asks for it without a call."""

_namespace: Mapping[str, object] | None = None
"""The globals of this process's call, if that is under the policy."""


def guard(namespace: Mapping[str, object]) -> None:
    """Close the doors for the rest of this process, which is a child with a call under the policy."""
    global _namespace  # noqa: PLW0603 - a process has one call
    _namespace = namespace


def guarding() -> bool:
    """Return whether the doors are closed."""
    return _namespace is not None


def replace() -> None:
    """Put the guarded functions in place. They do what they did until `guard` is called."""
    _put(typing.ForwardRef, "_evaluate", _of_names)
    _put(enum.EnumType, "_create_", _with_plain_members)
    _put(copy, "_reconstruct", _of_ordinary_objects)
    methods = copy._deepcopy_dispatch  # type: ignore[attr-defined]  # noqa: SLF001 - by type
    methods[types.MethodType] = _of_the_same_object(methods[types.MethodType])
    _put(copyreg, "_slotnames", _of_plain_slots)
    _put(collections.UserDict, "__copy__", _of_its_own)
    _put(collections.UserList, "__copy__", _of_its_own)
    alias = inspect.getmro(type(typing.List[int]))[1]  # noqa: UP006 - the class of all aliases
    _put(alias, "__call__", _without_metaclasses)


def _put(owner: Any, name: str, guarded: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, guarded(getattr(owner, name)))


def check_names(given: Any) -> None:
    """Check the names of attributes that a class is to have. Raises TypeError."""
    for name in given:
        if type(name) is not str or names.why_unbindable(name):
            raise TypeError(f"a class cannot be given {name!r} here: write a class statement")


def get_origin(alias: Any) -> Any:
    """Take the place of `typing.get_origin`, which knows the real `type`."""
    return _asked_for(typing.get_origin(alias))


def get_args(alias: Any) -> tuple[Any, ...]:
    """Take the place of `typing.get_args`."""
    return tuple(map(_asked_for, typing.get_args(alias)))


def _asked_for(value: Any) -> Any:
    return TYPE if isinstance(value, type) and issubclass(value, type) else value


def _of_names(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    def _evaluate(self: Any, globalns: Any, *args: Any, **kwargs: Any) -> Any:
        if _namespace is None:
            return evaluate(self, globalns, *args, **kwargs)
        text = self.__forward_arg__
        if globalns is not _namespace or type(text) is not str or not _NAMES.fullmatch(text):
            raise TypeError(f"the annotation {text!r} cannot be evaluated here: write it without quotes")
        return functools.reduce(operator.or_, map(_value_of, text.split("|")))

    return _evaluate


def _value_of(text: str) -> Any:
    """Return what a name with dots stands for in the source. Nothing is compiled for it. Raises NameError, AttributeError."""
    assert _namespace is not None
    first, *others = text.strip().split(".")
    builtins: Any = _namespace["__builtins__"]
    if first not in _namespace and first not in builtins:
        raise NameError(f"name {first!r} is not defined", name=first)
    value = _namespace.get(first, builtins.get(first))
    for name in others:
        if not names.is_plain(name):
            raise AttributeError(f"{name} cannot be read here")
        value = getattr(value, name)
    return value


def _without_metaclasses(call: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what calls an alias, which calls what it stands for."""

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        if _namespace is not None and issubclass(self.__origin__, type):
            raise TypeError("an alias of type cannot be called here: write a class statement to make a class")
        return call(self, *args, **kwargs)

    return __call__


def _of_its_own(copy_of: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `UserDict.__copy__` and its like, which write to whatever the `__new__` of a class gives them."""

    def __copy__(self: Any) -> Any:  # noqa: N807
        if _namespace is None:
            return copy_of(self)
        made = object.__new__(type(self))
        vars(made).update(vars(self), data=copy.copy(self.data))
        return made

    return __copy__


def _of_plain_slots(slot_names: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what says which slots are copied, which asks the class a second time."""

    def _slotnames(cls: Any) -> Any:
        found = slot_names(cls)
        if _namespace is not None:
            check_names(found)
        return found

    return _slotnames


def _with_plain_members(create: Callable[..., Any]) -> Callable[..., Any]:
    def _create_(cls: Any, class_name: Any, names: Any = None, **options: Any) -> Any:
        if _namespace is not None and names is not None:
            names = _plain_members(names)
            options["module"] = None  # it would be the source's own, and so would be what it derives from
            if (mixed_in := options.get("type")) is not None:
                classes.check_base(mixed_in)
        return create(cls, class_name, names, **options)

    return _create_


def _of_ordinary_objects(reconstruct: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what copies objects: it writes attributes of any name to what an object's reduction, or a memo of copies, gives."""

    def _reconstruct(
        original: Any, memo: Any, make: Any, args: Any, state: Any = None, *items: Any, **options: Any
    ) -> Any:
        def make_alike(*args: Any) -> Any:
            made = make(*args)
            if type(made) is not type(original):
                raise TypeError(f"a copy of {type(original).__name__} would be a {type(made).__name__}")
            _write_state(made, state, memo)
            return made

        if _namespace is None:
            return reconstruct(original, memo, make, args, state, *items, **options)
        return reconstruct(original, memo, make_alike, args, None, *items, **options)

    return _reconstruct


def _write_state(made: Any, state: Any, memo: Any) -> None:
    """Give a copy its attributes. Each is copied by itself: a memo could have something else for the whole."""

    def copied(value: Any) -> Any:
        return value if memo is None else copy.deepcopy(value, memo)

    if state is None:
        return
    if hasattr(type(made), "__setstate__"):
        made.__setstate__(tuple(map(copied, state)) if type(state) is tuple else copied(state))
        return
    for attributes in state if type(state) is tuple else (state,):
        for name, value in (attributes or {}).items():
            if wrong := names.why_unwritable_attribute(name):
                raise TypeError(f"{type(made).__name__} cannot be copied here: {name} is {wrong}")
            object.__setattr__(made, name, copied(value))


def _of_the_same_object(_: Callable[..., Any]) -> Callable[..., Any]:
    """Take the place of what copies methods, which a memo could bind to anything."""

    def _deepcopy_method(method: Any, memo: Any) -> Any:
        target = copy.deepcopy(method.__self__, memo)
        if _namespace is not None and (type(target) is not type(method.__self__) or isinstance(target, type)):
            return method
        return type(method)(method.__func__, target)

    return _deepcopy_method


def _plain_members(given: Any) -> list[Any]:
    """Return the members of an enumeration, read once, with names that a class statement could have."""
    if isinstance(given, str):
        given = str.__str__(given).replace(",", " ").split()
    if isinstance(given, tuple | list) and given and isinstance(given[0], str):
        listed = [str.__str__(name) if isinstance(name, str) else name for name in given]
        check_names(listed)
        return listed
    members = [(item, given[item]) if isinstance(item, str) else tuple(item) for item in given]
    plain = [(str.__str__(name) if isinstance(name, str) else name, value) for name, value in members]
    check_names(name for name, _ in plain)
    return plain
