"""More is asked than can be served: who waits, who is refused, and what callers are told, against each backend."""

import asyncio
import json
import uuid
from contextlib import AsyncExitStack

import pytest
from jigsmith import AsyncClient, errors


async def register(client: AsyncClient, source: str) -> str:
    """Register a version of `f`; return its name."""
    version = await client.register_source(
        "f", source, description="Does as its arguments say.", parameters={"type": "object"}
    )
    return version.name


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(new_runtime) -> None:
    """One runs, one waits, the others are sent away; nothing of theirs is run."""
    runtime = new_runtime("--concurrency", "1", "--max-waiting", "1", "--sandboxes", "1")
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        name = await register(client, "import time\ndef f():\n    time.sleep(0.5)\n    return 1")
        got = await asyncio.gather(*(client.invoke(name) for _ in range(6)), return_exceptions=True)
    refused = [one for one in got if isinstance(one, errors.OverloadedError)]
    assert len(refused) == 4
    assert {one.reason for one in refused} == {"QUEUE_FULL"}
    assert all(one.retry_after_ms for one in refused)
    await asyncio.sleep(1.2)
    lines = [json.loads(line) for line in runtime.log.splitlines() if line.startswith("{")]
    summaries = [line for line in lines if line["event"] == "rpc.refused"]
    assert sum(line["count"] for line in summaries) == 4  # one line a second, not one for each
    assert {(line["method"], line["principal"]) for line in summaries} == {
        ("InvocationService/Invoke", runtime.principal("optimizer"))
    }
    assert not [line for line in lines if line.get("reason") == "QUEUE_FULL" and line["event"] == "rpc.ended"]


async def test_what_one_connection_asks_beyond_its_share_waits_with_its_client(new_runtime) -> None:
    """However short the queue: 1,000 calls at once are all served, and the runtime sees a hundred of them at a time."""
    runtime = new_runtime("--max-waiting", "256")
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        name = await register(client, "def f(x):\n    return x")
        answers = await asyncio.gather(*(client.invoke(name, {"x": number}) for number in range(1_000)))
    assert [one.result for one in answers] == list(range(1_000))


async def test_many_connections_that_ask_at_once_all_find_room(new_runtime) -> None:
    """Ten clients with a hundred calls each are what a queue is for: nobody is refused."""
    runtime = new_runtime()
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60)
            )
            for _ in range(10)
        ]
        name = await register(clients[0], "def f(x):\n    return x")
        answers = await asyncio.gather(*(one.invoke(name, {"x": n}) for n in range(100) for one in clients))
    assert [one.result for one in answers] == [n for n in range(100) for _ in clients]


async def test_a_queue_is_full_when_its_arguments_are(new_runtime) -> None:
    """Calls that bring a lot fill it before they are many, and small ones find no room either."""
    runtime = new_runtime("--concurrency", "1", "--max-waiting-mib", "1", "--sandboxes", "1")
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        name = await register(client, "import time\ndef f(s, text):\n    time.sleep(s)\n    return len(text)")
        running = asyncio.create_task(client.invoke(name, {"s": 1, "text": ""}))
        await asyncio.sleep(0.2)
        waiting = [asyncio.create_task(client.invoke(name, {"s": 0, "text": "x" * 600_000})) for _ in range(2)]
        await asyncio.sleep(0.3)
        with pytest.raises(errors.OverloadedError, match="queue is full"):
            await client.invoke(name, {"s": 0, "text": ""})
        assert [one.result for one in await asyncio.gather(running, *waiting)] == [0, 600_000, 600_000]
        await asyncio.sleep(1)  # the client heeds what it was told
        assert (await client.invoke(name, {"s": 0, "text": ""})).result == 0


async def test_who_was_sent_away_does_not_ask_before_the_time_is_up(new_runtime) -> None:
    """The client refuses in the runtime's place what the runtime has just refused, and nothing else."""
    runtime = new_runtime("--concurrency", "1", "--max-waiting", "1", "--sandboxes", "1")
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        name = await register(client, "import time\ndef f():\n    time.sleep(0.5)\n    return 1")
        for _ in range(3):  # the lane learns how long a call stays
            await client.invoke(name)
        busy = [asyncio.create_task(client.invoke(name)) for _ in range(2)]
        await asyncio.sleep(0.2)
        with pytest.raises(errors.OverloadedError) as asked:
            await client.invoke(name)
        for _ in range(10):
            with pytest.raises(errors.OverloadedError, match="not asked again") as held_back:
                await client.invoke(name)
            assert held_back.value.reason == "QUEUE_FULL"
            assert 0 < held_back.value.retry_after_ms <= asked.value.retry_after_ms
        with pytest.raises(errors.OverloadedError, match="queue is full"):
            await client.invoke(name, timeout_s=90)  # could wait longer, so it is worth asking
        assert [one.result for one in await asyncio.gather(*busy)] == [1, 1]
        await asyncio.sleep(min(asked.value.retry_after_ms / 1_000, 2.0))
        assert (await client.invoke(name)).result == 1
    await asyncio.sleep(1.2)
    lines = [json.loads(line) for line in runtime.log.splitlines() if line.startswith("{")]
    assert sum(line["count"] for line in lines if line["event"] == "rpc.refused") == 2


async def test_a_remembered_answer_is_given_however_full_it_is(new_runtime) -> None:
    """Asking again with the same request_id runs nothing, so it needs no room."""
    runtime = new_runtime("--concurrency", "1", "--max-waiting", "1", "--sandboxes", "1")
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        name = await register(client, "import time\ndef f(s):\n    time.sleep(s)\n    return s")
        request_id = str(uuid.uuid4())
        first = await client.invoke(name, {"s": 0}, request_id=request_id)
        busy = [asyncio.create_task(client.invoke(name, {"s": 1})) for _ in range(2)]
        await asyncio.sleep(0.3)
        with pytest.raises(errors.OverloadedError):
            await client.invoke(name, {"s": 0})
        again = await client.invoke(name, {"s": 0}, request_id=request_id)
        assert again.receipt == first.receipt
        await asyncio.gather(*busy)


async def test_a_wait_longer_than_the_deadline_is_refused_at_once(new_runtime) -> None:
    """Who cannot be served in time is told so before the time is up."""
    runtime = new_runtime("--concurrency", "1", "--sandboxes", "1")
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        name = await register(client, "import time\ndef f():\n    time.sleep(0.5)\n    return 1")
        await client.invoke(name)  # the lane learns how long a call stays
        await client.invoke(name)
        running = [asyncio.create_task(client.invoke(name)) for _ in range(20)]
        await asyncio.sleep(0.3)
        with pytest.raises(errors.OverloadedError):
            await client.invoke(name, timeout_s=0.3)
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_who_fills_the_queue_keeps_nobody_else_from_it(new_runtime) -> None:
    """Callers of one lane take turns, and those who wait in masses make room: the other one waits for two of theirs at most."""
    runtime = new_runtime("--concurrency", "1", "--max-waiting", "6", "--sandboxes", "1")
    async with (
        AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as greedy,
        AsyncClient(runtime.address, token=runtime.token("evaluator"), timeout_s=60) as modest,
    ):
        name = await register(greedy, "import time\ndef f():\n    time.sleep(0.3)\n    return 1")
        ended: list[str] = []

        async def invoke(client: AsyncClient, who: str) -> str:
            try:
                await client.invoke(name)
            except errors.OverloadedError as error:
                return str(error)
            ended.append(who)
            return "served"

        of_greedy = [asyncio.create_task(invoke(greedy, "greedy")) for _ in range(20)]
        await asyncio.sleep(0.2)
        before = len(ended)
        assert await invoke(modest, "modest") == "served"
        assert ended[before:].count("greedy") <= 2
        of_modest = await asyncio.gather(*(invoke(modest, "modest") for _ in range(2)))
        assert of_modest == ["served"] * 2
        said = await asyncio.gather(*of_greedy)
    assert [one for one in said if "others need the room" in one]
    assert said.count("served") >= 5
