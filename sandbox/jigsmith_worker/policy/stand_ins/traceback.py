"""Stands for `traceback`: the text of exceptions, with the frames of the source and no others."""

import sys
from collections.abc import Iterator
from typing import Any, Final

_HEAD: Final = "Traceback (most recent call last):\n"
_CAUSED: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_WHILE_HANDLED: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"
_ITS_OWN: Final = object()
_CHAIN_MAX: Final = 20
_FRAMES_MAX: Final = 100


def format_exc(limit: int | None = None, chain: bool = True) -> str:
    """Return the text of the exception that is being handled."""
    return "".join(_formatted(sys.exception(), limit, chain=chain))


def print_exc(limit: int | None = None, file: Any = None, chain: bool = True) -> None:
    """Print it, to the standard error if nothing else is named."""
    print(format_exc(limit, chain), end="", file=sys.stderr if file is None else file)


def format_exception(
    exc: Any, /, value: Any = None, tb: Any = _ITS_OWN, limit: int | None = None, chain: bool = True
) -> list[str]:
    """Return the text of an exception, in parts; the older form with three arguments is understood."""
    error = value if isinstance(exc, type) else exc
    return list(_formatted(error, 0 if tb is None else limit, chain=chain))


def print_exception(
    exc: Any, /, value: Any = None, tb: Any = _ITS_OWN, limit: int | None = None, file: Any = None, chain: bool = True
) -> None:
    """Print the text of an exception."""
    print("".join(format_exception(exc, value, tb, limit, chain)), end="", file=sys.stderr if file is None else file)


def format_exception_only(exc: Any, /, value: Any = None) -> list[str]:
    """Return the last lines of such a text: what was raised."""
    return [*_last_lines(value if isinstance(exc, type) else exc)]


def _formatted(error: Any, limit: int | None, *, chain: bool, depth: int = 0) -> Iterator[str]:
    if not isinstance(error, BaseException):
        yield "NoneType: None\n"
        return
    before = error.__context__ if error.__cause__ is None and not error.__suppress_context__ else error.__cause__
    if chain and before is not None and depth < _CHAIN_MAX:
        yield from _formatted(before, limit, chain=True, depth=depth + 1)
        yield _CAUSED if error.__cause__ is not None else _WHILE_HANDLED
    lines = list(_frames(error))
    shown = lines[:limit] if limit is None or limit >= 0 else lines[limit:]
    if shown:
        yield _HEAD
    yield from shown
    yield from _last_lines(error)


def _frames(error: BaseException) -> Iterator[str]:
    step, count = error.__traceback__, 0
    while step is not None and count < _FRAMES_MAX:
        code = step.tb_frame.f_code
        if code.co_filename == "<function>":
            yield f'  File "<function>", line {step.tb_lineno}, in {code.co_name}\n'
            count += 1
        step = step.tb_next


def _last_lines(error: Any) -> Iterator[str]:
    if not isinstance(error, BaseException):
        yield "NoneType: None\n"
        return
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - it is the source's
        text = "<exception str() failed>"
    yield f"{name}: {text}\n" if text else f"{name}\n"
    for note in getattr(error, "__notes__", ()):
        yield f"{note}\n"
