"""Doors of `functools`: what decorators copy from what they decorate, and what generic functions can be asked."""

import contextlib
import functools
import types
from collections.abc import Callable
from typing import Any

from jigsmith_worker.policy import names, own
from jigsmith_worker.policy.copying import Guarding


def replace(guarding: Guarding) -> None:
    """Put the guarded functions in place. The library asks for them where they are."""
    for name, guarded in (("update_wrapper", _of_functions), ("singledispatch", _of_classes)):
        setattr(functools, name, guarded(getattr(functools, name), guarding))


def update_wrapper(wrapper: Any, wrapped: Any) -> Any:
    """Take the place of `functools.update_wrapper`: names and text as they are, attributes and annotations of functions."""
    own.writable(wrapper, "__name__")
    _copy_names(wrapper, wrapped)
    if type(wrapped) is type(wrapper) is types.FunctionType:
        wrapper.__annotations__ = dict(wrapped.__annotations__)
        if own.is_own_function(wrapped):
            wrapper.__wrapped__ = wrapped  # type: ignore[attr-defined]  # functions have what they are given
    return wrapper


def lru_cache(maxsize: Any = 128, typed: Any = False) -> Any:
    """Take the place of `functools.lru_cache`, whose typed keys have classes beside values: own `__eq__` would see them."""
    if callable(maxsize) and not isinstance(maxsize, int):
        return functools.lru_cache(maxsize)
    if not typed:
        return functools.lru_cache(maxsize)
    return lambda function: _typed_cache(function, maxsize)


def _typed_cache(function: Callable[..., Any], maxsize: int | None) -> Callable[..., Any]:
    cached = functools.lru_cache(maxsize)(lambda _kinds, *args, **kwargs: function(*args, **kwargs))

    def remembered(*args: Any, **kwargs: Any) -> Any:
        return cached(tuple(id(type(one)) for one in (*args, *kwargs.values())), *args, **kwargs)

    _copy_names(remembered, function)
    remembered.cache_info, remembered.cache_clear = cached.cache_info, cached.cache_clear  # type: ignore[attr-defined]  # as the original
    return remembered


def wraps(wrapped: Any) -> Callable[[Any], Any]:
    """Take the place of `functools.wraps`."""
    return lambda wrapper: update_wrapper(wrapper, wrapped)


def _copy_names(wrapper: Any, wrapped: Any) -> None:
    for name in ("__name__", "__qualname__", "__doc__"):
        value = getattr(wrapped, name, None)
        if type(value) is str:
            setattr(wrapper, name, value)
    if type(wrapped) is types.FunctionType:
        for name, value in vars(wrapped).items():
            if not (names.is_dunder(name) or names.why_unwritable_attribute(name)):
                setattr(wrapper, name, value)


def _of_functions(update: Callable[..., Any], guarding: Guarding) -> Callable[..., Any]:
    """Wrap what decorators of the library call. From a class it would copy raw descriptors into what it has made of it."""

    def update_wrapper(wrapper: Any, wrapped: Any, *assigned: Any, **options: Any) -> Any:
        if not guarding() or type(wrapped) is types.FunctionType:
            return update(wrapper, wrapped, *assigned, **options)
        with contextlib.suppress(AttributeError):
            _copy_names(wrapper, wrapped)
        wrapper.__wrapped__ = wrapped
        return wrapper

    return update_wrapper


def _of_classes(make: Callable[[Any], Any], guarding: Guarding) -> Callable[[Any], Any]:
    """Wrap what makes a generic function: it compares what it is asked for with all classes that it has met, even `type`."""

    def singledispatch(func: Any) -> Any:
        generic = make(func)
        if guarding():
            generic.dispatch = _dispatch(generic.dispatch)
            generic.register = _register(generic.register)
        return generic

    return singledispatch


def _dispatch(dispatch: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def dispatch_class(cls: Any) -> Any:
        if not isinstance(cls, type):
            raise TypeError("dispatch is for classes")
        return dispatch(cls)

    return dispatch_class


def _register(register: Callable[..., Any]) -> Callable[..., Any]:
    def register_function(cls: Any, func: Any = None) -> Any:
        if func is None and not isinstance(cls, type | types.UnionType):
            function = cls.__func__ if type(cls) in (classmethod, staticmethod) else cls
            if not own.is_own_function(function):
                raise TypeError("register is for classes, and for annotated functions that you define here")
        return register(cls, func)

    return register_function
