"""A walk from everything a function is given, along public names, four steps far: no road leads to the interpreter."""

import builtins
import types
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
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


def walk(starts: Mapping[str, object], read: Callable[[Any, str], Any]) -> Counter[str]:
    """Follow every road from named values; return how much was seen from each. Fails at the first that must not be reached."""
    seen: set[object] = set()
    kept = []  # ids stay unique while the values live
    reached: Counter[str] = Counter()
    level = [(value, name, name) for name, value in starts.items()]
    for _ in range(STEPS + 1):
        following = []
        for value, road, start in level:
            assert not isinstance(value, FORBIDDEN_KINDS), f"{road} is a {type(value).__name__}"
            assert not any(value is one for one in FORBIDDEN_VALUES), f"{road} is {value!r}"
            is_metaclass = isinstance(value, type) and issubclass(value, type)
            assert not is_metaclass or value.__name__ in HELD_METACLASSES, f"{road} is a metaclass"
            reached[start] += 1
            if (key := _key(value, start)) in seen:
                continue
            seen.add(key)
            kept.append(value)
            for name in _names(value):
                try:
                    following.append((read(value, name), f"{road}.{name}", start))
                except (AttributeError, TypeError, ValueError, IndexError, NotImplementedError):
                    continue
        level = following
    return reached


def _key(value: object, start: str) -> object:
    """Functions by code, name and attributes, whatever else has attributes of its own one by one; of others one of each type.

    A guard hands methods out in functions that it makes anew each time. All starts are walked from at once, so what is seen
    once is seen on the shortest road to it.
    """
    if isinstance(value, types.FunctionType):
        return (id(value.__code__), value.__qualname__, *map(id, vars(value).values()))
    if isinstance(value, type | Facade) or getattr(value, "__dict__", None):
        return id(value)
    owner = getattr(value, "__self__", None)
    return (type(value), type(owner), getattr(value, "__name__", "") if owner is not None else "", start)


def _names(value: object) -> list[str]:
    if isinstance(value, Facade):
        return list(vars(value))
    return dir(value)


def test_the_listed_modules_lead_nowhere() -> None:
    """Public names of their facades, and theirs, and so on: no module, frame, code, eval, open or raw getattr."""
    modules = sorted({**STANDARD_LIBRARY, **stand_ins.MODULES})
    reached = walk({name: facade(name) for name in modules}, globals_for("function")["_getattr_"])
    assert all(reached[name] > 1 for name in modules)  # a walk that sees nothing proves nothing


def test_no_import_leads_past_a_facade() -> None:
    """`from json import decoder` takes what json lacks from the real modules, by the name of what it was asked of."""
    assert not any(hasattr(facade(module), "__name__") for module in imports.allowed())


@pytest.mark.parametrize("package", packages.MODULES)
def test_the_modules_of_a_profile_lead_nowhere(package: str) -> None:
    """The same for what numpy, pandas and sympy offer."""
    imports.allow([package])
    starts = {module: facade(module) for module in packages.MODULES[package]}
    with warnings.catch_warnings(action="ignore"):  # a walk touches what is deprecated, too
        reached = walk(starts, globals_for("function")["_getattr_"])
    assert all(reached[module] > 1 for module in starts)


def test_the_builtins_lead_nowhere() -> None:
    """The same from what needs no import."""
    given = globals_for("function")
    starts = {name: value for name, value in given["__builtins__"].items() if name != "__import__"}
    reached = walk(starts, given["_getattr_"])
    assert all(reached[name] for name in starts)


def test_the_walk_finds_a_road_that_is_there() -> None:
    """With the raw getattr, and from a real module, it does; four steps down from what a facade offers, too."""
    import json  # noqa: PLC0415

    planted = types.SimpleNamespace(inner=types.SimpleNamespace(json=json))
    start = types.SimpleNamespace(Given=type("Given", (), {"door": planted}))
    with pytest.raises(AssertionError, match=r"it\.Given\.door\.inner\.json is a module"):
        walk({"other": str, "it": start}, globals_for("function")["_getattr_"])

    with pytest.raises(AssertionError, match="module"):
        walk({"it": types.SimpleNamespace(json=json)}, getattr)
    with pytest.raises(AssertionError, match="code"):
        walk({"it": lambda: 0}, getattr)
