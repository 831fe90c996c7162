"""Canonical JSON: RFC 8785 without floats."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jigsmith import canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


def test_the_form_is_that_of_the_rfc() -> None:
    """Sorted by UTF-16 code units, no white space, the RFC's escapes and no others (section 3.2.2.2 and 3.2.3)."""
    value = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7}
    assert canonical.encode(value) == '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'.encode()
    assert canonical.encode('€$\x0f\nA\'B"\\\\"/') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()
    assert canonical.encode([2**70, -1, True, None]) == b"[1180591620717411303424,-1,true,null]"


@given(VALUES)
def test_there_and_back(value: canonical.JsonValue) -> None:
    """What was encoded is JSON, and decodes to the same."""
    data = canonical.encode(value)
    assert json.loads(data) == canonical.decode(data) == value


@pytest.mark.parametrize("value", [1.0, {1: 2}, {"a": {1, 2}}, b"x", "\ud800", [[[]]] and object()])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    """Floats, foreign keys and types, lone surrogates."""
    with pytest.raises(canonical.CanonicalError):
        canonical.encode(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [b"1.0", b"[1, 2]", b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'"\\u0041"', b"01", b"NaN", b"\xff", b"", b"[" * 5_000],
)
def test_text_in_another_form_is_refused(text: bytes) -> None:
    """Equal values in other texts would have other digests."""
    with pytest.raises(canonical.CanonicalError):
        canonical.decode(text)


def test_depth_is_bounded() -> None:
    """A deep value is an error, not a crash."""
    deep: list = []
    for _ in range(canonical.DEPTH_MAX + 1):
        deep = [deep]
    with pytest.raises(canonical.CanonicalError):
        canonical.encode(deep)
