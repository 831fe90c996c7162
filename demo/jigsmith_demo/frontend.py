"""An agent frontend in small: a chat model with the production channel's functions as its tools."""

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Final

from jigsmith import AsyncClient, Client
from jigsmith_optimizer.agents import Conversation, ToolCallingAgent
from jigsmith_optimizer.llm import Access, Endpoint

CHANNEL: Final = "functionSets/tables/channels/production"
QUESTION: Final = """Visitors of a museum by city:
city | visitors
Bergen | 120
Cork | 80
Delft | 401
Porto | 95
What is the median number of visitors?"""
CALLS: Final = 200


def ask(address: str, token: str, model: str, base_url: str | None) -> Conversation:
    """Let the agent answer one question that no dataset holds."""

    async def run() -> Conversation:
        access = Access(base_url, "none" if base_url else None)
        async with AsyncClient(address, token=token) as client, Endpoint(model, access) as endpoint:
            return await ToolCallingAgent().solve(QUESTION, endpoint, await client.tools(CHANNEL), seed=0)

    return asyncio.run(run())


def p50_ms(client: Client, function: str, arguments: str, done: Callable[[], None]) -> float:
    """Return the median time of a call over RPC, one after the other: both audit entries durable, receipt included."""
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        client.invoke(f"{CHANNEL}/functions/{function}", arguments)
        times.append((time.perf_counter() - start) * 1_000)
        done()
    return statistics.median(times)
