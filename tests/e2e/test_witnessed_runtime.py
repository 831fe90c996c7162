"""A runtime with a witness beside it: its log is cosigned, and a rewritten one is caught although the node's key signed it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from jigsmith import AsyncClient
from jigsmith.tlog import Checkpoint, NoteVerifier
from jigsmith_runtime.audit import AuditLog, load_or_create_signer

from tests.witness.conftest import WitnessProcess

BACKENDS = ["bubblewrap"]
"""What is tried here does not depend on what runs the functions."""


def verify(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `jigsmith audit verify log`."""
    command = [Path(sys.executable).parent / "jigsmith", "audit", "verify", "log", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def test_a_log_rewritten_with_the_stolen_key_is_caught(new_runtime, tmp_path: Path) -> None:
    """Verified with the node's key alone it looks whole; with what the witness keeps it does not."""
    runtime = new_runtime()
    key = runtime.data / "audit-key.pub"
    witness = WitnessProcess(tmp_path / "w", [key.read_text().strip()])
    witness.start()
    try:
        runtime.stop()
        witness_key = witness.data / "witness-key.pub"
        runtime.options = ("--witness", witness.url, "--witness-key", str(witness_key))
        runtime.start()
        async with (
            AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=30) as optimizer,
            AsyncClient(runtime.address, token=runtime.token("auditor"), timeout_s=30) as auditor,
        ):
            for number in range(20):
                await optimizer.create_set(f"set-{number}")
            async with asyncio.timeout(20):
                while (found := await auditor.get_checkpoint()).witnessed_note.partition("\n\n")[
                    0
                ] != found.note.partition("\n\n")[0]:
                    await asyncio.sleep(0.2)
        witness.verifier.verify(found.witnessed_note)
        runtime.stop()
    finally:
        witness.stop()
    seen = ("--witnessed", witness.state, "--witness-key", witness_key)
    audit = runtime.data / "audit"
    good = verify(audit, "--key", key, *seen)
    assert (good.returncode, "a witness saw" in good.stdout) == (0, True), good.stderr

    verifier = NoteVerifier.parse(key.read_text())
    size = Checkpoint.parse(verifier.open((audit / "checkpoint").read_text())).size
    old = await AuditLog.open(audit, signer=load_or_create_signer(runtime.data / "audit-key.pem", verifier.name))
    entries = [json.loads(data) for _, data in old.read(0, size)]
    await old.close()
    forged = await AuditLog.open(
        tmp_path / "forged", signer=load_or_create_signer(runtime.data / "audit-key.pem", verifier.name)
    )
    for entry in entries:
        await forged.append({**entry, "principal": entry["principal"].replace("service:optimizer", "user:somebody")})
    await forged.close()
    assert verify(tmp_path / "forged", "--key", key).returncode == 0
    caught = verify(tmp_path / "forged", "--key", key, *seen)
    assert (caught.returncode, "rewritten" in caught.stderr) == (8, True), caught
    assert verify(audit, "--key", key, "--witnessed", witness.state).returncode == 2
