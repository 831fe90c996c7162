"""Doors in pandas: files, evaluated text, functions and attributes by their names. See `packages` and `replacing`."""

import importlib
import io
from collections.abc import Callable
from typing import Any, Final

from jigsmith_worker.policy import doors, names, own
from jigsmith_worker.policy.packages import MODULES
from jigsmith_worker.policy.packages.replacing import (
    check_attributes,
    is_ordinary,
    refusing,
    replace_everywhere,
    without_special_names,
    wrap,
)

_AXES: Final = frozenset({"index", "columns"})
_INDEXERS: Final = frozenset({"loc", "iloc", "at", "iat"})
_CONVERSIONS: Final = frozenset({"to_list", "to_numpy", "to_frame", "to_dict", "to_timestamp", "to_period"})
"""Methods that begin with `to_` and write nothing."""


def replace() -> None:
    """Put the guarded functions in place. Raises ImportError."""
    common = importlib.import_module("pandas.io.common")
    replace_everywhere("pandas", common.get_handle, _without_files(common.get_handle))
    evaluation = importlib.import_module("pandas.core.computation.eval")
    replace_everywhere("pandas", evaluation.eval, refusing(evaluation.eval, "pandas' eval and query"))
    plotting = importlib.import_module("pandas.plotting._core")
    backend = plotting._get_plot_backend  # noqa: SLF001 - it imports a module of any name
    replace_everywhere("pandas", backend, refusing(backend, "plotting"))
    exceptions = importlib.import_module("pandas.util._exceptions")
    level = exceptions.find_stack_level  # it looks at frames
    replace_everywhere("pandas", level, lambda: 2 if doors.guarding() else level())
    metaclass: Any = importlib.import_module("pandas.core.dtypes.dtypes").CategoricalDtypeType  # CategoricalDtype.type
    metaclass.__new__ = _of_no_class(metaclass.__new__)
    _replace_what_takes_functions()
    _replace_what_takes_names()
    frame, series = (importlib.import_module(f"pandas.core.{name}") for name in ("frame", "series"))
    for cls, name in ((frame.DataFrame, "to_string"), (frame.DataFrame, "to_html"), (series.Series, "to_string")):
        wrap(cls, name, _without_a_path)


def _replace_what_takes_functions() -> None:
    wrap(importlib.import_module("pandas.core.apply").Apply, "_apply_str", _of_one_function)
    frame, series, grouping, resampling = (
        importlib.import_module(f"pandas.core.{name}") for name in ("frame", "series", "groupby.groupby", "resample")
    )
    groups, windows = (importlib.import_module(f"pandas.core.{name}") for name in ("groupby", "window"))
    for cls in (
        frame.DataFrame, series.Series, groups.DataFrameGroupBy, groups.SeriesGroupBy, grouping.GroupBy, resampling.Resampler,
        windows.Rolling, windows.Expanding, windows.ExponentialMovingWindow,
    ):  # fmt: skip
        for name in ("agg", "aggregate", "apply", "transform"):
            if name in vars(cls):
                wrap(cls, name, _of_named_functions if name.startswith("agg") else _of_plain_functions)
        if "__getattr__" in vars(cls):
            wrap(cls, "__getattr__", without_special_names)
    check_attributes("pandas.core.reshape.pivot", _may_be_called, "getattr")


def _replace_what_takes_names() -> None:
    generic = importlib.import_module("pandas.core.generic").NDFrame
    for name in ("__getattr__", "__setattr__"):
        wrap(generic, name, without_special_names)
    wrap(importlib.import_module("pandas.core.window.rolling").BaseWindow, "__getattr__", without_special_names)
    for module in ("generic", "frame", "indexing"):
        check_attributes(f"pandas.core.{module}", is_ordinary, "getattr", "setattr")
    generic._info_axis = property(_info_axis)  # noqa: SLF001 - own classes say what it is called
    generic._get_axis_name = classmethod(_of_real_axes(generic._get_axis_name.__func__))  # noqa: SLF001 - as above
    wrap(generic, "__finalize__", _of_plain_metadata)
    indexer = importlib.import_module("pandas.core.indexing")._LocationIndexer  # noqa: SLF001 - of all four
    indexer.__init__ = _of_one_indexer(indexer.__init__)
    for name in ("__getitem__", "__setitem__"):
        wrap(importlib.import_module("pandas.core.flags").Flags, name, _of_a_plain_key)


def _of_no_class(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the `__new__` of a metaclass, which would make classes with any special method."""

    def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - it takes the place of one
        if doors.guarding():
            raise TypeError(f"{cls.__name__} cannot be called here: write a class statement")
        return original(cls, *args, **kwargs)

    return __new__


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


def _without_a_path(original: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, buf: Any = None, *args: Any, **kwargs: Any) -> Any:
        if doors.guarding() and not (buf is None or isinstance(buf, io.StringIO)):
            raise ValueError("files cannot be opened here: leave the name out to get text")
        return original(self, buf, *args, **kwargs)

    return method


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
    """Wrap `apply` and its like, which take functions by their names."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if doors.guarding():
            _check_functions(args[0] if args else kwargs.get("func"))
        return original(self, *args, **kwargs)

    return method


def _of_named_functions(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `agg`, which without a function takes `total=("column", "sum")`."""
    plain = _of_plain_functions(original)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if doors.guarding() and not args and kwargs.get("func") is None:
            for named in kwargs.values():
                if isinstance(named, tuple) and tuple.__len__(named) > 1:
                    _check_functions(tuple.__getitem__(named, 1))
        return plain(self, *args, **kwargs)

    return method


def _check_functions(func: Any) -> None:
    if type(func) in (list, tuple, dict):
        for one in func.values() if type(func) is dict else func:
            _check_functions(one)
    elif isinstance(func, str):
        if not _may_be_called(func):
            raise AttributeError(f"{func} cannot be called by its name here")
    elif func is not None and not callable(func):
        raise TypeError("functions are given here as a function, a name, a list or a dict")


def _may_be_called(name: str) -> bool:
    """Return whether a method may be called by its name, or is the name of a function that pandas asks for."""
    return name == "__name__" or (names.is_plain(name) and (not name.startswith("to_") or name in _CONVERSIONS))


def _info_axis(self: Any) -> Any:
    name = self._info_axis_name  # asked once: a class of the source's could answer differently
    if doors.guarding() and not (type(name) is str and name in _AXES):
        raise AttributeError("the axes of pandas are index and columns")
    return getattr(self, name)


def _of_real_axes(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what says how the attribute is called that an axis is written to: a class of the source's could name any."""

    def _get_axis_name(cls: Any, axis: Any) -> Any:
        name = original(cls, axis)
        if doors.guarding() and not (type(name) is str and name in _AXES):
            raise AttributeError("the axes of pandas are index and columns")
        return name

    return _get_axis_name


def _of_plain_metadata(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what copies the attributes that a class of the source's names in `_metadata`."""

    def __finalize__(self: Any, other: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - it takes the place of one
        if doors.guarding() and own.is_own(self):
            listed = self._metadata
            if type(listed) is not list or any(type(name) is not str or names.is_dunder(name) for name in listed):
                raise TypeError("_metadata is a list of names of attributes here")
        return original(self, other, *args, **kwargs)

    return __finalize__


def _of_one_indexer(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what makes `df.loc` and its like, which read the attribute of that name from each part of a table."""

    def __init__(self: Any, name: Any, obj: Any) -> None:  # noqa: N807 - it takes the place of one
        if doors.guarding() and not (type(name) is str and name in _INDEXERS):
            raise AttributeError("an indexer of pandas is loc, iloc, at or iat")
        original(self, name, obj)

    return __init__


def _of_a_plain_key(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap what takes a key for an attribute, once it has found it among its own: a str of an own class could be two."""

    def item(self: Any, key: Any, *value: Any) -> Any:
        if doors.guarding() and type(key) is not str:
            raise KeyError("a flag's name must be a plain str")
        return original(self, key, *value)

    return item
