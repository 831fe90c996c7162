"""The log's side: checkpoints cosigned in the background by a real witness, and by servers that are no witness at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jigsmith.tlog import Checkpoint, CosignatureSigner, CosignatureVerifier
from jigsmith_runtime.audit import AuditLog
from jigsmith_runtime.audit.cosigning import (
    Cosigner,
    WitnessRefusedError,
    WitnessUnreachableError,
    WitnessUrlError,
)
from jigsmith_runtime.audit.witnessing import WitnessedLog, kept_cosigned
from structlog.testing import capture_logs

from tests.witness.conftest import WitnessProcess
from tests.witness.logs import SignedLog

WITNESS = CosignatureSigner("witness.example.org/1", Ed25519PrivateKey.generate())


async def until(true: Callable[[], bool]) -> None:
    """Wait until something holds; the test's own time-out is the bound."""
    while not true():
        await asyncio.sleep(0.02)


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """Give the URL of a server that gives every request one answer, as bytes on the wire; None: never any."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return an HTTP answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Following:
    """A log that is kept cosigned, and what was stored of it."""

    def __init__(self, log: SignedLog, size: int) -> None:
        self.log = log
        self.size = size
        self.stored: list[str] = []

    def witnessed(self) -> WitnessedLog:
        """Return the three callables."""

        async def prove(old_size: int, size: int) -> list[bytes]:
            assert 0 < old_size < size
            return self.log.proof(old_size, size)

        async def store(note: str) -> None:
            self.stored.append(note)

        return WitnessedLog(newest=lambda: self.log.note(self.size), prove=prove, store=store)

    def last_size(self) -> int:
        """Return the size of the checkpoint that was stored last."""
        return Checkpoint.parse(self.stored[-1].partition("\n\n")[0] + "\n").size if self.stored else 0


async def test_a_checkpoint_comes_back_cosigned(witness: WitnessProcess, log: SignedLog) -> None:
    """With its own signature as it was, and the witness's verified behind it."""
    async with Cosigner.connected(witness.url, witness.verifier) as cosigner:
        first = await cosigner.cosign(log.note(5), 0, [])
        assert first.startswith(log.note(5))
        assert witness.verifier.verify(first)
        second = await cosigner.cosign(log.note(9), 5, log.proof(5, 9))
        assert witness.verifier.verify(second)
        with pytest.raises(WitnessRefusedError) as refused:
            await cosigner.cosign(log.note(11), 5, log.proof(5, 11))
        assert (refused.value.status, refused.value.size) == (409, 9)
        with pytest.raises(WitnessRefusedError) as refused:
            await cosigner.cosign(log.note(11), 9, [])
        assert (refused.value.status, refused.value.size) == (422, None)


async def test_what_is_no_answer_of_the_witness_is_not_believed(log: SignedLog) -> None:
    """Another key, another text, nothing, too much, too late, a way elsewhere, a body that unpacks, no HTTP."""
    note, text = log.note(3), log.checkpoint(3).text()
    stranger = CosignatureSigner(WITNESS.verifier.name, Ed25519PrivateKey.generate())
    answers = [
        reply(stranger.cosign(text, 1).encode()),
        reply(WITNESS.cosign(log.checkpoint(4).text(), 1).encode()),
        reply(WITNESS.cosign(text, 1).encode()[:-1]),
        reply(b""),
        reply(b"\xff" * 100),
        reply(WITNESS.cosign(text, 1).encode() * 40),
        reply(b"x" * 1_000_000),
        reply(b"x", "200 OK", "Content-Encoding: gzip"),
        reply(b"", "307 Temporary Redirect", "Location: http://127.0.0.1:1/"),
        reply(b"broken", "503 Service Unavailable"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx",
        b"not HTTP at all\r\n\r\n",
        b"",
        None,
    ]
    for answer in answers:
        async with answering(answer) as url, Cosigner.connected(url, WITNESS.verifier) as cosigner:
            with pytest.raises((WitnessUnreachableError, WitnessRefusedError)) as found:
                await cosigner.cosign(note, 0, [])
            assert len(str(found.value)) < 500, answer
    good = reply(WITNESS.cosign(text, 7).encode())
    async with answering(good) as url, Cosigner.connected(url, WITNESS.verifier) as cosigner:
        assert await cosigner.cosign(note, 0, []) == note + WITNESS.cosign(text, 7)


@pytest.mark.parametrize("body", [b"", b"-1\n", b"007\n", b"5", b"9" * 30 + b"\n", b"\xff\n", b"5\n5\n"])
async def test_a_conflict_without_a_size_has_none(log: SignedLog, body: bytes) -> None:
    """Only the form of the specification counts as a size."""
    async with answering(reply(body, "409 Conflict")) as url, Cosigner.connected(url, WITNESS.verifier) as cosigner:
        with pytest.raises(WitnessRefusedError) as found:
            await cosigner.cosign(log.note(3), 0, [])
        assert found.value.size is None


async def test_a_refusal_is_shown_without_its_control_characters(log: SignedLog) -> None:
    """The text is somebody else's, and ends in a terminal."""
    answer = reply(b"\x1b[2Jno\nlevel=info fine " + b"x" * 1_000, "403 Forbidden")
    async with answering(answer) as url, Cosigner.connected(url, WITNESS.verifier) as cosigner:
        with pytest.raises(WitnessRefusedError) as found:
            await cosigner.cosign(log.note(3), 0, [])
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 300


@pytest.mark.parametrize(
    "url", ["", "witness", "ftp://w/", "file:///etc/passwd", "http://", "https://a:secret@w/", "http://w/?q"]
)
async def test_an_address_that_cannot_be_a_witness_is_refused(url: str) -> None:
    """Without saying what it was, because it may hold a password."""
    with pytest.raises(WitnessUrlError) as found:
        async with Cosigner.connected(url, WITNESS.verifier):
            pass
    assert "secret" not in str(found.value)


async def test_a_growing_log_is_kept_cosigned(witness: WitnessProcess, log: SignedLog) -> None:
    """From a witness that knows nothing, through its crash, to the newest size; told once each time."""
    following = Following(log, 3)
    with capture_logs() as told:
        async with kept_cosigned(witness.url, witness.verifier, following.witnessed()):
            await until(lambda: following.last_size() == 3)
            following.size = 17
            await until(lambda: following.last_size() == 17)
            witness.kill()
            following.size = 29
            await until(lambda: told[-1]["event"] == "witness.unreachable")
            witness.start()
            await until(lambda: following.last_size() == 29)
    assert [one["event"] for one in told] == ["witness.caught_up", "witness.unreachable", "witness.caught_up"]
    assert all(witness.verifier.verify(note) for note in following.stored)


async def test_a_restarted_log_goes_on_where_the_witness_is(witness: WitnessProcess, log: SignedLog) -> None:
    """It does not remember what was cosigned; the witness tells, also when nothing is new."""
    for size in (8, 8, 21):
        following = Following(log, size)
        async with kept_cosigned(witness.url, witness.verifier, following.witnessed()):
            await until(lambda following=following, size=size: following.last_size() == size)


@pytest.mark.parametrize(("shared", "size"), [(19, 20), (5, 33), (20, 12)])
async def test_a_log_that_is_not_the_one_the_witness_saw_is_told_loudly(
    witness: WitnessProcess, log: SignedLog, shared: int, size: int
) -> None:
    """Forked at the same size, forked and grown, rolled back."""
    assert witness.post(log.request(0, 20)).status == 200
    following = Following(log.fork(shared, max(size, shared)), size)
    with capture_logs() as told:
        async with kept_cosigned(witness.url, witness.verifier, following.witnessed()):
            await until(lambda: bool(told))
    assert (told[0]["event"], told[0]["log_level"]) == ("witness.refused", "error")
    assert "audit verify" in told[0]["what_to_do"]
    assert following.stored == []


async def test_a_witness_that_was_not_told_of_the_log_is_a_warning(witness: WitnessProcess) -> None:
    """It is a mistake of the operator, not a sign of tampering."""
    stranger = SignedLog()
    stranger.grow(3)
    following = Following(stranger, 3)
    with capture_logs() as told:
        async with kept_cosigned(witness.url, witness.verifier, following.witnessed()):
            await until(lambda: bool(told))
    assert (told[0]["event"], told[0]["log_level"]) == ("witness.refused", "warning")


async def test_a_disk_that_does_not_take_a_cosigned_checkpoint_is_told_and_tried_again(
    witness: WitnessProcess, log: SignedLog
) -> None:
    """Faults of the log's own side do not end witnessing."""
    following = Following(log, 3)
    given = following.witnessed()
    failures = [OSError(28, "No space left on device")]

    async def store(note: str) -> None:
        if failures:
            raise failures.pop()
        await given.store(note)

    with capture_logs() as told:
        async with kept_cosigned(witness.url, witness.verifier, WitnessedLog(given.newest, given.prove, store)):
            await until(lambda: following.last_size() == 3)
            await until(lambda: len(told) == 2)
    assert [one["event"] for one in told] == ["witness.failed", "witness.caught_up"]


def test_a_key_of_another_kind_is_none(log: SignedLog) -> None:
    """The log's own key in the place of the witness's would let the node witness itself."""
    with pytest.raises(ValueError, match="0x04"):
        CosignatureVerifier.parse(str(log.signer.verifier))


async def test_an_audit_log_is_kept_cosigned(witness: WitnessProcess, log: SignedLog, tmp_path: Path) -> None:
    """The runtime's own, with proofs from its tiles, over more than one tile."""
    audit = await AuditLog.open(tmp_path / "audit", signer=log.signer)
    stored: list[str] = []

    async def prove(old_size: int, size: int) -> list[bytes]:
        return await asyncio.to_thread(audit.consistency_proof, old_size, size)

    async def store(note: str) -> None:
        stored.append(note)

    async with kept_cosigned(witness.url, witness.verifier, WitnessedLog(audit.checkpoint, prove, store)):
        for total in (3, 300, 301):
            await asyncio.gather(*(audit.append({"kind": "x", "n": n}) for n in range(audit.size, total)))
            await audit.signed()
            newest = audit.checkpoint()
            await until(lambda newest=newest: bool(stored) and stored[-1].startswith(newest))
            assert witness.verifier.verify(stored[-1])
    await audit.close()
