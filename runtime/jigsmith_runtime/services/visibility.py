"""What an agent may read: the channels it was given and what they point at. Everything else does not exist for it."""

from collections.abc import Iterable

from jigsmith.names import ChannelName

from jigsmith_runtime.errors import NotFoundError
from jigsmith_runtime.identity import Principal
from jigsmith_runtime.roles import READERS


def reads_everything(principal: Principal) -> bool:
    """Return whether a principal sees the whole registry."""
    return principal.has(READERS)


def check_visible(principal: Principal, name: object, channels: Iterable[ChannelName]) -> None:
    """Check that a principal may see a resource that the channels lead to. Raises NotFoundError, as if it were not there."""
    if not any(principal.may_invoke_channel(str(channel)) for channel in channels):
        raise NotFoundError(name)
