"""The parser of requests, fuzzed: a body is read or refused cleanly, whatever it is."""

from hypothesis import given
from hypothesis import strategies as st
from jigsmith_witness.errors import MalformedError
from jigsmith_witness.requests import AddCheckpoint

from tests.witness.logs import SignedLog

LOG = SignedLog()
LOG.grow(70)
HONEST = LOG.request(13, 70)


def outcome(body: bytes) -> AddCheckpoint | None:
    """Return what a body is read as, or None if it is refused as malformed; anything else fails the test."""
    try:
        return AddCheckpoint.parse(body)
    except MalformedError:
        return None


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_refused_cleanly(body: bytes) -> None:
    """Nothing but MalformedError leaves the parser."""
    outcome(body)


@given(st.data())
def test_an_altered_request_is_refused_or_still_says_what_was_sent(data: st.DataObject) -> None:
    """Bytes replaced, cut out or put in, anywhere: what is read bears the same text, or is bounded as every request."""
    start = data.draw(st.integers(0, len(HONEST)))
    end = data.draw(st.integers(start, min(len(HONEST), start + 20)))
    patch = data.draw(
        st.binary(max_size=20) | st.sampled_from([b"\n", b"\n\n", b"\r\n", b"old 0\n", "\u2014 ".encode()])
    )
    found = outcome(HONEST[:start] + patch + HONEST[end:])
    if found is not None:
        assert 0 <= found.old_size <= found.checkpoint.size < 2**63
        assert len(found.proof) <= 63
        assert {len(one) for one in found.proof} <= {32}
        assert found.note.startswith(found.checkpoint.text() + "\n")


@given(st.integers(0, 70), st.data())
def test_what_is_sent_is_what_is_read(size: int, data: st.DataObject) -> None:
    """For every pair of sizes."""
    old = data.draw(st.integers(0, size))
    found = AddCheckpoint.parse(LOG.request(old, size))
    assert (found.old_size, list(found.proof)) == (old, LOG.proof(old, size))
    assert (found.checkpoint, found.note) == (LOG.checkpoint(size), LOG.note(size))
