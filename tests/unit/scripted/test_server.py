"""The scripted endpoint over real HTTP, by the `openai` package: both wires, and everything that goes wrong on purpose."""

import asyncio
import json

import aiohttp
import openai
import pytest
from jigsmith_scripted import Behaviour, BehaviourInvalidError, Call, First, Reply, ScriptedServer
from jigsmith_scripted.policies import Arithmetic, ScriptedSteps

TOOL = {"name": "twice", "description": "", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}}
TOOLS = [{"type": "function", "function": TOOL}]
MESSAGES = [{"role": "user", "content": "Use twice on 4."}]


def client(server: ScriptedServer, **more) -> openai.AsyncOpenAI:
    """Return a client that tries once."""
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="x", **({"max_retries": 0, "timeout": 5} | more))


async def chat(one: openai.AsyncOpenAI, messages=MESSAGES, tools=TOOLS, **more):
    """Ask over Chat Completions; return the message."""
    completion = await one.chat.completions.create(model="m", messages=messages, tools=tools, **more)
    return completion.choices[0].message


async def test_chat_completions_call_and_answer() -> None:
    """The call, its result, the answer; usage and models."""
    with ScriptedServer(Arithmetic()) as server:
        async with client(server) as one:
            assert [model.id async for model in one.models.list()] == ["scripted-stand-in"]
            asked = await chat(one)
            (call,) = asked.tool_calls
            assert (call.function.name, json.loads(call.function.arguments)) == ("twice", {"n": 4})
            result = {"role": "tool", "tool_call_id": call.id, "content": "8"}
            assert (await chat(one, [*MESSAGES, asked.model_dump(exclude_none=True), result])).content == "ANSWER: 8"
            completion = await one.chat.completions.create(model="m", messages=MESSAGES)
            assert completion.usage.total_tokens > 1
        assert server.counts == {200: 4}
        assert len(server.requests) == 3


async def test_responses_call_and_answer() -> None:
    """The same over the other wire."""
    with ScriptedServer(Arithmetic()) as server:
        async with client(server) as one:
            tools = [{"type": "function", "strict": False, **TOOL}]
            first = await one.responses.create(model="m", input=MESSAGES, tools=tools, store=False)
            (call,) = first.output
            assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "twice", {"n": 4})
            items = [
                *MESSAGES,
                {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
                {"type": "function_call_output", "call_id": call.call_id, "output": "8"},
            ]
            answer = await one.responses.create(model="m", input=items, tools=tools)
            assert answer.output_text == "ANSWER: 8"
            assert answer.usage.output_tokens >= 1


async def test_streams_say_the_same() -> None:
    """Piece by piece, calls and texts."""
    with ScriptedServer(Arithmetic()) as server:
        async with client(server) as one:
            pieces = []
            stream = await one.chat.completions.create(
                model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
            )
            async for chunk in stream:
                pieces += [choice.delta.content or "" for choice in chunk.choices]
            assert "".join(pieces) == "ANSWER: 0"
            async with one.responses.stream(model="m", input=MESSAGES) as events:
                async for _ in events:
                    pass
                assert (await events.get_final_response()).output_text == "ANSWER: 0"


async def test_the_same_request_gets_the_same_answer_in_whatever_order() -> None:
    """With noise and malformed calls, a hundred requests twice, side by side and shuffled."""
    behaviour = Behaviour(seed=3, noise=0.3, malformed_tool_calls=0.3, refusing=0.1, parallel_tool_calls=0.2)
    with ScriptedServer(Arithmetic(), behaviour) as server:
        async with client(server) as one:

            async def said(n: int) -> str:
                found = await chat(one, [{"role": "user", "content": f"Use twice on {n}."}], seed=n)
                return found.model_dump_json()

            forward = await asyncio.gather(*(said(n) for n in range(100)))
            backward = await asyncio.gather(*(said(n) for n in reversed(range(100))))
            assert forward == backward[::-1]
            assert sum("sorry" in one for one in forward) > 2


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Behaviour(rate_limited=First(2)), openai.RateLimitError),
        (Behaviour(error_rate=First(2)), openai.InternalServerError),
        (Behaviour(truncated=First(2)), openai.APIConnectionError),
        (Behaviour(hang=First(2)), openai.APITimeoutError),
    ],
    ids=["429", "500", "truncated", "hang"],
)
async def test_an_endpoint_that_fails_for_a_while(behaviour: Behaviour, error: type[Exception]) -> None:
    """Two attempts fail, the third is answered; then the request is over and fails again."""
    with ScriptedServer(Arithmetic(), behaviour) as server:
        async with client(server, timeout=0.4) as one:
            for _ in range(2):
                for _ in range(2):
                    with pytest.raises((error, openai.APIError, json.JSONDecodeError)):
                        await chat(one)
                assert (await chat(one)).tool_calls


async def test_a_stubborn_model_and_parallel_calls() -> None:
    """The first answer over and over; the same call several times or another beside it."""
    with ScriptedServer(Arithmetic(), Behaviour(stubborn=1.0)) as server:
        async with client(server) as one:
            asked = await chat(one)
            result = {"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "8"}
            again = await chat(one, [*MESSAGES, asked.model_dump(exclude_none=True), result])
            assert again.tool_calls[0].function.arguments == asked.tool_calls[0].function.arguments
    with ScriptedServer(Arithmetic(), Behaviour(parallel_tool_calls=1.0)) as server:
        async with client(server) as one:
            assert len((await chat(one)).tool_calls) > 1
            assert len((await chat(one, parallel_tool_calls=False)).tool_calls) == 1


async def test_an_optimizer_by_plan() -> None:
    """By the number in the first message and how many answers there were."""
    actions = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in
               ("add_function", "revise_function", "remove_function", "terminate")]  # fmt: skip
    plan = ScriptedSteps({2: [Reply(calls=(Call("add_function", '{"name": "f"}'),))]}, r"epoch (\d+)", Arithmetic())
    with ScriptedServer(plan) as server:
        async with client(server) as one:
            asked = await chat(one, [{"role": "user", "content": "epoch 2"}], actions)
            assert asked.tool_calls[0].function.name == "add_function"
            ended = await chat(one, [{"role": "user", "content": "epoch 7"}], actions)
            assert ended.tool_calls[0].function.name == "terminate"
            assert (await chat(one)).tool_calls[0].function.name == "twice"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"model": "m"}', b'{"model": "m", "messages": []}', b'{"model": "m", "messages": [{"role": "x"}]}',
     b'{"model": "m", "messages": [{"role": "tool", "tool_call_id": "1", "content": "2"}]}'],
)  # fmt: skip
async def test_malformed_requests_are_refused_in_the_apis_own_form(body: bytes) -> None:
    """Status 400 and an error object."""
    with ScriptedServer(Arithmetic()) as server:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.base_url}/chat/completions", data=body) as got,
        ):
            assert got.status == 400
            assert (await got.json())["error"]["type"] == "invalid_request_error"


def test_nonsense_is_refused_at_once() -> None:
    """A probability above one, a negative time."""
    with pytest.raises(BehaviourInvalidError):
        Behaviour(noise=1.5)
    with pytest.raises(BehaviourInvalidError):
        Behaviour(slow_s=-1)
