"""Functions that one does not want: what becomes of each is shown, not told."""

import json
from dataclasses import dataclass
from typing import Final

from jigsmith import Client, JigsmithError
from jigsmith.errors import PolicyRefusedError
from jigsmith.v1 import function_pb2

_NO_ARGUMENTS: Final = json.dumps({"type": "object", "additionalProperties": False})

ENDLESS: Final = "def endless():\n    while True:\n        pass\n"
MEMORY_BOMB: Final = "def bomb():\n    return len([0] * 10**9)\n"
HOST_FILE: Final = 'def read_host():\n    return open("/etc/passwd").read()\n'


@dataclass(frozen=True, slots=True)
class Shown:
    """What was tried, and what it got."""

    tried: str
    got: str


def show(client: Client) -> list[Shown]:
    """Register and run them as drafts, as an optimizer could; return what each got."""
    loop = _register(client, "endless", ENDLESS, wall_ms=500)
    bomb = _register(client, "bomb", MEMORY_BOMB, wall_ms=5_000)
    return [
        Shown("an endless loop, with a limit of half a second", _outcome(client, loop)),
        Shown("a list of a billion elements (8 GB), with a limit of 64 MiB", _outcome(client, bomb)),
        Shown("a function that reads /etc/passwd", _refusal(client)),
    ]


def _register(client: Client, name: str, source: str, *, wall_ms: int) -> str:
    limits = function_pb2.Limits(memory_bytes=64 << 20)
    limits.wall.FromMilliseconds(wall_ms)
    version = client.register_source(name, source, description="A hazard.", parameters=_NO_ARGUMENTS, limits=limits)
    return version.name


def _outcome(client: Client, name: str) -> str:
    try:
        run = client.invoke(name)
    except JigsmithError as error:
        return f"{error.status} {error}"
    return f"it returned {run.result_json}, which it should not have"


def _refusal(client: Client) -> str:
    try:
        client.register_source("read_host", HOST_FILE, description="A hazard.", parameters=_NO_ARGUMENTS)
    except PolicyRefusedError as error:
        return f"{error.status} {error}"
    return "it was registered, which it should not have been"
