"""Doors of `enum`: what may become a member of an enumeration, and what its methods may be called with.

Enum writes to whatever the `__new__` of an enumeration returns, and its operators call the class of what they are called with.
"""

import enum
import inspect
import re
import types
from collections.abc import Callable
from typing import Any, Final

from jigsmith_worker.policy import classes
from jigsmith_worker.policy.copying import Guarding

_OPERATORS: Final = "__or__ __and__ __xor__ __ror__ __rand__ __rxor__ __invert__".split()


def replace(guarding: Guarding) -> None:
    """Put the guarded functions in place."""
    for name, guarded in (("_create_", _with_plain_members), ("_find_new_", _of_members_only)):
        original = vars(enum.EnumType)[name]
        is_bound = isinstance(original, classmethod)
        made = guarded(original.__func__ if is_bound else original, guarding)
        setattr(enum.EnumType, name, classmethod(made) if is_bound else made)
    missing: Any = vars(enum.Flag)["_missing_"]
    enum.Flag._missing_ = classmethod(_of_plain_objects(missing.__func__, guarding))  # type: ignore[assignment]  # a classmethod, as the original
    for cls in (enum.Flag, enum.IntFlag, re.RegexFlag):
        for name in _OPERATORS:
            if name in vars(cls):
                setattr(cls, name, _of_flags(vars(cls)[name], guarding))


def _of_flags(operate: Callable[..., Any], guarding: Guarding) -> Callable[..., Any]:
    def held(self: Any, *other: Any) -> Any:
        if guarding() and enum.Flag not in inspect.getmro(type(self)):
            raise TypeError("this is for members of flags")
        return operate(self, *other)

    held.__name__ = held.__qualname__ = operate.__name__
    return held


def _makes_its_own(new: Any) -> bool:
    """Return whether this is the `__new__` of a builtin class, which makes an object of the class that it is called with."""
    return type(new) is types.BuiltinFunctionType and new.__name__ == "__new__" and isinstance(new.__self__, type)


def _of_members_only(find: Callable[..., Any], guarding: Guarding) -> Callable[..., Any]:
    """Wrap what finds the `__new__` of an enumeration."""

    def _find_new_(*args: Any) -> tuple[Any, Any, Any]:
        new, is_saved, has_arguments = find(*args)
        return (_checked(new) if guarding() and not _makes_its_own(new) else new), is_saved, has_arguments

    return _find_new_


def _checked(new: Callable[..., Any]) -> Callable[..., Any]:
    def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - it takes the place of one
        made = new(cls, *args, **kwargs)
        if type(made) is not cls:
            raise TypeError("the __new__ of an enumeration has to return a member of it")
        return made

    return __new__


def _of_plain_objects(missing: Callable[..., Any], guarding: Guarding) -> Callable[..., Any]:
    """Wrap what makes the combinations of flags."""

    def _missing_(cls: Any, value: Any) -> Any:
        kind = cls._member_type_
        if guarding() and not (kind is object or _makes_its_own(inspect.getattr_static(kind, "__new__", None))):
            raise TypeError("flags of this class cannot be combined here")
        return missing(cls, value)

    return _missing_


def _with_plain_members(create: Callable[..., Any], guarding: Guarding) -> Callable[..., Any]:
    def _create_(cls: Any, class_name: Any, names: Any = None, **options: Any) -> Any:
        if names is not None and guarding():
            names = _plain_members(names)
            options["module"] = None  # it would be the source's own, and so would be what it derives from
            if (mixed_in := options.get("type")) is not None:
                classes.check_base(mixed_in)
                classes.check_names_read((mixed_in, cls))
        return create(cls, class_name, names, **options)

    return _create_


def _plain_members(given: Any) -> list[Any]:
    """Return the members of an enumeration, read once, with names that a class statement could have."""
    if isinstance(given, str):
        given = str.__str__(given).replace(",", " ").split()
    if isinstance(given, tuple | list) and given and isinstance(given[0], str):
        listed = [str.__str__(name) if isinstance(name, str) else name for name in given]
        classes.check_names(listed)
        return listed
    members = [(item, given[item]) if isinstance(item, str) else tuple(item) for item in given]
    plain = [(str.__str__(name) if isinstance(name, str) else name, value) for name, value in members]
    classes.check_names(name for name, _ in plain)
    return plain
