"""What a running witness answers: every status of c2sp.org/tlog-witness, "add-checkpoint"."""

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jigsmith.tlog import EMPTY_ROOT, Checkpoint, CosignatureSigner, NoteSigner, leaf_hash
from jigsmith_witness.requests import BODY_BYTES_MAX, PROOF_LINES_MAX

from tests.witness.conftest import Answer, WitnessProcess
from tests.witness.logs import ORIGIN, SignedLog, request

SIZE_TYPE = "text/x.tlog.size"


def known(size: int) -> Answer:
    """Return the answer of a witness that had cosigned a size."""
    return Answer(409, SIZE_TYPE, f"{size}\n")


def test_growing_checkpoints_are_cosigned(witness: WitnessProcess, log: SignedLog) -> None:
    """From nothing, through several sizes, the same one twice; each cosignature verifies and tells the time."""
    began = int(time.time())
    for old, size in ((0, 1), (1, 2), (2, 7), (7, 8), (8, 8), (8, 33), (33, 40)):
        answer = witness.post(log.request(old, size))
        assert answer.status == 200, answer
        assert began <= witness.verifier.verify(log.note(size) + answer.body) <= int(time.time())
        assert answer.body.startswith(f"\u2014 {witness.verifier.name} ")
        assert answer.body.count("\n") == 1


def test_an_empty_log_is_cosigned_with_the_root_of_nothing_only(witness: WitnessProcess, log: SignedLog) -> None:
    """And may grow afterwards."""
    wrong = log.signer.sign(Checkpoint(ORIGIN, 0, b"r" * 32).text())
    assert witness.post(request(0, [], wrong)).status == 422
    empty = log.signer.sign(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text())
    assert witness.post(request(0, [], empty)).status == 200
    assert witness.post(request(0, [], wrong)) == known(0)
    assert witness.post(log.request(0, 5)).status == 200


def test_an_old_size_that_is_not_the_last_one_is_told_the_last_one(witness: WitnessProcess, log: SignedLog) -> None:
    """Lower, higher, and zero, as a log asks that does not know; the answer is the number alone."""
    assert witness.post(log.request(3, 8)) == known(0)
    assert witness.post(log.request(0, 8)).status == 200
    for old, size in ((0, 8), (0, 12), (7, 12), (9, 12)):
        assert witness.post(log.request(old, size)) == known(8)
    assert "witness.refused" not in witness.log  # a log that was restarted asks so, and is no suspect


def test_a_log_cannot_be_rolled_back(witness: WitnessProcess, log: SignedLog) -> None:
    """Replays of older checkpoints are refused, whatever they claim to start from."""
    early = log.request(0, 5)
    assert witness.post(early).status == 200
    assert witness.post(log.request(5, 20)).status == 200
    assert witness.post(early) == known(20)
    assert witness.post(log.request(5, 5)) == known(20)
    assert witness.post(request(20, [], log.note(5))).status == 400
    assert witness.post(log.request(20, 21)).status == 200


def test_another_tree_of_the_same_size_is_refused(witness: WitnessProcess, log: SignedLog) -> None:
    """Signed with the log's own key; the true one is cosigned afterwards, and the evidence is in the witness's log."""
    assert witness.post(log.request(0, 10)).status == 200
    fork = log.fork(9, 10)
    assert witness.post(fork.request(10, 10)) == known(10)
    assert fork.note(10).split("\n")[2] in witness.log
    assert witness.post(log.request(10, 10)).status == 200


@pytest.mark.parametrize("shared", [0, 4, 7, 8, 9])
def test_a_fork_finds_no_proof(witness: WitnessProcess, log: SignedLog, shared: int) -> None:
    """Neither its own proof leads from what was cosigned, nor the true log's, nor none, nor one too long."""
    assert witness.post(log.request(0, 10)).status == 200
    fork = log.fork(shared, 24)
    own, true = fork.proof(10, 24), log.proof(10, 24)
    for proof in (own, true, [], [*own, own[0]], own[:-1], true[::-1]):
        assert witness.post(request(10, proof, fork.note(24))).status == 422
    assert witness.post(log.request(10, 24)).status == 200


def test_a_proof_where_none_belongs_is_refused(witness: WitnessProcess, log: SignedLog) -> None:
    """At the first checkpoint, and from a size to itself."""
    assert witness.post(request(0, [leaf_hash(b"")], log.note(4))).status == 422
    assert witness.post(log.request(0, 4)).status == 200
    assert witness.post(request(4, [leaf_hash(b"")], log.note(4))).status == 422


def test_a_log_that_was_not_announced_is_unknown(witness: WitnessProcess) -> None:
    """Whoever signs it."""
    stranger = SignedLog(NoteSigner("jigsmith/stranger", Ed25519PrivateKey.generate()))
    stranger.grow(3)
    assert witness.post(stranger.request(0, 3)).status == 404


def test_a_checkpoint_needs_the_signature_of_its_log(witness: WitnessProcess, log: SignedLog) -> None:
    """Another key of the same name, another name, an altered text, or the witness's own kind of signature will not do."""
    impostor = SignedLog(leaves=log.leaves)
    assert witness.post(impostor.request(0, 3)).status == 403
    text, _, _ = log.note(3).rpartition("\n\n")
    other = NoteSigner("jigsmith/other", Ed25519PrivateKey.generate())
    assert witness.post(request(0, [], other.sign(text + "\n"))).status == 403
    assert witness.post(request(0, [], log.note(3).replace("\n3\n", "\n4\n"))).status == 403
    line = CosignatureSigner(ORIGIN, log.signer._private).cosign(text + "\n", 1)
    assert witness.post(request(0, [], f"{text}\n\n{line}")).status == 403
    assert witness.post(log.request(0, 3)).status == 200


def test_signatures_of_others_are_passed_over_and_not_kept(witness: WitnessProcess, log: SignedLog) -> None:
    """Before and after the log's own, also one of the same name with another key."""
    text, _, own = log.note(3).rpartition("\n\n")
    foreign = [SignedLog(leaves=log.leaves).note(3), NoteSigner("a/b", Ed25519PrivateKey.generate()).sign(text + "\n")]
    before, after = (one.rpartition("\n\n")[2] for one in foreign)
    answer = witness.post(request(0, [], f"{text}\n\n{before}{own}{after}"))
    assert answer.status == 200
    assert witness.state.read_text() == log.note(3) + answer.body


def test_extension_lines_are_covered(witness: WitnessProcess, log: SignedLog) -> None:
    """Other logs may add them (c2sp.org/tlog-checkpoint); the cosignature is over them too."""
    text = log.checkpoint(3).text() + "an extension\n"
    answer = witness.post(request(0, [], log.signer.sign(text)))
    assert answer.status == 200
    assert witness.verifier.newest(log.signer.sign(text) + answer.body).text == text


def test_malformed_requests_are_told_so(witness: WitnessProcess, log: SignedLog) -> None:
    """And leave the witness as it was."""
    note, hash_line = log.note(3), base64.b64encode(b"h" * 32).decode()
    bodies = [
        b"",
        b"\n\n",
        b"old 0\n\n",
        b"\xff\xfe",
        note.encode(),
        f"old 0\n{note}".encode(),
        f"old 00\n\n{note}".encode(),
        f"old -1\n\n{note}".encode(),
        f"old \u0663\n\n{note}".encode(),
        f"old {'9' * 5_000}\n\n{note}".encode(),
        f"new 0\n\n{note}".encode(),
        f"old 0\r\n\r\n{note}".encode(),
        f"old 0\nAAAA\n\n{note}".encode(),
        f"old 0\n{hash_line}x\n\n{note}".encode(),
        f"old 0\n\u00e9\n\n{note}".encode(),
        f"old 0\n{(hash_line + chr(10)) * (PROOF_LINES_MAX + 1)}\n{note}".encode(),
        f"old 4\n\n{note}".encode(),
        f"old 0\n\n{note[:-1]}".encode(),
        f"old 0\n\n{note.replace(chr(0x2014), '-')}".encode(),
        f"old 0\n\n{note}\u2014 x !!!\n".encode(),
        f"old 0\n\n{log.checkpoint(3).text()}".encode(),
        f"old 0\n\n{log.signer.sign('not a checkpoint' + chr(10))}".encode(),
        f"old 0\n\n{note}{log.note(3).rpartition(chr(10) * 2)[2] * 40}".encode(),
    ]
    for body in bodies:
        assert witness.post(body).status == 400, body[:100]
    assert witness.post(log.request(0, 3)).status == 200


def test_a_long_body_is_not_read(witness: WitnessProcess, log: SignedLog) -> None:
    """Nor unpacked, if it was compressed; one at the limit is read."""
    assert witness.post(b"o" * (BODY_BYTES_MAX + 1)).status == 413
    assert witness.post(b"o" * BODY_BYTES_MAX).status == 400
    assert witness.post(log.request(0, 3), **{"Content-Encoding": "gzip"}).status in {200, 400}
    assert "Traceback" not in witness.log


def test_a_log_may_have_several_keys(witness: WitnessProcess, log: SignedLog) -> None:
    """The tree goes on when a node's key is replaced: the witness is given both."""
    assert witness.post(log.request(0, 5)).status == 200
    witness.kill()
    renewed = SignedLog(leaves=log.leaves)
    witness.keys.append(str(renewed.signer.verifier))
    witness.start()
    assert witness.post(renewed.request(5, 9)).status == 200
    assert witness.post(renewed.fork(3, 12).request(9, 12)).status == 422
    assert witness.post(log.request(9, 12)).status == 200
