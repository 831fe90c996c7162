"""Doors in ordinary functions of the standard library that this gate closes, inside the library itself.

A class statement and an annotation are checked before they are compiled. The same can be said to functions as data:
`Enum("M", {"__getattribute__": f})` makes a class with any special method, `singledispatch(g).register` evaluates annotations
that are texts.
"""

import copy
import enum
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

from jigsmith_worker.policy import names

_NAMES: Final = re.compile(r"\s*[^\W\d_]\w*(\.[^\W\d_]\w*)*\s*(\|\s*[^\W\d_]\w*(\.[^\W\d_]\w*)*\s*)*")
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
        if _namespace is not None:
            text = str.__str__(self.__forward_arg__)
            if globalns is not _namespace or not _NAMES.fullmatch(text) or not all(map(names.is_plain, _words(text))):
                raise TypeError(f"the annotation {text!r} cannot be evaluated here: write it without quotes")
        return evaluate(self, globalns, *args, **kwargs)

    return _evaluate


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _with_plain_members(create: Callable[..., Any]) -> Callable[..., Any]:
    def _create_(cls: Any, class_name: Any, names: Any = None, **options: Any) -> Any:
        if _namespace is not None and names is not None:
            names = _plain_members(names)
        return create(cls, class_name, names, **options)

    return _create_


def _of_ordinary_objects(reconstruct: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what copies objects: it writes attributes of any name to what an object's reduction makes."""

    def _reconstruct(original: Any, memo: Any, make: Callable[..., Any], *rest: Any, **options: Any) -> Any:
        def make_alike(*args: Any) -> Any:
            made = make(*args)
            if type(made) is not type(original):
                raise TypeError(f"a copy of {type(original).__name__} would be a {type(made).__name__}")
            return made

        if _namespace is None:
            return reconstruct(original, memo, make, *rest, **options)
        if any(names.is_dunder(name) for name in getattr(original, "__dict__", ())):
            raise TypeError(f"{type(original).__name__} with special attributes cannot be copied here")
        return reconstruct(original, memo, make_alike, *rest, **options)

    return _reconstruct


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
