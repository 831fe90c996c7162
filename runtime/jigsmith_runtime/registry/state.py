"""What all runtimes on one registry watch: a number that grows with every change of what names stand for."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime.registry.tables import registry_state


async def epoch(connection: AsyncConnection) -> int:
    """Return the number."""
    return int((await connection.execute(select(registry_state.c.epoch))).scalar_one())


async def advance(connection: AsyncConnection) -> None:
    """Let the number grow, with the change that it stands for."""
    await connection.execute(update(registry_state).values(epoch=registry_state.c.epoch + 1))
