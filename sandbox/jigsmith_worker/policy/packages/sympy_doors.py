"""Doors in sympy but for text, which is `doors`' and `lambdify_door`'s: attributes and functions by their names."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from jigsmith_worker.policy import doors, imports, own
from jigsmith_worker.policy.packages.replacing import (
    check_attributes,
    is_no_special_name,
    refusing,
    replace_everywhere,
    without_special_names,
    wrap,
)

_OF_SYMBOLS: Final = ("sympy.polys.rings", "sympy.polys.fields", "sympy.combinatorics.free_groups", "sympy.core.core")
"""Modules that give objects an attribute for each symbol, or class, by its name."""


def replace() -> None:
    """Put the guarded functions in place. Raises ImportError."""
    for module, name, what in (
        ("sympy.utilities.source", "get_class", "a handler by its name"),
        ("sympy.utilities.magic", "pollute", "a function that sets names"),
    ):
        original = getattr(importlib.import_module(module), name)
        replace_everywhere("sympy", original, refusing(original, what))
    wrap(importlib.import_module("sympy.core.function").UndefinedFunction, "__new__", _of_plain_assumptions)
    for module in _OF_SYMBOLS:
        check_attributes(module, is_no_special_name, "setattr", "hasattr")
    singletons = importlib.import_module("sympy.core.singleton").SingletonRegistry
    wrap(singletons, "__getattr__", without_special_names)
    wrap(singletons, "register", _of_no_own_class)
    _hold_printers_to_their_methods()
    _hold_evaluation_to_functions_of_sympy()


def _of_plain_assumptions(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what makes the class of `sympy.Function("f", real=True)`: anything in place of `real` would be its attribute."""

    def new(metaclass: Any, name: Any, *bases: Any, **attributes: Any) -> Any:
        if doors.guarding():
            doors.check_names(attributes)
            if bases or "bases" in attributes:
                raise ValueError("an undefined function of sympy has no bases here: write a class statement")
        return original(metaclass, name, *bases, **attributes)

    return new


def _of_no_own_class(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what makes a class's one object an attribute of `sympy.S`, by the name that the class says it has."""

    def register(self: Any, cls: Any) -> None:
        if doors.guarding() and (own.is_own(cls) or type(cls).__name__ != "Singleton"):
            raise TypeError("a class of your own cannot be registered with sympy.S here")
        original(self, cls)

    return register


def _hold_printers_to_their_methods() -> None:
    """Let printers call what is made to be printed by: an own printer's `printmethod` could be any method of any object."""
    for module in ("pycode", "numpy"):  # imported by lambdify only
        importlib.import_module(f"sympy.printing.{module}")
    printers = set(_subclasses(importlib.import_module("sympy.printing.printer").Printer))
    methods = {printer.printmethod for printer in printers}
    methods |= {f"_{printer._module}code" for printer in printers if hasattr(printer, "_module")}  # noqa: SLF001 - as they do
    check_attributes(
        "sympy.printing.printer",
        lambda name: name in methods or name.startswith("_print_"),
        "getattr",
        "hasattr",
    )


def _hold_evaluation_to_functions_of_sympy() -> None:
    """Let a number be computed only by those functions of mpmath that classes of sympy are called like."""
    functions: Any = importlib.import_module("sympy.core.function")
    functions.mpmath = _Mpmath(
        functions.mpmath, functions_in_mpmath() | _OF_MPMATH | set(functions.MPMATH_TRANSLATIONS.values())
    )


def functions_in_mpmath() -> frozenset[str]:
    """Return the names of sympy's own functions that mpmath has, too. To be called before the fork."""
    functions = _subclasses(importlib.import_module("sympy").Function)
    mpmath = vars(importlib.import_module("mpmath"))
    return frozenset(cls.__name__ for cls in functions if cls.__name__ in mpmath)


_OF_MPMATH: Final = frozenset({"mp", "workprec", "diff"})
"""What the module that looks functions up uses itself. An own class of that name reaches nothing by them."""


class _Mpmath:
    """Stands for mpmath where a function of it is looked up by a class's name, which an own class may choose."""

    def __init__(self, mpmath: Any, offered: frozenset[str]) -> None:
        object.__setattr__(self, "_original", mpmath)
        object.__setattr__(self, "_offered", offered)

    def __getattribute__(self, name: str) -> Any:
        offered = object.__getattribute__(self, "_offered")
        if doors.guarding() and not (type(name) is str and name in offered):
            raise AttributeError("mpmath has no function of that name here")
        return getattr(object.__getattribute__(self, "_original"), name)


def _init_printing(*_: object, **__: object) -> None:
    """Take the place of `sympy.init_printing`: there is no terminal here that it could set up."""


imports.replace("sympy.init_printing", _init_printing)


def _subclasses(cls: Any) -> Iterator[Any]:
    for one in cls.__subclasses__():
        yield one
        yield from _subclasses(one)
