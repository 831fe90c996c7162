"""What is handed out under names whose meaning depends on the object.

Methods of the library would do to anything what they do to their own; some attributes lead to what nobody can import.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, Final

from jigsmith_worker.policy import doors, names, own, type_question


def was_put_there(value: object, name: str, found: object) -> bool:
    """Return whether an attribute of an own object looks like the library's, from a class of which the own one is derived."""
    if type(value) in own.plain_classes or own.defining_class(value, name) is not None or own.is_own_function(value):
        return False
    return not type_question.may_be_called(type(found))


def _own_method(value: object, name: str, found: Any) -> Any:
    """Return a method if it is the source's own, or `__init_subclass__` of the next class on behalf of an own one."""
    if own.is_own_function(getattr(found, "__func__", found)):
        return found
    if name == "__init_subclass__" and isinstance(value, super) and own.is_own(_super_self(value)):
        return found
    raise AttributeError(f"{name} of the library cannot be called here")


def _copy_of_mapping(_value: object, name: str, found: Any) -> Any:
    if type(found) is types.MappingProxyType:
        return types.MappingProxyType(dict(found))
    return dict(found) if names.is_dunder(name) else found


def _of_own_class(value: object, name: str, found: Any) -> Any:
    """Return what a class says of its relations, if it is the source's own: others lead to what nobody can import."""
    is_of_a_class = name != "mro" or belongs_to(found, type)
    if is_of_a_class and not (isinstance(value, type) and own.is_own(value)):
        raise AttributeError(f"{name} can be read of your own classes only")
    return found


def _decorated(value: object, _name: str, found: Any) -> Any:
    """Return what a decorator was given, if both are the source's own."""
    if not (own.is_own_function(value) or type(value) is own.LRU_CACHE_WRAPPER) or not own.is_own_function(found):
        raise AttributeError("__wrapped__ can be read of decorated functions of your own only")
    return found


def _of_the_chain(_value: object, name: str, found: Any) -> Any:
    """Return the exception before this one, if it has but data: the library's own hold what it was busy with."""
    if found is None or own.is_own(found) or all(own.is_data(one) for one in found.args):
        return found
    raise AttributeError(f"{name} of this exception cannot be read here")


def _arguments(value: object, _name: str, found: Any) -> Any:
    """Return the arguments of an exception; pandas raises some with the class of what it was given, `type` for one."""
    if not own.is_exception(behind(value)):
        return found
    if type(found) is not tuple:
        raise AttributeError("args can be read of exceptions, and not of their classes")
    return tuple(map(doors.asked_for, found))


def _accessor(value: object, name: str, found: Any) -> Any:
    """Return a function of a property, if it is the source's own: it would take anything for an object of its class."""
    is_of_a_descriptor = name != "func" or isinstance(
        behind(value), functools.cached_property | functools.partialmethod
    )
    if is_of_a_descriptor and found is not None and not own.is_own_function(found):
        raise AttributeError(f"{name} can be read of your own properties only")
    return found


def _of_an_alias(value: object, name: str, found: Any) -> Any:
    """Return what an alias of typing stands for, as `typing.get_origin` and its like do. Raises AttributeError for all else."""
    if typing.get_origin(value) is None:
        raise AttributeError(f"{name} can be read of types such as list[int] only")
    return tuple(map(doors.asked_for, found)) if type(found) is tuple else doors.asked_for(found)


def _held_to_its_class(value: object, name: str, found: Any) -> Any:
    """Return a method that is generated or the library's, such as `Base.__init__`, held to objects of its own class.

    It would write to, or read from, whatever it is called with, for Python itself does not look. Raises AttributeError for one
    that something hands on from another object.
    """
    if isinstance(found, types.MethodType | types.MethodWrapperType):
        is_of_the_source = own.is_own_function(getattr(found, "__func__", None)) or own.is_own(value)
        if name == "__init__" and not (is_of_the_source or isinstance(value, super) or _is_builtin(type(value))):
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


def behind(value: Any) -> object:
    """Return what `super()`, an alias or a bound object stands for, and any other value as it is."""
    while True:
        if isinstance(value, super):
            value = _super_self(value)
        elif isinstance(value, _ALIASES):
            value = value.__origin__  # type: ignore[attr-defined]  # all of these have one
        elif type(value) is types.MethodType:
            value = value.__func__
        else:
            return value


_ALIASES: Final = (types.GenericAlias, *inspect.getmro(type(typing.List[int]))[:-1])  # noqa: UP006 - the classes of aliases
_super_self: Final = super.__dict__["__self__"].__get__


def belongs_to(method: object, cls: type) -> bool:
    """Return whether this is a method of a builtin class, or of one derived from it: bound to an object, or not."""
    if type(method) is types.BuiltinMethodType:
        return isinstance(method.__self__, cls)
    return type(method) is types.MethodDescriptorType and method.__objclass__ is cls


def _is_builtin(cls: type) -> bool:
    return cls.__module__ == "builtins"


DECISIONS: Final[dict[AbstractSet[str], Callable[[object, str, Any], Any]]] = {
    names.HELD_TO_THEIR_CLASS: _held_to_its_class,
    names.OWN_METHODS: _own_method,
    names.READ_AS_A_COPY: _copy_of_mapping,
    names.READ_OF_OWN_CLASSES | {"mro"}: _of_own_class,
    frozenset({"__wrapped__"}): _decorated,
    names.READ_OF_ALIASES: _of_an_alias,
    names.ACCESSORS | {"func"}: _accessor,
    names.CHAIN: _of_the_chain,
    frozenset({"args"}): _arguments,
}
"""What decides about names: a function of the value, the name and what was found, which it gives, or something instead."""
