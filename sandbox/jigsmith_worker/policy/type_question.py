"""What `type` is under the policy: a question about objects, never a constructor of classes.

The real `type` makes classes with any special method. And the class of many an object of the library is a private one, whose
constructor takes what only the library would give it: the origin of an alias, the name of the attribute that an indexer reads.
So for these, and for metaclasses, something stands in that can be compared, asked for its name and used with `isinstance`.
"""

import builtins
import io
import types
from typing import Any, Final

from jigsmith_worker.policy import classes, doors, own

_HEAP_TYPE: Final = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: a class that was made by a program, not one of the interpreter's own."""
_NOT_TO_BE_MADE: Final = frozenset({types.GenericAlias, io.FileIO})


class _TypeOfTypes(type):
    def __call__(cls, *args: Any) -> Any:
        if len(args) != 1:
            raise TypeError("type() takes one argument here: write a class statement to make a class")
        kind = builtins.type(args[0])
        if issubclass(kind, builtins.type):
            return cls
        return as_asked_for(kind)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, builtins.type)

    def __getitem__(cls, item: object) -> object:
        return doors.TYPE[item]  # an annotation such as type[int]


class Type(metaclass=_TypeOfTypes):
    """Stands for `type`."""

    def __init_subclass__(cls) -> None:
        raise TypeError("type cannot be subclassed here")


Type.__name__ = Type.__qualname__ = "type"
Type.__module__ = "builtins"


class _StandIn(type):
    """The class of what stands for a class that cannot be called here."""

    def __call__(cls, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{cls.__name__} cannot be called here")

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _behind[cls])


_stand_ins: Final[dict[type, type]] = {}
_behind: Final[dict[type, type]] = {}


def as_asked_for(kind: type) -> type:
    """Return a class, or what stands in for it."""
    return kind if may_be_called(kind) else _stand_in(kind)


def is_stand_in(value: object) -> bool:
    """Return whether this stands in for a class."""
    return isinstance(value, _StandIn)


def _stand_in(kind: type) -> type:
    if kind in _stand_ins:
        return _stand_ins[kind]
    made = _stand_ins[kind] = _StandIn(
        kind.__name__, (), {"__module__": kind.__module__}
    )  # fmt: skip
    _behind[made] = kind
    return made


def may_be_called(kind: type) -> bool:
    """Return whether objects of a class may be made here, and so their class be known."""
    if kind in _NOT_TO_BE_MADE:
        return False
    is_made_by_a_program = kind.__flags__ & _HEAP_TYPE
    return not is_made_by_a_program or issubclass(kind, BaseException) or own.is_own(kind) or classes.is_public(kind)
