"""Which changes of a schema break callers."""

import json

import pytest
from jigsmith.compatibility import schema_changes
from jigsmith.diff import compare
from jigsmith.v1 import function_pb2, function_set_pb2

A = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0}, "unit": {"enum": ["m", "ft"]}},
    "required": ["n"],
}


def changed(**more) -> dict:
    """Return A with other keywords."""
    return A | more


def prop(name: str, **schema) -> dict:
    """Return A with another schema of one property."""
    return changed(properties=A["properties"] | {name: schema})


CASES = [
    # what changes, whether it breaks callers as parameters, and as a result
    (A, [], []),
    (changed(description="Other words."), [False], [False]),
    (changed(required=["n", "unit"]), [True], [False]),
    (changed(required=[]), [False], [True]),
    (prop("n", type="number", minimum=0), [False], [True]),
    (prop("n", type="string", minimum=0), [True], [True]),
    (prop("n", type=["integer", "null"], minimum=0), [False], [True]),
    (prop("n", type="integer", minimum=1), [True], [False]),
    (prop("n", type="integer", minimum=-1), [False], [True]),
    (prop("n", type="integer"), [False], [True]),
    (prop("n", type="integer", minimum=0, maximum=9), [True], [False]),
    (prop("unit", enum=["m", "ft", "in"]), [False], [True]),
    (prop("unit", enum=["m"]), [True], [False]),
    (prop("unit", enum=["m", "in"]), [True], [True]),
    (prop("unit", type="string"), [False, True], [True, False]),
    (prop("extra", type="string"), [False], [False]),
    (changed(additionalProperties=False), [True], [False]),
    (changed(properties={"n": A["properties"]["n"]}), [True], [True]),
    (changed(pattern="x"), [True], [True]),  # where it cannot be told, it counts as breaking
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_changes_break_where_callers_of_the_old_may_fail(case: int) -> None:
    """Arguments may be widened, results may be narrowed."""
    new, as_parameters, as_returns = CASES[case]
    old, text = json.dumps(A), json.dumps(new)
    assert [one.breaking for one in schema_changes("parameters", old, text)] == as_parameters
    assert [one.breaking for one in schema_changes("returns", old, text)] == as_returns


def test_pointers_name_the_place() -> None:
    """As JSON pointers, with their escapes."""
    (found,) = schema_changes(
        "parameters", '{"properties": {"a/b": {"type": "string"}}}', '{"properties": {"a/b": {}}}'
    )
    assert (found.pointer, found.breaking) == ("/properties/a~1b/type", False)


def test_a_diff_names_what_was_added_revised_and_removed() -> None:
    """And leaves out what is the same."""

    def version(name: str, source: str, **more) -> function_pb2.FunctionVersion:
        digest = f"{hash(source):064x}"[-64:]
        return function_pb2.FunctionVersion(
            name=f"functions/{name}/versions/{digest}",
            digest=digest,
            source=source,
            parameters_json=json.dumps(A),
            **more,
        )

    same, gone = version("same", "s"), version("gone", "g")
    old = function_set_pb2.Revision(name="r1", resolved_versions=[same, gone, version("f", "a\nb")])
    new = function_set_pb2.Revision(name="r2", resolved_versions=[same, version("f", "a\nc"), version("fresh", "x")])
    found = compare(old, new)
    assert [(one.function, one.change, one.breaking) for one in found.functions] == [
        ("f", "revised", False),
        ("fresh", "added", False),
        ("gone", "removed", True),
    ]
    assert "-b\n+c" in found.functions[0].text
    assert "BREAKING" in found.text()
    assert [one.change for one in compare(None, new).functions] == ["added"] * 3
