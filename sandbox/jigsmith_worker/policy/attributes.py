"""What `x.__dict__` and `vars(x)` are under the policy: the attributes of an object of an own class that guards let pass.

The real dictionary would take attributes of any name, and numpy, for one, believes an `__array_interface__` that it finds in an
object. So there is a copy of what may be seen, which writes to both.
"""

import copy
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from typing import Any, Final, Self

from jigsmith_worker.policy import names, own

_MISSING: Final = object()


def has_attributes(value: object) -> bool:
    """Return whether a value's attributes are the source's to list: those of an object of its own class, or a namespace."""
    return not isinstance(value, type) and (own.is_own(value) or type(value) is own.SimpleNamespace)


class Attributes(dict[str, Any]):
    """The attributes of an object, as they are when they are looked at. What is written here is written there."""

    __slots__ = ("_behind", "_may_be_seen")

    def __init__(self, behind: dict[str, Any], may_be_seen: Callable[[str, Any], bool]) -> None:
        super().__init__()
        self._behind = behind
        self._may_be_seen = may_be_seen
        self._look()

    def _look(self) -> None:
        """Have the same in the copy, which is what C code reads, as behind it."""
        shown = {name: value for name, value in self._behind.items() if self._may_be_seen(name, value)}
        here = super().items()
        if len(shown) != len(here) or any(
            (name is not other and name != other) or value is not one
            for (name, value), (other, one) in zip(shown.items(), here, strict=True)
        ):
            super().clear()
            super().update(shown)

    def __getitem__(self, name: str) -> Any:
        self._look()
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        self._look()
        return super().__iter__()

    def __len__(self) -> int:
        self._look()
        return super().__len__()

    def __contains__(self, name: object) -> bool:
        self._look()
        return super().__contains__(name)

    def __eq__(self, other: object) -> bool:
        self._look()
        if isinstance(other, Attributes):
            other._look()
        return super().__eq__(other)

    __hash__ = None

    def __repr__(self) -> str:
        self._look()
        return super().__repr__()

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the default if it is missing."""
        self._look()
        return super().get(name, default)

    def keys(self) -> KeysView[str]:  # type: ignore[override]  # a view, as that of dict
        """Return the names."""
        self._look()
        return super().keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]  # a view, as that of dict
        """Return the values."""
        self._look()
        return super().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # a view, as that of dict
        """Return names and values."""
        self._look()
        return super().items()

    def copy(self) -> dict[str, Any]:
        """Return a plain dict."""
        self._look()
        return super().copy()

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __setitem__(self, name: str, value: Any) -> None:
        _check(name)
        self._behind[name] = value
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self._look()
        super().__delitem__(name)
        self._behind.pop(name, None)

    def update(self, *others: Any, **more: Any) -> None:
        """Set several attributes, or none if one of them cannot be set."""
        given = dict(*others, **more)
        for name in given:
            _check(name)
        self._behind.update(given)
        super().update(given)

    def __ior__(self, other: Any) -> Self:  # type: ignore[override]  # as that of dict
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an attribute, and set it before if it is missing."""
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name: str, default: Any = _MISSING) -> Any:
        """Delete an attribute and return it."""
        if name not in self and default is not _MISSING:
            return default
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Delete the newest attribute and return it with its name."""
        self._look()
        name, value = super().popitem()
        self._behind.pop(name, None)
        return name, value

    def clear(self) -> None:
        """Delete all."""
        for name in list(self):
            del self[name]

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return copy.deepcopy(dict(self), memo)

    @staticmethod
    def fromkeys(names: Any, value: Any = None) -> dict[Any, Any]:  # these belong to no object
        """Return a plain dict."""
        return dict.fromkeys(names, value)


def _check(name: object) -> None:
    """Raise TypeError or AttributeError for what cannot be the name of an attribute."""
    if type(name) is not str:
        raise TypeError("an attribute's name must be a plain str")
    if wrong := "a special attribute" if names.is_dunder(name) else names.why_unwritable_attribute(name):
        raise AttributeError(f"{name} is {wrong} and cannot be written here")
