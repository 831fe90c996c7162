"""What the woven-in guards do while a function runs, and the builtins that it gets."""

import builtins
import sys
import types
from typing import Any, Final

from jigsmith_worker.policy import classes, doors, names, own, packages, templates
from jigsmith_worker.policy.imports import Facade, guarded_import


def _name_of_attribute(name: object) -> str:
    if type(name) is not str:  # a subclass could be one text when checked and another when used (RestrictedPython 7.2)
        raise TypeError("an attribute's name must be a plain str")
    return name


def _guarded_getattr(value: Any, name: object, *default: Any) -> Any:
    text = _name_of_attribute(name)
    if wrong := names.why_unreadable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be read here")
    if names.is_private(text) and not (own.defines(value, text) or _is_namedtuple(value, text)):
        raise AttributeError(f"{text} is private to its class")
    if text == "obj" and isinstance(_behind(value), BaseException) and not own.defines(value, text):  # CVE-2024-47532
        raise AttributeError("the object of an exception cannot be read here")
    found = getattr(value, text, *default)
    return _guarded_method(value, text, found) if text in names.SENSITIVE_ATTRIBUTES else found


def _guarded_method(value: object, name: str, found: Any) -> Any:
    """Return a method that was found under a sensitive name, or what takes its place. Raises AttributeError.

    It is judged by what it is, not by what it was asked of: `super()`, aliases of typing and own classes lead to the same ones.
    """
    if name in names.HELD_TO_THEIR_CLASS:
        return _held_to_its_class(value, name, found)
    if name in {"__setattr__", "__delattr__"}:
        return _checked_write(found)
    if name in {"__getattr__", "__set_name__"} and not own.is_own_function(getattr(found, "__func__", found)):
        raise AttributeError(f"{name} of the library takes any name, and cannot be called here")
    if name in {"format", "format_map"}:
        return _checked_format(found, name)
    if name == "mro" and not own.is_own_function(getattr(found, "__func__", found)) and _belongs_to(found, type):
        raise AttributeError("mro cannot be read here")
    if (
        name in names.DOORS
        and type(value) is not Facade
        and (packages.comes_from_a_package(value) or packages.is_of_a_package(found))
    ):
        raise AttributeError(f"{name} of numpy, pandas and sympy cannot be used here")
    return found


def _behind(value: Any) -> object:
    """Return what `super()` or an alias stands for, and any other value as it is."""
    while isinstance(value, super | types.GenericAlias):
        value = _super_self(value) if isinstance(value, super) else value.__origin__
    return value


_super_self: Final = super.__dict__["__self__"].__get__


def _held_to_its_class(value: object, name: str, found: Any) -> Any:
    """Return a method that is generated or the library's, such as `Base.__init__`, held to objects of its own class.

    It would write to, or read from, whatever it is called with, for Python itself does not look. Raises AttributeError for one
    that something hands on from another object.
    """
    if type(found) is types.MethodType and not own.is_own_function(found.__func__):
        if name == "__init__" and not (isinstance(value, super) or own.is_own(value)):
            raise AttributeError(f"{name} of {type(value).__name__} cannot be called again here")
        return found
    if type(found) is not types.FunctionType or own.is_own_function(found):
        return found
    cls = own.class_with(value, name, found)
    if cls is None:
        raise AttributeError(f"{name} is not an attribute of {type(value).__name__}'s own class")

    def checked(target: Any, /, *args: Any, **kwargs: Any) -> Any:
        if cls not in type(target).__mro__:
            raise TypeError(f"this {name} is for objects of {cls.__name__}")
        return found(target, *args, **kwargs)

    return checked


def _belongs_to(method: object, cls: type) -> bool:
    """Return whether this is a method of a builtin class, or of one derived from it: bound to an object, or not."""
    if type(method) is types.BuiltinMethodType:
        return isinstance(method.__self__, cls)
    return type(method) is types.MethodDescriptorType and method.__objclass__ is cls


def _is_namedtuple(value: object, name: str) -> bool:
    cls = value if isinstance(value, type) else type(value)
    return name in names.NAMEDTUPLE_ATTRIBUTES and issubclass(cls, tuple)


def _checked_format(found: Any, name: str) -> Any:
    """Return `str.format` with its templates checked, bound or not; any other method of that name as it is."""
    if not _belongs_to(found, str):
        return found
    if name == "format_map":
        raise AttributeError("format_map cannot be used here: use format(**mapping)")
    if type(found) is types.MethodDescriptorType:  # str.format as a function, often mapped over templates
        return lambda template, /, *args, **kwargs: _format(template, args, kwargs)
    return lambda *args, **kwargs: _format(found.__self__, args, kwargs)


def _format(template: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Format as str.format does, unless a field walks attributes or items (CVE-2023-41039)."""
    if field := templates.walking_field(template):
        raise ValueError(f"the field {{{field}}} walks into an object: pass the value itself")
    return str.format(template, *args, **kwargs)


def _checked_write(write: Any) -> Any:
    """Return `object.__setattr__` or its like, bound or not, held to what may be written; a method of the user's as it is."""
    if own.is_own_function(getattr(write, "__func__", write)):
        return write
    owner = getattr(write, "__self__", None)

    def checked(*arguments: Any) -> None:
        target, name = arguments[:2] if owner is None else (owner, *arguments[:1])
        if wrong := names.why_unwritable_attribute(_name_of_attribute(name)):
            raise AttributeError(f"{name} is {wrong} and cannot be written here")
        own.writable(target)
        write(*arguments)

    return checked


def _guarded_setattr(value: Any, name: object, new: Any) -> None:
    text = _name_of_attribute(name)
    if wrong := names.why_unwritable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be written here")
    setattr(own.writable(value), text, new)


def _guarded_delattr(value: Any, name: object) -> None:
    text = _name_of_attribute(name)
    if wrong := names.why_unwritable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be deleted here")
    delattr(own.writable(value), text)


def _guarded_hasattr(value: Any, name: object) -> bool:
    try:
        _guarded_getattr(value, name)
    except AttributeError:
        return False
    return True


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
        return doors.TYPE[item]  # an annotation such as type[int]


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


class _Held:
    """Has a value as its attribute: patterns may name attributes only."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def globals_for(module_name: str) -> dict[str, Any]:
    """Return fresh globals. `dataclasses` looks the module of a class up by name, so it exists, and is empty."""
    sys.modules.setdefault(module_name, types.ModuleType(module_name))
    return {
        "__name__": module_name,
        "__builtins__": dict(_BUILTINS),
        names.GUARD_ATTRIBUTE: _guarded_getattr,
        names.GUARD_WRITE: own.writable,
        names.TYPE: type,
        names.CLASS_OF: _Type,
        names.PLAIN_CLASSES: own.plain_classes,
        names.PATTERN_CLASS: classes.pattern_class,
        names.HELD: _Held,
        names.CHECKED_GETATTR: own.checked_getattr,
    }
