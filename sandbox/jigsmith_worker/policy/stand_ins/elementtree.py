"""Stands for `xml.etree.ElementTree`: documents that are texts. Elements are those that the library has in Python.

Those in C can be freed by an `__eq__` of the source's while they are compared (CPython 3.11.2).
"""

import importlib.util
import sys
import types
from typing import Any, Final

from jigsmith_worker.policy import classes, doors, names, own

_NAME: Final = "xml.etree.ElementTree"
_IN_C: Final = "_elementtree"


def _without_c() -> types.ModuleType:
    """Return a module of its own, as it is where its part in C cannot be imported."""
    spec = importlib.util.find_spec(_NAME)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(_IN_C)
    sys.modules[_IN_C] = None  # type: ignore[assignment]  # which the import system documents
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[_IN_C]
        if before is not None:
            sys.modules[_IN_C] = before
    return module


_module: Final[Any] = _without_c()
Element: Final[Any] = _module.Element
ParseError: Final[Any] = _module.ParseError

for _method, _function in list(vars(Element).items()):
    if type(_function) is types.FunctionType and _method not in names.HELD_TO_THEIR_CLASS:
        setattr(Element, _method, doors.held(Element, _function))
classes.forbid_deriving(Element)
own.let_write(Element, "tag text tail attrib")


def _element(value: Any) -> Any:
    if type(value) is not Element:
        raise TypeError(f"expected an Element, not {type(value).__name__}")
    return value


def fromstring(text: str | bytes) -> Any:
    """Return the root of a document. Raises ParseError."""
    if not isinstance(text, str | bytes):
        raise TypeError("a document is a text here")
    return _module.fromstring(str.__str__(text) if isinstance(text, str) else bytes.__getitem__(text, slice(None)))


XML = fromstring


def SubElement(parent: Any, tag: Any, attrib: Any = None, **extra: Any) -> Any:  # noqa: N802 - as in the library
    """Return a new element, the last one of its parent."""
    return _module.SubElement(_element(parent), tag, {} if attrib is None else attrib, **extra)


def iselement(element: Any) -> bool:
    """Return whether this is an element."""
    return type(element) is Element


def indent(tree: Any, space: str = "  ", level: int = 0) -> None:
    """Put white space between the elements of a tree."""
    _module.indent(_element(tree), space, level)


def tostring(
    element: Any,
    encoding: Any = None,
    method: Any = None,
    *,
    xml_declaration: Any = None,
    short_empty_elements: bool = True,
) -> Any:
    """Return a tree as a document: bytes, or with the encoding `unicode` a str."""
    return _module.tostring(
        _element(element), encoding, method, xml_declaration=xml_declaration, short_empty_elements=short_empty_elements
    )
