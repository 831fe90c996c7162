"""Reading JSON that a client sent: each function returns a value of the type it names, or raises RequestInvalidError.

The messages follow those of OpenAI's API, which name the field at fault (platform.openai.com/docs/guides/error-codes).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from jigsmith_scripted.errors import RequestInvalidError
from jigsmith_scripted.policy import Tool

_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TEXT_PARTS: Final = frozenset({"text", "input_text", "output_text"})

Json = Mapping[str, Any]


def required(value: Json, name: str, where: str = "") -> Any:  # whatever the client sent
    """Return a field that must be there and not be null."""
    param = f"{where}.{name}" if where else name
    if value.get(name) is None:
        raise RequestInvalidError(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    return value[name]


def text(value: Any, param: str) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise _wrong_type(value, param, "a string")
    return value


def number(value: Any, param: str) -> int:
    """Return an integer; JSON's true and false are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(value, param, "an integer")
    return value


def flag(value: Any, param: str) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise _wrong_type(value, param, "a boolean")
    return value


def mapping(value: Any, param: str) -> Json:
    """Return an object."""
    if not isinstance(value, dict):
        raise _wrong_type(value, param, "an object")
    return value


def objects(value: Any, param: str) -> list[Json]:
    """Return a list of objects."""
    if not isinstance(value, list):
        raise _wrong_type(value, param, "an array")
    return [mapping(one, f"{param}[{index}]") for index, one in enumerate(value)]


def content(value: Any, param: str) -> str:
    """Return a message's content: a text, parts of text, or nothing. Pictures and sounds are refused: no script sees them."""
    if value is None or isinstance(value, str):
        return value or ""
    return "".join(_part(one, f"{param}[{index}]") for index, one in enumerate(objects(value, param)))


def tool(function: Json, where: str) -> Tool:
    """Return a function's definition."""
    name = text(required(function, "name", where), f"{where}.name")
    if not _TOOL_NAME.fullmatch(name):
        expected = "Expected a string that matches the pattern '^[a-zA-Z0-9_-]{1,64}$'."
        raise RequestInvalidError(f"Invalid '{where}.name': {expected}", f"{where}.name", "invalid_value")
    return Tool(
        name,
        text(function.get("description") or "", f"{where}.description"),
        mapping(function.get("parameters") or {}, f"{where}.parameters"),
    )


def chosen(tools: tuple[Tool, ...], choice: Any, name: str | None) -> tuple[tuple[Tool, ...], bool]:
    """Return the tools that `tool_choice` leaves, and whether one must be called.

    `name` is that of a choice of one function, which the two wires write differently.
    """
    if name is not None:
        left = tuple(one for one in tools if one.name == name)
        if not left:
            raise RequestInvalidError(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")
        return left, True
    match choice:
        case None | "auto":
            return tools, False
        case "none":
            return (), False
        case "required" if tools:
            return tools, True
    raise RequestInvalidError(
        "Invalid 'tool_choice': expected 'none', 'auto', 'required' (with tools) or one function.", "tool_choice"
    )


def _part(part: Json, param: str) -> str:
    if part.get("type") in _TEXT_PARTS:
        return text(required(part, "text", param), f"{param}.text")
    if part.get("type") == "refusal":
        return text(required(part, "refusal", param), f"{param}.refusal")
    raise RequestInvalidError(f"Invalid '{param}.type': only parts of text are understood here.", f"{param}.type")


def _wrong_type(value: Any, param: str, expected: str) -> RequestInvalidError:
    found = f"expected {expected}, but got {type(value).__name__} instead"
    return RequestInvalidError(f"Invalid type for '{param}': {found}.", param, "invalid_type")
