"""Finds out who is calling and whether the role table lets them. Handlers ask `caller()`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar

import structlog

from jigsmith_runtime.errors import NotPermittedError
from jigsmith_runtime.identity import Identifier, Principal
from jigsmith_runtime.interceptors.around import AroundInterceptor, Context
from jigsmith_runtime.refusals import NOBODY
from jigsmith_runtime.roles import ROLES_OF_RPC

_caller: ContextVar[Principal] = ContextVar("caller")


def caller() -> Principal:
    """Return who makes the RPC that is being handled."""
    return _caller.get()


def caller_name() -> str:
    """Return the name of who makes the RPC, or what stands for all who did not say."""
    principal = _caller.get(None)
    return NOBODY if principal is None else principal.name


class IdentityInterceptor(AroundInterceptor):
    """Lets an RPC through if its caller is known and has a role that includes it."""

    def __init__(self, identifier: Identifier) -> None:
        super().__init__()
        self._identifier = identifier

    def around(self, method: str, context: Context) -> AbstractAsyncContextManager[None]:
        """Return what checks the caller before the handler runs."""
        return self._checked(method, context)

    @asynccontextmanager
    async def _checked(self, method: str, context: Context) -> AsyncIterator[None]:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        principal = self._identifier.identify(metadata)
        structlog.contextvars.bind_contextvars(principal=principal.name)
        _caller.set(principal)  # every RPC is a task of its own, with a context of its own
        if not principal.has(ROLES_OF_RPC.get(method, ())):
            raise NotPermittedError(f"{principal.name} has no role that may call {method.rpartition('/')[2]}")
        yield
