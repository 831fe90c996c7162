"""The optimizer's actions: whatever a model sends becomes a checked action or an error that it reads."""

import json
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jigsmith_optimizer import actions
from jigsmith_optimizer.actions import Action, ActionInvalidError, parse
from jigsmith_optimizer.weights import same_result

PRESENT = frozenset({"twice"})
FUNCTION = {
    "name": "thrice", "description": "d", "parameters": {"type": "object"}, "source": "def thrice(n): return n * 3",
    "reason": "r",
}  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("add_function", FUNCTION | {"name": ["a"]}, "`name` must be a text"),
        ("add_function", FUNCTION | {"name": {"a": 1}}, "`name` must be a text"),
        ("revise_function", FUNCTION | {"name": ["twice"]}, "`name` must be a text"),
        ("remove_function", {"name": ["twice"], "reason": "r"}, "`name` must be a text"),
        ("terminate", {"reason": {}}, "`reason` must be a text"),
        ("add_function", FUNCTION | {"name": "x" * 65}, "identifier"),
        ("add_function", FUNCTION | {"source": 3}, "`source` must be a text"),
        ("add_function", FUNCTION | {"description": []}, "`description` must be a text"),
        ("add_function", FUNCTION | {"packages": [["numpy"]]}, "`packages`"),
        ("add_function", FUNCTION | {"packages": "numpy"}, "`packages`"),
        ("add_function", FUNCTION | {"parameters": []}, "`parameters`"),
        ("add_function", [FUNCTION], "not a JSON object"),
        ("x" * 9_999, {}, "there is no action 'xxx"),
    ],
)
def test_what_has_another_type_is_an_error_that_names_it(tool: str, arguments, said: str) -> None:
    """Never a TypeError."""
    with pytest.raises(ActionInvalidError, match=said) as caught:
        parse(tool, json.dumps(arguments), PRESENT)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("value", "said"),
    [("NaN", "NaN is no number"), ("-Infinity", "-Infinity is no number"), ("1e999", "too large"), ("9" * 5_000, "not JSON"),
     ("[" * 70 + "]" * 70, "nested deeper"), ("[" * 100_000, "not JSON")],
)  # fmt: skip
def test_what_json_or_the_runtime_does_not_know_is_refused(value: str, said: str) -> None:
    """In an example's arguments, where it was found, and so everywhere."""
    text = json.dumps(FUNCTION | {"examples": [{"arguments": {"n": "HERE"}}]}).replace('"HERE"', value)
    with pytest.raises(ActionInvalidError, match=said):
        parse("add_function", text, PRESENT)


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    """Escaped in the text of the arguments they come through the wire; here they end, in keys, too."""
    half = "\ud800"
    given = FUNCTION | {
        "reason": half, "description": half, "source": f"# {half}", "parameters": {"type": "object", half: half},
        "examples": [{"arguments": {half: half}, "expected": half}],
    }  # fmt: skip
    action = parse("add_function", json.dumps(given), PRESENT)
    everything = [action.reason, action.description, action.source, action.parameters, action.examples[0].arguments]
    json.dumps(everything, ensure_ascii=False).encode()
    assert action.reason == action.examples[0].expected == "\ufffd"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(["add_function", "revise_function", "remove_function", "terminate"]),
    st.dictionaries(st.sampled_from([*FUNCTION, "packages", "examples"]), VALUES),
    st.booleans(),
)
def test_any_arguments_are_an_action_or_an_error(tool: str, changed: dict, whole: bool) -> None:
    """An action can be written down as UTF-8, and holds finite numbers only."""
    try:
        action = parse(tool, json.dumps((FUNCTION if whole else {}) | changed), PRESENT)
    except ActionInvalidError as error:
        str(error)
        return
    assert isinstance(action, Action)
    told = [action.name, action.description, action.source, action.reason, action.parameters, action.packages]
    examples = [[one.arguments, one.expected] for one in action.examples]
    json.dumps([told, examples], ensure_ascii=False, allow_nan=False).encode()


def test_the_prompt_shows_an_action_that_is_one() -> None:
    """Its example has every field, and its function gives what its own examples say."""
    prompt = resources.files("jigsmith_optimizer.prompts").joinpath("optimizer.md").read_text()
    text = prompt.partition("```json")[2].partition("```")[0]
    action = parse("add_function", text, PRESENT)
    names: dict = {}
    exec(action.source, names)
    assert action.examples
    for one in action.examples:
        assert same_result(names[action.name](**one.arguments), one.expected)
    for kind in ("add_function", "revise_function", "remove_function", "terminate", *actions.PACKAGES):
        assert kind in prompt


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (0.1 + 0.2, 0.3, True), (1 / 3, 0.3333, False), (1 / 3, 0.33333333, True), (1e-17, 0, True), (3, 3.0, True),
        (3, 4, False), (1e20, 1e20 + 1e5, True), ([1, 0.1 + 0.2], [1, 0.3], True), ([1], [1, 2], False),
        ({"a": [0.1 + 0.2]}, {"a": [0.3]}, True), ({"a": 1}, {"b": 1}, False), (True, 1, False), (True, True, True),
        ("a", "a", True), ("1", 1, False), (None, 0.0, False), (10**400, 1.5, False), (10**400, 10**400, True),
        (10**400, 10**400 + 1, False),
    ],
)  # fmt: skip
def test_an_example_gives_what_was_expected_up_to_rounding(one, other, *, same: bool) -> None:
    """Within lists and objects, too; integers are exact, and true is no number."""
    assert same_result(one, other) is same
    assert same_result(other, one) is same
