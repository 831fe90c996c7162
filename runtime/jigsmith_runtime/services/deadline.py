"""When the caller of an RPC stops waiting."""

import asyncio

from jigsmith_runtime.interceptors.context import Context


def deadline_of(context: Context) -> float | None:
    """Return the deadline in the loop's time, or None if the caller set none."""
    left_s = context.time_remaining()
    return None if left_s is None else asyncio.get_running_loop().time() + left_s
