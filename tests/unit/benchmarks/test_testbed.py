"""What the testbed rests on: derivations read right, one model in two forms, intervals that are Student's."""

import json
import math
from pathlib import Path

import pytest
from jigsmith_scripted import Call, Message, Reply, Request, Tool

from benchmarks.testbed import figures
from benchmarks.testbed.ag2_endpoint import Ag2Model, FunctionsWire, as_ag2, as_tools, present_in
from benchmarks.testbed.model import Testbed
from benchmarks.testbed.outcome import Outcome
from benchmarks.testbed.questions import SOURCES, needs, splits


def rows(folder: Path, *derivations: tuple[str, str]) -> Path:
    """Write a data set with these derivations and answers, each question about a table of its own."""
    path = folder / "rows.jsonl"
    rest = {"split": "dev", "answer_type": "arithmetic", "scale": "", "answer_from": "table", "rel_paragraphs": []}
    written = [
        {"id": str(number), "table_id": str(number), "question": f"What is {number}?", "answer": answer}
        | {"derivation": derivation, "table": [["", str(number)]]}
        | rest
        for number, (derivation, answer) in enumerate(derivations)
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in written))
    return path


def test_a_derivation_says_which_function_a_question_needs(tmp_path: Path) -> None:
    """Known forms with their numbers; what is of no known form, or does not give its answer, is left out."""
    given = [
        ("$1,200 - 200", "1000"), ("(4 - 2)/2", "100"), ("(1+2+6)/3", "3"), ("3/4", "0.75"), ("1+2", "3"), ("-(5) - 2", "-7"),
        ("(4-2)/3", "66.67"), ("1*2", "2"), ("1+2", "4"),
    ]  # fmt: skip
    found = [need for _, need in needs(rows(tmp_path, *given)).values()]
    assert [one.function for one in found] == [
        "difference", "percent_change", "average", "ratio", "total", "difference",
    ]  # fmt: skip
    assert found[0].arguments["values"] == [1200.0, 200.0]


def test_the_right_functions_give_what_questions_need(tmp_path: Path) -> None:
    """The planted truth is true."""
    for _, need in needs(rows(tmp_path, ("(4-2)/2", "100"), ("(1+2+6)/3", "3"), ("3/4", "0.75"))).values():
        space: dict = {}
        exec(f"def right(values, percent):\n    {SOURCES[need.function]}", space)
        assert math.isclose(space["right"](**need.arguments), need.value())


def test_both_optimizers_are_proposed_the_same(tmp_path: Path) -> None:
    """AG2's second step gets the action that ours gets in its third epoch, for the same set."""
    known = needs(rows(tmp_path, *[(f"{n}+1", str(n + 1)) for n in range(40)]))
    testbed = Testbed(known, splits(known, 1).train, 1)
    code = f"def total(values, percent):\n    {SOURCES['total']}\n"
    listed = [{"name": "total", "description": "total", "arguments": {}, "packages": "", "code": code}]
    prompt = "after taking {} actions to manipulate List A:\nList B: {}.\n\n"

    def request(text: str) -> Request:
        return Request("m", (Message("user", text),), (Tool("add_function"),))

    model = Ag2Model(testbed)
    first = model.answer(request(prompt.format(0, [])))
    assert model.answer(request(prompt.format(1, []))) == Reply("TERMINATE")
    second = model.answer(request(prompt.format(0, listed)))
    assert present_in(prompt.format(0, listed)) == {"total": code}
    assert first.calls == (as_ag2(testbed.proposal(2, {})),)
    assert second.calls == (as_ag2(testbed.proposal(3, {"total": code})),)


def test_the_older_functions_api_says_the_same_as_tools() -> None:
    """A call and its result survive the way there and back."""
    call = {"name": "total", "arguments": '{"values": [1, 2]}'}
    body = {
        "model": "m",
        "functions": [{"name": "total", "parameters": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "", "function_call": call},
            {"role": "function", "name": "total", "content": "Result of total function execution:\n3\n"},
        ],
    }
    wire = FunctionsWire()
    request = wire.read(body)
    assert [one.name for one in request.tools] == ["total"]
    assert [one.role for one in request.messages] == ["user", "assistant", "tool"]
    answer = wire.answer(request, Reply(calls=(Call("total", call["arguments"]),)))["choices"][0]
    assert answer["message"]["function_call"] == call
    assert answer["finish_reason"] == "function_call"
    assert "tools" not in as_tools({"messages": []})


def test_the_agent_reads_values_and_errors_of_ag2(tmp_path: Path) -> None:
    """The value stands below a headline; whatever begins with `Error` is one."""
    known = needs(rows(tmp_path, *[(f"{n}+1", str(n + 1)) for n in range(40)]))
    model = Ag2Model(Testbed(known, (), 1))
    for content, said in (
        ("Result of total function execution:\n3.0\n", "ANSWER: 3.0"),
        ("Error: Error in executing function:Traceback\nIndexError: no\n", "ANSWER: unknown"),
    ):
        assert model.answer(Request("m", (Message("user", "?"), Message("tool", content)))) == Reply(said)


@pytest.mark.parametrize(("freedom", "bound"), [(1, 12.7062), (4, 2.7764), (19, 2.0930), (100, 1.9840)])
def test_intervals_are_students(freedom: int, bound: float) -> None:
    """As tabulated (NIST/SEMATECH e-Handbook, 1.3.6.7.2)."""
    assert math.isclose(figures.student(freedom), bound, abs_tol=2e-4)


def test_contenders_are_compared_seed_by_seed() -> None:
    """A difference that is the same for every seed is certain, however much seeds differ."""
    ours = [Outcome(loss, (), 0, 0) for loss in (0.1, 0.5, 0.3)]
    theirs = [Outcome(loss, (), 0, 0) for loss in (0.2, 0.6, 0.4)]
    found = figures.of_differences("noise0", {"trusted": ours, "ag2": theirs})
    assert math.isclose(found["testbed_trusted_minus_ag2_noise0_test_loss"], -0.1)
    assert math.isclose(found["testbed_trusted_minus_ag2_noise0_test_loss_half_width"], 0, abs_tol=1e-9)
