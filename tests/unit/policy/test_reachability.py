"""A walk from everything a function is given, along public names, four steps far: no road leads to the interpreter."""

import builtins
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from jigsmith_worker.policy import imports, packages, stand_ins
from jigsmith_worker.policy.guards import globals_for
from jigsmith_worker.policy.imports import STANDARD_LIBRARY, Facade, facade

STEPS = 4

FORBIDDEN_KINDS = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType)
HELD_METACLASSES = {"CategoricalDtypeType"}
"""They make nothing under the policy: tests/conformance/package_escapes.py."""
FORBIDDEN_NAMES = """
    eval exec compile open __import__ getattr setattr delattr globals locals vars dir input breakpoint memoryview type
""".split()
FORBIDDEN_VALUES = [getattr(builtins, name) for name in FORBIDDEN_NAMES]


def walk(start: object, read: Callable[[Any, str], Any]) -> set[object]:
    """Follow every road from a value; return what was seen. Fails at the first value that must not be reached."""
    seen: set[object] = set()
    kept = []  # ids stay unique while the values live
    level = [(start, "")]
    for _ in range(STEPS + 1):
        following = []
        for value, road in level:
            assert not isinstance(value, FORBIDDEN_KINDS), f"{road} is a {type(value).__name__}"
            assert not any(value is one for one in FORBIDDEN_VALUES), f"{road} is {value!r}"
            is_metaclass = isinstance(value, type) and issubclass(value, type)
            assert not is_metaclass or value.__name__ in HELD_METACLASSES, f"{road} is a metaclass"
            if (key := _key(value)) in seen:
                continue
            seen.add(key)
            kept.append(value)
            for name in _names(value):
                try:
                    following.append((read(value, name), f"{road}.{name}"))
                except (AttributeError, TypeError, ValueError, IndexError, NotImplementedError):
                    continue
        level = following
    return seen


def _key(value: object) -> object:
    """Classes, functions and facades one by one; of other values one of each type, and methods by type and name."""
    if isinstance(value, type | types.FunctionType | Facade):
        return id(value)
    owner = getattr(value, "__self__", None)
    return (type(value), type(owner), getattr(value, "__name__", "") if owner is not None else "")


def _names(value: object) -> list[str]:
    if isinstance(value, Facade):
        return list(vars(value))
    return dir(value)


@pytest.mark.parametrize("module", sorted({**STANDARD_LIBRARY, **stand_ins.MODULES}))
def test_a_listed_module_leads_nowhere(module: str) -> None:
    """Public names of its facade, and theirs, and so on: no module, frame, code, eval, open or raw getattr."""
    read = globals_for("function")["_getattr_"]
    reached = walk(facade(module), read)
    assert len(reached) > 1  # a walk that sees nothing proves nothing


def test_no_import_leads_past_a_facade() -> None:
    """`from json import decoder` takes what json lacks from the real modules, by the name of what it was asked of."""
    assert not any(hasattr(facade(module), "__name__") for module in imports.allowed())


@pytest.mark.parametrize(
    ("package", "module"), [(package, module) for package, modules in packages.MODULES.items() for module in modules]
)
def test_a_module_of_a_profile_leads_nowhere(package: str, module: str) -> None:
    """The same for what numpy, pandas and sympy offer."""
    imports.allow([package])
    with warnings.catch_warnings(action="ignore"):  # a walk touches what is deprecated, too
        reached = walk(facade(module), globals_for("function")["_getattr_"])
    assert len(reached) > 100 or module == "numpy.polynomial"


def test_the_builtins_lead_nowhere() -> None:
    """The same from what needs no import."""
    given = globals_for("function")
    for name, value in given["__builtins__"].items():
        if name != "__import__":
            walk(value, given["_getattr_"])


def test_the_walk_finds_a_road_that_is_there() -> None:
    """With the raw getattr, and from a real module, it does."""
    import json  # noqa: PLC0415

    with pytest.raises(AssertionError, match="module"):
        walk(types.SimpleNamespace(json=json), getattr)
    with pytest.raises(AssertionError, match="code"):
        walk(lambda: 0, getattr)
