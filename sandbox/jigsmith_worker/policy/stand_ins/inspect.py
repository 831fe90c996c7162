"""Stands for `inspect`: what can be asked of one's own functions and classes, without frames and sources."""

import inspect
import types
from collections.abc import Callable
from inspect import (
    BoundArguments,
    Parameter,
    Signature,
    cleandoc,
    isabstract,
    isclass,
    isfunction,
    isgenerator,
    isgeneratorfunction,
    ismethod,
)
from typing import Any

from jigsmith_worker.policy import guards, own, type_question

__all__ = [
    "BoundArguments",
    "Parameter",
    "Signature",
    "cleandoc",
    "getdoc",
    "getmembers",
    "isabstract",
    "isclass",
    "isfunction",
    "isgenerator",
    "isgeneratorfunction",
    "ismethod",
    "signature",
]


def signature(obj: Any, *, follow_wrapped: bool = True) -> Signature:
    """Return the parameters of a function or a class of the source's own. Raises TypeError for others."""
    if not own.is_own_callable(obj):
        raise TypeError("signature() is for functions and classes that you define here")
    found = inspect.signature(obj, follow_wrapped=bool(follow_wrapped))
    if not all(map(_may_be_known, found.parameters.values())):
        raise ValueError("no signature found: this leads to a function of the library")
    return found


def _may_be_known(parameter: Parameter) -> bool:
    """Return whether a default is not something that only the library should have."""
    default = parameter.default
    return not isinstance(default, types.ModuleType) and (
        default is Parameter.empty or type_question.as_asked_for(type(default)) is type(default)
    )


def getdoc(obj: Any) -> str | None:
    """Return the documentation of an object, without its indentation."""
    text = getattr(obj, "__doc__", None)
    return cleandoc(text) if type(text) is str else None


def getmembers(obj: Any, predicate: Callable[[Any], Any] | None = None) -> list[tuple[str, Any]]:
    """Return the attributes of an own class or of one of its objects, by their names."""
    found = []
    for name in sorted(guards.guarded_dir(obj)):
        try:
            value = guards.guarded_getattr(obj, name)
        except AttributeError:
            continue
        if predicate is None or predicate(value):
            found.append((name, value))
    return found
