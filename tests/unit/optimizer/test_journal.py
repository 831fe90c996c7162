"""The journal: a step is taken once, durably; a replay takes none."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jigsmith_optimizer.journal import Journal, JournalError


async def test_a_step_is_taken_once(tmp_path: Path) -> None:
    """Also when it is asked for many times at once, and by a later process."""
    taken = []

    async def step() -> dict:
        taken.append(1)
        await asyncio.sleep(0.01)
        return {"value": 1.5}

    async with Journal(tmp_path / "j") as journal:
        found = await asyncio.gather(*(journal.once("answer", ["q"], step) for _ in range(20)))
        assert found == [{"value": 1.5}] * 20
        await journal.once("answer", ["other"], step)
    async with Journal(tmp_path / "j") as journal:
        assert await journal.once("answer", ["q"], step) == {"value": 1.5}
        assert journal.all("answer") == [{"value": 1.5}] * 2
    assert len(taken) == 2


async def test_a_step_that_failed_is_taken_again(tmp_path: Path) -> None:
    """Its error reaches everyone who asked, and is not kept."""

    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise OSError("no")

    async def succeed() -> int:
        return 1

    async with Journal(tmp_path / "j") as journal:
        found = await asyncio.gather(*(journal.once("a", 1, fail) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(one, OSError) for one in found)
        assert await journal.once("a", 1, succeed) == 1


async def test_a_replay_takes_no_step(tmp_path: Path) -> None:
    """What the journal does not hold cannot be had."""

    async def step() -> int:
        return 1

    async with Journal(tmp_path / "j") as journal:
        await journal.once("a", 1, step)
    async with Journal(tmp_path / "j", replay=True) as journal:
        assert await journal.once("a", 1, step) == 1
        with pytest.raises(JournalError, match="--resume"):
            await journal.once("a", 2, step)


async def test_many_results_at_once_are_all_kept(tmp_path: Path) -> None:
    """Those that become ready during a commit share the next."""

    async def step(n: int) -> int:
        return n

    async with Journal(tmp_path / "j") as journal:
        await asyncio.gather(*(journal.once("n", n, lambda n=n: step(n)) for n in range(500)))
    async with Journal(tmp_path / "j") as journal:
        assert sorted(journal.all("n")) == list(range(500))


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """The second is told, and a file that is no journal is named."""
    journal = Journal(tmp_path / "j")
    with pytest.raises(JournalError, match="another run"):
        Journal(tmp_path / "j")
    journal.close()
    (tmp_path / "k").write_text("This is a text, and no database at all; it is long enough to look at." * 20)
    with pytest.raises(JournalError, match="no journal"):
        Journal(tmp_path / "k")


def test_what_was_given_out_survives_a_kill(tmp_path: Path) -> None:
    """A process that is killed right after `once` returned has left its result."""
    program = f"""
import asyncio, sys
from pathlib import Path
from jigsmith_optimizer.journal import Journal
async def main():
    journal = Journal(Path({str(tmp_path / "j")!r}))
    async def step(n): return n
    for n in range(10**6):
        await journal.once("n", n, lambda: step(n))
        print(n, flush=True)
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    seen = [int(process.stdout.readline()) for _ in range(50)]
    os.kill(process.pid, signal.SIGKILL)
    seen += [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()
    journal = Journal(tmp_path / "j")
    assert set(journal.all("n")) >= set(seen)
    journal.close()


def test_what_was_kept_without_a_sync_survives_a_kill(tmp_path: Path) -> None:
    """Attempts are put down before each request, and are not to cost a disk's time."""
    program = f"""
import os, signal
from pathlib import Path
from jigsmith_optimizer.journal import Journal
journal = Journal(Path({str(tmp_path / "j")!r}))
for n in range(100):
    journal.keep("spent", [n, 0.5], synced=False)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    journal = Journal(tmp_path / "j")
    assert journal.fact("spent") == [99, 0.5]
    journal.close()


def test_a_full_disk_is_said_in_one_sentence(tmp_path: Path) -> None:
    """Here a limit on files, which SQLite meets in the same way: to whoever waits, and to whoever closes."""
    program = f"""
import asyncio, resource
from pathlib import Path
from jigsmith_optimizer.journal import Journal, JournalStorageError
async def main():
    async with Journal(Path({str(tmp_path / "j")!r})) as journal:
        async def step(n): return "x" * 10_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        return await asyncio.gather(*(journal.once("n", n, lambda n=n: step(n)) for n in range(100)), return_exceptions=True)
found = asyncio.run(main())
print(found[-1])
assert isinstance(found[-1], JournalStorageError), found[-1]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "disk is full" in done.stdout
    assert "Traceback" not in done.stderr


def test_the_digest_is_of_all_that_is_in_it(tmp_path: Path) -> None:
    """In whatever order it was written; one letter makes another."""

    async def write(path: Path, order: list[int], last: str) -> str:
        async def step(n: int) -> str:
            return f"result {n}{last}"

        async with Journal(path) as journal:
            for n in order:
                await journal.once("n", n, lambda n=n: step(n))
            journal.keep("who", {"model": "m"})
            return journal.digest()

    first = asyncio.run(write(tmp_path / "a", [1, 2, 3], ""))
    assert first == asyncio.run(write(tmp_path / "b", [3, 1, 2], ""))
    assert first != asyncio.run(write(tmp_path / "c", [1, 2, 3], "."))
