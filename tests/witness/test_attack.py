"""The attack that a witness is for: somebody has the node's private key and the disk, and rewrites what was logged."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from jigsmith import canonical
from jigsmith.canonical import JsonValue
from jigsmith.tlog import CosignatureSigner, NoteSigner, NoteVerifier, leaf_hash
from jigsmith.verify import verify_log
from jigsmith.verify.witnesses import (
    NotCosignedError,
    RewrittenError,
    Witnessed,
    check_cosigned,
    check_witness_state,
)
from jigsmith_runtime.audit import AuditLog, load_or_create_signer

from tests.witness.conftest import WitnessProcess
from tests.witness.logs import ORIGIN, consistency_proof, request

ENTRIES = 300


@dataclass
class Node:
    """A node's log in a folder; whoever holds `signer` can sign for it."""

    directory: Path
    signer: NoteSigner
    entries: Sequence[bytes] = ()
    checkpoint: str = ""

    @property
    def leaves(self) -> list[bytes]:
        """The leaf hashes of its entries."""
        return [leaf_hash(entry) for entry in self.entries]

    async def write(self, entries: Sequence[JsonValue]) -> None:
        """Append entries, sign, close."""
        log = await AuditLog.open(self.directory, signer=self.signer)
        for entry in entries:
            assert isinstance(entry, dict)
            await log.append(entry)
        await log.signed()
        self.checkpoint = log.checkpoint()
        self.entries = [data for _, data in log.read(0, log.size)]
        await log.close()

    def verified_with_the_node_key_alone(self) -> bool:
        """Return what `jigsmith audit verify` says of the folder."""
        return verify_log(self.directory, NoteVerifier.parse(str(self.signer.verifier))).ok


def entry(number: int, principal: str = "user:alice") -> JsonValue:
    """Return an entry that a runtime could have written."""
    return {
        "kind": "function_set.created",
        "time": "2026-01-02T03:04:05.000000Z",
        "node": "node-1",
        "principal": principal,
        "function_set": f"functionSets/set-{number}",
    }


@pytest.fixture
async def node(tmp_path: Path) -> Node:
    """Give a node that logged 300 entries."""
    node = Node(tmp_path / "audit", load_or_create_signer(tmp_path / "key.pem", ORIGIN))
    await node.write([entry(number) for number in range(ENTRIES)])
    return node


@pytest.fixture
def watcher(node: Node, tmp_path: Path):
    """Give a running witness that cosigned all that the node logged."""
    watcher = WitnessProcess(tmp_path / "elsewhere", [str(node.signer.verifier)])
    watcher.start()
    assert watcher.post(request(0, [], node.checkpoint)).status == 200
    yield watcher
    watcher.kill()


async def rewritten(node: Node, tmp_path: Path, index: int, total: int = ENTRIES) -> Node:
    """Return what a thief of the node's key puts in the place of its log: one entry changed, all hashes and signatures new."""
    thief = Node(tmp_path / "forged", load_or_create_signer(tmp_path / "key.pem", ORIGIN))
    story = [canonical.decode(data) for data in node.entries] + [entry(number) for number in range(ENTRIES, total)]
    story[index] = entry(index, "user:mallory")
    await thief.write(story[:total])
    shutil.rmtree(node.directory)
    thief.directory.rename(node.directory)
    thief.directory = node.directory
    return thief


@pytest.mark.parametrize(
    ("index", "total"), [(0, ENTRIES), (150, ENTRIES), (ENTRIES - 1, ENTRIES), (150, ENTRIES + 77)]
)
async def test_a_rewritten_log_fits_the_stolen_key_but_not_the_witness(
    node: Node, watcher: WitnessProcess, tmp_path: Path, index: int, total: int
) -> None:
    """Verification with the node's key passes; with what the witness keeps, the fork is named; nor is the fork cosigned."""
    seen = watcher.state.read_text()
    key, witness = node.signer.verifier, watcher.verifier
    assert check_witness_state(node.leaves, seen, key, witness) == Witnessed(ENTRIES, check_cosigned(seen, witness))
    assert node.verified_with_the_node_key_alone()

    forged = await rewritten(node, tmp_path, index, total)

    assert forged.verified_with_the_node_key_alone()
    with pytest.raises(RewrittenError, match=f"rewritten: its first {ENTRIES} entries") as found:
        check_witness_state(forged.leaves, seen, key, witness)
    assert (found.value.witnessed_size, found.value.log_size) == (ENTRIES, ENTRIES)
    proof = consistency_proof(forged.leaves, ENTRIES)
    assert watcher.post(request(ENTRIES, proof, forged.checkpoint)).status in {409, 422}
    assert watcher.post(request(0, [], forged.checkpoint)).status == 409
    assert watcher.state.read_text() == seen


async def test_a_log_that_was_cut_is_named(node: Node, watcher: WitnessProcess, tmp_path: Path) -> None:
    """The newest entries left out, the rest true and signed with the node's key."""
    seen = watcher.state.read_text()
    cut = Node(tmp_path / "cut", node.signer)
    await cut.write([canonical.decode(data) for data in node.entries[: ENTRIES - 1]])
    assert cut.verified_with_the_node_key_alone()
    with pytest.raises(RewrittenError, match="cut") as found:
        check_witness_state(cut.leaves, seen, node.signer.verifier, watcher.verifier)
    assert (found.value.witnessed_size, found.value.log_size) == (ENTRIES, ENTRIES - 1)
    assert watcher.post(request(ENTRIES - 1, [], cut.checkpoint)).status == 409


async def test_a_log_that_grew_is_as_good_as_it_was(node: Node, watcher: WitnessProcess) -> None:
    """Entries behind the witnessed ones are not the witness's business."""
    await node.write([entry(number) for number in range(ENTRIES, ENTRIES + 5)])
    found = check_witness_state(node.leaves, watcher.state.read_text(), node.signer.verifier, watcher.verifier)
    assert found.size == ENTRIES


async def test_the_thief_cannot_cosign(node: Node, watcher: WitnessProcess, tmp_path: Path) -> None:
    """Neither with the node's key, nor with a key of the witness's name, nor by moving a cosignature to the forged text."""
    seen, witness = watcher.state.read_text(), watcher.verifier
    forged = await rewritten(node, tmp_path, 7)
    text = forged.checkpoint.partition("\n\n")[0] + "\n"
    cosignature = witness.newest(seen).line
    claims = [
        forged.checkpoint,
        forged.checkpoint + cosignature,
        forged.checkpoint + CosignatureSigner(witness.name, node.signer._private).cosign(text, 1),
    ]
    for claim in claims:
        with pytest.raises(NotCosignedError):
            check_cosigned(claim, witness)
        with pytest.raises(NotCosignedError):
            check_witness_state(forged.leaves, claim, node.signer.verifier, witness)


async def test_a_witness_alone_cannot_accuse_a_log(node: Node, watcher: WitnessProcess) -> None:
    """What the log did not sign is no evidence against it."""
    seen, witness = watcher.state.read_text(), watcher.verifier
    other = NoteSigner("jigsmith/other", node.signer._private)
    for note in (
        seen.partition("\n\n")[0] + "\n\n" + witness.newest(seen).line,
        seen.replace(ORIGIN, "jigsmith/other"),
        other.sign(seen.partition("\n\n")[0] + "\n") + witness.newest(seen).line,
    ):
        with pytest.raises(NotCosignedError):
            check_witness_state(node.leaves, note, node.signer.verifier, witness)
