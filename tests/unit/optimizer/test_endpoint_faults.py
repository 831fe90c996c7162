"""What an endpoint may answer with: whatever it is, it becomes an answer within its bounds or an error that says what to do."""

import json
import time
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from jigsmith import Called
from jigsmith_optimizer.agents import ReactAgent, ToolCallingAgent
from jigsmith_optimizer.budget import Budget
from jigsmith_optimizer.cli import options
from jigsmith_optimizer.journal import Journal
from jigsmith_optimizer.llm import (
    Access,
    Answer,
    Endpoint,
    Model,
    ModelError,
    PromptTooLongError,
    RequestRefusedError,
    Usage,
)
from jigsmith_optimizer.llm.bodies import (
    ARGUMENTS_CHARS_MAX,
    TEXT_CHARS_MAX,
    TOOL_CALLS_MAX,
    FaultyAnswerError,
    chat_answer,
    responses_answer,
)
from jigsmith_optimizer.llm.wires import BODY_BYTES_MAX

from tests.e2e.raw_endpoint import RawEndpoint, call, chat, refusal

ASKED = [{"role": "user", "content": "?"}]
FAULTY = [
    b"<!doctype html><title>Welcome to nginx</title>",
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    [],
    ["choices"],
    3,
    None,
    {},
    {"choices": None, "output": None},
    {"choices": [], "error": {"message": "no such model"}},
    {"choices": [{}], "output": [3]},
    {"choices": {}, "output": {}},
    {"choices": [None], "output": [None]},
    {"choices": [{"message": []}], "output": [{"type": "message", "content": 3}]},
    chat(3) | {"output": [{"type": "message", "content": [{"type": "output_text", "text": 3}]}]},
    chat(calls={}) | {"output": [{"type": "function_call", "name": 3}]},
    chat(calls=[3]) | {"output": [{"type": "function_call", "name": "f", "arguments": 3}]},
    chat(calls=[{"function": None}]) | {"output": None},
    chat(calls=[call("f", [1])]) | {"output": "x"},
    chat(calls=[call({}, "{}")]) | {"error": {}},
]


def access(endpoint: RawEndpoint, **more) -> Access:
    """Return how it is asked: without pauses."""
    return Access(endpoint.base_url, "x", **{"backoff_s": 0.001, **more})


@pytest.mark.parametrize("wire", ["chat", "responses"])
@pytest.mark.parametrize("body", FAULTY, ids=lambda one: str(one)[:30])
async def test_what_is_no_answer_is_asked_for_again_and_then_the_base_url_is_doubted(body, wire: str) -> None:
    """A page of HTML, a list, fields of other types: never a traceback."""
    with RawEndpoint(lambda _: (200, body)) as server:
        async with Endpoint("m", access(server, wire=wire)) as endpoint:
            with pytest.raises(ModelError, match=r"6 attempts.*does it end in /v1\?"):
                await endpoint.ask(ASKED, [], 0)
        assert len(server.requests) == 6


@pytest.mark.parametrize(
    "usage",
    [None, [], {}, {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": "7"}, {"prompt_tokens": -7},
     {"prompt_tokens": 1.5}, {"completion_tokens": 10**400}, {"prompt_tokens": True}],
)  # fmt: skip
def test_usage_that_is_none_is_not_believed(usage) -> None:
    """Then it is as if the endpoint had not said what the answer took."""
    assert chat_answer(json.dumps(chat("1", usage=usage)).encode()) == Answer("1", (), Usage(0, 0))
    output = [{"type": "message", "content": [{"type": "output_text", "text": "1"}]}]
    assert responses_answer(json.dumps({"output": output, "usage": usage}).encode()) == Answer("1", (), Usage(0, 0))


def test_what_servers_do_otherwise_is_understood() -> None:
    """Arguments as an object or not at all, parts of text, calls without a type or an id."""
    calls = [
        call("f", {"n": 1}, None),
        call("g", None, ""),
        {"function": {"name": "h", "arguments": "{}"}},
        call("f", "{}", "a"),
    ]
    found = chat_answer(
        json.dumps(chat([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], calls)).encode()
    )
    assert found.text == "ab"
    assert [(one.name, json.loads(one.arguments_json)) for one in found.tool_calls] == [
        ("f", {"n": 1}), ("g", {}), ("h", {}), ("f", {}),
    ]  # fmt: skip
    assert len({one.id for one in found.tool_calls}) == 4
    twins = chat_answer(json.dumps(chat(None, [call("f", "{}", "same")] * 3)).encode())
    assert len({one.id for one in twins.tool_calls}) == 3


def test_an_answer_has_bounds() -> None:
    """Its text, its calls, and the arguments of all of them."""
    found = chat_answer(json.dumps(chat("x" * 300_000, [call("f" * 9_999, "{}", "i" * 9_999)] * 5_000)).encode())
    assert len(found.text) <= TEXT_CHARS_MAX + 3
    assert len(found.tool_calls) == TOOL_CALLS_MAX
    assert len(found.tool_calls[0].name) < 300
    found = chat_answer(json.dumps(chat(None, [call("f", "1" * 100_000)] * 10)).encode())
    assert sum(len(one.arguments_json) for one in found.tool_calls) == ARGUMENTS_CHARS_MAX


@pytest.mark.parametrize("wire", ["chat", "responses"])
async def test_halves_of_surrogate_pairs_are_replaced_wherever_they_stand(wire: str) -> None:
    """So that the answer can be sent back, kept, hashed and written into a report."""
    half = "\ud800"
    body = chat(f"a{half}", [call(f"f{half}", {f"n{half}": half}, f"i{half}"), call("g", f'{{"n": "{half}"}}')]) | {
        "output": [
            {"type": "message", "content": [{"type": "output_text", "text": f"a{half}"}]},
            {"type": "function_call", "call_id": f"i{half}", "name": f"f{half}", "arguments": {f"n{half}": half}},
        ]
    }
    with RawEndpoint(lambda _: (200, body)) as server:
        async with Endpoint("m", access(server, wire=wire)) as endpoint:
            answer = await endpoint.ask(ASKED, [], 0)
            tool = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": "1"}
            await endpoint.ask([*ASKED, answer.message(), tool], [], 0)
    json.dumps(answer.as_json(), ensure_ascii=False).encode()
    assert answer.text == "a\ufffd"
    assert json.loads(answer.tool_calls[0].arguments_json) == {"n\ufffd": "\ufffd"}
    assert len(server.requests) == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "content", "tool_calls", "function", "name", "arguments", "id", "type", "usage", "output",
             "text", "refusal", "call_id", "prompt_tokens", "error"]
        ), inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(VALUES, VALUES, VALUES)
def test_any_json_is_an_answer_or_a_fault(first, second, third) -> None:
    """At every place of a body; an answer can always be kept and sent."""
    for body in (
        first,
        {"choices": [{"message": first}], "usage": second},
        chat(first, [call(first, second, third)], usage=third),
        chat(None, [first, call("f", second)]),
        {"output": [first, {"type": "message", "content": second}], "usage": third},
        {"output": [{"type": "function_call", "name": first, "arguments": second, "call_id": third}]},
    ):
        for read in (chat_answer, responses_answer):
            try:
                found = read(json.dumps(body).encode())
            except FaultyAnswerError:
                continue
            json.dumps(found.message(), ensure_ascii=False).encode()
            assert Answer.from_json(json.loads(json.dumps(found.as_json()))) == found


@given(st.binary(max_size=100))
def test_any_bytes_are_a_fault(body: bytes) -> None:
    """Of whatever kind."""
    for read in (chat_answer, responses_answer):
        with pytest.raises(FaultyAnswerError):
            read(body)


async def test_a_body_without_end_is_not_read_to_it() -> None:
    """However fast it comes."""

    def endless(_: dict):
        return 200, (b" " * 65_536 for _ in range(1_000))

    with RawEndpoint(endless) as server:
        async with Endpoint("m", access(server)) as endpoint:
            with pytest.raises(ModelError, match=f"more than {BODY_BYTES_MAX >> 20} MiB"):
                await endpoint.ask(ASKED, [], 0)


async def test_the_time_out_is_for_the_whole_of_an_attempt() -> None:
    """An endpoint that sends a byte now and then would hold it for ever: this one does, until the test is over."""
    with RawEndpoint(lambda _: (200, drip())) as server:

        def drip():
            while not server.ended.is_set():
                time.sleep(0.02)
                yield b" "

        async with Endpoint("m", access(server, timeout_s=0.2)) as endpoint:
            with pytest.raises(ModelError, match=r"no answer within 0\.2 s \(--timeout\)"):
                await endpoint.ask(ASKED, [], 0)
        assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, refusal("too long", "context_length_exceeded"), PromptTooLongError),
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens. However, you requested 9591 "
               "tokens. Please reduce the length of the messages.", "type": "BadRequestError", "param": None, "code": 400},
         PromptTooLongError),
        (400, refusal("The decoder prompt (length 5) is longer than the maximum model length of 4.", 400), PromptTooLongError),
        (400, refusal("the request exceeds the available context size", 400), PromptTooLongError),
        (400, refusal("The input (9 tokens) is longer than the model's context length (8 tokens)."), PromptTooLongError),
        (400, refusal("prompt is too long: 208310 tokens > 200000 maximum"), PromptTooLongError),
        (422, {"detail": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097"}, PromptTooLongError),
        (413, b"<h1>Payload too large</h1>", PromptTooLongError),
        (400, refusal("The response was filtered", "content_filter"), RequestRefusedError),
        (400, refusal("no", ["a", {}]), RequestRefusedError),
        (400, b"nonsense", RequestRefusedError),
        (400, b"[]", RequestRefusedError),
        (422, {"detail": [{"loc": ["body"]}]}, RequestRefusedError),
        (401, refusal("no key"), ModelError),
        (404, refusal("maximum context length"), ModelError),
    ],
)  # fmt: skip
async def test_a_refusal_of_one_request_is_told_from_one_of_all(status: int, error, kind: type[ModelError]) -> None:
    """By status, code and words; none is tried again."""
    with RawEndpoint(lambda _: (status, error)) as server:
        async with Endpoint("m", access(server)) as endpoint:
            with pytest.raises(ModelError) as caught:
                await endpoint.ask(ASKED, [], 0)
        assert type(caught.value) is kind
        assert len(server.requests) == 1


class Asked:
    """A model in front of an endpoint, with a journal of its own."""

    def __init__(self, path: Path, server: RawEndpoint, **more) -> None:
        self._journal = Journal(path)
        self._model = Model("m", access(server, **more), self._journal, Budget())

    async def __aenter__(self) -> Model:
        return self._model

    async def __aexit__(self, *_: object) -> None:
        await self._model.__aexit__(None, None, None)
        await self._journal.aclose()


async def test_a_refusal_is_kept_as_an_answer_is(tmp_path: Path) -> None:
    """A run that is resumed does not ask again, and ends with the same set."""
    for message, kind in (("context window", PromptTooLongError), ("filtered", RequestRefusedError)):
        with RawEndpoint(lambda _, message=message: (400, refusal(message))) as server:
            for _ in range(2):
                async with Asked(tmp_path / message, server) as model:
                    with pytest.raises(ModelError, match=message) as caught:
                        await model.ask(ASKED, [], 0)
                    assert type(caught.value) is kind
            assert len(server.requests) == 1


@pytest.mark.parametrize("tools", [True, False])
async def test_a_refused_probe_ends_a_run_and_is_asked_again_by_the_next(tmp_path: Path, *, tools: bool) -> None:
    """Because by then the endpoint may have been set right."""
    answers = [(400, refusal('"auto" tool choice requires --enable-auto-tool-choice')), (200, chat("ready"))]
    with RawEndpoint(lambda _: answers[min(len(server.requests), 2) - 1]) as server:
        async with Asked(tmp_path / "j", server) as model:
            with pytest.raises(ModelError, match=r"auto.*--agent react"):
                await model.probe(tools=tools)
        async with Asked(tmp_path / "j", server) as model:
            assert bool(await model.probe(tools=tools)) is tools


@pytest.mark.parametrize("agent", [ToolCallingAgent, ReactAgent])
async def test_a_refusal_fails_the_task_and_not_the_run(tmp_path: Path, agent) -> None:
    """Too long, or held back by a filter, at the first answer or after a call."""

    class Functions:
        """One function, which gives a long text."""

        def openai(self) -> list[dict]:
            """Return it."""
            return [
                {"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}
            ]

        async def called(self, name: str, arguments_json: str) -> Called:
            """Answer."""
            return Called("x" * 100_000)

    def answer(request: dict):
        if len(request["messages"]) > 2:
            return 400, refusal("content management policy")
        return 200, chat('Action: f\nAction Input: {"n": NaN}', [call("f", "{")] if "tools" in request else None)

    with RawEndpoint(answer) as server:
        async with Asked(tmp_path / "j", server) as model:
            found = await agent().solve("?", model, Functions(), 0)
    assert "content management" in found.cut_short
    (step,) = found.steps
    assert len(step.result) < 9_000
    assert len(json.dumps(found.as_json())) < 30_000


async def test_an_endpoint_that_refuses_a_seed_is_asked_without_one(tmp_path: Path) -> None:
    """It is found out once; who knows it can say so; what merely mentions a seed is not taken for it."""
    strict = {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}
    with RawEndpoint(lambda asked: (422, strict) if "seed" in asked else (200, chat("1"))) as server:
        async with Endpoint("m", access(server)) as endpoint:
            for _ in range(3):
                assert (await endpoint.ask(ASKED, [], 7)).text == "1"
        assert ["seed" in one for one in server.requests] == [True, False, False, False]
        async with Endpoint("m", access(server, seed=False)) as endpoint:
            await endpoint.ask(ASKED, [], 7)
        assert "seed" not in server.requests[-1]

    def filtered(asked: dict):
        return (400, refusal("filtered: how to sow a seed")) if asked["messages"] == ASKED else (200, chat("1"))

    with RawEndpoint(filtered) as server:
        async with Endpoint("m", access(server)) as endpoint:
            with pytest.raises(RequestRefusedError):
                await endpoint.ask(ASKED, [], 7)
            await endpoint.ask([{"role": "user", "content": "else"}], [], 7)
        assert ["seed" in one for one in server.requests] == [True, False, True]


def test_a_file_says_where_another_model_is_and_whether_it_takes_a_seed(tmp_path: Path, monkeypatch) -> None:
    """By itself alone; what it cannot mean is named."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    path = tmp_path / "m.toml"
    path.write_text('model = "n"\nbase_url = "http://a/v1"\napi_key = "k"\nseed = false\n')
    found = options.access_in(path, 5.0)
    assert (found.base_url, found.api_key, found.seed, found.timeout_s) == ("http://a/v1", "k", False, 5.0)
    assert (options.model_in(path), options.model_in(None)) == ("n", "")
    path.write_text('base_url = "http://a/v1"\nseed = 3\n')
    with pytest.raises(typer.BadParameter, match="`model`"):
        options.model_in(path)
    with pytest.raises(typer.BadParameter, match="`seed`"):
        options.access_in(path, 5.0)
