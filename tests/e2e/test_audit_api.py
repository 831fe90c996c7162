"""The audit log over a real socket: filters, tail, proofs, payloads, refusals; and what can be verified without the runtime."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from jigsmith import AsyncClient, errors
from jigsmith.requests import audit_filter
from jigsmith.tlog import InclusionProof, NoteVerifier, root_from_consistency
from jigsmith.tlog.note import Checkpoint
from jigsmith.verify import read_entries, verify_log

from tests.e2e.conftest import RuntimeStartError

BACKENDS = ["bubblewrap"]
"""What is tried here does not depend on what runs the functions."""

POLICY = """
default = "metadata"

[[rule]]
functions = "kept_*"
level = "request+response"

[[rule]]
functions = "asked"
level = "request"
"""


def client(runtime, role: str) -> AsyncClient:
    """Return a client of the principal with a role."""
    return AsyncClient(runtime.address, token=runtime.token(role), timeout_s=30)


async def version(one: AsyncClient, name: str, body: str = "return n") -> str:
    """Register a function of one number; return its version's name."""
    found = await one.register_source(
        name, f"def {name}(n):\n    {body}", description=uuid.uuid4().hex, parameters={"type": "object"}
    )
    return found.name


def cli(runtime, role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as somebody with a role."""
    environment = os.environ | {"JIGSMITH_ADDRESS": runtime.address, "JIGSMITH_TOKEN": runtime.token(role)}
    command = [Path(sys.executable).parent / "jigsmith", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


async def test_entries_are_found_by_what_they_say(runtime) -> None:
    """By kind and family, principal, resource, outcome and time; pages lead on."""
    async with client(runtime, "optimizer") as optimizer, client(runtime, "auditor") as auditor:
        good = await version(optimizer, f"good_{uuid.uuid4().hex[:8]}")
        bad = await version(optimizer, f"bad_{uuid.uuid4().hex[:8]}", "return 1 / 0")
        for _ in range(3):
            await optimizer.invoke(good, {"n": 1})
        with pytest.raises(errors.FunctionError) as failed:
            await optimizer.invoke(bad, {"n": 1})

        async def listed(**wanted):
            return [
                json.loads(one.entry_json) async for one in auditor.list_audit_entries(wanted=audit_filter(**wanted))
            ]

        about = good.partition("/versions/")[0]
        assert [one["kind"] for one in await listed(resource=about)] == [
            "function_version.created",
            *["call.accepted"] * 3,
        ]
        accepted = await listed(resource=about, kinds=["call.*"])
        assert {one["function_version"] for one in accepted} == {good}
        invocation = failed.value.metadata["invocation"]
        ended = await listed(invocation=invocation, outcome="FUNCTION_RAISED")
        assert [one["kind"] for one in ended] == ["call.finished"]
        assert await listed(invocation=invocation, principal="service:agent") == []
        assert len(await listed(resource=about, start_time=None, kinds=["function_version.created"])) == 1
        assert await listed(resource=about[:-1]) == []
        for wanted in ({"invocation": "nonsense"}, {"kinds": ["x"] * 100}):
            with pytest.raises(errors.RequestInvalidError):
                await listed(**wanted)


async def test_the_tail_shows_entries_as_they_come(runtime) -> None:
    """From now on, or from an index; only what is wanted."""
    async with client(runtime, "optimizer") as optimizer, client(runtime, "auditor") as auditor:
        name = await version(optimizer, f"tailed_{uuid.uuid4().hex[:8]}")
        wanted = audit_filter(resource=name.partition("/versions/")[0], kinds=["call.accepted"])
        seen = []

        async def watch() -> None:
            async for one in auditor.tail_audit_entries(wanted=wanted):
                seen.append(json.loads(one.entry_json)["invocation"])
                if len(seen) == 3:
                    return

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.3)
        runs = [(await optimizer.invoke(name, {"n": n})).name for n in range(3)]
        await asyncio.wait_for(watching, 10)
        assert seen == runs
        async for one in auditor.tail_audit_entries(start_index=0):
            assert one.index == 0
            break


async def test_proofs_verify_without_the_runtime(runtime, tmp_path: Path) -> None:
    """Inclusion as a file, consistency with a checkpoint that was kept; nothing else does."""
    key = NoteVerifier.parse((runtime.data / "audit-key.pub").read_text())
    async with client(runtime, "optimizer") as optimizer, client(runtime, "auditor") as auditor:
        old = Checkpoint.parse(key.open((await auditor.get_checkpoint()).note))
        name = await version(optimizer, f"proved_{uuid.uuid4().hex[:8]}")
        run = await optimizer.invoke(name, {"n": 1})
        found = await auditor.get_inclusion_proof(run.receipt.index)
        proof = InclusionProof.parse(found.proof_text)
        new = proof.verify(run.receipt.leaf_hash, key)
        grown = await auditor.get_consistency_proof(old.size, new.size)
        assert root_from_consistency(old.root, old.size, new.size, grown.hashes) == (old.root, new.root)
        for sizes in ((new.size + 1_000, 0), (5, 2), (-1, 0)):
            with pytest.raises(errors.RequestInvalidError):
                await auditor.get_consistency_proof(*sizes)
        with pytest.raises(errors.NotFoundError):
            await auditor.get_inclusion_proof(10**9)
    key_file = str(runtime.data / "audit-key.pub")
    assert (
        cli(runtime, "auditor", "audit", "proof", str(run.receipt.index), "--out", str(tmp_path / "one")).returncode
        == 0
    )
    entry, proof_file = tmp_path / "one.json", tmp_path / "one.tlog-proof"
    verified = cli(runtime, "auditor", "audit", "verify", "entry", str(entry), str(proof_file), "--key", key_file)
    assert (verified.returncode, "verified" in verified.stdout) == (0, True), verified.stderr
    entry.write_text(entry.read_text().replace('"OK"', '"OH"'))
    altered = cli(runtime, "auditor", "audit", "verify", "entry", str(entry), str(proof_file), "--key", key_file)
    assert (altered.returncode, "NOT VERIFIED" in altered.stderr) == (8, True)


async def test_payloads_are_kept_by_level_read_on_the_record_and_erased_without_harm(
    new_runtime, tmp_path: Path
) -> None:
    """Encrypted on disk, verified against the entries' commitments; after the erasure every proof still holds."""
    policy = tmp_path / "audit-policy.toml"
    policy.write_text(POLICY)
    runtime = new_runtime("--audit-policy", str(policy))
    secret = "a-very-recognisable-secret"
    key_file, log = str(runtime.data / "audit-key.pub"), runtime.data / "audit"
    async with (
        client(runtime, "optimizer") as optimizer,
        client(runtime, "auditor") as auditor,
        client(runtime, "admin") as admin,
    ):
        runs = {}
        for name in ("kept_all", "asked", "plain"):
            runs[name] = await optimizer.invoke(await version(optimizer, name), {"n": secret})
        kept = await auditor.get_payload(runs["kept_all"].name, reason="An incident.")
        assert (json.loads(kept.arguments_json), json.loads(kept.result_json)) == ({"n": secret}, secret)
        assert (kept.arguments_salt, kept.result_salt) == (
            runs["kept_all"].receipt.arguments_salt,
            runs["kept_all"].receipt.result_salt,
        )
        asked = await auditor.get_payload(runs["asked"].name, reason="An incident.")
        assert (json.loads(asked.arguments_json), asked.result_json) == ({"n": secret}, "")
        with pytest.raises(errors.NotFoundError):
            await auditor.get_payload(runs["plain"].name, reason="An incident.")
        with pytest.raises(errors.RequestInvalidError):
            await auditor.get_payload(runs["kept_all"].name, reason=" ")
        for one in (optimizer, admin):
            with pytest.raises(errors.NotAuthorizedError):
                await one.get_payload(runs["kept_all"].name, reason="Curious.")
        reads = [
            json.loads(one.entry_json)
            async for one in auditor.list_audit_entries(wanted=audit_filter(kinds=["payload.read"]))
        ]
        assert [(one["principal"], one["invocation"]) for one in reads] == [
            ("user:auditor", runs["kept_all"].name),
            ("user:auditor", runs["asked"].name),
        ]

        await auditor.get_checkpoint()
        files = [path for path in runtime.data.rglob("*") if path.is_file()]
        assert len([path for path in files if path.parent.parent.name == "payloads"]) == 3
        assert not [path for path in files if secret.encode() in path.read_bytes()]

        payload = tmp_path / "payload.json"
        payload.write_text(
            cli(
                runtime, "auditor", "--json", "audit", "payload", runs["kept_all"].name, "--reason", "To verify."
            ).stdout
        )
        command = ("audit", "verify", "payload", str(payload), str(log), "--key", key_file)
        assert cli(runtime, "auditor", *command).returncode == 0
        forged = json.loads(payload.read_text()) | {"result_json": '"forged"'}
        payload.write_text(json.dumps(forged))
        assert cli(runtime, "auditor", *command).returncode == 8

        with pytest.raises(errors.NotAuthorizedError):
            await auditor.erase_payload(runs["kept_all"].name, reason="A request by its subject.")
        await admin.erase_payload(runs["kept_all"].name, reason="A request by its subject.", validate_only=True)
        await admin.erase_payload(runs["kept_all"].name, reason="A request by its subject.")
        for one, name in ((auditor, "get_payload"), (admin, "erase_payload")):
            with pytest.raises(errors.NotFoundError):
                await getattr(one, name)(runs["kept_all"].name, reason="Again.")
        proof = InclusionProof.parse((await auditor.get_inclusion_proof(runs["kept_all"].receipt.index)).proof_text)
        key = NoteVerifier.parse(Path(key_file).read_text())
        proof.verify(runs["kept_all"].receipt.leaf_hash, key)
    assert runtime.stop() == 0
    assert verify_log(log, key).ok


async def test_payloads_are_kept_no_longer_than_the_policy_says(new_runtime, tmp_path: Path) -> None:
    """Old ones are erased at the next look, with an entry that says how many; newer ones stay."""
    policy = tmp_path / "audit-policy.toml"
    policy.write_text('default = "request"\npayload_days = 7\n')
    runtime = new_runtime("--audit-policy", str(policy))
    async with client(runtime, "optimizer") as optimizer:
        name = await version(optimizer, "f")
        old, new = [(await optimizer.invoke(name, {"n": n})).name for n in (1, 2)]
    runtime.stop()
    run = old.partition("/")[2]
    os.utime(runtime.data / "payloads" / run[:2] / f"{run}.arguments", (time.time() - 8 * 86_400,) * 2)
    runtime.start()
    async with client(runtime, "auditor") as auditor, asyncio.timeout(20):
        while not (
            found := [one async for one in auditor.list_audit_entries(wanted=audit_filter(kinds=["payloads.expired"]))]
        ):
            await asyncio.sleep(0.1)
        assert [json.loads(one.entry_json)["count"] for one in found] == [1]
        with pytest.raises(errors.NotFoundError):
            await auditor.get_payload(old, reason="Too late.")
        assert json.loads((await auditor.get_payload(new, reason="In time.")).arguments_json) == {"n": 2}
    runtime.stop()
    assert verify_log(runtime.data / "audit", NoteVerifier.parse((runtime.data / "audit-key.pub").read_text())).ok
    policy.write_text("payload_days = 0\n")
    with pytest.raises(RuntimeStartError, match="payload_days"):
        runtime.start()


async def test_an_altered_payload_is_not_given_out(new_runtime, tmp_path: Path) -> None:
    """Nor one that was put in another's place."""
    policy = tmp_path / "audit-policy.toml"
    policy.write_text('default = "request"\n')
    runtime = new_runtime("--audit-policy", str(policy))
    async with client(runtime, "optimizer") as optimizer, client(runtime, "auditor") as auditor:
        name = await version(optimizer, "f")
        first, second = [(await optimizer.invoke(name, {"n": n})).name.partition("/")[2] for n in (1, 2)]
        one, two = [runtime.data / "payloads" / run[:2] / f"{run}.arguments" for run in (first, second)]
        shutil.copy(one, two)
        data = bytearray(one.read_bytes())
        data[-1] ^= 1
        one.write_bytes(bytes(data))
        for run in (first, second):
            with pytest.raises(errors.UnavailableError, match="altered"):
                await auditor.get_payload(f"invocations/{run}", reason="Why not.")


async def test_a_receipt_verifies_and_shows_the_result(runtime, tmp_path: Path) -> None:
    """Against a copy of the log; another result, index or log does not."""
    async with client(runtime, "optimizer") as optimizer, client(runtime, "auditor") as auditor:
        name = await version(optimizer, f"receipt_{uuid.uuid4().hex[:8]}")
        answer = cli(runtime, "optimizer", "--json", "invoke", name, '{"n": 42}').stdout
        await auditor.get_checkpoint()
    shutil.copytree(runtime.data / "audit", tmp_path / "log")
    key = str(runtime.data / "audit-key.pub")
    path, facts = tmp_path / "answer.json", json.loads(answer)
    cases = [
        (0, facts),
        (0, facts["receipt"]),
        (8, facts | {"result_json": "43"}),
        (8, facts | {"receipt": facts["receipt"] | {"index": facts["receipt"]["index"] - 1}}),
        (8, facts | {"receipt": facts["receipt"] | {"log_origin": "jigsmith/other"}}),
        (8, facts | {"receipt": facts["receipt"] | {"index": 10**9}}),
        (2, {"receipt": 5}),
    ]
    for code, given in cases:
        path.write_text(json.dumps(given))
        done = cli(runtime, "auditor", "audit", "verify", "receipt", str(path), str(tmp_path / "log"), "--key", key)
        assert done.returncode == code, (given, done)
    for command in ("log", "calls", "releases"):
        done = cli(runtime, "auditor", "audit", "verify", command, str(tmp_path / "log"), "--key", key)
        assert done.returncode == 0, done.stderr
    exported = cli(runtime, "auditor", "audit", "export", str(tmp_path / "log"), "--key", key)
    events = cli(runtime, "auditor", "audit", "export", str(tmp_path / "log"), "--key", key, "--format", "ocsf")
    entries = [json.loads(line) for line in exported.stdout.splitlines()]
    lines = [json.loads(line) for line in events.stdout.splitlines()]
    assert (
        [one["index"] for one in entries] == list(range(len(entries))) == [one["metadata"]["sequence"] for one in lines]
    )
    assert all((one["class_uid"], one["type_uid"] // 100) == (6003, 6003) for one in lines)
    assert all({"actor", "api", "src_endpoint", "time", "severity_id", "metadata"} <= one.keys() for one in lines)
    bundle = tmp_path / "log" / "tail"
    bundle.write_bytes(bundle.read_bytes().replace(b'"principal":"service:', b'"principal":"service;', 1))
    refused = cli(runtime, "auditor", "audit", "export", str(tmp_path / "log"), "--key", key)
    assert (refused.returncode, refused.stdout) == (8, "")


async def test_every_reply_to_a_change_carries_its_receipt(runtime) -> None:
    """In trailing metadata, for those who ask for it; replies to what changed nothing carry none."""
    given: list = []
    async with (
        AsyncClient(
            runtime.address, token=runtime.token("optimizer"), timeout_s=30, on_receipt=given.append
        ) as optimizer,
        client(runtime, "auditor") as auditor,
    ):
        created = await optimizer.create_set(f"set-{uuid.uuid4().hex[:8]}")
        await optimizer.get_set(created.name.partition("/")[2])
        (receipt,) = given
        (entry,) = [one async for one in auditor.list_audit_entries(wanted=audit_filter(resource=created.name))]
        assert (entry.index, entry.leaf_hash) == (receipt.index, receipt.leaf_hash)
        name = await version(optimizer, f"receipted_{uuid.uuid4().hex[:8]}", "return 1 / 0")
        assert len(given) == 2
        with pytest.raises(errors.FunctionError) as failed:
            await optimizer.invoke(name, {"n": 1})
        proof = await auditor.get_inclusion_proof(int(failed.value.metadata["log_index"]))
        key = NoteVerifier.parse((runtime.data / "audit-key.pub").read_text())
        InclusionProof.parse(proof.proof_text).verify(bytes.fromhex(failed.value.metadata["leaf_hash"]), key)


async def test_a_flood_of_refusals_is_counted_exactly_once_a_second(new_runtime) -> None:
    """Whoever is refused, for whatever reason: few entries, every refusal in them."""
    runtime = new_runtime()
    async with (
        client(runtime, "agent") as agent,
        client(runtime, "optimizer") as optimizer,
        AsyncClient(runtime.address, token="jigsmith_wrong", timeout_s=10) as nobody,
    ):
        missing = "functions/missing/versions/" + "0" * 64
        for one, times in ((agent, 120), (optimizer, 80), (nobody, 50)):
            outcomes = await asyncio.gather(*(one.invoke(missing) for _ in range(times)), return_exceptions=True)
            assert all(isinstance(outcome, errors.JigsmithError) for outcome in outcomes)
    runtime.stop()
    key = NoteVerifier.parse((runtime.data / "audit-key.pub").read_text())
    report = verify_log(runtime.data / "audit", key)
    assert report.ok, report.first_bad
    counted: dict[tuple[str, str], int] = {}
    entries = 0
    for _, data in read_entries(runtime.data / "audit", report.checkpoint_size):
        entry = json.loads(data)
        if entry["kind"] == "requests.refused":
            entries += 1
            for one in entry["refusals"]:
                assert one["method"] == "InvocationService/Invoke"
                place = entry["principal"], one["reason"]
                counted[place] = counted.get(place, 0) + one["count"]
    assert counted == {
        ("service:agent", "PERMISSION_DENIED"): 120,
        ("service:optimizer", "RESOURCE_NOT_FOUND"): 80,
        ("unauthenticated", "UNAUTHENTICATED"): 50,
    }
    assert entries <= 12


async def test_callers_who_leave_their_streams_harm_nobody(runtime) -> None:
    """In the middle of a tail or a batch, again and again: the runtime goes on serving."""
    async with client(runtime, "optimizer") as optimizer, client(runtime, "auditor") as auditor:
        name = await version(optimizer, f"left_{uuid.uuid4().hex[:8]}")
        for _ in range(60):
            async for _one in auditor.tail_audit_entries(start_index=0):
                break
            batch = optimizer.invoke_batch([(name, {"n": n}) for n in range(8)])
            async for _one in batch:
                break
            await batch.aclose()
        assert (await optimizer.invoke(name, {"n": 7})).result == 7
