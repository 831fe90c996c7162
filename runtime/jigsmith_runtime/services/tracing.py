"""Which trace an RPC belongs to, by what its caller sent along (W3C Trace Context, `traceparent`)."""

import re
from typing import Final

from jigsmith_runtime.interceptors.context import metadata

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
"""Version, trace id, parent id, flags; later versions may add fields. Version ff and ids of zeros are invalid."""


def trace_id() -> str | None:
    """Return the trace id, 32 hexadecimal digits, or None if the caller sent none that is valid."""
    sent = metadata().get("traceparent")
    found = None if sent is None else _TRACEPARENT.fullmatch(sent)
    return None if found is None else found[1]
