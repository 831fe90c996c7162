"""What the woven-in guards do while a function runs, and the builtins that it gets."""

import _string  # type: ignore[import-not-found]  # what string.Formatter itself uses
import builtins
import functools
import string
import types
from typing import Any, Final

from jigsmith_worker.policy import attributes, classes, imports, names, own, packages, sensitive, templates
from jigsmith_worker.policy.imports import Facade, guarded_import
from jigsmith_worker.policy.type_question import Type


def _name_of_attribute(name: object) -> str:
    if type(name) is not str:  # a subclass could be one text when checked and another when used (RestrictedPython 7.2)
        raise TypeError("an attribute's name must be a plain str")
    return name


_NOTHING: Final = object()


def guarded_getattr(value: Any, name: object, *default: Any) -> Any:
    """Take the place of `getattr`. Raises AttributeError for what may not be read, too."""
    text = _name_of_attribute(name)
    if wrong := names.why_unreadable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be read here")
    if names.is_private(text) and not (own.defines(value, text) or _is_namedtuple(value, text)):
        if getattr(value, text, _NOTHING) is not _NOTHING:
            raise AttributeError(f"{text} is private to its class")
        return getattr(value, text, *default)
    if text == "obj" and own.is_exception(sensitive.behind(value)) and not own.defines(value, text):  # CVE-2024-47532
        raise AttributeError("the object of an exception cannot be read here")
    found = getattr(value, text, *default)
    if names.is_private(text) and sensitive.was_put_there(value, text, found):
        raise AttributeError(f"{text} is private to the class that has set it")
    if text not in names.SENSITIVE_ATTRIBUTES or (default and found is default[0]):
        return found
    return _guarded_method(value, text, found)


def _guarded_method(value: object, name: str, found: Any) -> Any:
    """Return a method that was found under a sensitive name, or what takes its place. Raises AttributeError.

    It is judged by what it is, not by what it was asked of: `super()`, aliases of typing and own classes lead to the same ones.
    """
    for decided, decide in _DECISIONS.items():
        if name in decided:
            return decide(value, name, found)
    if (
        name in names.DOORS
        and type(value) is not Facade
        and (packages.comes_from_a_package(sensitive.behind(value)) or packages.is_of_a_package(found))
    ):
        raise AttributeError(f"{name} of numpy, pandas and sympy cannot be used here")
    return found


def _attributes(value: object, _name: str, found: Any) -> Any:
    """Return the dictionary of an object as it may be seen and written to. Raises AttributeError."""
    if type(found) is not dict or not attributes.has_attributes(value):
        raise AttributeError("the attributes can be listed of objects of your own classes only")
    return attributes.Attributes(found, functools.partial(_may_be_seen, value))


def _may_be_seen(value: object, name: str, found: object) -> bool:
    """Return whether an attribute in an object itself may be read. Not by reading it: that may be what asks for this."""
    try:
        if type(name) is not str or names.is_dunder(name) or not _is_listed(value, name):
            return False
        if names.is_private(name) and sensitive.was_put_there(value, name, found):
            return False
        return name not in names.SENSITIVE_ATTRIBUTES or _guarded_method(value, name, found) is found
    except AttributeError:
        return False


def _is_namedtuple(value: object, name: str) -> bool:
    """Return whether this is an attribute of a class that collections.namedtuple has made: one of its own, or a field."""
    found = own.defining_class(value, name)
    if found is None or not issubclass(found, tuple):
        return False
    fields = own.dictionary_of(found).get("_fields")
    return type(fields) is tuple and (name in names.NAMEDTUPLE_ATTRIBUTES or name in fields)


def _checked_format(_value: object, name: str, found: Any) -> Any:
    """Return `str.format` or `format_map`, bound or not, with what a field walks to guarded; any other method as it is."""
    if not sensitive.belongs_to(found, str):
        return found
    formatted = _format if name == "format" else format_map
    if type(found) is types.MethodDescriptorType:  # str.format as a function, often mapped over templates
        return formatted
    return functools.partial(formatted, found.__self__)


class _Formatter(string.Formatter):
    """Formats as str.format does, and walks to attributes by the guard (CVE-2023-41039)."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return the value of a field such as `0.x[1]`, and which argument it begins with."""
        first, rest = _string.formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, step in rest:
            value = guarded_getattr(value, step) if is_attribute else value[step]
        return value, first


def _format(template: str, /, *args: Any, **kwargs: Any) -> str:
    if templates.walking_field(template):
        return _Formatter().vformat(str.__str__(template), args, kwargs)
    return str.format(template, *args, **kwargs)


def format_map(template: str, mapping: Any, /) -> str:
    """Take the place of `str.format_map`."""
    if templates.walking_field(template):
        return _Formatter().vformat(str.__str__(template), (), mapping)
    return str.format_map(template, mapping)


def attribute_getter(*paths: Any) -> Any:
    """Take the place of `operator.attrgetter`, which reads attributes of any name."""
    steps = [_name_of_attribute(path).split(".") for path in paths]

    def get(value: Any) -> Any:
        found = tuple(functools.reduce(guarded_getattr, path, value) for path in steps)
        return found if len(found) > 1 else found[0]

    return get


def method_caller(name: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Take the place of `operator.methodcaller`."""
    return lambda value: guarded_getattr(value, name)(*args, **kwargs)


def _checked_write(_value: object, _name: str, write: Any) -> Any:
    """Return `object.__setattr__` or its like, bound or not, held to what may be written; a method of the user's as it is."""
    if own.is_own_function(getattr(write, "__func__", write)):
        return write
    owner = getattr(write, "__self__", None)

    def checked(*arguments: Any) -> None:
        target, name = arguments[:2] if owner is None else (owner, *arguments[:1])
        if wrong := names.why_unwritable_attribute(_name_of_attribute(name)):
            raise AttributeError(f"{name} is {wrong} and cannot be written here")
        own.writable(target, name)
        write(*arguments)

    return checked


_DECISIONS: Final = sensitive.DECISIONS | {
    frozenset({"format", "format_map"}): _checked_format,
    frozenset({"__setattr__", "__delattr__"}): _checked_write,
    frozenset({"__dict__"}): _attributes,
}


def _guarded_setattr(value: Any, name: object, new: Any) -> None:
    text = _name_of_attribute(name)
    if wrong := names.why_unwritable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be written here")
    setattr(own.writable(value, text), text, new)


def _augmentable(value: Any, name: str) -> Any:
    """Return a value of which an attribute may be both read and written. Raises AttributeError."""
    found = guarded_getattr(value, name)
    if name in names.SENSITIVE_ATTRIBUTES and found is not getattr(value, name):
        raise AttributeError(f"{name} cannot be read and written at once here")
    return own.writable(value, name)


def _guarded_delattr(value: Any, name: object) -> None:
    text = _name_of_attribute(name)
    if wrong := names.why_unwritable_attribute(text):
        raise AttributeError(f"{text} is {wrong} and cannot be deleted here")
    delattr(own.writable(value, text), text)


def _guarded_hasattr(value: Any, name: object) -> bool:
    try:
        guarded_getattr(value, name)
    except AttributeError:
        return False
    return True


def _guarded_vars(*values: Any) -> Any:
    if len(values) != 1:
        raise TypeError("vars() needs an object here")
    try:
        return guarded_getattr(values[0], "__dict__")
    except AttributeError as error:
        raise TypeError(f"vars() cannot be asked for this: {error}") from None


def guarded_dir(*values: Any) -> list[str]:
    """Take the place of `dir`, for own classes and their objects. Raises TypeError."""
    if len(values) != 1:
        raise TypeError("dir() needs an object here")
    value = values[0]
    if not (own.is_own(value) or attributes.has_attributes(value)):
        raise TypeError("dir() is for your own classes and their objects here")
    return [name for name in dir(value) if _is_listed(value, name)]


def _is_listed(value: object, name: str) -> bool:
    """Return whether `dir` names an attribute: not one that could not be read, which is what most do with these names."""
    if names.is_dunder(name) or names.is_private(name):
        return not names.why_unreadable_attribute(name) and own.defines(value, name)
    return not names.why_unreadable_attribute(name)


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
    "type": Type,
    "getattr": guarded_getattr,
    "setattr": _guarded_setattr,
    "delattr": _guarded_delattr,
    "hasattr": _guarded_hasattr,
    "vars": _guarded_vars,
    "dir": guarded_dir,
    "__import__": guarded_import,
    "__build_class__": classes.build_class,
}


class _Held:
    """Has a value as its attribute: patterns may name attributes only."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


imports.replace("operator.attrgetter", attribute_getter)
imports.replace("operator.methodcaller", method_caller)


def globals_for(module_name: str) -> dict[str, Any]:
    """Return fresh globals of a function, with guards and guarded builtins."""
    return {
        "__name__": module_name,
        "__doc__": None,
        "__builtins__": dict(_BUILTINS),
        names.GUARD_ATTRIBUTE: guarded_getattr,
        names.GUARD_WRITE: own.writable,
        names.GUARD_AUGMENT: _augmentable,
        names.TYPE: type,
        names.CLASS_OF: Type,
        names.PLAIN_CLASSES: own.plain_classes,
        names.PATTERN_CLASS: classes.pattern_class,
        names.HELD: _Held,
        names.CHECKED_GETATTR: own.checked_getattr,
        names.CHECKED_NEW: own.checked_new,
    }
