"""Making classes, and what a pattern may read of an object by position.

`case C(x)` reads the attributes that `C.__match_args__` names from whatever `isinstance` takes for a C, and nothing can guard
that. With a virtual subclass (abc.ABC's `register`, a runtime-checkable Protocol) this may be any object: a frame's owner, a
str, a module. So the classes that patterns name are looked at before the match begins, wherever they come from.
"""

import abc
import builtins
import contextlib
import dataclasses
import enum
import functools
import inspect
import keyword
import sys
import types
import typing
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, Final

from jigsmith_worker.policy import names, own, packages

_STAND_FOR_BASES: Final = frozenset(
    {
        types.GenericAlias,
        type(Callable[[], None]),
        *(value for value in vars(typing).values() if isinstance(value, type)),
    }
)
"""Types of what may stand among the bases of a class without being one (PEP 560)."""
_FUNCTIONS_FOR_BASES: Final = (typing.NamedTuple, typing.TypedDict)

NO_BASES: Final = (
    super,
    staticmethod,
    classmethod,
    types.GenericAlias,
    dataclasses.Field,
    functools.cached_property,
    functools.partialmethod,
    functools.singledispatchmethod,
    contextlib.redirect_stdout,
    contextlib.redirect_stderr,
    contextlib.ExitStack,
    inspect.Signature,
    inspect.Parameter,
    inspect.BoundArguments,
)
"""What these write to, or read from, their own attributes name; in a class derived from one, these would be the source's."""


class _Metaclass:
    """Stands for abc.ABCMeta, which makes classes of anything, where a class statement names it. It does not hold it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<class 'abc.ABCMeta'>"


ABC_META: Final = _Metaclass()

_bases: Final[set[type]] = set()
"""The classes of the library that may be derived from, those with a public name, and what these derive from themselves."""


def note_public(value: Any) -> None:
    """Take note of what a facade offers: classes, and aliases of classes."""
    origin = getattr(value, "__origin__", value)
    if isinstance(origin, type):
        _bases.update(origin.__mro__)


for _public in (*vars(builtins).values(), *types.resolve_bases(_FUNCTIONS_FOR_BASES)):
    note_public(_public)


def forbid_deriving(cls: type) -> None:
    """Take note of one more class that no class may derive from."""
    _not_derived.add(cls)


_not_derived: Final[set[type]] = set(NO_BASES)


def is_public(cls: type) -> bool:
    """Return whether a class of the library may be derived from and called."""
    return cls in _bases


def check_base(base: Any) -> None:
    """Raise TypeError for what no class may derive from."""
    if not isinstance(base, type) or issubclass(base, type):
        raise TypeError("a metaclass cannot be made here")
    for cls in base.__mro__:
        if packages.may_not_be_derived_from(cls):
            raise TypeError(f"{cls.__name__} cannot be derived from here: hold one in an attribute")
        if cls in _not_derived or not (cls in _bases or own.is_own_class(cls)):
            raise TypeError(f"{cls.__name__} cannot be derived from here")


def build_class(body: Callable[..., Any], name: str, /, *bases: Any, **options: Any) -> Any:
    """Take the place of `__build_class__`. Raises TypeError for bases that could make more than a class."""
    for base in bases:
        if not (
            isinstance(base, type) or type(base) in _STAND_FOR_BASES or any(base is one for one in _FUNCTIONS_FOR_BASES)
        ):
            raise TypeError(f"{type(base).__name__} cannot be a base of a class here")
    resolved = types.resolve_bases(bases)
    for base in resolved:
        check_base(base)
    check_names_read(resolved)
    lineage = {cls for base in resolved for cls in base.__mro__}
    if not lineage.isdisjoint(_being_decorated):
        raise TypeError("a class cannot be derived from one that is just becoming a dataclass")
    if "metaclass" in options:
        if options["metaclass"] is not ABC_META:
            raise TypeError("a class can have no metaclass here but abc.ABCMeta")
        options["metaclass"] = abc.ABCMeta
    _lineages.append(lineage)
    try:
        cls = builtins.__build_class__(body, name, *bases, **options)
    finally:
        _lineages.pop()
    if isinstance(cls, type):
        check_base(cls)  # the bases were resolved once more
        own.note(cls)
    return cls


_lineages: Final[list[set[type]]] = []
"""What the classes are derived from that are just being made, the innermost last: nobody knows these classes yet."""
_being_decorated: Final[list[type]] = []
"""Classes that are just becoming dataclasses: what they will make others read is not in them yet."""


_annotations = types.ModuleType(own.MODULE_NAME)
vars(_annotations).update(
    typing=typing, dataclasses=dataclasses,
    ClassVar=typing.ClassVar, InitVar=dataclasses.InitVar, KW_ONLY=dataclasses.KW_ONLY,
)  # fmt: skip
sys.modules[own.MODULE_NAME] = _annotations
"""Where `dataclasses` looks for what annotations that are texts name, and where the methods live that it generates.

Not the globals of the function: by these it is known what is the source's own.
"""


def dataclass(cls: Any = None, /, **options: Any) -> Any:
    """Take the place of `dataclasses.dataclass`: the same for own classes, and no positional pattern that could read too much.

    The names of its fields become a program's text, which a TypedDict would not keep from being anything at all.
    """

    def decorate(cls: Any) -> Any:
        if not (isinstance(cls, type) and own.is_own_class(cls)):
            raise TypeError("dataclass is for classes that you define here")
        if type(own.dictionary_of(cls).get("__annotations__", {})) is not dict:
            raise TypeError("the annotations of a class must be a plain dict")
        fields = _field_names(cls)
        for field in fields:
            _check_identifier(field)
            if names.is_dunder(field) or names.why_unreadable_attribute(field):
                raise TypeError(f"{field} cannot be a field's name")
            if found := _inherited_from_the_library(cls, field):
                raise TypeError(f"{field} cannot be a field's name: it means something in {found.__name__}")
        chosen = options if all(_may_match(cls, field) for field in fields) else options | {"match_args": False}
        for derived in _derived_from(cls):
            check_names_read([derived], fields)
        if any(cls in lineage for lineage in _lineages):
            raise TypeError("a class cannot become a dataclass while one that is derived from it is being made")
        _being_decorated.append(cls)
        try:
            made: type = dataclasses.dataclass(cls, **chosen)
        finally:
            _being_decorated.pop()
        _looked_at.clear()
        own.note(made)  # with slots it is a new class
        return made

    return decorate if cls is None else decorate(cls)


def pattern_class(cls: Any) -> Any:
    """Return a class that a pattern with positions names, if it reads nothing that it should not. Raises TypeError."""
    if isinstance(cls, type) and cls not in _looked_at:  # if it is no class, the match itself refuses it
        if type(cls) not in _METACLASSES:
            raise TypeError(f"{cls.__name__} cannot be matched by position here")
        found = own.defining_class(cls, "__match_args__")
        matched = () if found is None else own.dictionary_of(found)["__match_args__"]
        if type(matched) is not tuple:
            raise TypeError(f"{cls.__name__} has no plain tuple of names for positions")
        for name in matched:
            if not _may_match(cls, name):
                raise TypeError(f"a pattern cannot read {name} by its position: name public attributes, as in C(x=x)")
        if found is not None and all(map(names.is_plain, matched)):
            _looked_at.add(cls)
    return cls


_METACLASSES: Final = frozenset({type, abc.ABCMeta, enum.EnumType, type(typing.Protocol)})
"""Those that have no names for positions themselves."""

_looked_at: Final[set[type]] = set()
"""Classes whose patterns are harmless, and stay so: nothing but `dataclass` could give them names later."""


def _may_match(cls: type, name: object) -> bool:
    """Return whether a pattern may read an attribute of what is an instance of a class."""
    if type(name) is not str:
        return False
    if names.is_plain(name):
        return True
    if names.why_unreadable_attribute(name) or type(cls) is not type:
        return False  # only of a plain class is everything that is matched a real instance
    if name in names.SENSITIVE_ATTRIBUTES and names.is_dunder(name):
        return False
    return own.is_own_class(own.defining_class(cls, name) or cls)


def check_names(given: Any) -> None:
    """Check the names of attributes that a class is to have. Raises TypeError."""
    for name in given:
        if type(name) is not str or names.why_unbindable(name):
            raise TypeError(f"a class cannot be given {name!r} here: write a class statement")


def check_field(field: Any) -> None:
    """Raise TypeError if this is a dataclass's field whose name is not to become part of a program."""
    if isinstance(field, dataclasses.Field):
        if type(field) is not dataclasses.Field:
            raise TypeError("dataclasses.Field cannot be derived from here")
        _check_identifier(field.name)


def _check_identifier(name: object) -> None:
    if type(name) is not str or not name.isidentifier() or keyword.iskeyword(name) or not _is_as_compiled(name):
        raise TypeError(f"{name!r} cannot be a field's name")


def _is_as_compiled(name: str) -> bool:
    """Return whether the compiler takes a name as it is written (PEP 3131)."""
    return unicodedata.normalize("NFKC", name) == name


def _derived_from(cls: type) -> set[type]:
    direct: list[type] = type.__subclasses__(cls)
    return {*direct, *(one for derived in direct for one in _derived_from(derived))}


def check_names_read(bases: Iterable[type], more: Iterable[str] = ()) -> None:
    """Raise TypeError if the names that a base gives make patterns or dataclasses read what is the library's.

    For that base they are harmless, but they read the attributes of objects of all that are derived from it, and from a class
    of the library besides. To be called before there is a derived class: the source may keep it, whatever is raised then.
    """
    lineage = {cls for base in bases for cls in base.__mro__}
    given = set(more)
    for cls in filter(own.is_own_class, lineage):
        dictionary = own.dictionary_of(cls)
        given |= {*dictionary.get("__match_args__", ()), *dictionary.get("__dataclass_fields__", ())}
    for cls in lineage:
        if not own.is_own_class(cls):
            for name in given & own.dictionary_of(cls).keys():
                if not names.is_plain(name):
                    raise TypeError(f"{name}, which a pattern or a dataclass reads, means something in {cls.__name__}")


def _inherited_from_the_library(cls: type, name: str) -> type | None:
    """Return the class that is not the source's own in which a class or its metaclass finds a name; None if there is none.

    Its attribute would be the field's default, to be had from `dataclasses.fields`.
    """
    looked_through = cls.__mro__ + inspect.getmro(type(cls))
    return next((one for one in looked_through if name in own.dictionary_of(one) and not own.is_own_class(one)), None)


def _field_names(cls: Any) -> list[Any]:
    """Return the names of all fields that a dataclass will have: those of all of its bases, too."""
    inherited = [own.dictionary_of(base).get("__dataclass_fields__", {}) for base in cls.__mro__]
    return [*inspect.get_annotations(cls), *(field.name for fields in inherited for field in fields.values())]
