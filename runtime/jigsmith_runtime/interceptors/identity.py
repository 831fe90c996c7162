"""Finds out who is calling and whether the role table lets them. Handlers ask `caller()`."""

from contextvars import ContextVar

from jigsmith_runtime.errors import NotPermittedError
from jigsmith_runtime.identity import Identifier, Principal
from jigsmith_runtime.identity.tls import certificate_names
from jigsmith_runtime.interceptors.context import Context, metadata
from jigsmith_runtime.quotas import Quotas
from jigsmith_runtime.refusals import NOBODY
from jigsmith_runtime.roles import ROLES_OF_RPC

_caller: ContextVar[Principal] = ContextVar("caller")


def caller() -> Principal:
    """Return who makes the RPC that is being handled."""
    return _caller.get()


def caller_or_none() -> Principal | None:
    """Return who makes the RPC, or None if there is none or nobody knows yet."""
    return _caller.get(None)


def caller_name() -> str:
    """Return the name of who makes the RPC, or what stands for all who did not say."""
    principal = caller_or_none()
    return NOBODY if principal is None else principal.name


class Gate:
    """Lets an RPC through if its caller is known, has a role that includes it, and has not asked for too much."""

    def __init__(self, identifier: Identifier, quotas: Quotas) -> None:
        self._identifier = identifier
        self._quotas = quotas

    def admit(self, method: str, context: Context) -> None:
        """Note who calls a method, named in full. Raises RuntimeFault. An RPC is a task, and has a context of its own."""
        principal = self._identifier.identify(metadata(), lambda: certificate_names(context.auth_context()))
        _caller.set(principal)
        if not principal.has(ROLES_OF_RPC.get(method, ())):
            raise NotPermittedError(f"{principal.name} has no role that may call {method.rpartition('/')[2]}")
        self._quotas.request(principal)
