"""What a witness knows survives everything but the loss of its folder; and a folder that looks altered is not used.

The promise throughout: no two trees are ever cosigned of which one does not begin with the other.
"""

import http.client
import random
import subprocess
import threading
from pathlib import Path

import pytest
from jigsmith.tlog import Checkpoint, CosignatureVerifier

from tests.witness.conftest import NAME, WitnessProcess, WitnessStartError
from tests.witness.logs import SignedLog

EXIT_UNUSABLE = 3


def refused_start(witness: WitnessProcess) -> str:
    """Return what a witness says that must not start."""
    found = subprocess.run(witness.command(), capture_output=True, timeout=60, check=False)
    assert found.returncode == EXIT_UNUSABLE, found
    assert b"Traceback" not in found.stderr
    return found.stderr.decode()


def test_a_kill_between_requests_loses_nothing(witness: WitnessProcess, log: SignedLog) -> None:
    """The next process has the same key, knows the same size and refuses the same forks."""
    assert witness.post(log.request(0, 10)).status == 200
    key = str(witness.verifier)
    witness.kill()
    witness.start()
    assert str(witness.verifier) == key
    assert witness.post(log.request(0, 12)).body == "10\n"
    assert witness.post(log.fork(9, 10).request(10, 10)).status == 409
    assert witness.post(log.fork(9, 12).request(10, 12)).status == 422
    assert witness.post(log.request(10, 12)).status == 200


def test_kills_in_the_middle_never_lead_to_two_forks(witness: WitnessProcess, log: SignedLog) -> None:
    """Killed again and again under a stream of requests, it never forgets what it gave out."""
    log.grow(1_960)
    chosen, given_out, size = random.Random(7), [], 0
    for _ in range(8):
        assert witness.process is not None
        killer = threading.Timer(chosen.uniform(0.0, 0.05), witness.process.kill)
        killer.start()
        try:
            while size + 9 < 2_000:
                step = chosen.randint(1, 9)
                answer = witness.post(log.request(size, size + step))
                assert answer.status == 200, answer
                given_out.append((size + step, answer.body))
                size += step
        except (OSError, http.client.HTTPException):
            pass
        killer.join()
        witness.kill()
        witness.start()
        # What was under way may have been kept without being given out; what was given out must have been kept.
        remembered = int(witness.post(log.request(2_000, 2_000)).body)
        assert remembered >= size
        size = remembered
        if size:
            fork = log.fork(size - 1, size + 5)
            for forged in range(max(1, size - 3), size + 6):
                statuses = {
                    witness.post(fork.request(old, forged)).status for old in (0, size, forged) if old <= forged
                }
                assert statuses <= {409, 422}
    assert given_out, "every kill came before the first answer: nothing was tried"
    for signed, line in given_out:
        assert Checkpoint.parse(witness.verifier.newest(log.note(signed) + line).text) == log.checkpoint(signed)


def test_requests_at_once_are_taken_one_after_the_other(witness: WitnessProcess, log: SignedLog) -> None:
    """Of two forks that start from the same size, one at most is cosigned."""
    assert witness.post(log.request(0, 8)).status == 200
    rivals = [log.fork(8, 8)] + [SignedLog(log.signer, log.leaves[:8]) for _ in range(15)]
    for number, rival in enumerate(rivals):
        rival.grow(4, f"rival {number}")
    statuses: list[int] = []

    def submit(rival: SignedLog) -> None:
        statuses.append(witness.post(rival.request(8, 12)).status)

    threads = [threading.Thread(target=submit, args=[rival]) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 15


def test_a_second_witness_on_the_folder_is_refused(witness: WitnessProcess, log: SignedLog, tmp_path: Path) -> None:
    """Two could cosign two forks; the first goes on."""
    second = WitnessProcess(tmp_path / "second", witness.keys)
    second.options = ["--data", str(witness.data)]
    assert "another witness uses" in refused_start(second)
    assert witness.post(log.request(0, 3)).status == 200


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "another log's", "another witness's", "bare"])
def test_a_corrupt_state_stops_the_start(witness: WitnessProcess, log: SignedLog, tmp_path: Path, damage: str) -> None:
    """With an error that names the file; nothing begins anew."""
    assert witness.post(log.request(0, 3)).status == 200
    witness.kill()
    whole = witness.state.read_bytes()
    stranger = SignedLog()
    stranger.grow(3, "stranger")
    other = WitnessProcess(tmp_path / "other", witness.keys)
    other.start()
    other.post(log.request(0, 3))
    other.kill()
    damaged = {
        "empty": b"",
        "cut": whole[:-5],
        "flipped": whole.replace(b"\n3\n", b"\n2\n"),
        "another log's": stranger.note(3).encode() + whole.rpartition(b"\n\n")[2],
        "another witness's": other.state.read_bytes(),
        "bare": log.note(3).encode(),
    }[damage]
    witness.state.write_bytes(damaged)
    message = refused_start(witness)
    assert str(witness.state) in message
    assert witness.state.read_bytes() == damaged
    witness.state.write_bytes(whole)
    witness.start()
    assert witness.post(log.request(0, 3)).body == "3\n"


def test_a_folder_without_its_checkpoints_or_key_stops_the_start(witness: WitnessProcess, log: SignedLog) -> None:
    """A witness that no longer knows what it cosigned would cosign anything."""
    assert witness.post(log.request(0, 3)).status == 200
    witness.kill()
    for name in ("checkpoints", "witness-key.pem", "witness-key.pub"):
        path = witness.data / name
        away = path.rename(witness.directory / name)
        assert name in refused_start(witness)
        away.rename(path)
    witness.start()
    assert witness.post(log.request(0, 3)).body == "3\n"


def test_the_key_is_private_and_the_name_stays(witness: WitnessProcess) -> None:
    """Mode 0600; the public file names the witness; a start under another name, or with an open key, is refused."""
    private = witness.data / "witness-key.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    assert witness.verifier.name == NAME
    assert b"PRIVATE" not in (witness.data / "witness-key.pub").read_bytes()
    witness.kill()
    witness.options = ["--name", "witness.example.org/2"]
    assert f"is named {NAME}" in refused_start(witness)
    witness.options = []
    private.chmod(0o644)
    assert "chmod 600" in refused_start(witness)
    private.chmod(0o600)
    witness.start()
    assert witness.stop() == 0


def test_a_new_witness_needs_a_name(tmp_path: Path, log: SignedLog) -> None:
    """And makes nothing without one."""
    witness = WitnessProcess(tmp_path / "process", [str(log.signer.verifier)], options=[])
    assert "--name" in refused_start(witness)
    witness.options = ["--name", "not a name"]
    assert "cannot name a key" in refused_start(witness)
    assert not (witness.data / "witness-key.pem").exists()


def test_an_address_in_use_is_named(witness: WitnessProcess, tmp_path: Path) -> None:
    """Instead of a traceback."""
    second = WitnessProcess(tmp_path / "second", witness.keys, port=witness.port)
    assert f"cannot listen on 127.0.0.1:{witness.port}" in refused_start(second)


def test_a_disk_that_takes_nothing_stops_cosigning(witness: WitnessProcess, log: SignedLog) -> None:
    """What cannot be kept is not given out; a folder in the place of the draft stands for the disk's refusal."""
    assert witness.post(log.request(0, 3)).status == 200
    obstacle = witness.state.with_name(f".{witness.state.name}.new")
    obstacle.mkdir()
    answer = witness.post(log.request(3, 5))
    assert answer.status == 503
    assert "\u2014" not in answer.body
    assert witness.post(log.request(0, 5)).body == "3\n"
    obstacle.rmdir()
    assert witness.post(log.request(3, 5)).status == 200


def test_show_tells_what_was_cosigned_last(witness: WitnessProcess, log: SignedLog) -> None:
    """While the witness runs; and that a folder is none."""
    assert witness.post(log.request(0, 3)).status == 200
    show = [*witness.command()[:3], "show", "--data"]
    found = subprocess.run([*show, str(witness.data)], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "jigsmith/node-1  3 entries" in found
    nothing = subprocess.run([*show, str(witness.directory)], capture_output=True, text=True, timeout=60, check=False)
    assert nothing.returncode == EXIT_UNUSABLE
    assert "is not the folder of a witness" in nothing.stderr


def test_it_prints_its_public_key(witness: WitnessProcess) -> None:
    """To standard output, for those who verify."""
    witness.kill()
    process = subprocess.Popen(witness.command(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        assert str(CosignatureVerifier.parse(process.stdout.readline().decode())) == str(witness.verifier)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_start_that_fails_is_seen_by_these_tests(witness: WitnessProcess, tmp_path: Path) -> None:
    """So that a passing start means something."""
    with pytest.raises(WitnessStartError):
        WitnessProcess(tmp_path / "second", witness.keys, options=["--data", str(witness.data)]).start()
