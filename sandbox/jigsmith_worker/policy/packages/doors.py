"""Doors in numpy, pandas and sympy that are closed inside of these packages: see `packages` and `replacing`."""

import ast
import builtins
import importlib
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, Final

from jigsmith_worker.policy import doors, imports
from jigsmith_worker.policy.packages import IMPORTED_BY_C, MODULES, lambdify_door, pandas_doors, sympy_doors, time_zones
from jigsmith_worker.policy.packages.replacing import hold_methods, refusing, replace_everywhere

_SIMPLE: Final = (
    ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp,
    ast.UnaryOp, ast.Compare, ast.BoolOp, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.IfExp,
)  # fmt: skip
"""What a mathematical expression is made of, once sympy has rewritten it. No attribute, no item, no lambda."""
_FUNCTIONS: Final = frozenset({"abs", "divmod", "len", "max", "min", "pow", "round", "sorted", "sum"})
_BUILTINS: Final = {name: getattr(builtins, name) for name in _FUNCTIONS}


def replace(packages: Iterable[str]) -> None:
    """Put the guarded functions in place. They do what they did until `doors.guard` is called. Raises ImportError."""
    if "numpy" in packages:
        _import_late()
    if "pandas" in packages:
        time_zones.replace()
        pandas_doors.replace()
    if "sympy" in packages:
        _replace_what_evaluates_text()
        sympy_doors.replace()
        lambdify_door.replace()
        _replace_what_mpmath_evaluates()
    for package in (*packages, "mpmath"):
        hold_methods(package)


def _import_late() -> None:
    """Have numpy import what its C code imports when it is used first, by the `__import__` of whoever uses it."""
    numpy = importlib.import_module("numpy")
    for module in IMPORTED_BY_C:
        importlib.import_module(module)
    values = numpy.array([1.0, 2.0])
    str(values), repr(values), str(values.dtype), f"{values} {values[0]:.1f}", repr(values[0])
    try:
        values + numpy.ones(3)
    except ValueError:
        return


def _frombuffer(buffer: Any, *args: Any, **kwargs: Any) -> Any:
    """Take the place of `numpy.frombuffer`: the buffer of an array of objects is their addresses."""
    if "O" in memoryview(buffer).format:
        raise TypeError("the buffer of an array of objects cannot be read here")
    return importlib.import_module("numpy").frombuffer(buffer, *args, **kwargs)


imports.replace("numpy.frombuffer", _frombuffer)


def _replace_what_mpmath_evaluates() -> None:
    """Have mpmath's `identify` take no texts: it evaluates them."""
    identification: Any = importlib.import_module("mpmath.identification")
    identification.eval = refusing(eval, "a text for mpmath")


def _replace_what_evaluates_text() -> None:
    parser = importlib.import_module("sympy.parsing.sympy_parser")
    replace_everywhere("sympy", parser.parse_expr, _of_plain_names(parser.parse_expr))
    replace_everywhere("sympy", parser.eval_expr, _of_simple_text(parser.eval_expr))
    replace_everywhere("sympy", parser.evaluateFalse, _of_simple_text_first(parser.evaluateFalse))


def _of_plain_names(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what reads a text with names of the source's: a dict of an own class could say something else each time."""

    def parse_expr(text: Any, local_dict: Any = None, *args: Any, **kwargs: Any) -> Any:
        if doors.guarding() and isinstance(local_dict, dict):
            local_dict = _plain(local_dict)
        return original(text, local_dict, *args, **kwargs)

    return parse_expr


def _plain(given: Any) -> dict[Any, Any]:
    """Return a copy of what is really in a dict of names. Raises TypeError."""
    copied = dict(dict.items(given or {}))
    if any(type(name) is not str for name in copied if name is not None):
        raise TypeError("names for a text are plain str here")
    return copied


def _of_simple_text(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap sympy_parser.eval_expr, which every text that is given to sympy passes."""

    def eval_expr(code: Any, local_dict: Any, global_dict: Any) -> Any:
        if doors.guarding():
            local_dict, global_dict = (dict(dict.items(given or {})) for given in (local_dict, global_dict))
            if type(code) is not types.CodeType:  # else `evaluateFalse` has made it, and checked its text
                _check_expression(code := str.__str__(code), local_dict, global_dict)
            global_dict["__builtins__"] = _BUILTINS
        return original(code, local_dict, global_dict)

    return eval_expr


def _of_simple_text_first(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap sympy_parser.evaluateFalse, which makes a tree of a text, and its caller code of that."""

    def evaluate_false(text: Any) -> Any:
        if doors.guarding():
            text = str.__str__(text)
            _check_expression(text, None, vars(builtins) | vars(sys.modules["sympy"]))
        return original(text)

    return evaluate_false


def _check_expression(code: str, local_dict: Any, global_dict: Any) -> None:
    for node in ast.walk(ast.parse(code.strip(), mode="eval")):
        what = None if isinstance(node, _SIMPLE) else type(node).__name__
        if isinstance(node, ast.Name) and (node.id.startswith("_") or _is_a_door(node.id, local_dict, global_dict)):
            what = node.id
        if what is not None:
            raise ValueError(f"a text for sympy with {what}: only plain mathematical expressions are read here")


def _is_a_door(name: str, local_dict: Any, global_dict: Any) -> bool:
    if name in (local_dict or {}):
        return False  # what the function itself has handed over
    builtin = getattr(builtins, name, None)
    is_builtin = builtin is not None and global_dict.get(name, builtin) is builtin
    return (is_builtin and name not in _FUNCTIONS) or f"-{name}" in MODULES["sympy"]["sympy"].split()
