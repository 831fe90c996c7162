"""Jigsmith's client: call functions that run in sandboxes, register and release them, verify what happened.

>>> from jigsmith import Client
>>> with Client("127.0.0.1:7433", token="...") as client:
...     client.invoke("functionSets/demo/channels/production/functions/mean", {"values": [1, 2]}).result
"""

from jigsmith.aio import AsyncClient
from jigsmith.client import DEFAULT_ADDRESS, Client
from jigsmith.errors import (
    AlreadyExistsError,
    ArgumentsInvalidError,
    FunctionError,
    JigsmithError,
    LimitExceededError,
    NotAuthorizedError,
    NotFoundError,
    PolicyRefusedError,
    RequestError,
    RequestInvalidError,
    StateError,
    UnavailableError,
)
from jigsmith.requests import Invocation, Receipt, Usage
from jigsmith.tools import AsyncTools, Called, Tools

__all__ = [
    "DEFAULT_ADDRESS",
    "AlreadyExistsError",
    "ArgumentsInvalidError",
    "AsyncClient",
    "AsyncTools",
    "Called",
    "Client",
    "FunctionError",
    "Invocation",
    "JigsmithError",
    "LimitExceededError",
    "NotAuthorizedError",
    "NotFoundError",
    "PolicyRefusedError",
    "Receipt",
    "RequestError",
    "RequestInvalidError",
    "StateError",
    "Tools",
    "UnavailableError",
    "Usage",
]
