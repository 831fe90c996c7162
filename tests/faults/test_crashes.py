"""A runtime killed under load, again and again, and what it left compared with what its clients were told."""

import asyncio
import json
import random
import shutil
import sqlite3
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from jigsmith import AsyncClient, errors
from jigsmith.requests import Invocation
from jigsmith.tlog import NoteVerifier
from jigsmith.verify import read_entries, verify_log

from tests.faults.checker import Left, Told, check

BACKENDS = ["bubblewrap"]
"""What is tried here does not depend on what runs the functions."""

CALLERS = 4
SOURCE = "import random\ndef f(n):\n    return [n, random.random()]"


@pytest.fixture
def quiet_runtime(new_runtime):
    """Give a runtime with one sandbox: it starts sooner, and it is the log and the database that are tried here."""
    return new_runtime("--sandboxes", "1")


class Load:
    """Clients that note what they are told."""

    def __init__(self, runtime, chance: random.Random) -> None:
        self.runtime = runtime
        self.chance = chance
        self.told: list[Told] = []
        self.unanswered: list[str] = []
        """Request ids that were sent and not answered."""
        self.version = ""

    def client(self, role: str) -> AsyncClient:
        """Return a client of the principal with a role."""
        return AsyncClient(self.runtime.address, token=self.runtime.token(role), timeout_s=20)

    async def prepare(self) -> None:
        """Register what is called, make the set that is released, and do everything once."""
        async with self.client("optimizer") as one, self.client("reviewer") as reviewer:
            found = await one.register_source("f", SOURCE, description="d", parameters={"type": "object"})
            self.version = found.name
            self.told.append(Told("version", found.name))
            await one.create_set("demo")
            await self._change_once(one, reviewer)
            request_id = uuid.uuid4().hex
            for _ in range(2):
                self._note(await one.invoke(self.version, {"n": 1}, request_id=request_id), request_id)
            self._note(await one.invoke(self.version, {"n": 1}))

    async def run(self, seconds: float) -> None:
        """Load the runtime for a while, then kill it in the middle of it."""
        async with self.client("optimizer") as optimizer, self.client("reviewer") as reviewer:
            again, self.unanswered = self.unanswered, []
            tasks = [asyncio.create_task(self._call(optimizer)) for _ in range(CALLERS)]
            tasks.append(asyncio.create_task(self._call_once(optimizer, again)))
            tasks.append(asyncio.create_task(self._change(optimizer, reviewer)))
            await asyncio.sleep(seconds)
            self.runtime.kill()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, one: AsyncClient) -> None:
        while True:
            self._note(await one.invoke(self.version, {"n": self.chance.randrange(1_000)}))

    async def _call_once(self, one: AsyncClient, again: list[str]) -> None:
        """Send what was not answered before, with the same contents; then new ones."""
        self.unanswered += again
        for request_id in [*again, *(uuid.uuid4().hex for _ in range(10_000))]:
            if request_id not in again:
                self.unanswered.append(request_id)
            try:
                run = await one.invoke(self.version, {"n": 1}, request_id=request_id)
            except errors.UnavailableError as error:
                if "not repeated" in error.message:  # it was cut off, and is not run again
                    self.unanswered.remove(request_id)
                    continue
                raise
            self.unanswered.remove(request_id)
            self._note(run, request_id)
            if self.chance.random() < 0.2:
                self._note(await one.invoke(self.version, {"n": 1}, request_id=request_id), request_id)

    def _note(self, run: Invocation, request_id: str = "") -> None:
        receipt = run.receipt
        self.told.append(
            Told("call", run.name, request_id, receipt.index, receipt.leaf_hash, run.result_json, receipt.result_salt)
        )

    async def _change(self, one: AsyncClient, reviewer: AsyncClient) -> None:
        while True:
            await self._change_once(one, reviewer)

    async def _change_once(self, one: AsyncClient, reviewer: AsyncClient) -> None:
        source = f"def g():\n    return {uuid.uuid4().int}"
        version = await one.register_source("g", source, description="d", parameters={"type": "object"})
        self.told.append(Told("version", version.name))
        revision = await one.create_revision("demo", [version])
        self.told.append(Told("revision", revision.name))
        release = await one.request_release("demo", revision.name, channel="production", reason="r")
        self.told.append(Told("release", release.name))
        await reviewer.approve_release(release, reason="Read.")
        self.told.append(Told("approval", release.name))


def left_by(runtime) -> Left:
    """Verify a stopped runtime's log, and read what it left."""
    audit = runtime.data / "audit"
    report = verify_log(audit, NoteVerifier.parse((runtime.data / "audit-key.pub").read_text()))
    assert report.ok, report.first_bad
    entries = [data for _, data in read_entries(audit, report.checkpoint_size)]
    return Left.read(entries, runtime.data / "registry.db")


async def killed(runtime, cycles: int, seed: int) -> tuple[list[Told], Left]:
    """Kill a runtime that many times under load; return what clients were told, and what is left."""
    chance = random.Random(seed)
    load = Load(runtime, chance)
    await load.prepare()
    for _ in range(cycles):
        await load.run(chance.uniform(0.005, 0.4))
        runtime.start()
    runtime.stop()
    return load.told, left_by(runtime)


async def test_what_was_acknowledged_is_there_after_kills(quiet_runtime) -> None:
    """The short form: 6 of them."""
    told, left = await killed(quiet_runtime, 6, seed=1)
    assert check(told, left) == []
    assert {one.kind for one in told} >= {"call", "version", "revision"}


@pytest.mark.faults
@pytest.mark.timeout(1_800)
async def test_three_hundred_kills_lose_nothing(quiet_runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """Calls, calls that run once, registrations, revisions, releases and approvals."""
    told, left = await killed(quiet_runtime, 300, seed=2)
    with capsys.disabled():
        interrupted = sum(entry.get("outcome") == "INTERRUPTED" for _, entry in left.entries)
        kinds = {
            kind: sum(one.kind == kind for one in told)
            for kind in ("call", "version", "revision", "release", "approval")
        }
        print(f"\n300 kills: {kinds} acknowledged, {len(left.entries)} entries, {interrupted} calls cut off")  # noqa: T201
    assert check(told, left) == []


async def test_the_checker_finds_what_was_planted(quiet_runtime, tmp_path: Path) -> None:
    """Acknowledged before it was written, a terminal entry skipped, a row dropped, and their like: each is named."""
    told, left = await killed(quiet_runtime, 3, seed=3)
    assert check(told, left) == []
    call = next(one for one in told if one.kind == "call" and not one.request_id)
    once = next(one for one in told if one.request_id)
    finished = next(index for index, (_, entry) in enumerate(left.entries) if entry["kind"] == "call.finished")
    accepted = next(entry for _, entry in left.entries if entry["kind"] == "call.accepted" and entry["request_id"])

    def edited(index: int, *entries: dict) -> Left:
        fresh = [(json.dumps(entry).encode(), entry) for entry in entries]
        return Left([*left.entries[:index], *fresh, *left.entries[index + 1 :]], left.rows)

    early = replace(call, name=f"invocations/{uuid.uuid4().hex}", index=len(left.entries))
    assert any("the log has" in one for one in check([*told, early], left))
    assert any("where another entry is" in one for one in check([*told, replace(call, leaf_hash=b"x")], left))
    assert any("another result" in one for one in check([*told, replace(call, result_json="7")], left))
    skipped = Left([*left.entries[:finished], *left.entries[finished + 1 :]], left.rows)
    assert any("ended 0 times" in one for one in check([], skipped))
    assert any("ended 0 times" in one for one in check([], edited(finished, {"kind": "x"})))
    twice = Left([*left.entries, left.entries[finished]], left.rows)
    assert any("ended 2 times" in one for one in check([], twice))
    repeated = Left(
        [*left.entries, (b"", accepted), (b"", {"kind": "call.finished", "accepted_index": len(left.entries)})],
        left.rows,
    )
    assert any("accepted 2 times" in one for one in check([], repeated))
    other = replace(once, name=f"invocations/{uuid.uuid4().hex}")
    assert any("different answers" in one for one in check([*told, other], left))
    unlogged = [pair for pair in left.entries if pair[1]["kind"] != "function_version.created"]
    assert any("the log does not know it" in one for one in check(told, Left(unlogged, left.rows)))

    copy = tmp_path / "copy.db"
    shutil.copy(quiet_runtime.data / "registry.db", copy)
    database = sqlite3.connect(copy)
    for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute("DELETE FROM approvals WHERE id = (SELECT min(id) FROM approvals)")
    database.execute("DELETE FROM function_versions WHERE function = 'f'")
    database.commit()
    database.close()
    found = check(told, Left.read([data for data, _ in left.entries], copy))
    assert any(one.startswith("the approval") and "database" in one for one in found)
    assert any(one.startswith("the version functions/f/") and "database" in one for one in found)
