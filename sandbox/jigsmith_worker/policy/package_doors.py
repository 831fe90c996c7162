"""Doors in numpy, pandas and sympy that are closed inside of these packages: see `packages`."""

import ast
import builtins
import importlib
import io
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, Final

from jigsmith_worker.policy import doors, names
from jigsmith_worker.policy.packages import IMPORTED_BY_C, MODULES

_SIMPLE: Final = (
    ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp,
    ast.UnaryOp, ast.Compare, ast.BoolOp, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.IfExp,
)  # fmt: skip
"""What a mathematical expression is made of, once sympy has rewritten it. No attribute, no item, no lambda."""
_FUNCTIONS: Final = frozenset({"abs", "divmod", "len", "max", "min", "pow", "round", "sorted", "sum"})


def replace(packages: Iterable[str]) -> None:
    """Put the guarded functions in place. They do what they did until `doors.guard` is called. Raises ImportError."""
    if "numpy" in packages:
        _import_late()
    if "pandas" in packages:
        _replace_in_pandas()
    if "sympy" in packages:
        _replace_in_sympy()


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


def _replace_in_pandas() -> None:
    common = importlib.import_module("pandas.io.common")
    _replace("pandas", common.get_handle, _without_files(common.get_handle))
    evaluation = importlib.import_module("pandas.core.computation.eval")
    _replace("pandas", evaluation.eval, _refusing(evaluation.eval, "pandas' eval and query"))
    plotting = importlib.import_module("pandas.plotting._core")
    backend = plotting._get_plot_backend  # noqa: SLF001 - it imports a module of any name
    _replace("pandas", backend, _refusing(backend, "plotting"))
    exceptions = importlib.import_module("pandas.util._exceptions")
    level = exceptions.find_stack_level  # it looks at frames
    _replace("pandas", level, lambda: 2 if doors.guarding() else level())
    applying = importlib.import_module("pandas.core.apply")
    _wrap(applying.Apply, "_apply_str", _of_one_function)
    frame, series = (importlib.import_module(f"pandas.core.{name}") for name in ("frame", "series"))
    groups = importlib.import_module("pandas.core.groupby")
    grouping, resampling = (importlib.import_module(f"pandas.core.{name}") for name in ("groupby.groupby", "resample"))
    windows = importlib.import_module("pandas.core.window")
    for cls in (
        frame.DataFrame, series.Series, groups.DataFrameGroupBy, groups.SeriesGroupBy, grouping.GroupBy, resampling.Resampler,
        windows.Rolling, windows.Expanding, windows.ExponentialMovingWindow,
    ):  # fmt: skip
        for name in ("agg", "aggregate", "apply", "transform"):
            if name in vars(cls):
                _wrap(cls, name, _of_plain_functions)
        if "__getattr__" in vars(cls):
            _wrap(cls, "__getattr__", _without_special_names)
    _wrap(importlib.import_module("pandas.core.generic").NDFrame, "__getattr__", _without_special_names)
    _wrap(importlib.import_module("pandas.core.window.rolling").BaseWindow, "__getattr__", _without_special_names)
    for cls, name in ((frame.DataFrame, "to_string"), (frame.DataFrame, "to_html"), (series.Series, "to_string")):
        _wrap(cls, name, _without_a_path)


def _replace_in_sympy() -> None:
    parser = importlib.import_module("sympy.parsing.sympy_parser")
    _replace("sympy", parser.eval_expr, _of_simple_text(parser.eval_expr))
    _replace("sympy", parser.evaluateFalse, _of_simple_text_first(parser.evaluateFalse))
    function = importlib.import_module("sympy.core.function").UndefinedFunction
    _wrap(function, "__new__", _of_plain_assumptions)
    for module, name, what in (
        ("sympy.utilities.lambdify", "lambdify", "sympy's lambdify"),
        ("sympy.utilities.source", "get_class", "a handler by its name"),
        ("sympy.utilities.magic", "pollute", "a function that sets names"),
    ):
        original = getattr(importlib.import_module(module), name)
        _replace("sympy", original, _refusing(original, what))


def _wrap(cls: type, name: str, guarded: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(cls, name, guarded(vars(cls)[name]))


def _replace(package: str, original: Any, replacement: Any) -> None:
    """Replace a function in every module of a package that has it, whatever it is called there."""
    for name, module in list(sys.modules.items()):
        if module is not None and (name == package or name.startswith(package + ".")):
            for attribute, value in list(vars(module).items()):
                if value is original:
                    setattr(module, attribute, replacement)


def _refusing(original: Callable[..., Any], what: str) -> Callable[..., Any]:
    def refusing(*args: Any, **kwargs: Any) -> Any:
        if doors.guarding():
            raise ValueError(f"{what} cannot be used here: write the expression as Python")
        return original(*args, **kwargs)

    return refusing


def _without_files(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_handle(path_or_buf: Any, *args: Any, **kwargs: Any) -> Any:
        if doors.guarding():
            if not isinstance(path_or_buf, io.StringIO | io.BytesIO):
                raise ValueError(
                    "files cannot be opened here: pass io.StringIO(text), or leave the name out to get text"
                )
            if kwargs.get("compression") not in (None, "infer"):
                raise ValueError("nothing can be compressed here: leave the compression out")
            kwargs["compression"] = None
        return original(path_or_buf, *args, **kwargs)

    return get_handle


def _of_plain_assumptions(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what makes the class of `sympy.Function("f", real=True)`: anything in place of `real` would be its attribute."""

    def new(metaclass: Any, name: Any, *bases: Any, **attributes: Any) -> Any:
        if doors.guarding():
            doors.check_names(attributes)
            if bases or "bases" in attributes:
                raise ValueError("an undefined function of sympy has no bases here: write a class statement")
        return original(metaclass, name, *bases, **attributes)

    return new


def _of_simple_text(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap sympy_parser.eval_expr, which every text that is given to sympy passes."""

    def eval_expr(code: Any, local_dict: Any, global_dict: Any) -> Any:
        if doors.guarding():
            # What lies about what is in it would be asked once more by the code.
            local_dict, global_dict = (dict(dict.items(given or {})) for given in (local_dict, global_dict))
            if type(code) is not types.CodeType:  # else `evaluateFalse` has made it, and checked its text
                _check_expression(code := str.__str__(code), local_dict, global_dict)
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


def _of_one_function(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what looks a function up by its name: first as an attribute of what it is for, then anywhere in numpy."""

    def apply_str(self: Any, obj: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        if doors.guarding():
            _check_functions(func)
            if not hasattr(type(obj), func) and f"-{func}" in MODULES["numpy"]["numpy"].split():
                raise AttributeError(f"{func} of numpy cannot be used here")
        return original(self, obj, func, *args, **kwargs)

    return apply_str


def _of_plain_functions(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `agg` and its like, which take functions by their names."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if doors.guarding():
            _check_functions(args[0] if args else kwargs.get("func"))
            for named in kwargs.values():  # total=("column", "sum")
                if isinstance(named, tuple) and named:
                    _check_functions(named[-1])
        return original(self, *args, **kwargs)

    return method


def _check_functions(func: Any) -> None:
    if type(func) in (list, tuple, dict):
        for one in func.values() if type(func) is dict else func:
            _check_functions(one)
    elif isinstance(func, str):
        if not names.is_plain(func) or func.startswith("to_"):
            raise AttributeError(f"{func} cannot be called by its name here")
    elif func is not None and not callable(func):
        raise TypeError("functions are given here as a function, a name, a list or a dict")


def _without_special_names(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a `__getattr__` that looks into data: numpy would believe an `__array_interface__` in a column."""

    def __getattr__(self: Any, name: str) -> Any:  # noqa: N807 - it takes the place of one
        if doors.guarding() and names.is_dunder(name):
            raise AttributeError(f"{name} is a special attribute and cannot be read here")
        return original(self, name)

    return __getattr__


def _without_a_path(original: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, buf: Any = None, *args: Any, **kwargs: Any) -> Any:
        if doors.guarding() and not (buf is None or isinstance(buf, io.StringIO)):
            raise ValueError("files cannot be opened here: leave the name out to get text")
        return original(self, buf, *args, **kwargs)

    return method


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
    value = global_dict.get(name)
    builtin = value is not None and value is getattr(builtins, name, None)
    return (builtin and name not in _FUNCTIONS) or f"-{name}" in MODULES["sympy"]["sympy"].split()
