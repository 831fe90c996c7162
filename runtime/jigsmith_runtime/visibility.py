"""What exists for whom: for agents the channels that they were given and what these point at, for tenants their sets."""

from collections.abc import Iterable

from jigsmith.names import ChannelName

from jigsmith_runtime.errors import NotFoundError
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.model import FunctionVersion
from jigsmith_runtime.registry import sets
from jigsmith_runtime.registry.database import Connection
from jigsmith_runtime.roles import READERS


def reads_everything(principal: Principal) -> bool:
    """Return whether a principal sees the whole registry."""
    return principal.has(READERS)


async def check_version(connection: Connection, principal: Principal, version: FunctionVersion) -> None:
    """Check that a principal may see a function version. Raises NotFoundError, as if it were not there.

    Agents see those that a channel of theirs leads to, tenants those that they made or that a set of theirs holds.
    """
    if not reads_everything(principal):
        check_visible(principal, version.name, await sets.channels_with(connection, version.name))
    if principal.is_tenant and version.creator != principal.name:
        holding = await sets.sets_with(connection, version.name)
        if not any(principal.sees_set(one) for one in holding):
            raise NotFoundError(version.name)


def check_visible(principal: Principal, name: object, channels: Iterable[ChannelName]) -> None:
    """Check that a principal may see a resource that the channels lead to. Raises NotFoundError, as if it were not there."""
    if not any(principal.may_invoke_channel(str(channel)) for channel in channels):
        raise NotFoundError(name)
