"""Two runtimes on one PostgreSQL: each sees what the other did, and each one's log can be verified alone."""

import asyncio
import contextlib
import json
import os
import signal
import uuid
from collections.abc import Callable

import pytest
import sqlalchemy
from jigsmith import AsyncClient, errors
from jigsmith.tlog import Checkpoint, NoteVerifier
from jigsmith.v1 import release_pb2
from jigsmith.verify import read_entries, verify_log

BACKENDS = ["bubblewrap"]
"""What is tried here does not depend on what runs the functions."""

SEES_WITHIN_S = 5
"""Far more than the second that is promised: what a busy machine may add is no fault. `make bench` measures it."""


def client(runtime, role: str) -> AsyncClient:
    """Return a client of the principal with a role."""
    return AsyncClient(runtime.address, token=runtime.token(role), timeout_s=20)


@pytest.fixture
def two(new_runtime: Callable, postgres) -> tuple:
    """Give two runtimes on one database, each trusting the other's release key."""
    url = postgres.database()
    options = ("--database", url, "--sandboxes", "1")
    first = new_runtime(*options)
    second = new_runtime(*options, "--trusted-keys", str(first.data / "release-key.pub"))
    first.options = (*options, "--trusted-keys", str(second.data / "release-key.pub"))
    first.restart()
    return first, second, url


async def drafted(one: AsyncClient, name: str, result: int) -> str:
    """Add a revision with one function that returns a number; return its name."""
    with contextlib.suppress(errors.RequestError):
        await one.create_set(name)
    version = await one.register_source(
        "answer", f"def answer():\n    return {result}", description=uuid.uuid4().hex, parameters={"type": "object"}
    )
    return (await one.create_revision(name, [version])).name


async def until(call: Callable, wanted: object) -> None:
    """Call until the result, or the reason of the refusal, is what is wanted."""
    async with asyncio.timeout(SEES_WITHIN_S):
        while True:
            try:
                found = (await call()).result
            except errors.JigsmithError as error:
                found = error.reason
            if found == wanted:
                return
            await asyncio.sleep(0.02)


def checked(*runtimes) -> None:
    """Stop runtimes and verify the log of each."""
    for one in runtimes:
        one.stop()
        report = verify_log(one.data / "audit", NoteVerifier.parse((one.data / "audit-key.pub").read_text()))
        assert report.ok, report.first_bad
        assert report.open == 0


async def test_each_sees_the_others_releases_rollbacks_and_quarantines(two) -> None:
    """Written on one, approved on the other, served by both; rolled back and quarantined likewise."""
    first, second, _ = two
    target = "functionSets/demo/channels/production/functions/answer"
    async with (
        client(first, "optimizer") as optimizer,
        client(second, "reviewer") as reviewer,
        client(first, "agent") as here,
        client(second, "agent") as there,
        client(first, "operator") as operator,
    ):
        names = []
        for result in (1, 2):
            names.append(await drafted(optimizer, "demo", result))
            release = await optimizer.request_release("demo", names[-1], channel="production", reason="Better.")
            await reviewer.approve_release(await reviewer.get_release(release.name), reason="Read.")
            for one in (here, there):
                await until(lambda one=one: one.invoke(target), result)
        await operator.roll_back_release(release.name, reason="Wrong.")
        for one in (here, there):
            await until(lambda one=one: one.invoke(target), 1)
        await operator.quarantine(names[0], reason="Wrong, too.", now=True)
        for one in (here, there):
            await until(lambda one=one: one.invoke(target), "QUARANTINED")
    checked(first, second)


async def test_a_release_by_a_runtime_that_is_not_trusted_does_not_count(two) -> None:
    """Without its key among the trusted ones, what it approved runs there only."""
    first, second, _ = two
    first.stop()
    first.options = first.options[:-2]
    first.start()
    async with client(second, "optimizer") as optimizer, client(second, "reviewer") as reviewer:
        revision = await drafted(optimizer, "demo", 7)
        release = await optimizer.request_release("demo", revision, channel="production", reason="Better.")
        await reviewer.approve_release(release, reason="Read.")
    target = "functionSets/demo/channels/production/functions/answer"
    async with client(first, "agent") as here, client(second, "agent") as there:
        await until(lambda: there.invoke(target), 7)
        with pytest.raises(errors.StateError) as refused:
            await here.invoke(target)
        assert refused.value.reason == "NOT_APPROVED"
    checked(first, second)


async def test_of_two_decisions_at_the_same_time_one_wins(two) -> None:
    """The other is told that the release changed; channel and both logs agree on which it was."""
    first, second, _ = two
    async with (
        client(first, "optimizer") as optimizer,
        client(first, "reviewer") as here,
        client(second, "reviewer") as there,
    ):
        for number in range(8):
            revision = await drafted(optimizer, f"set-{number}", number)
            release = await optimizer.request_release(f"set-{number}", revision, channel="production", reason="Better.")
            outcomes = await asyncio.gather(
                here.approve_release(release, reason="Yes."),
                there.reject_release(release, reason="No."),
                return_exceptions=True,
            )
            assert sum(isinstance(one, errors.RequestError) for one in outcomes) == 1, outcomes
            state = (await here.get_release(release.name)).state
            assert state == (
                release_pb2.RELEASE_STATE_ACTIVE
                if isinstance(outcomes[1], errors.JigsmithError)
                else release_pb2.RELEASE_STATE_REJECTED
            )
        both = [drafted(one, "shared", number) for number in range(6) for one in (optimizer,)]
        async with client(second, "optimizer") as other:
            both += [drafted(other, "shared", number) for number in range(6, 12)]
            made = await asyncio.gather(*both, return_exceptions=True)
        names = [one for one in made if isinstance(one, str)]
        assert len(set(names)) == len(names) == 12, made
    checked(first, second)


async def test_a_runtime_killed_in_the_middle_of_a_change_holds_nobody_up(two) -> None:
    """The other voids what it left and goes on; back again, it takes the entry back, and its log verifies."""
    first, second, url = two
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    async with client(first, "optimizer") as optimizer, client(second, "optimizer") as other:
        revision = await drafted(optimizer, "demo", 1)
        release = await optimizer.request_release("demo", revision, channel="production", reason="Better.")
        with engine.begin() as blocker, contextlib.suppress(errors.JigsmithError):
            # Others may read, so the change is decided and logged; its last transaction waits.
            blocker.execute(sqlalchemy.text("LOCK TABLE channels IN SHARE MODE"))
            async with client(first, "reviewer") as reviewer:
                deciding = asyncio.create_task(reviewer.approve_release(release, reason="Read."))
                await asyncio.sleep(1)
                os.kill(first.process.pid, signal.SIGKILL)
                first.process.wait()
                with contextlib.suppress(errors.JigsmithError):
                    await deciding
        assert (await drafted(other, "demo", 2)).endswith("/2")
        async with client(second, "reviewer") as reviewer:
            await reviewer.approve_release(await reviewer.get_release(release.name), reason="Read, here.")
        first.start()
        target = "functionSets/demo/channels/production/functions/answer"
        for one in (first, second):
            async with client(one, "agent") as agent:
                await until(lambda agent=agent: agent.invoke(target), 1)
    engine.dispose()
    checked(first, second)
    size = Checkpoint.parse((first.data / "audit" / "checkpoint").read_text().partition("\n\n")[0] + "\n").size
    entries = [json.loads(data) for _, data in read_entries(first.data / "audit", size)]
    (voided,) = [one["voided_index"] for one in entries if one["kind"] == "change.voided"]
    assert (entries[voided]["kind"], entries[voided]["principal"]) == ("release.approved", "user:reviewer")


async def test_without_the_database_nothing_runs_in_channels_and_with_it_again_it_does(two, postgres) -> None:
    """What was looked up holds for a second; then calls are refused, until the database answers again."""
    first, second, _ = two
    target = "functionSets/demo/channels/production/functions/answer"
    async with (
        client(first, "optimizer") as optimizer,
        client(first, "reviewer") as reviewer,
        client(first, "agent") as here,
        client(second, "agent") as there,
    ):
        revision = await drafted(optimizer, "demo", 5)
        release = await optimizer.request_release("demo", revision, channel="production", reason="Better.")
        await reviewer.approve_release(release, reason="Read.")
        for one in (here, there):
            await until(lambda one=one: one.invoke(target), 5)
        postgres.stop()
        try:
            for one in (here, there):
                await until(lambda one=one: one.invoke(target), "REGISTRY_UNAVAILABLE")
            with pytest.raises(errors.UnavailableError):
                await optimizer.create_set("another")
        finally:
            postgres.start()
        for one in (here, there):
            await until(lambda one=one: one.invoke(target), 5)
        await optimizer.create_set("another")
    checked(first, second)
