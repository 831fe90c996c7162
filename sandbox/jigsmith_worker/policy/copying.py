"""Copies of objects under the policy: what `copy` does, without what a reduction or a memo could have written or bound.

`copy.deepcopy` asks its memo, which the source may fill, for everything that it meets: the class that a copy is made of, the
names of its attributes, the text in them. So what cannot be changed is taken as it is, attributes are copied one by one, and a
copy is of the class of its original.
"""

import copy
import copyreg
import types
from collections.abc import Callable
from typing import Any, Final

from jigsmith_worker.policy import classes, names, own

_AS_THEY_ARE: Final = (
    str, bytes, int, float, complex, bool, type(None), type, types.FunctionType, types.BuiltinFunctionType, types.GenericAlias,
)  # fmt: skip
"""What a copy is that cannot be changed, whatever a memo says."""

Guarding = Callable[[], bool]


def replace(guarding: Guarding) -> None:
    """Put the guarded functions in place of those of `copy` and `copyreg`, which have no public way to be guarded."""
    copy._reconstruct = _guarded_reconstruct(copy._reconstruct, guarding)  # type: ignore[attr-defined]  # noqa: SLF001
    by_type = copy._deepcopy_dispatch  # type: ignore[attr-defined]  # noqa: SLF001
    by_type[types.MethodType] = _guarded_method_copy(by_type[types.MethodType], guarding)
    copyreg._slotnames = _guarded_slot_names(copyreg._slotnames, guarding)  # type: ignore[attr-defined]  # noqa: SLF001


def copied(value: Any, memo: Any) -> Any:
    """Return a value as it is in a copy: itself in a shallow one, for which the memo is None. Raises TypeError."""
    if memo is None or isinstance(value, _AS_THEY_ARE):
        return value
    made = copy.deepcopy(value, memo)
    if type(made) is not type(value):
        raise TypeError(f"a copy of {type(value).__name__} would be a {type(made).__name__}")
    return made


def _guarded_reconstruct(reconstruct: Callable[..., Any], guarding: Guarding) -> Callable[..., Any]:
    """Wrap what makes a copy of an object's reduction (object.__reduce_ex__)."""

    def _reconstruct(
        original: Any,
        memo: Any,
        make: Any,
        args: Any,
        state: Any = None,
        items: Any = None,
        pairs: Any = None,
        **options: Any,
    ) -> Any:
        if not guarding():
            return reconstruct(original, memo, make, args, state, items, pairs, **options)
        if isinstance(original, classes.NO_BASES):
            raise TypeError(f"{type(original).__name__} cannot be copied here")
        made = make(*(copied(arg, memo) for arg in args))
        if type(made) is not type(original):
            raise TypeError(f"a copy of {type(original).__name__} would be a {type(made).__name__}")
        if memo is not None:
            memo[id(original)] = made
        if state is not None:
            _write_state(made, state, memo)
        for item in items or ():
            made.append(copied(item, memo))
        for key, value in pairs or ():
            made[copied(key, memo)] = copied(value, memo)
        return made

    return _reconstruct


def _write_state(made: Any, state: Any, memo: Any) -> None:
    parts = _copied_parts(state, memo)
    if hasattr(type(made), "__setstate__"):
        made.__setstate__(parts)
        return
    attributes, slots = parts if type(parts) is tuple else (parts, None)
    if attributes:
        made.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        _slot(type(made), name).__set__(made, value)


def _slot(cls: type, name: str) -> types.MemberDescriptorType:
    """Return the descriptor of a slot. Raises TypeError for a name that is none, or means something else in a derived class."""
    for one in cls.__mro__:
        if name in own.dictionary_of(one):
            found = own.dictionary_of(one)[name]
            if type(found) is types.MemberDescriptorType and found.__objclass__ is one and not names.is_dunder(name):
                return found
            break
    raise TypeError(f"{cls.__name__} cannot be copied here: {name} is no slot of it")


def _copied_parts(state: Any, memo: Any) -> Any:
    """Return a copy of an object's state, put together anew: a dict of attributes, or several in a tuple. Raises TypeError."""
    if type(state) is tuple:
        return tuple(_copied_parts(part, memo) for part in state)
    if not isinstance(state, dict):
        return copied(state, memo)
    for name in state:
        if isinstance(name, str) and (wrong := names.why_unwritable_attribute(name)):
            raise TypeError(f"this cannot be copied here: {name} is {wrong}")
    return {name: copied(value, memo) for name, value in state.items()}


def _guarded_method_copy(copy_of: Callable[..., Any], guarding: Guarding) -> Callable[..., Any]:
    """Wrap what copies methods, which a memo could bind to anything."""

    def _deepcopy_method(method: Any, memo: Any) -> Any:
        if not guarding():
            return copy_of(method, memo)
        return type(method)(method.__func__, copied(method.__self__, memo))

    return _deepcopy_method


def _guarded_slot_names(slot_names: Callable[..., Any], guarding: Guarding) -> Callable[..., Any]:
    """Wrap what says which slots are copied, which asks the class a second time."""

    def _slotnames(cls: Any) -> Any:
        found = slot_names(cls)
        if guarding():
            for name in found:
                _slot(cls, name)
        return found

    return _slotnames
