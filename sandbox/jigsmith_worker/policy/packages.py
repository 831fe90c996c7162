"""What functions may use of numpy, pandas and sympy, and the doors in them that this gate closes.

These packages evaluate strings (pandas' eval and query, all of sympy by sympify), open files wherever they take a name, and
read any address (numpy's __array_interface__). Facades leave out what is made for that; what hides behind ordinary functions is
replaced inside the packages. The rest is listed in docs/threat-model.md and is held by the layers outside of this one.
"""

import ast
import builtins
import importlib
import io
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jigsmith_worker.policy import doors

MODULES: Final[Mapping[str, Mapping[str, str]]] = {
    "numpy": {
        "numpy": """*
            -load -save -savez -savez_compressed -loadtxt -savetxt -genfromtxt -fromfile -fromregex -memmap -from_dlpack
            -get_include -info -show_config -show_runtime -test -frompyfunc -require -setbufsize
            -typing -testing -core -f2py -ctypeslib -lib -rec -recarray -record -char -strings -emath -dtypes -exceptions -ma
        """,
        "numpy.linalg": "* -test",
        "numpy.fft": "* -test",
        "numpy.random": "* -test -bit_generator -mtrand",
        "numpy.polynomial": "Polynomial Chebyshev Legendre Hermite HermiteE Laguerre",
    },
    "pandas": {
        "pandas": """
            NA NaT DataFrame Series Index MultiIndex RangeIndex DatetimeIndex TimedeltaIndex PeriodIndex IntervalIndex
            Categorical CategoricalDtype CategoricalIndex DateOffset Grouper IndexSlice Interval NamedAgg Period Timedelta
            Timestamp Int8Dtype Int16Dtype Int32Dtype Int64Dtype Float32Dtype Float64Dtype StringDtype BooleanDtype array
            bdate_range concat crosstab cut date_range factorize from_dummies get_dummies infer_freq interval_range isna isnull
            json_normalize lreshape melt merge merge_asof merge_ordered notna notnull period_range pivot pivot_table qcut
            read_csv read_json read_table read_fwf timedelta_range to_datetime to_numeric to_timedelta unique wide_to_long
        """,
    },
    "sympy": {
        # lambdify, preview, plotting and their like write code or files and run them
        "sympy": """*
            -lambdify -preview -plot -plot_backends -plot_implicit -plot_parametric -pprint_try_use_unicode -pager_print
            -plotting -textplot -test -doctest -interactive -init_session -init_printing -parse_expr -parsing -printing
            -algebras -assumptions -calculus -concrete -discrete -external -functions -geometry -multipledispatch
            -ntheory -polys -release -strategies -tensor -utilities -source -print_gtk -print_tree -print_python -python
            -print_rcode -print_ccode -print_fcode -print_glsl -print_jscode -print_maple_code -print_mathml -evalf
            -rcode -ccode -fcode -octave_code -julia_code -rust_code -mathematica_code -glsl_code -jscode -cxxcode
            -maple_code -smtlib_code -Wild -WildFunction -threaded -xthreaded -timed -memoize_property -public
            -filldedent -subsets -lambdify_print
        """,
    },
}

_SIMPLE: Final = (
    ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp,
    ast.UnaryOp, ast.Compare, ast.BoolOp, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.IfExp,
)  # fmt: skip
"""What a mathematical expression is made of, once sympy has rewritten it. No attribute, no item, no lambda."""
_FUNCTIONS: Final = frozenset({"abs", "divmod", "len", "max", "min", "pow", "round", "sorted", "sum"})


def replace_doors(packages: Iterable[str]) -> None:
    """Put the guarded functions in place. They do what they did until `doors.guard` is called. Raises ImportError."""
    if "pandas" in packages:
        common = importlib.import_module("pandas.io.common")
        _replace("pandas", common.get_handle, _without_files(common.get_handle))
        evaluation = importlib.import_module("pandas.core.computation.eval")
        _replace("pandas", evaluation.eval, _refusing(evaluation.eval, "pandas' eval and query"))
    if "sympy" in packages:
        parser = importlib.import_module("sympy.parsing.sympy_parser")
        _replace("sympy", parser.eval_expr, _of_simple_text(parser.eval_expr))
        function = importlib.import_module("sympy.core.function").UndefinedFunction
        function.__new__ = _of_plain_assumptions(function.__new__)
        lambdify = importlib.import_module("sympy.utilities.lambdify").lambdify
        _replace("sympy", lambdify, _refusing(lambdify, "sympy's lambdify"))


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
        if doors.guarding() and not isinstance(path_or_buf, io.StringIO | io.BytesIO):
            raise ValueError("files cannot be opened here: pass io.StringIO(text), or leave the name out to get text")
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
            _check_expression(str.__str__(code), local_dict, global_dict)
        return original(code, local_dict, global_dict)

    return eval_expr


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


def comes_from_a_package(value: object) -> bool:
    """Return whether a value, a class or what `super()` gives has to do with one of these packages."""
    if isinstance(value, super):
        value = value.__self_class__  # type: ignore[attr-defined]  # typeshed does not know it
    classes = value.__mro__ if isinstance(value, type) else type(value).__mro__
    return any(_package(cls) in MODULES for cls in classes)


def is_of_a_package(method: object) -> bool:
    """Return whether this is a function or method of one of these packages, whatever it was asked of."""
    if isinstance(method, types.MethodDescriptorType):
        return comes_from_a_package(method.__objclass__)
    function = method.__func__ if isinstance(method, types.MethodType) else method
    return isinstance(function, types.FunctionType | types.BuiltinFunctionType) and _package(function) in MODULES


def _package(definition: object) -> str:
    module = getattr(definition, "__module__", "")
    return module.partition(".")[0] if isinstance(module, str) else ""
