"""What it takes to bring code into a channel and to take it out again; and that editing the registry gets nobody around it."""

import asyncio
import contextlib
import datetime as dt
import shutil
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
from jigsmith import AsyncClient, errors
from jigsmith.attestation import APPROVAL, PROVENANCE, TEST_RESULT, TrustedKeys
from jigsmith.tlog import NoteVerifier
from jigsmith.v1 import function_pb2, release_pb2
from jigsmith.verify import verify_log
from jigsmith_runtime.cli import principal_entry
from jigsmith_runtime.identity import new_token

from tests.e2e.conftest import Runtime

BACKENDS = ["bubblewrap"]
"""What is tried here does not depend on what runs the functions."""

SECOND = ("user:second", new_token())
PASSED = release_pb2.Evidence(suite="sums", result=release_pb2.EVIDENCE_RESULT_PASSED, passed=20, failed=1)
FAILED = release_pb2.Evidence(suite="sums", result=release_pb2.EVIDENCE_RESULT_FAILED, passed=1, failed=20)


@pytest.fixture
def runtime(stored_runtime):
    """Give a runtime on each database."""
    return stored_runtime


class People:
    """A client for each role, and one more reviewer."""

    def __init__(self, runtime) -> None:
        for role in ("agent", "optimizer", "evaluator", "reviewer", "operator", "auditor", "admin"):
            setattr(self, role, AsyncClient(runtime.address, token=runtime.token(role), timeout_s=30))
        self.second = AsyncClient(runtime.address, token=SECOND[1], timeout_s=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in vars(self).values():
            await one.close()


@pytest.fixture
def two_reviewers(new_runtime, tmp_path: Path) -> Callable:
    """Give a way to start a runtime that knows a second reviewer."""

    def start(*options: str):
        runtime = new_runtime(*options)
        runtime.stop()
        runtime.extra_principals = principal_entry(SECOND[0], SECOND[1], ["reviewer"], [])
        runtime.start()
        return runtime

    return start


async def drafted(one: AsyncClient, name: str, body: str = "return 1", **about) -> str:
    """Add a revision with one function to a set, made if need be; return its name."""
    with contextlib.suppress(errors.RequestError):
        await one.create_set(name)
    version = await one.register_source(
        "answer", f"def answer():\n    {body}", description=uuid.uuid4().hex, parameters={"type": "object"}, **about
    )
    return (await one.create_revision(name, [version])).name


async def released(people: People, name: str, body: str = "return 1") -> tuple[str, str]:
    """Draft, request and approve; return the names of revision and release."""
    revision = await drafted(people.optimizer, name, body)
    release = await people.optimizer.request_release(name, revision, channel="production", reason="Better.")
    await people.reviewer.approve_release(release, reason="Read.")
    return revision, release.name


def target(name: str) -> str:
    """Return what an agent calls."""
    return f"functionSets/{name}/channels/production/functions/answer"


async def test_a_full_lane_of_drafts_keeps_nobody_from_production(new_runtime) -> None:
    """An optimizer with more work than fits holds its own lane up; calls through channels have theirs."""
    runtime = new_runtime("--concurrency", "1", "--max-waiting", "2", "--sandboxes", "1")
    async with People(runtime) as people:
        await released(people, "demo")
        slow = await people.optimizer.register_source(
            "slow", "import time\ndef slow():\n    time.sleep(3)", description="s", parameters={"type": "object"}
        )
        drafts = [asyncio.create_task(people.optimizer.invoke(slow.name)) for _ in range(3)]
        await asyncio.sleep(0.5)
        with pytest.raises(errors.OverloadedError):
            await people.optimizer.invoke(slow.name)
        for _ in range(5):
            assert (await people.agent.invoke(target("demo"))).result == 1
        assert not any(one.done() for one in drafts)
        for one in drafts:
            one.cancel()
        await asyncio.gather(*drafts, return_exceptions=True)


async def test_raised_limits_need_two_people(two_reviewers) -> None:
    """The same one twice does not do; the channel moves with the second; the log's verifier agrees."""
    runtime = two_reviewers()
    async with People(runtime) as people:
        await released(people, "demo")
        more = function_pb2.Limits(memory_bytes=400 * 1024 * 1024)
        revision = await drafted(people.optimizer, "demo", "return 2", limits=more)
        release = await people.optimizer.request_release("demo", revision, channel="production", reason="Needs room.")
        assert release.approvals_needed == 2
        assert "memory_bytes" in release.raised_limits[0]
        first = await people.reviewer.approve_release(release, reason="Read.")
        assert (first.state, len(first.approvals)) == (release_pb2.RELEASE_STATE_PENDING, 1)
        assert (await people.agent.invoke(target("demo"))).result == 1
        with pytest.raises(errors.StateError, match="another person"):
            await people.reviewer.approve_release(first, reason="Once more.")
        with pytest.raises(errors.RequestError):  # what the second saw was before the first decided
            await people.second.approve_release(release, reason="Read.")
        second = await people.second.approve_release(first, reason="Read, too.")
        assert second.state == release_pb2.RELEASE_STATE_ACTIVE
        assert (await people.agent.invoke(target("demo"))).result == 2
        keys = TrustedKeys.parse((runtime.data / "release-key.pub").read_bytes())
        stated = [keys.open(one.envelope_json, APPROVAL) for one in second.approvals]
        assert [one.predicate["reviewer"] for one in stated] == ["user:reviewer", "user:second"]
        assert all(one.subjects[revision] == release.revision_digest for one in stated)
    runtime.stop()
    report = verify_log(runtime.data / "audit", NoteVerifier.parse((runtime.data / "audit-key.pub").read_text()))
    assert report.ok, report.first_bad


async def test_who_owns_the_run_does_not_approve_what_it_learned(runtime) -> None:
    """Nor does an evaluator who wrote it vouch for it; where it comes from is signed."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    async with People(runtime) as people:
        made = function_pb2.Provenance(
            run="run-7",
            epoch=2,
            action="add_function",
            model="m",
            task_ids=["t1", "t9"],
            owner=runtime.principal("reviewer"),
        )
        revision = await drafted(people.optimizer, name, provenance=made)
        release = await people.optimizer.request_release(name, revision, channel="production", reason="Learned.")
        with pytest.raises(errors.NotAuthorizedError, match="owns the run"):
            await people.reviewer.approve_release(release, reason="Mine.")
        version = (await people.auditor.get_revision(revision)).resolved_versions[0]
        keys = TrustedKeys.parse((runtime.data / "release-key.pub").read_bytes())
        stated = keys.open(version.provenance_envelope_json, PROVENANCE)
        said = stated.predicate["buildDefinition"]["externalParameters"]
        assert stated.subjects == {version.name: version.digest}
        assert (said["run"], said["epoch"], said["task_ids"]) == ("run-7", 2, ["t1", "t9"])
        with pytest.raises(errors.RequestInvalidError):
            await drafted(people.optimizer, name, provenance=function_pb2.Provenance(owner="not a principal"))


async def test_a_channel_may_demand_test_results(new_runtime, tmp_path: Path) -> None:
    """None, failed, of other contents: no approval. Passed: the revision is VERIFIED, and may be approved."""
    policy = tmp_path / "policy.toml"
    policy.write_text('[[channel]]\npattern = "functionSets/*/channels/production"\nevidence = true\n')
    runtime = new_runtime("--release-policy", str(policy))
    async with People(runtime) as people:
        revision = await drafted(people.optimizer, "demo")
        release = await people.optimizer.request_release("demo", revision, channel="production", reason="Better.")
        with pytest.raises(errors.StateError, match="demands test results"):
            await people.reviewer.approve_release(release, reason="Read.")
        for one in (people.optimizer, people.reviewer, people.operator):
            with pytest.raises(errors.NotAuthorizedError):
                await one.attach_evidence(release, PASSED)
        other = release_pb2.Release(name=release.name, revision_digest="0" * 64)
        with pytest.raises(errors.StateError, match="other contents"):
            await people.evaluator.attach_evidence(other, PASSED)
        for wrong in (
            release_pb2.Evidence(suite="s"),
            release_pb2.Evidence(result=1),
            release_pb2.Evidence(suite="s", result=1, passed=-1),
        ):
            with pytest.raises(errors.RequestInvalidError):
                await people.evaluator.attach_evidence(release, wrong)
        tested = await people.evaluator.attach_evidence(release, FAILED)
        with pytest.raises(errors.StateError, match="failed"):
            await people.reviewer.approve_release(tested, reason="Read.")
        tested = await people.evaluator.attach_evidence(release, PASSED)
        assert (await people.auditor.get_revision(revision)).state == 8  # VERIFIED
        keys = TrustedKeys.parse((runtime.data / "release-key.pub").read_bytes())
        stated = keys.open(tested.evidence[-1].envelope_json, TEST_RESULT)
        assert (stated.predicate["result"], stated.predicate["evaluator"]) == ("PASSED", "service:evaluator")
        await people.reviewer.approve_release(tested, reason="Read, and tested.")
        assert (await people.agent.invoke(target("demo"))).result == 1


async def test_an_approval_ends_when_it_expires(runtime) -> None:
    """What runs on its strength runs no longer; longer than the operator allows is not to be had."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    async with People(runtime) as people:
        revision = await drafted(people.optimizer, name)
        release = await people.optimizer.request_release(name, revision, channel="production", reason="Better.")
        for wrong in (dt.timedelta(days=366), dt.timedelta(0), dt.timedelta(seconds=-5)):
            with pytest.raises(errors.RequestInvalidError):
                await people.reviewer.approve_release(release, reason="Read.", valid_for=wrong)
        await people.reviewer.approve_release(release, reason="Read.", valid_for=dt.timedelta(seconds=2))
        assert (await people.agent.invoke(target(name))).result == 1
        await asyncio.sleep(2.1)
        with pytest.raises(errors.StateError, match="expired") as expired:
            await people.agent.invoke(target(name))
        assert expired.value.reason == "NOT_APPROVED"


EDITS = {
    "the source of an approved version": [
        "UPDATE function_versions SET definition = replace(definition, 'return 1', 'return 6')"
    ],
    "a channel that points at a draft": ["UPDATE channels SET revision = 3"],
    "a channel and a release that say what is wanted": [
        "UPDATE releases SET revision = 3, revision_digest = (SELECT digest FROM revisions WHERE revision = 3)",
        "UPDATE channels SET revision = 3",
        "UPDATE revisions SET state = 'ACTIVE' WHERE revision = 3",
    ],
    "an approval of one release given to another": [
        "UPDATE releases SET state = 'ACTIVE' WHERE release = 2",
        "UPDATE revisions SET state = 'ACTIVE' WHERE revision = 2",
        "UPDATE channels SET revision = 2, release = 2",
        "UPDATE approvals SET release = 2",
    ],
    "the contents of an approved revision": [
        "UPDATE revision_versions SET digest = (SELECT digest FROM revision_versions WHERE revision = 3) WHERE revision = 1"
    ],
    "contents and digest of an approved revision": [
        "UPDATE revision_versions SET digest = (SELECT digest FROM revision_versions WHERE revision = 3) WHERE revision = 1",
        "UPDATE revisions SET digest = (SELECT digest FROM revisions WHERE revision = 3) WHERE revision = 1",
        "UPDATE releases SET revision_digest = (SELECT digest FROM revisions WHERE revision = 3)",
    ],
    "an approval that is gone": ["DELETE FROM approvals"],
    "an approval by another person": ["UPDATE approvals SET reviewer = 'user:other'"],
    "a requester who was somebody else": ["UPDATE releases SET requester = 'service:other'"],
    "a channel's etag": ["UPDATE channels SET generation = generation + 1"],
    "a signature that was altered": ['UPDATE approvals SET envelope = replace(envelope, \'"sig":"\', \'"sig":"AA\')'],
    "no signature": ["UPDATE approvals SET envelope = ''"],
    "a channel without a signature": ["UPDATE channels SET envelope = ''"],
}


@pytest.fixture(scope="module")
def data_with_a_release(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the data folder of a runtime that has one revision in a channel, one that waits for an approval, and a draft."""
    runtime = Runtime(backend, tmp_path_factory.mktemp("released"))

    async def fill() -> None:
        async with People(runtime) as people:
            await released(people, "demo")
            second = await drafted(people.optimizer, "demo", "return 2")
            await people.optimizer.request_release("demo", second, channel="production", reason="Better.")
            await drafted(people.optimizer, "demo", "return 3")

    runtime.start()
    try:
        asyncio.run(fill())
    finally:
        runtime.stop()
    return runtime.data


async def test_an_unedited_registry_brings_its_release_into_its_channel(new_runtime, data_with_a_release: Path) -> None:
    """So it is the edits that the next tests see refused."""
    async with People(new_runtime(data=data_with_a_release)) as people:
        assert (await people.agent.invoke(target("demo"))).result == 1


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_registry_brings_nothing_into_a_channel(
    new_runtime, data_with_a_release: Path, tmp_path: Path, edit: str
) -> None:
    """Whoever may write to the database, triggers and all, gets NOT_APPROVED; nothing that they put there runs."""
    data = shutil.copytree(data_with_a_release, tmp_path / "edited")
    database = sqlite3.connect(data / "registry.db")
    for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f"DROP TRIGGER {trigger}")
    for statement in EDITS[edit]:
        assert database.execute(statement).rowcount >= 1, statement
    database.commit()
    database.close()
    async with People(new_runtime(data=data)) as people:
        with pytest.raises(errors.StateError) as refused:
            await people.agent.invoke(target("demo"))
        assert refused.value.reason == "NOT_APPROVED"


async def test_a_channel_that_was_rolled_back_is_not_put_back_by_its_old_row(new_runtime) -> None:
    """An old row with its old signature does not fit the release, which says that it was rolled back."""
    runtime = new_runtime()
    columns = "revision, release, generation, update_time, envelope"
    async with People(runtime) as people:
        await released(people, "demo", "return 1")
        _, bad = await released(people, "demo", "return 2")
        database = sqlite3.connect(runtime.data / "registry.db")
        old = database.execute(f"SELECT {columns} FROM channels").fetchone()
        database.close()
        await people.operator.roll_back_release(bad, reason="Wrong.")
    runtime.stop()
    database = sqlite3.connect(runtime.data / "registry.db")
    database.execute(f"UPDATE channels SET ({columns}) = (?, ?, ?, ?, ?)", old)
    database.commit()
    database.close()
    runtime.start()
    async with People(runtime) as people:
        with pytest.raises(errors.StateError) as refused:
            await people.agent.invoke(target("demo"))
        assert refused.value.reason == "NOT_APPROVED"


@pytest.mark.parametrize("what", ["revision", "version"])
async def test_what_is_quarantined_runs_nowhere_any_more(runtime, what: str) -> None:
    """Not in its channel, not as a draft, not in another set; no new release brings it back; others go on."""
    name, other = (f"set-{uuid.uuid4().hex[:8]}" for _ in range(2))
    async with People(runtime) as people:
        revision, _ = await released(people, name, f"return {uuid.uuid4().int}")
        await released(people, other)
        version = (await people.auditor.get_revision(revision)).function_versions[0]
        taken = revision if what == "revision" else version
        for one in (people.reviewer, people.optimizer, people.admin):
            with pytest.raises(errors.NotAuthorizedError):
                await one.quarantine(taken, reason="No.")
        dry = await people.operator.quarantine(taken, reason="It lies.", validate_only=True)
        assert list(dry.channels) == [f"functionSets/{name}/channels/production"]
        await people.agent.invoke(target(name))
        done = await people.operator.quarantine(taken, reason="It lies.")
        assert list(done.channels) == list(dry.channels)
        assert (await people.operator.quarantine(taken, reason="Again.")).name == taken
        names = [target(name)], [f"{revision}/functions/answer", *([version] if what == "version" else [])]
        for one, calls in zip((people.agent, people.optimizer), names, strict=True):
            for call in calls:
                with pytest.raises(errors.StateError) as refused:
                    await one.invoke(call)
                assert refused.value.reason == "QUARANTINED"
        with pytest.raises(errors.StateError):
            await people.optimizer.request_release(name, revision, channel="staging", reason="Please.")
        assert (await people.agent.invoke(target(other))).result == 1
        with pytest.raises(errors.NotFoundError):
            await people.operator.quarantine(f"functionSets/{name}/revisions/99", reason="Nothing there.")


@pytest.mark.parametrize("now", [False, True])
async def test_calls_that_run_finish_or_end_as_the_quarantine_says(runtime, now: bool) -> None:
    """Without `now` they finish on the version they began with; with it they end at once, QUARANTINED."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    async with People(runtime) as people:
        revision, _ = await released(people, name, "import time; time.sleep(3); return 5")
        running = asyncio.create_task(people.agent.invoke(target(name)))
        await asyncio.sleep(1)
        done = await people.operator.quarantine(revision, reason="It lies.", now=now)
        assert done.ended_calls == int(now)
        if now:
            with pytest.raises(errors.StateError) as ended:
                await asyncio.wait_for(running, 1.5)
            assert ended.value.reason == "QUARANTINED"
        else:
            assert (await running).result == 5


async def test_a_revision_is_deprecated_and_then_retired(runtime) -> None:
    """Deprecated, it goes on but is released no more; retired only when nothing points at it, and then runs nowhere."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    async with People(runtime) as people:
        revision, _ = await released(people, name)
        draft = await drafted(people.optimizer, name, "return 9")
        for wrong in (draft,):
            with pytest.raises(errors.StateError):
                await people.operator.deprecate_revision(wrong, reason="Old.")
        with pytest.raises(errors.StateError, match="deprecate it first"):
            await people.operator.retire_revision(revision, reason="Old.")
        await people.operator.deprecate_revision(revision, reason="Old.")
        assert (await people.agent.invoke(target(name))).result == 1
        with pytest.raises(errors.StateError):
            await people.optimizer.request_release(name, revision, channel="staging", reason="Please.")
        with pytest.raises(errors.StateError, match="points at"):
            await people.operator.retire_revision(revision, reason="Old.")
        await released(people, name, "return 2")
        retired = await people.operator.retire_revision(revision, reason="Old.")
        assert retired.state == 10  # RETIRED
        with pytest.raises(errors.StateError):
            await people.optimizer.invoke(f"{revision}/functions/answer")
        assert (await people.agent.invoke(target(name))).result == 2


async def test_a_dry_run_changes_nothing(runtime) -> None:
    """Whatever it is tried with, the log has grown by nothing but what was refused."""
    name = f"set-{uuid.uuid4().hex[:8]}"
    async with People(runtime) as people:
        revision, active = await released(people, name)
        draft = await drafted(people.optimizer, name, "return 2")
        pending = await people.optimizer.request_release(name, draft, channel="production", reason="Better.")
        before = [one async for one in people.auditor.list_releases(name)]
        await people.optimizer.request_release(name, draft, channel="staging", reason="Try.", validate_only=True)
        await people.evaluator.attach_evidence(pending, PASSED, validate_only=True)
        await people.reviewer.approve_release(pending, reason="Read.", validate_only=True)
        await people.reviewer.reject_release(pending, reason="Read.", validate_only=True)
        await people.operator.roll_back_release(active, reason="Try.", validate_only=True)
        await people.operator.quarantine(revision, reason="Try.", now=True, validate_only=True)
        await people.operator.deprecate_revision(revision, reason="Try.", validate_only=True)
        assert [one async for one in people.auditor.list_releases(name)] == before
        assert (await people.agent.invoke(target(name))).result == 1
