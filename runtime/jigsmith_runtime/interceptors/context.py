"""The context of an RPC, as handlers and what surrounds them get it."""

from typing import Any

import grpc.aio

Context = grpc.aio.ServicerContext[Any, Any]
"""Any: whatever the messages are."""
