"""Finds out who is calling and whether the role table lets them. Handlers ask `caller()`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar

import structlog

from jigsmith_runtime.errors import NotPermittedError
from jigsmith_runtime.identity import Identifier, Peer, Principal
from jigsmith_runtime.identity.tls import certificate_names
from jigsmith_runtime.interceptors.around import AroundInterceptor, Context
from jigsmith_runtime.quotas import Quotas
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
    """Lets an RPC through if its caller is known, has a role that includes it, and has not asked for too much."""

    def __init__(self, identifier: Identifier, quotas: Quotas) -> None:
        super().__init__()
        self._identifier = identifier
        self._quotas = quotas

    def around(self, method: str, context: Context) -> AbstractAsyncContextManager[None]:
        """Return what checks the caller before the handler runs."""
        return self._checked(method, context)

    @asynccontextmanager
    async def _checked(self, method: str, context: Context) -> AsyncIterator[None]:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        principal = self._identifier.identify(Peer(metadata, lambda: certificate_names(context.auth_context())))
        structlog.contextvars.bind_contextvars(principal=principal.name)
        _caller.set(principal)  # every RPC is a task of its own, with a context of its own
        if not principal.has(ROLES_OF_RPC.get(method, ())):
            raise NotPermittedError(f"{principal.name} has no role that may call {method.rpartition('/')[2]}")
        self._quotas.request(principal)
        yield
