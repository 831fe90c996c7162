"""What functions may use of numpy, pandas and sympy, and the doors in them that this gate closes.

These packages evaluate strings (pandas' eval and query, all of sympy by sympify), open files wherever they take a name, and
read any address (numpy's __array_interface__). Facades leave out what is made for that; what hides behind ordinary functions is
replaced inside the packages (`package_doors`). The rest is listed in docs/threat-model.md, and the layers outside hold it.
"""

import types
from collections.abc import Mapping
from typing import Final

MODULES: Final[Mapping[str, Mapping[str, str]]] = {
    "numpy": {
        "numpy": """*
            -load -save -savez -savez_compressed -loadtxt -savetxt -genfromtxt -fromfile -fromregex -memmap -from_dlpack
            -get_include -info -show_config -show_runtime -test -frompyfunc -require -setbufsize -nditer -nested_iters -bmat
            -typing -testing -core -f2py -ctypeslib -lib -rec -recarray -record -char -strings -emath -dtypes -exceptions -ma
        """,
        "numpy.linalg": "* -test",
        "numpy.fft": "* -test",
        "numpy.random": "* -test -bit_generator -mtrand -set_state -BitGenerator -MT19937 -Philox -PCG64 -PCG64DXSM -SFC64",
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
            -filldedent -subsets -lambdify_print -FunctionClass -register_handler -remove_handler
            -var -ring -xring -vring -sring -field -xfield -vfield -sfield
        """,
    },
}


IMPORTED_BY_C: Final = frozenset({"numpy._core._dtype", "numpy._core._internal", "numpy._core._methods"})
"""What numpy's C code imports while it works, by the `__import__` of whoever uses it. No source can name these modules."""


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


def is_labelled(value: object) -> bool:
    """Return whether this is a table, a column or an index of pandas."""
    return any(cls.__name__ in {"NDFrame", "Index"} and _package(cls) == "pandas" for cls in type(value).__mro__)


def _package(definition: object) -> str:
    module = getattr(definition, "__module__", "")
    return module.partition(".")[0] if isinstance(module, str) else ""
