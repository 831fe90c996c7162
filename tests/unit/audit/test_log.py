"""The audit log's writer and the verifier, on real files: what tampering and crashes do to them."""

import asyncio
import contextlib
import errno
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jigsmith.tlog import InclusionProof, NoteVerifier, leaf_hash, tiles
from jigsmith.verify import Fault, verify_log
from jigsmith_runtime.audit import AuditLog, LogCorruptError, load_or_create_signer
from jigsmith_runtime.audit.entries import EntryWriter
from jigsmith_runtime.errors import AuditUnavailableError

ORIGIN = "jigsmith/test"
PRINCIPAL = "service:agent"


class Log:
    """A log in a folder, and what a test does with it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "audit"
        self.signer = load_or_create_signer(directory / "key.pem", ORIGIN)
        self.entries = EntryWriter("test")

    async def open(self) -> AuditLog:
        """Open it."""
        return await AuditLog.open(self.directory, signer=self.signer)

    async def fill(self, calls: int) -> None:
        """Start a runtime's story and add calls; entries 0, then pairs."""
        log = await self.open()
        await log.append(self.started())
        for number in range(calls):
            await self.call(log, number)
        await log.close()

    async def call(self, log: AuditLog, number: int) -> None:
        """Add a call that returned."""
        accepted = await log.append(self.accepted(number))
        await log.append(
            self.entries.call_finished(
                PRINCIPAL,
                invocation=f"invocations/{number:032x}",
                accepted_index=accepted.index,
                outcome="OK",
                result_commitment="0" * 64,
                wall_us=1,
                cpu_us=1,
                memory_peak_bytes=1,
            )
        )

    def started(self):
        """Return the entry of a runtime that is ready."""
        return self.entries.runtime_started(
            version="1", backend="bubblewrap", image=None, isolation="namespaces", memory_scope="call", digests={}
        )

    def accepted(self, number: int):
        """Return the entry of a call's begin."""
        return self.entries.call_accepted(
            PRINCIPAL,
            invocation=f"invocations/{number:032x}",
            target="functions/f/versions/" + "0" * 64,
            function_version="functions/f/versions/" + "0" * 64,
            revision=None,
            release=None,
            request_id=None,
            trace_id=None,
            arguments_commitment="0" * 64,
            payload_level="metadata",
            limits={"wall_ms": 1},
            backend="bubblewrap",
            image=None,
            profile="python",
            isolation="namespaces",
            memory_scope="call",
            policy="restricted",
        )

    def other(self, number: int):
        """Return an entry that is about no call."""
        return self.entries.function_set_created(PRINCIPAL, function_set=f"functionSets/s{number}")

    def verify(self):
        """Run the stand-alone verifier."""
        return verify_log(self.directory, NoteVerifier.parse(str(self.signer.verifier)))

    def rewrite(self, change: Callable[[list[bytes]], list[bytes]], number: int = 0) -> None:
        """Change a bundle's entries behind the runtime's back."""
        path = self.bundle(number)
        path.write_bytes(b"".join(map(tiles.pack, change(tiles.unpack(path.read_bytes())))))

    def bundle(self, number: int) -> Path:
        """Return where a bundle's entries stand."""
        full = tiles.bundle_path(self.directory, number)
        return full if full.exists() else self.directory / tiles.TAIL

    def rehash(self, number: int = 0) -> None:
        """Rewrite the stored hashes to fit, as a cunning forger would."""
        entries = tiles.unpack(self.bundle(number).read_bytes())
        hashes = b"".join(map(leaf_hash, entries))
        tiles.hashes_path(self.directory, 0, number, len(entries)).write_bytes(hashes)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Give a log in a folder of its own."""
    return Log(tmp_path)


async def test_a_good_log_verifies_over_many_bundles(log: Log) -> None:
    """601 entries in three bundles, opened and closed in between."""
    await log.fill(150)
    await log.fill(150)
    report = log.verify()
    assert report.ok, report.first_bad
    assert (report.entries, report.accepted, report.finished, report.open) == (602, 300, 300, 0)


async def test_appends_from_many_tasks_share_commits_and_keep_their_places(log: Log) -> None:
    """Each receipt names the entry that was given."""
    opened = await log.open()
    receipts = await asyncio.gather(*(opened.append({"kind": "x", "n": n}) for n in range(1_000)))
    for n, receipt in enumerate(receipts):
        ((index, data),) = opened.read(receipt.index, 1)
        assert (index, json.loads(data)["n"]) == (receipt.index, n)
        assert leaf_hash(data) == receipt.leaf_hash
    await opened.signed()
    size, proof = opened.inclusion_proof(700)
    ((_, data),) = opened.read(700, 1)
    signed = InclusionProof.parse(proof.text()).verify(leaf_hash(data), log.signer.verifier)
    assert signed.size == size == 1_000
    await opened.close()


def _edit(index: int) -> Callable[[list[bytes]], list[bytes]]:
    def change(entries: list[bytes]) -> list[bytes]:
        edited = entries[index].replace(b"service:agent", b"service:agemt")
        assert edited != entries[index]
        return [*entries[:index], edited, *entries[index + 1 :]]

    return change


TAMPERINGS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "an edited byte": (_edit(4), 4),
    "a deleted entry": (lambda entries: [*entries[:6], *entries[7:]], 6),
    "an inserted entry": (lambda entries: [*entries[:3], b'{"kind":"x"}', *entries[3:]], 3),
    "two entries swapped": (lambda entries: [*entries[:3], entries[4], entries[3], *entries[5:]], 3),
    "the first entry gone": (lambda entries: entries[1:], 0),
    "the last entry gone": (lambda entries: entries[:-1], 20),
    "everything gone": (lambda _: [], 0),
}


@pytest.mark.parametrize("case", TAMPERINGS)
async def test_tampering_is_found_and_the_entry_is_named(log: Log, case: str) -> None:
    """By the verifier; and the writer does not open such a log."""
    change, index = TAMPERINGS[case]
    await log.fill(10)
    log.rewrite(change)
    report = log.verify()
    assert not report.ok
    assert report.first_bad is not None
    assert (report.first_bad.index, str(index) in report.first_bad.explanation) == (index, True)
    with pytest.raises(LogCorruptError):
        await log.open()


@pytest.mark.parametrize("case", ["an edited byte", "two entries swapped"])
async def test_tampering_with_the_hashes_too_is_found_by_the_root(log: Log, case: str) -> None:
    """Without the private key, no forger makes the signed root fit."""
    await log.fill(10)
    log.rewrite(TAMPERINGS[case][0])
    log.rehash()
    report = log.verify()
    assert not report.ok
    with pytest.raises(LogCorruptError):
        await log.open()


async def test_a_checkpoint_of_another_key_or_log_is_not_believed(log: Log, tmp_path: Path) -> None:
    """Missing, altered, signed by somebody else, or of a longer log."""
    await log.fill(5)
    path = log.directory / tiles.CHECKPOINT
    good = path.read_text()
    other = load_or_create_signer(tmp_path / "other.pem", ORIGIN)
    for wrong in (other.sign(good.partition("\n\n")[0] + "\n"), good.replace("\n11\n", "\n10\n"), "", "\xff\xfe"):
        path.write_text(wrong)
        report = log.verify()
        assert report.first_bad is not None
        assert report.first_bad.kind is Fault.CHECKPOINT
    path.unlink()
    assert not log.verify().ok


async def test_a_log_rolled_back_to_an_earlier_state_is_not_reopened_with_a_later_checkpoint(log: Log) -> None:
    """Entries that were signed and are gone are missed."""
    await log.fill(3)
    shutil.copytree(log.directory, log.directory.with_name("old"))
    await log.fill(3)
    checkpoint = (log.directory / tiles.CHECKPOINT).read_text()
    shutil.rmtree(log.directory)
    shutil.copytree(log.directory.with_name("old"), log.directory)
    (log.directory / tiles.CHECKPOINT).write_text(checkpoint)
    report = log.verify()
    assert report.first_bad is not None
    assert (report.first_bad.kind, report.first_bad.index) == (Fault.TRUNCATED, 7)


@pytest.mark.parametrize("cut", [1, 2, 7, 40])
async def test_a_torn_tail_is_dropped_and_the_log_goes_on(log: Log, cut: int) -> None:
    """A write cut off by a crash was never acknowledged."""
    await log.fill(5)
    with (log.directory / tiles.TAIL).open("ab") as file:
        file.write(tiles.pack(b'{"kind":"never acknowledged, and long enough to be cut"}')[:cut])
    await log.fill(5)
    report = log.verify()
    assert report.ok, report.first_bad
    assert report.entries == 22


async def test_leaf_hashes_lost_in_a_crash_are_made_again(log: Log) -> None:
    """They follow from the entries, which are what was made durable."""
    await log.fill(5)
    shutil.rmtree(log.directory / "tile")
    opened = await log.open()
    await opened.close()
    assert log.verify().ok


async def test_calls_that_a_crash_left_open_are_found(log: Log) -> None:
    """So that the next start can end them."""
    opened = await log.open()
    await opened.append(log.started())
    await log.call(opened, 1)
    receipt = await opened.append(log.accepted(2))
    await opened.close()
    assert log.verify().open == 1
    opened = await log.open()
    (left,) = opened.interrupted_calls()
    assert (left.index, left.invocation, left.principal) == (receipt.index, f"invocations/{2:032x}", PRINCIPAL)
    await opened.append(log.started())
    await opened.close()
    report = log.verify()
    assert report.first_bad is not None
    assert report.first_bad.kind is Fault.PAIRING


@pytest.mark.parametrize("allowed", [None, "functionSets/another", "functionSets/s", "withdrawn"])
async def test_a_run_without_a_policy_where_no_admin_allowed_it_is_found(log: Log, allowed: str | None) -> None:
    """The verifier follows what admins allowed for which set."""
    opened, write = await log.open(), log.entries
    if allowed is not None:
        name = "functionSets/s" if allowed == "withdrawn" else allowed
        await opened.append(write.policy_allowed("user:root", function_set=name, policy="none", reason="Needed."))
    if allowed == "withdrawn":
        await opened.append(write.policy_allowed("user:root", function_set=name, policy="restricted", reason="Enough."))
    entry = log.accepted(1) | {"policy": "none", "revision": "functionSets/s/revisions/1"}
    receipt = await opened.append(entry)
    await opened.append(
        write.call_finished(PRINCIPAL, invocation=str(entry["invocation"]), accepted_index=receipt.index, outcome="OK")
    )
    await opened.close()
    report = log.verify()
    if allowed == "functionSets/s":
        assert report.ok, report.first_bad
    else:
        assert report.first_bad is not None
        assert (report.first_bad.kind, report.first_bad.index) == (Fault.UNAPPROVED, receipt.index)


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
async def test_a_failed_write_fails_closed_for_good(log: Log, fault: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that an entry is there, and no later one is taken: the kernel may have dropped the pages."""
    opened = await log.open()
    await opened.append({"kind": "before"})
    real = os.fdatasync

    def broken(descriptor: int) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(AuditUnavailableError):
        await opened.append({"kind": "lost"})
    monkeypatch.setattr(os, "fdatasync", real)
    with pytest.raises(AuditUnavailableError):
        await opened.append({"kind": "after"})
    assert opened.failed
    await opened.close()


async def test_only_one_writer(log: Log) -> None:
    """A second one on the same folder is refused, and named."""
    opened = await log.open()
    with pytest.raises(BlockingIOError, match="another process"):
        await log.open()
    await opened.close()


async def test_an_entry_that_is_too_long_harms_nobody(log: Log) -> None:
    """It is refused; the next one is taken."""
    opened = await log.open()
    with pytest.raises(ValueError, match="65535"):
        await opened.append({"kind": "x", "text": "y" * 70_000})
    assert (await opened.append({"kind": "x"})).index == 0
    await opened.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


async def test_on_a_full_disk_what_has_begun_is_ended_and_nothing_begins(small_disk: Path) -> None:
    """The reserve takes the last entries; once there is room the log goes on, and the whole of it verifies."""
    log = Log(small_disk)
    opened = await log.open()
    begun = [(await opened.append(log.accepted(number))).index for number in range(300)]
    (small_disk / "ballast").write_bytes(b"")
    with (small_disk / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"\0" * 4_096)
    refusals = []
    for number in range(1_000, 1_400):
        try:
            begun.append((await opened.append(log.accepted(number))).index)
        except AuditUnavailableError as error:
            refusals.append(str(error))
    assert refusals
    assert all("full" in one for one in refusals)
    assert opened.failed is None
    numbers = [json.loads(data)["invocation"] for _, data in opened.read(0, opened.size)]
    for index in begun:
        await opened.append(
            log.entries.call_finished(PRINCIPAL, invocation=numbers[index], accepted_index=index, outcome="OK")
        )
    (small_disk / "ballast").unlink()
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(AuditUnavailableError):
                receipt = await opened.append(log.accepted(9_999))
                break
            await asyncio.sleep(0.1)
    await opened.append(
        log.entries.call_finished(
            PRINCIPAL, invocation=f"invocations/{9_999:032x}", accepted_index=receipt.index, outcome="OK"
        )
    )
    await opened.close()
    report = log.verify()
    assert report.ok, report.first_bad
    assert (report.open, report.finished) == (0, len(begun) + 1)


@pytest.mark.parametrize("alone", [False, True])
async def test_a_write_that_hangs_fails_the_log(log: Log, alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the write deadline the caller is told, and nothing is taken any more, even if the disk comes back."""
    opened = await log.open()
    await opened.append(log.other(0))
    real = os.fdatasync
    monkeypatch.setattr("jigsmith_runtime.audit.log.WRITE_DEADLINE_S", 0.2)
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (time.sleep(0.5), real(descriptor)))
    with pytest.raises(AuditUnavailableError, match="took longer"):
        await opened.append(log.other(1), alone=alone)
    monkeypatch.setattr(os, "fdatasync", real)
    with pytest.raises(AuditUnavailableError):
        await opened.append({"kind": "after"})
    assert opened.failed
    await opened.close()
    assert log.verify().ok


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, 700])
async def test_the_files_are_those_of_the_tiled_log_specification(log: Log, size: int) -> None:
    """Bundles and tiles of every level, full and partial, and no other, as c2sp.org/tlog-tiles counts them."""
    opened = await log.open()
    await asyncio.gather(*(opened.append(log.other(n)) for n in range(size)))
    await opened.close()
    (log.directory / tiles.TAIL).unlink()  # the writer's own
    assert log.verify().entries == size
    expected = {f"0/{n:03}" for n in range(size // 256)} | {f"entries/{n:03}" for n in range(size // 256)}
    if size % 256:
        expected |= {f"{kind}/{size // 256:03}.p/{size % 256}" for kind in ("0", "entries")}
    if size >= 256:
        expected.add(f"1/000.p/{size // 256}")
    found = {
        path.relative_to(log.directory / "tile").as_posix()
        for path in log.directory.rglob("tile/**/*")
        if path.is_file()
    }
    assert expected <= found
    assert all(".p/" in path for path in found - expected)  # what was unfinished at an earlier checkpoint


async def test_calls_left_open_long_ago_are_found(log: Log) -> None:
    """However much has been logged since; and where the note about them is lost, all the same."""
    opened = await log.open()
    await opened.append(log.accepted(7))
    await asyncio.gather(*(opened.append(log.other(n)) for n in range(1_000)))
    await opened.close()
    for lose in (False, True):
        if lose:
            (log.directory / "oldest-open").unlink()
        opened = await log.open()
        assert [call.index for call in opened.interrupted_calls()] == [0]
        await opened.close()
