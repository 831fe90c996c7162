"""Making classes: what a pattern may read by position from objects that are not of the source's own.

`case C(x)` reads the attribute that `C.__match_args__` names from whatever `isinstance` takes for a C, and nothing can guard
that. With a virtual subclass (abc.ABC's `register`, a runtime-checkable Protocol) this may be any object: a frame's owner, a
str, a module. So a class whose metaclass is not plain `type` has no names there that could not be read from any object.
"""

import builtins
import dataclasses
import inspect
import types
from collections.abc import Callable
from typing import Any

from jigsmith_worker.policy import names


def build_class(body: Callable[..., Any], name: str, /, *bases: Any, **options: Any) -> Any:
    """Take the place of `__build_class__`. Raises TypeError if positional patterns of the class could read too much."""
    resolved = types.resolve_bases(bases)
    if any(_may_be_virtual(base) for base in resolved):
        for base in resolved:
            _check_match_args(base)
    return builtins.__build_class__(body, name, *bases, **options)


def dataclass(cls: Any = None, /, **options: Any) -> Any:
    """Take the place of `dataclasses.dataclass`: the same, without positional patterns where these could read too much."""

    def decorate(cls: Any) -> Any:
        if _may_be_virtual(cls) and not all(map(names.is_plain, _field_names(cls))):
            return dataclasses.dataclass(cls, **(options | {"match_args": False}))
        return dataclasses.dataclass(cls, **options)

    return decorate if cls is None else decorate(cls)


def _may_be_virtual(cls: Any) -> bool:
    return type(cls) is not type


def _check_match_args(cls: Any) -> None:
    for name in getattr(cls, "__match_args__", ()):
        if not names.is_plain(name):
            raise TypeError(f"a class with the field {name} cannot be a base of an abstract class or protocol here")


def _field_names(cls: Any) -> list[str]:
    """Return the names of all fields that a dataclass will have: those of its bases, too."""
    return [*inspect.get_annotations(cls), *getattr(cls, "__dataclass_fields__", ())]
