"""Keeping an answer within what the request allows: `tool_choice` and `parallel_tool_calls`.

An endpoint enforces both while it samples, whatever its model would rather say; a script cannot be trusted with it either.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from jigsmith_scripted.policy import Call, Reply, Request, Tool

_DEPTH_MAX: Final = 8
"""Of nested schemas; a schema is the client's, and may be deep."""
_EXAMPLES: Final[dict[str, Any]] = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": []}


def kept(request: Request, reply: Reply) -> Reply:
    """Return the answer with a call if one must be made, and with one call at most if several may not."""
    if request.must_call and not reply.calls:
        return Reply(calls=(plain_call(request.tools[0]),))
    if not request.parallel_tool_calls and len(reply.calls) > 1:
        return replace(reply, calls=reply.calls[:1])
    return reply


def plain_call(tool: Tool) -> Call:
    """Return a call with the plainest arguments that have the shape of the schema; bounds and patterns are not looked at."""
    arguments = _plain(tool.parameters, 0)
    return Call(tool.name, json.dumps(arguments if isinstance(arguments, dict) else {}))


def _plain(schema: Any, depth: int) -> Any:  # whatever the client sent as a schema
    if not isinstance(schema, Mapping) or depth == _DEPTH_MAX:
        return None
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, Mapping):
        known = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        names = [one for one in required if isinstance(one, str)] if isinstance(required, list) else []
        return {name: _plain(known.get(name), depth + 1) for name in names}
    kind = schema.get("type")
    return _EXAMPLES.get(kind) if isinstance(kind, str) else None
