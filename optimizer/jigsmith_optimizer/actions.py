"""The optimizer's actions (arXiv:2402.11359, section 3): as tools for a model, and as values once a tool call was checked."""

import json
import keyword
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from jigsmith_optimizer.texts import beginning, well_formed

ActionKind = Literal["add_function", "revise_function", "remove_function", "terminate"]

_NAME_CHARS_MAX: Final = 64
"""Names of tools are no longer, in any API."""
_SOURCE_CHARS_MAX: Final = 65_536
_EXAMPLES_MAX: Final = 8
_DEPTH_MAX: Final = 64
"""Of lists and objects in each other: what has a canonical form at the runtime."""

PACKAGES: Final = ("numpy", "pandas", "sympy")
"""What functions may import beyond the standard library: the runtime's profile `scientific` has them."""


class ActionInvalidError(Exception):
    """A model's tool call is no action; the message is for the model."""


@dataclass(frozen=True, slots=True)
class Example:
    """One call that a proposed function must survive, with the result it should give if that is known."""

    arguments: Mapping[str, Any]
    expected: Any = None
    has_expected: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One checked action."""

    kind: ActionKind
    name: str = ""
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    reason: str = ""
    packages: tuple[str, ...] = ()
    """What the source imports beyond the standard library."""
    examples: tuple[Example, ...] = ()


_FUNCTION_PROPERTIES: Final = {
    "name": {"type": "string", "description": "a Python identifier"},
    "description": {"type": "string", "description": "what it does, for the agent that will call it"},
    "parameters": {"type": "object", "description": "JSON Schema of the arguments; type object"},
    "source": {"type": "string", "description": "Python source that defines the function"},
    "packages": {
        "type": "array",
        "items": {"type": "string", "enum": list(PACKAGES)},
        "description": "what the source imports beyond the standard library",
    },
    "reason": {"type": "string", "description": "which failures this mends, and how"},
    "examples": {
        "type": "array",
        "description": "calls to try before it is used",
        "items": {"type": "object", "properties": {"arguments": {"type": "object"}, "expected": {}}},
    },
}


def _tool(name: str, description: str, properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def tools() -> list[dict[str, Any]]:
    """Return the actions as the `tools` of a Chat Completions request."""
    required = ["name", "description", "parameters", "source", "reason"]
    named = {key: _FUNCTION_PROPERTIES[key] for key in ("name", "reason")}
    return [
        _tool("add_function", "Add a new function.", _FUNCTION_PROPERTIES, required),
        _tool("revise_function", "Replace an existing function.", _FUNCTION_PROPERTIES, required),
        _tool("remove_function", "Remove a function.", named, ["name", "reason"]),
        _tool("terminate", "Change nothing more.", {"reason": {"type": "string"}}, ["reason"]),
    ]


def parse(tool_name: str, arguments_json: str, present: frozenset[str]) -> Action:
    """Check a model's tool call against the functions that are present. Raises ActionInvalidError."""
    given = _given(arguments_json)
    reason = _text(given, "reason")[:2_000]
    match tool_name:
        case "terminate":
            return Action("terminate", reason=reason)
        case "remove_function":
            return Action("remove_function", name=_known(given, present), reason=reason)
        case "revise_function":
            _known(given, present)
            return _function("revise_function", given, reason)
        case "add_function":
            if (name := _text(given, "name")) in present:
                raise ActionInvalidError(f"{name} exists already: use revise_function")
            return _function("add_function", given, reason)
    raise ActionInvalidError(f"there is no action {beginning(tool_name, 100)!r}")


def _given(arguments_json: str) -> dict[str, Any]:  # JSON
    """Return a call's arguments, of which every text is well-formed and every number finite. Raises ActionInvalidError."""
    try:
        given = _checked(json.loads(arguments_json, parse_constant=_refuse), _DEPTH_MAX)
    except (ValueError, RecursionError) as error:
        raise ActionInvalidError(f"the arguments are not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ActionInvalidError("the arguments are not a JSON object")
    return given


def _checked(value: Any, depth: int) -> Any:  # JSON
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ActionInvalidError("a number in the arguments is too large")
    if isinstance(value, dict | list) and not depth:
        raise ActionInvalidError(f"the arguments are nested deeper than {_DEPTH_MAX}")
    if isinstance(value, dict):
        return {well_formed(name): _checked(one, depth - 1) for name, one in value.items()}
    return [_checked(one, depth - 1) for one in value] if isinstance(value, list) else value


def _refuse(constant: str) -> None:
    raise ActionInvalidError(f"{constant} is no number of JSON: use null, or a text")


def _text(given: Mapping[str, Any], name: str) -> str:
    """Return a text; empty if there is none. Raises ActionInvalidError for any other value."""
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ActionInvalidError(f"`{name}` must be a text, not {beginning(json.dumps(value), 100)}")
    return value or ""


def _known(given: Mapping[str, Any], present: frozenset[str]) -> str:
    name = _text(given, "name")
    if name not in present:
        raise ActionInvalidError(
            f"there is no function {beginning(name, 100)!r}; there are: {', '.join(sorted(present)) or 'none'}"
        )
    return name


def _function(kind: ActionKind, given: Mapping[str, Any], reason: str) -> Action:
    name, source, parameters = _text(given, "name"), _text(given, "source"), given.get("parameters")
    if not name.isidentifier() or keyword.iskeyword(name) or len(name) > _NAME_CHARS_MAX:
        raise ActionInvalidError(
            f"{beginning(name, 100)!r} is no Python identifier of at most {_NAME_CHARS_MAX} characters"
        )
    if not source.strip() or len(source) > _SOURCE_CHARS_MAX:
        raise ActionInvalidError("`source` must be Python source of at most 64 KiB")
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        raise ActionInvalidError('`parameters` must be a JSON Schema with "type": "object"')
    packages = given.get("packages") or []
    if not isinstance(packages, list) or not all(one in PACKAGES for one in packages):
        raise ActionInvalidError(f"`packages` must be a list out of: {', '.join(PACKAGES)}")
    return Action(
        kind,
        name,
        _text(given, "description")[:4_000],
        parameters,
        source,
        reason,
        tuple(sorted(set(packages))),
        _examples(given.get("examples")),
    )


def _examples(given: Any) -> tuple[Example, ...]:  # whatever the model sent
    if not isinstance(given, list):
        return ()
    usable = [one for one in given[:_EXAMPLES_MAX] if isinstance(one, dict) and isinstance(one.get("arguments"), dict)]
    return tuple(Example(one["arguments"], one.get("expected"), "expected" in one) for one in usable)
