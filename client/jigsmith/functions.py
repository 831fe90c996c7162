"""Python functions as function versions: source, entry point, and a JSON Schema from the type hints."""

import inspect
import json
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Union

from jigsmith.errors import SignatureError

_SCALARS: Final[Mapping[Any, str]] = {
    int: "integer",
    float: "number",
    str: "string",
    bool: "boolean",
    type(None): "null",
}


def source_of(function: Callable[..., Any]) -> str:
    """Return the source text of a function that was defined in a file. Raises SignatureError."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except OSError as error:
        raise SignatureError(
            f"the source of {function.__name__} cannot be read: define it in a file, or register its text"
        ) from error


def parameters_schema(function: Callable[..., Any]) -> str:
    """Return the JSON Schema of a function's parameters, from its type hints, as text. Raises SignatureError."""
    hints = typing.get_type_hints(function)
    properties, required = {}, []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise SignatureError(f"{function.__name__}: the parameter {name} cannot be passed by name")
        if name not in hints:
            raise SignatureError(
                f"{function.__name__}: the parameter {name} has no type hint; add one or give `parameters`"
            )
        properties[name] = _schema(hints[name], f"{function.__name__}: {name}")
        if parameter.default is parameter.empty:
            required.append(name)
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return json.dumps(schema)


def _schema(hint: Any, where: str) -> dict[str, Any]:  # a type hint may be any object
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is list or origin is list:
        return {"type": "array"} | ({"items": _schema(arguments[0], where)} if arguments else {})
    if hint is dict or origin is dict:
        return {"type": "object"} | ({"additionalProperties": _schema(arguments[1], where)} if arguments else {})
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(one, where) for one in arguments]}
    if hint is Any:
        return {}
    raise SignatureError(f"{where}: the type hint {hint} has no JSON form; give `parameters`")
