"""`jigsmith explain`: from an answer to the code, the people, the tests, the training step and the proofs."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jigsmith import AsyncClient
from jigsmith.attestation import Attester
from jigsmith.explain import blame
from jigsmith.tlog import NoteSigner
from jigsmith.v1 import function_pb2, release_pb2

BACKENDS = ["bubblewrap"]
"""What is tried here does not depend on what runs the functions."""


def client(runtime, role: str) -> AsyncClient:
    """Return a client of the principal with a role."""
    return AsyncClient(runtime.address, token=runtime.token(role), timeout_s=30)


def explained(runtime, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as an auditor."""
    environment = os.environ | {"JIGSMITH_ADDRESS": runtime.address, "JIGSMITH_TOKEN": runtime.token("auditor")}
    command = [Path(sys.executable).parent / "jigsmith", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


async def test_an_answer_leads_to_everything_behind_it(runtime, tmp_path: Path) -> None:
    """Two training steps wrote it, an evaluator tested it, a person approved it: all of it told, every proof checked."""
    name, unique = f"set-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    steps = [
        (1, "add_function", ["t3"], f"def total(xs):\n    # {unique}\n    return sum(xs)"),
        (
            4,
            "revise_function",
            ["t7", "t8"],
            f"def total(xs):\n    # {unique}\n    xs = [x for x in xs if x]\n    return sum(xs)",
        ),
    ]
    async with (
        client(runtime, "optimizer") as optimizer,
        client(runtime, "evaluator") as evaluator,
        client(runtime, "reviewer") as reviewer,
        client(runtime, "agent") as agent,
    ):
        await optimizer.create_set(name)
        parent = ""
        for epoch, action, tasks, source in steps:
            made = function_pb2.Provenance(
                run="run-42", epoch=epoch, action=action, reason=f"{action} because.", task_ids=tasks, model="a-model"
            )
            about = {"description": "Sum.", "parameters": {"type": "object"}, "provenance": made}
            version = await optimizer.register_source("total", source, **about)
            parent = (await optimizer.create_revision(name, [version], parent=parent, message=action)).name
        release = await optimizer.request_release(name, parent, channel="production", reason="Loss fell.")
        tests = release_pb2.Evidence(suite="sums-v2", result=release_pb2.EVIDENCE_RESULT_PASSED, passed=50)
        release = await evaluator.attach_evidence(release, tests)
        await reviewer.approve_release(release, reason="Read every line.")
        run = await agent.invoke(f"functionSets/{name}/channels/production/functions/total", {"xs": [1, 0, 2]})
        draft = await optimizer.invoke(f"{parent}/functions/total", {"xs": []})

    keys = ("--key", runtime.data / "audit-key.pub", "--release-key", runtime.data / "release-key.pub")
    told = explained(runtime, "explain", run.name, *keys)
    assert told.returncode == 0, told.stderr
    for words in (
        "service:agent",
        run.function_version,
        release.name,
        "user:reviewer",
        "Read every line.",
        "signature checked",
        "PASSED: sums-v2",
        "epoch 4 of run-42",
        "t7, t8",
        "every proof checked",
    ):
        assert words in told.stdout, (words, told.stdout)
    facts = json.loads(explained(runtime, "--json", "explain", run.name, *keys).stdout)
    assert [one["text"].strip()[:9] for one in facts["lines"]] == [
        "def total",
        f"# {unique}"[:9],
        "xs = [x f",
        "return su",
    ]
    origins = ["epoch 4" in one["origin"] for one in facts["lines"]]
    assert origins == [False, False, True, False]
    kinds = {one["entry"]["kind"] for one in facts["entries"]}
    assert {
        "call.accepted",
        "call.finished",
        "release.approved",
        "release.evidence_attached",
        "revision.created",
    } <= kinds
    assert "function_version.created" in kinds
    assert "nobody: a draft" in explained(runtime, "explain", draft.name).stdout

    other = NoteSigner("jigsmith/other", Ed25519PrivateKey.generate()).verifier
    (tmp_path / "other.pub").write_text(f"{other}\n")
    wrong = explained(runtime, "explain", run.name, "--key", tmp_path / "other.pub")
    assert (wrong.returncode, "not proved" in wrong.stderr) == (8, True)
    (tmp_path / "foreign.pub").write_bytes(Attester(Ed25519PrivateKey.generate()).public_pem)
    wrong = explained(runtime, "explain", run.name, "--release-key", tmp_path / "foreign.pub")
    assert (wrong.returncode, "cannot be believed" in wrong.stderr) == (8, True)
    assert explained(runtime, "explain", f"invocations/{uuid.uuid4().hex}").returncode == 4
    with contextlib.suppress(FileNotFoundError):
        assert explained(runtime, "explain", run.name, "--key", runtime.data / "runtime.json").returncode == 2


def test_blame_follows_lines_over_many_versions() -> None:
    """A line belongs to the version that brought it in, however far it moved."""
    texts = ["a\nb", "x\na\nb", "x\na\ny\nb", "b\nx"]
    history = [function_pb2.FunctionVersion(digest=str(number), source=text) for number, text in enumerate(texts)]
    assert [one.version.digest for one in blame(history[:3])] == ["1", "0", "2", "0"]
    assert [one.text for one in blame(history)] == ["b", "x"]
    assert blame([]) == []
