"""What is the source's own: the classes and functions that it defines, and which attributes of an object are theirs.

Own objects may be written to, and their private attributes may be read, as in plain Python. What they inherit from a class of
the library is the library's all the same: `class R(ForwardRef)` must not open `ForwardRef._evaluate`.
"""

import abc
import builtins
import collections
import decimal
import enum
import functools
import textwrap
import types
import typing
from typing import Any, Final

from jigsmith_worker.policy import names, packages

MODULE_NAME: Final = "function"
"""The `__name__` of a function's globals, and so the `__module__` of its classes, named tuples and typed dicts."""

plain_classes: Final[set[type]] = set()
"""Own classes all of whose bases are own, too, or have nothing private: the woven-in code skips the guards for these."""

_WITHOUT_PRIVATES: Final = frozenset(
    [value for value in vars(builtins).values() if isinstance(value, type) and value is not super]
    + [abc.ABC, typing.Generic, typing.Protocol]
    + [enum.Enum, enum.IntEnum, enum.StrEnum, enum.Flag, enum.IntFlag, enum.ReprEnum]
)


class SimpleNamespace:
    """Stands for `types.SimpleNamespace`, which takes attributes of any name: numpy, for one, believes special ones."""

    __module__ = "types"

    def __init__(self, /, **attributes: object) -> None:
        for name in attributes:
            if names.is_dunder(name) or names.why_unwritable_attribute(name):
                raise AttributeError(f"{name} cannot be an attribute here")
        vars(self).update(attributes)

    def __repr__(self) -> str:
        name = "namespace" if type(self) is SimpleNamespace else type(self).__name__
        return f"{name}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if isinstance(other, SimpleNamespace) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as the original


_WRITABLE_TYPES: Final = frozenset(
    {
        SimpleNamespace, decimal.Context, functools.partial, textwrap.TextWrapper,
        collections.defaultdict, collections.ChainMap, collections.UserDict, collections.UserList,
    }
)  # fmt: skip
"""Types of the library whose attributes are there to be written."""
LRU_CACHE_WRAPPER: Final = type(functools.lru_cache(len))
_LABELS: Final = frozenset({"columns", "index", "name", "names", "attrs"})
"""What is written to objects of pandas."""

dictionary_of: Final = type.__dict__["__dict__"].__get__
"""The attributes of a class, whatever its metaclass or itself would say."""
_super_this = super.__dict__["__thisclass__"].__get__
_super_self_class = super.__dict__["__self_class__"].__get__


def let_write(cls: type, attributes: str) -> None:
    """Take note of a class that stands in for one of the library's, and of attributes that are there to be written.

    If none is named, these are all public ones that the class itself has not.
    """
    _writable_attributes[cls] = frozenset(attributes.split())


def _is_of_the_class(cls: type, name: str) -> bool:
    return names.is_private(name) or hasattr(cls, name)


_writable_attributes: Final[dict[type, frozenset[str]]] = {}


def note(cls: type) -> None:
    """Take note of a class that the source has made."""
    if all(base in _WITHOUT_PRIVATES or is_own_class(base) for base in cls.__mro__):
        plain_classes.add(cls)


def checked_getattr(find: Any) -> Any:
    """Decorate a `__getattr__`, so that it has no special attributes: numpy would read what an `__array_interface__` names."""

    def __getattr__(self: Any, name: str) -> Any:  # noqa: N807 - it takes the place of one
        if wrong := names.why_unreadable_attribute(name):
            raise AttributeError(f"{name} is {wrong} and cannot be read here")
        if names.is_dunder(name) and name not in names.ORDINARY_DUNDERS:
            raise AttributeError(f"{name} is a special attribute and cannot be made up here")
        return find(self, name) if type(find) is types.FunctionType else find.__get__(self, type(self))(name)

    return __getattr__


_SCALARS: Final = frozenset({bool, bytes, complex, float, int, str, type(None)})
_MADE_ANYHOW: Final = _SCALARS | {dict, frozenset, list, set, tuple}
"""Types of what a `__new__` may return beside an object of a class of the source's: nothing can be written to these."""


def checked_new(make: Any) -> Any:
    """Decorate a `__new__`, so that it makes objects: the library writes to whatever comes of it, be it a class of its own."""

    def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - it takes the place of one
        found = make if type(make) is types.FunctionType else make.__get__(None, cls)
        made = found(cls, *args, **kwargs)
        if isinstance(made, type) or not (is_own(made) or type(made) in _MADE_ANYHOW):
            raise TypeError("a __new__ has to return an object of a class that you define here")
        return made

    return __new__


_CHECKED_CODE: Final = checked_getattr(None).__code__


def _is_checked(function: object) -> bool:
    return type(function) is types.FunctionType and function.__code__ is _CHECKED_CODE


def is_own_class(cls: type) -> bool:
    """Return whether the source defines a class, or is defining it just now."""
    module = dictionary_of(cls).get("__module__")
    return type(module) is str and module == MODULE_NAME


def is_own(value: object) -> bool:
    """Return whether a value is a class that the source defines or one derived from it, or an object of such a class."""
    cls = value if isinstance(value, type) else type(value)
    return cls in plain_classes or any(map(is_own_class, cls.__mro__))


def is_exception(value: object) -> bool:
    """Return whether a value is an exception, or a class of exceptions."""
    return issubclass(value if isinstance(value, type) else type(value), BaseException)


def is_data(value: object) -> bool:
    """Return whether a value is a number or a text, or the source's own. What is in a container may be anything."""
    return type(value) in _SCALARS or is_own(value)


def is_own_function(value: object) -> bool:
    """Return whether a value is a function that the source defines."""
    return type(value) is types.FunctionType and (names.GUARD_WRITE in value.__globals__ or _is_checked(value))


def is_own_callable(value: Any) -> bool:
    """Return whether a value is an own class, an object of one, or an own function: plain, bound, cached or partly applied."""
    while type(value) is functools.partial:
        value = value.func
    if type(value) is LRU_CACHE_WRAPPER:
        value = vars(value).get("__wrapped__")
    return is_own(value) or is_own_function(
        getattr(value, "__func__", value) if type(value) is types.MethodType else value
    )


def defines(value: object, name: str) -> bool:
    """Return whether an attribute of a value is the source's own, and not inherited from a class that is not.

    What no class defines is in the object itself: own objects hold what was put into them.
    """
    found = defining_class(value, name)
    if found is not None:
        return is_own_class(found)
    function = value.__func__ if type(value) is types.MethodType else value
    if is_own_function(function):
        return name in vars(function)
    return not isinstance(value, type | super) and (is_own(value) or type(value) is SimpleNamespace)


def defining_class(value: object, name: str) -> type | None:
    """Return the class in which a value, a class or what `super()` gives finds an attribute; None if in no class."""
    return next((cls for cls in _looked_through(value) if name in dictionary_of(cls)), None)


def class_with(value: object, name: str, found: object) -> type | None:
    """Return the class that has just this under a name; None if a value has it from elsewhere."""
    return next((cls for cls in _looked_through(value) if dictionary_of(cls).get(name) is found), None)


def _looked_through(value: object) -> tuple[type, ...]:
    if isinstance(value, super):
        mro = (_super_self_class(value) or object).__mro__
        return mro[mro.index(_super_this(value)) + 1 :] if _super_this(value) in mro else mro
    return (value if isinstance(value, type) else type(value)).__mro__


def writable(value: Any, name: str) -> Any:
    """Return the value if this attribute of it is the user's to write. Raises AttributeError otherwise.

    The name is one that may be written to something (`names.why_unwritable_attribute`).
    """
    if names.is_dunder(name) and name not in names.WRITABLE_DUNDERS:
        if isinstance(value, type) and is_own(value):
            return value
        raise AttributeError(f"{name} can be written to a class of your own only")
    if is_own(value) or is_own_function(value) or _is_written_to(value, name):
        return value
    raise AttributeError(f"attributes of {type(value).__name__} cannot be written here: use a class of your own")


def _is_written_to(value: Any, name: str) -> bool:
    """Return whether people write such an attribute to such an object of the library, and it means nothing to others."""
    cls = type(value)
    if cls in _WRITABLE_TYPES:
        return True
    if cls in _writable_attributes:
        return name in _writable_attributes[cls] or not (_writable_attributes[cls] or _is_of_the_class(cls, name))
    if names.is_private(name) or names.is_dunder(name):
        return False
    if issubclass(cls, BaseException):
        return True
    if (
        cls is types.FunctionType or cls is LRU_CACHE_WRAPPER
    ):  # what a decorator of the library has made of an own function
        is_of_the_source = getattr(value, "__module__", None) == MODULE_NAME
        return is_of_the_source and is_own_function(vars(value).get("__wrapped__"))
    return packages.is_labelled(value) and (name in _LABELS or not hasattr(cls, name))
