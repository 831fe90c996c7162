"""Doors in ordinary functions of the standard library that this gate closes, inside the library itself.

A class statement and an annotation are checked before they are compiled. The same can be said to functions as data:
`Enum("M", {"__getattribute__": f})` makes a class with any special method, `singledispatch(g).register` evaluates annotations
that are texts.
"""

import _markupbase
import calendar
import collections
import contextlib
import copy
import csv
import dataclasses
import difflib
import fractions
import functools
import graphlib
import html.parser
import inspect
import operator
import queue
import random
import re
import statistics
import sys
import types
import typing
import urllib.parse
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from jigsmith_worker.policy import classes, copying, enum_doors, functools_doors, names, own

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
    for name in ("_init_fn", "_repr_fn", "_tuple_str", "_hash_fn", "_frozen_get_del_attr"):
        if hasattr(dataclasses, name):
            _put(dataclasses, name, _of_plain_fields)
    for name in ("_convert", "_coerce"):
        _put(statistics, name, _of_no_metaclass)
    setattr(collections, "namedtuple", namedtuple)  # noqa: B010 - typing asks for it there
    copying.replace(guarding)
    enum_doors.replace(guarding)
    functools_doors.replace(guarding)
    for cls, methods in _METHODS_OF_THEIR_CLASS.items():
        for name in methods.split() or _methods_of(cls):
            _put(cls, name, functools.partial(held, cls))
    setattr(urllib.parse, "urlsplit", _of_plain_texts(urllib.parse.urlsplit))  # noqa: B010 - mypy forbids it plainly
    vars(inspect).update(
        _signature_is_builtin=_by_identity(vars(inspect)["_signature_is_builtin"]),
        _signature_fromstr=_of_no_text(vars(inspect)["_signature_fromstr"]),
    )
    _put(vars(_markupbase)["ParserBase"], "_parse_doctype_subset", _of_html)
    named, alias = inspect.getmro(type(typing.List[int]))[:2]  # noqa: UP006 - the classes of aliases
    _put(alias, "__call__", _of_own_objects)
    for cls in (named, type(typing.Annotated[int, ""])):
        _put(cls, "__eq__", _of_what_is_the_same)


_METHODS_OF_THEIR_CLASS: Final[Mapping[Any, str]] = {
    collections.ChainMap: "copy __copy__ new_child parents __ror__",
    collections.Counter: "copy",
    collections.UserDict: "copy __getitem__ __or__ __ror__ __ior__ __copy__",
    collections.UserList: "copy __copy__ __getitem__ __add__ __radd__ __mul__ __rmul__ __iadd__ __imul__",
    calendar.Calendar: "setfirstweekday firstweekday",
    csv.DictReader: "fieldnames __next__",
    csv.Sniffer: "sniff",
    difflib.SequenceMatcher: "set_seq1 set_seq2 get_matching_blocks get_opcodes quick_ratio",
    fractions.Fraction: "__copy__ __deepcopy__",
    random.Random: "seed setstate gauss",
    types.DynamicClassAttribute: "getter setter deleter",
    inspect.getmro(contextlib.redirect_stdout)[1]: "__enter__ __exit__",
    graphlib.TopologicalSorter: "",
    html.parser.HTMLParser: "",
    inspect.getmro(html.parser.HTMLParser)[1]: "",
    queue.Queue: "task_done join qsize empty full put get put_nowait get_nowait",
    inspect.Signature: "replace bind bind_partial",
    inspect.Parameter: "replace",
    inspect.BoundArguments: "apply_defaults args kwargs",
    inspect.getmro(contextlib.ExitStack)[1]: "callback enter_context pop_all push",
}
"""Methods that write to what they are called with, or call its class, which for a class is `type`; all, if none is named."""
check_names: Final = classes.check_names
_COPIED_HERE: Final = (collections.UserDict, collections.UserList)


def _methods_of(cls: Any) -> list[str]:
    """Return the names of all methods of a class but those that a guard holds to their class anyway."""
    return [
        name
        for name, one in vars(cls).items()
        if type(one) is types.FunctionType and name not in names.HELD_TO_THEIR_CLASS | {"__new__"}
    ]


def _put(owner: Any, name: str, guarded: Callable[[Any], Any]) -> None:
    setattr(owner, name, guarded(vars(owner)[name]))


def held(cls: type, method: Any) -> Any:
    """Return a method, or a property, held to objects of its class."""
    if isinstance(method, property):
        return property(*(accessor and held(cls, accessor) for accessor in (method.fget, method.fset, method.fdel)))

    @functools.wraps(method)
    def checked(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if _namespace is not None:
            if cls not in type(self).__mro__:
                raise TypeError(f"{method.__name__} is for objects of {cls.__name__}")
            if method.__name__ == "__copy__" and cls in _COPIED_HERE:  # they would write to what a `__new__` gives
                made = object.__new__(type(self))
                vars(made).update(vars(self), data=copy.copy(self.data))
                return made
        return method(self, *args, **kwargs)

    return checked


def get_type_hints(obj: Any, globalns: Any = None, localns: Any = None, include_extras: Any = False) -> dict[str, Any]:
    """Take the place of `typing.get_type_hints`: of own functions and classes; texts are looked up by name."""
    if globalns is not None or localns is not None or not (own.is_own(obj) or own.is_own_function(obj)):
        raise TypeError("get_type_hints is for functions and classes that you define here")
    hints = typing.get_type_hints(obj, _namespace, None, bool(include_extras))  # type: ignore[arg-type]  # a dict, when guarded
    return {name: asked_for(hint) for name, hint in hints.items()}


def _of_no_text(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what evaluates the signature in the documentation of a builtin, or of an own class that looks like one."""

    def _signature_fromstr(*args: Any, **kwargs: Any) -> Any:
        if _namespace is not None:
            raise ValueError("no signature found")
        return parse(*args, **kwargs)

    return _signature_fromstr


def _by_identity(is_builtin: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Wrap what asks whether an object is `type` by comparing it: an own `__eq__` would be handed it."""

    def _signature_is_builtin(obj: Any) -> bool:
        if _namespace is not None and own.is_own(obj):
            return False
        return is_builtin(obj)

    return _signature_is_builtin


def _of_plain_texts(split: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what remembers addresses with the classes of its arguments, which an own `__eq__` would be handed."""

    @functools.wraps(split)
    def urlsplit(url: Any, scheme: Any = "", allow_fragments: Any = True) -> Any:
        if _namespace is not None:
            url, scheme, allow_fragments = _plain_address(url), _plain_address(scheme), bool(allow_fragments)
        return split(url, scheme, allow_fragments)

    return urlsplit


def _plain_address(value: Any) -> Any:
    if value is None or type(value) in (str, bytes, bytearray):
        return value
    if not isinstance(value, str):
        raise TypeError(f"an address is a text, not {type(value).__name__}")
    return str.__str__(value)


def _of_html(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what calls a method whose name comes from the declarations of a document, which HTML has not."""

    def _parse_doctype_subset(self: Any, i: int, declared_at: int) -> Any:
        if _namespace is not None:
            raise AssertionError("declarations in a document type cannot be read here")
        return parse(self, i, declared_at)

    return _parse_doctype_subset


def _of_no_metaclass(convert: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what calls the class of a datum, which for a class is a metaclass."""

    def held(first: Any, second: Any) -> Any:
        if _namespace is not None and any(isinstance(one, type) and issubclass(one, type) for one in (first, second)):
            raise TypeError("classes are no data")
        return convert(first, second)

    return held


def _of_plain_fields(make: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what makes a program of the names of a dataclass's fields, at the moment at which it does."""

    def held(*args: Any, **kwargs: Any) -> Any:
        if _namespace is not None:
            for fields in (*args, *kwargs.values()):
                for field in fields if type(fields) in (list, tuple) else ():
                    classes.check_field(field)
        return make(*args, **kwargs)

    return held


def namedtuple(
    typename: Any, field_names: Any, *, rename: Any = False, defaults: Any = None, module: Any = None
) -> Any:
    """Take the place of `collections.namedtuple`, which may evaluate a text: nothing of the caller's runs while it does."""
    return _make_namedtuple(
        _plain_text(typename),
        _plain_text(field_names) if isinstance(field_names, str) else [_plain_text(name) for name in field_names],
        rename=bool(rename),
        defaults=None if defaults is None else tuple(defaults),
        module=sys._getframe(1).f_globals.get("__name__") if module is None else module,  # noqa: SLF001 - public by its documentation
    )


_make_namedtuple: Final = collections.namedtuple  # noqa: PYI024 - it is handed on


def _plain_text(value: Any) -> str:
    return str.__str__(str(value))


def catch_warnings(*, record: bool = False) -> Any:
    """Take the place of `warnings.catch_warnings`, which writes to any object in place of the module."""
    return warnings.catch_warnings(record=record)


def own_only(decorate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that marks what it is given, for what is the source's own."""

    def decorator(definition: Any) -> Any:
        function = definition.fget if type(definition) is property else getattr(definition, "__func__", definition)
        if not (own.is_own(function) or own.is_own_function(function)):
            raise TypeError("this decorator is for classes and functions that you define here")
        return decorate(definition)

    return decorator


def get_origin(alias: Any) -> Any:
    """Take the place of `typing.get_origin`, which knows the real `type`."""
    return asked_for(typing.get_origin(alias))


def get_args(alias: Any) -> tuple[Any, ...]:
    """Take the place of `typing.get_args`."""
    return tuple(map(asked_for, typing.get_args(alias)))


def asked_for(value: Any) -> Any:
    """Return what one gets who asks for a type: something else in place of a metaclass."""
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


def _of_own_objects(call: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what calls an alias: it calls what that stands for and would mark what comes of it, whatever that is."""

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - it takes the place of one
        if _namespace is None:
            return call(self, *args, **kwargs)
        if not isinstance(self.__origin__, type) or issubclass(self.__origin__, type):
            raise TypeError("an alias can be called here if it stands for a class")
        return self.__origin__(*args, **kwargs) if self._inst else call(self)  # which says that it cannot be called

    return __call__


def _of_what_is_the_same(equals: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Wrap what compares aliases: what one stands for, `type` for one, would be handed to the `__eq__` of the other's."""

    def __eq__(self: Any, other: Any) -> Any:  # noqa: N807 - it takes the place of one
        if _namespace is not None and getattr(other, "__origin__", None) is not self.__origin__:
            return NotImplemented
        return equals(self, other)

    return __eq__
