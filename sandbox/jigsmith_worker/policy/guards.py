"""What the woven-in guards do while a function runs, and the builtins that it gets."""

import builtins
import decimal
import sys
import types
from typing import Any, Final

from jigsmith_worker.policy import classes, names, packages, templates
from jigsmith_worker.policy.imports import guarded_import

MODULE_NAME: Final = "function"
"""The `__name__` of a function's globals."""

_own_classes: Final[set[type]] = set()
"""The classes that the source defines."""


_WRITABLE_TYPES: Final = frozenset({types.SimpleNamespace, decimal.Context})
"""Types of the library whose attributes are there to be written."""


def _own_class(cls: Any) -> Any:  # the user's decorators may have made anything of the class
    if isinstance(cls, type):
        _own_classes.add(cls)
    return cls


def _is_own(value: object) -> bool:
    """Return whether a value is a class of the source's own, or of such a class; or of one that is just being made of one."""
    cls = value if isinstance(value, type) else type(value)
    return not _own_classes.isdisjoint(cls.__mro__)


def _name_of_attribute(name: object) -> str:
    if type(name) is not str:  # a subclass could be one text when checked and another when used (RestrictedPython 7.2)
        raise TypeError("an attribute's name must be a plain str")
    return name


def _guarded_getattr(value: Any, name: object, *default: Any) -> Any:
    text = _name_of_attribute(name)
    if wrong := names.why_unreadable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be read here")
    if text in {"__setattr__", "__delattr__"}:
        return _checked_write(getattr(value, text))
    if text in {"format", "format_map"} and (isinstance(value, str) or value is str or _is_str_class(value)):
        return _formatter(value, text)
    if text == "mro" and isinstance(value, type):
        raise AttributeError("mro cannot be read here")
    if text == "obj" and isinstance(value, BaseException):  # CVE-2024-47532
        raise AttributeError("the object of an exception cannot be read here")
    if text in packages.DOORS and packages.comes_from_a_package(value):
        raise AttributeError(f"{text} of numpy, pandas and sympy cannot be used here")
    if names.is_private(text) and not (_is_own(value) or _is_namedtuple(value, text)):
        raise AttributeError(f"{text} is private to its class")
    return getattr(value, text, *default)


def _is_str_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, str)


def _is_namedtuple(value: object, name: str) -> bool:
    cls = value if isinstance(value, type) else type(value)
    return name in names.NAMEDTUPLE_ATTRIBUTES and issubclass(cls, tuple)


def _formatter(value: Any, name: str) -> Any:
    if name == "format_map":
        raise AttributeError("format_map cannot be used here: use format(**mapping)")
    if isinstance(value, type):  # str.format as a function, often mapped over templates
        return lambda template, /, *args, **kwargs: _format(template, args, kwargs)
    return lambda *args, **kwargs: _format(value, args, kwargs)


def _format(template: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Format as str.format does, unless a field walks attributes or items (CVE-2023-41039)."""
    if field := templates.walking_field(template):
        raise ValueError(f"the field {{{field}}} walks into an object: pass the value itself")
    return str.format(template, *args, **kwargs)


def _checked_write(write: Any) -> Any:
    """Return `object.__setattr__` or its like, bound or not, held to what may be written; a method of the user's as it is."""
    if _is_own_function(getattr(write, "__func__", write)):
        return write
    owner = getattr(write, "__self__", None)

    def checked(*arguments: Any) -> None:
        target, name = arguments[:2] if owner is None else (owner, *arguments[:1])
        if wrong := names.why_unwritable_attribute(_name_of_attribute(name)):
            raise AttributeError(f"{name} is {wrong} and cannot be written here")
        _writable(target)
        write(*arguments)

    return checked


def _guarded_setattr(value: Any, name: object, new: Any) -> None:
    text = _name_of_attribute(name)
    if wrong := names.why_unwritable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be written here")
    setattr(_writable(value), text, new)


def _guarded_delattr(value: Any, name: object) -> None:
    text = _name_of_attribute(name)
    if wrong := names.why_unwritable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be deleted here")
    delattr(_writable(value), text)


def _guarded_hasattr(value: Any, name: object) -> bool:
    try:
        _guarded_getattr(value, name)
    except AttributeError:
        return False
    return True


def _writable(value: Any) -> Any:
    """Return the value if its attributes are the user's to write. Raises AttributeError otherwise."""
    if _is_own(value) or type(value) in _WRITABLE_TYPES or _is_own_function(value):
        return value
    raise AttributeError(f"attributes of {type(value).__name__} cannot be written here: use a class of your own")


def _is_own_function(value: object) -> bool:
    return type(value) is types.FunctionType and names.GUARD_WRITE in value.__globals__


class _TypeOfTypes(type):
    """Makes `type` a question, never a constructor of classes."""

    def __call__(cls, *args: Any) -> Any:
        if len(args) != 1:
            raise TypeError("type() takes one argument here: write a class statement to make a class")
        kind = builtins.type(args[0])
        return cls if issubclass(kind, type) else kind

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, type)

    def __getitem__(cls, item: object) -> object:
        return type[item]  # an annotation such as type[int]


class _Type(metaclass=_TypeOfTypes):
    """Stands for `type`."""

    def __init_subclass__(cls) -> None:
        raise TypeError("type cannot be subclassed here")


_Type.__name__ = _Type.__qualname__ = "type"

_ORDINARY: Final = """
    abs aiter all any anext ascii bin bool bytearray bytes callable chr classmethod complex dict divmod
    enumerate filter float format frozenset hash hex id int isinstance issubclass iter len list map max min
    next object oct ord pow print property range repr reversed round set slice sorted staticmethod str sum
    super tuple zip None True False NotImplemented Ellipsis __debug__
""".split()

_EXCEPTIONS: Final = tuple(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)

_BUILTINS: Final[dict[str, Any]] = {name: getattr(builtins, name) for name in (*_ORDINARY, *_EXCEPTIONS)} | {
    "type": _Type,
    "getattr": _guarded_getattr,
    "setattr": _guarded_setattr,
    "delattr": _guarded_delattr,
    "hasattr": _guarded_hasattr,
    "__import__": guarded_import,
    "__build_class__": classes.build_class,
}


def globals_for(module_name: str) -> dict[str, Any]:
    """Return fresh globals. `dataclasses` looks the module of a class up by name, so it exists, and is empty."""
    sys.modules.setdefault(module_name, types.ModuleType(module_name))
    return {
        "__name__": module_name,
        "__builtins__": dict(_BUILTINS),
        names.GUARD_ATTRIBUTE: _guarded_getattr,
        names.GUARD_WRITE: _writable,
        names.GUARD_CLASS: _own_class,
        names.TYPE: type,
        names.CLASS_OF: _Type,
        names.OWN_CLASSES: _own_classes,
    }
