"""Contract, runtime, client and docs know the same reasons."""

from pathlib import Path

from jigsmith import _status
from jigsmith.v1 import errors_pb2
from jigsmith_runtime.errors import CODE_OF_REASON, Reason

DOCS = Path(__file__).parents[3] / "docs/errors.md"


def test_every_reason_has_a_status_a_class_and_a_line_in_the_docs() -> None:
    """CANCELLED has no class and no line: no caller is left to be told."""
    said = {name.removeprefix("REASON_") for name, number in errors_pb2.Reason.items() if number}
    assert {reason.value for reason in Reason} == said | {Reason.CANCELLED.value}
    assert set(CODE_OF_REASON) == set(Reason)
    assert {errors_pb2.Reason.Name(number).removeprefix("REASON_") for number in _status._BY_REASON} == said
    table = DOCS.read_text()
    assert not [reason for reason in said if reason not in table]
