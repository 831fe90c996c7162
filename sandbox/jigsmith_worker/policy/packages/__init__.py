"""What functions may use of numpy, pandas and sympy, and the doors in them that this gate closes.

These packages evaluate strings (pandas' eval and query, all of sympy by sympify), open files wherever they take a name, and
read any address (numpy's __array_interface__). Facades leave out what is made for that; what hides behind ordinary functions is
replaced inside the packages (`doors`). The rest is listed in docs/threat-model.md, and the layers outside hold it.
"""

import types
from collections.abc import Mapping
from typing import Final

from jigsmith_worker.policy.packages.sympy_modules import SYMPY_MODULES

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
            DatetimeTZDtype IntervalDtype PeriodDtype UInt8Dtype UInt16Dtype UInt32Dtype UInt64Dtype
            describe_option get_option option_context reset_option set_option
        """,
        "pandas.api": "types",
        "pandas.tseries": "offsets",
        "pandas.api.types": """
            CategoricalDtype DatetimeTZDtype IntervalDtype PeriodDtype infer_dtype union_categoricals
            is_any_real_numeric_dtype is_array_like is_bool is_bool_dtype is_categorical_dtype is_complex is_complex_dtype
            is_datetime64_any_dtype is_datetime64_dtype is_datetime64_ns_dtype is_datetime64tz_dtype is_dict_like is_dtype_equal
            is_extension_array_dtype is_file_like is_float is_float_dtype is_hashable is_int64_dtype is_integer is_integer_dtype
            is_interval_dtype is_iterator is_list_like is_named_tuple is_number is_numeric_dtype is_object_dtype is_period_dtype
            is_re is_re_compilable is_scalar is_signed_integer_dtype is_sparse is_string_dtype is_timedelta64_dtype
            is_timedelta64_ns_dtype is_unsigned_integer_dtype pandas_dtype
        """,
        "pandas.errors": "*",
        "zoneinfo": "ZoneInfo ZoneInfoNotFoundError available_timezones",
        "pandas.tseries.offsets": "*",
        "pandas.offsets": "*",
    },
    "sympy": {
        # preview, plotting and their like write code or files and run them; what lambdify writes is looked at (lambdify_door)
        "sympy": """*
            -preview -plot -plot_backends -plot_implicit -plot_parametric -pprint_try_use_unicode -pager_print
            -plotting -textplot -test -doctest -interactive -init_session -parse_expr -parsing -printing
            -algebras -assumptions -calculus -concrete -discrete -external -functions -geometry -multipledispatch
            -ntheory -polys -release -strategies -tensor -utilities -source -print_gtk -print_tree -print_python -python
            -print_rcode -print_ccode -print_fcode -print_glsl -print_jscode -print_maple_code -print_mathml -evalf
            -rcode -ccode -fcode -octave_code -julia_code -rust_code -mathematica_code -glsl_code -jscode -cxxcode
            -maple_code -smtlib_code -Wild -WildFunction -threaded -xthreaded -timed -memoize_property -public
            -filldedent -subsets -lambdify_print -FunctionClass -register_handler -remove_handler
            -var -ring -xring -vring -sring -field -xfield -vfield -sfield -PolynomialRing -FractionField
            -StrPrinter -Options -cacheit -interactive_traversal
        """,
        **SYMPY_MODULES,
    },
}


ALIASES: Final[Mapping[str, str]] = {"pandas.offsets": "pandas.tseries.offsets"}
"""What is a module by its name only as an attribute of its package."""

IMPORTED_BY_C: Final = frozenset({"numpy._core._dtype", "numpy._core._internal", "numpy._core._methods"})
"""What numpy's C code imports while it works, by the `__import__` of whoever uses it. No source can name these modules."""


def comes_from_a_package(value: object) -> bool:
    """Return whether a value, a class or what `super()` gives has to do with one of these packages."""
    if isinstance(value, super):
        value = value.__self_class__  # type: ignore[attr-defined]  # typeshed does not know it
    classes = value.__mro__ if isinstance(value, type) else type(value).__mro__
    return any(_package(cls) in MODULES for cls in classes)


_DESCRIPTORS: Final = (
    types.MethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)  # fmt: skip


def is_of_a_package(method: object) -> bool:
    """Return whether this is a function, a method or an object of one of these packages, whatever it was asked of."""
    if isinstance(method, _DESCRIPTORS):
        return comes_from_a_package(method.__objclass__)
    if isinstance(method, types.BuiltinMethodType) and not isinstance(method.__self__, types.ModuleType):
        return comes_from_a_package(method.__self__)
    if comes_from_a_package(method):
        return True
    function = method.__func__ if isinstance(method, types.MethodType) else method
    return isinstance(function, types.FunctionType | types.BuiltinFunctionType) and _package(function) in MODULES


def may_not_be_derived_from(cls: type) -> bool:
    """Return whether a class is one of these packages' whose methods write to what overridden ones give.

    That are all but exceptions, and what sympy means to be derived from: expressions, functions, printers.
    """
    if _package(cls) not in MODULES or issubclass(cls, BaseException):
        return False
    return not str(cls.__module__).startswith(("sympy.core.", "sympy.printing."))


def is_labelled(value: object) -> bool:
    """Return whether this is a table, a column or an index of pandas."""
    return any(cls.__name__ in {"NDFrame", "Index"} and _package(cls) == "pandas" for cls in type(value).__mro__)


def _package(definition: object) -> str:
    module = getattr(definition, "__module__", "")
    return module.partition(".")[0] if isinstance(module, str) else ""
