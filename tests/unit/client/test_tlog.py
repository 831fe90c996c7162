"""Merkle trees, notes and tiles against published values and against a second, slower way to compute them."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from jigsmith.tlog import (
    Checkpoint,
    NoteError,
    NoteSigner,
    NoteVerifier,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_from_consistency,
    root_from_inclusion,
    tiles,
    tree_root,
)
from jigsmith.tlog.merkle import ProofError

# The eight entries and roots that the Certificate Transparency project publishes for RFC 6962 implementations.
ENTRIES = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
TREES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


def slow_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(slow_root(leaves[:split]), slow_root(leaves[split:]))


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    """Tree sizes 1 to 8."""
    assert tree_root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    """RFC 6962, section 2.1."""
    assert Tree().root() == hashlib.sha256(b"").digest()


@given(TREES)
def test_a_growing_tree_has_the_roots_of_the_definition(leaves: list[bytes]) -> None:
    """At every size."""
    tree = Tree()
    for size, leaf in enumerate(leaves, 1):
        tree.append(leaf)
        assert tree.root() == slow_root(leaves[:size])


@given(TREES, st.data())
def test_inclusion_proofs_lead_to_the_root_and_altered_ones_do_not(leaves: list[bytes], data: st.DataObject) -> None:
    """For any leaf; a changed, missing or added hash, another index or leaf fails."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = inclusion_proof(leaves, index), slow_root(leaves)
    assert root_from_inclusion(leaves[index], index, len(leaves), proof) == root
    assert root_from_inclusion(leaf_hash(b"other"), index, len(leaves), proof) != root
    with pytest.raises(ProofError):
        root_from_inclusion(leaves[index], index, len(leaves), [*proof, root])
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        altered = [*proof[:place], leaf_hash(proof[place]), *proof[place + 1 :]]
        assert root_from_inclusion(leaves[index], index, len(leaves), altered) != root
        with pytest.raises(ProofError):
            root_from_inclusion(leaves[index], index, len(leaves), proof[:-1])


@given(TREES, st.data())
def test_consistency_proofs_hold_between_any_two_sizes(leaves: list[bytes], data: st.DataObject) -> None:
    """And not for a log whose past was rewritten."""
    old = data.draw(st.integers(1, len(leaves)))
    proof = consistency_proof(leaves, old)
    old_root, new_root = slow_root(leaves[:old]), slow_root(leaves)
    assert root_from_consistency(old_root, old, len(leaves), proof) == (old_root, new_root)
    rewritten = [leaf_hash(leaves[0]), *leaves[1:]]
    found = root_from_consistency(old_root, old, len(leaves), consistency_proof(rewritten, old))
    assert found != (old_root, slow_root(rewritten))


def test_a_note_opens_with_its_key_and_no_other() -> None:
    """Signed text, one changed byte, a foreign key, a stripped signature."""
    signer = NoteSigner("example.org/log", Ed25519PrivateKey.generate())
    text = Checkpoint("example.org/log", 7, b"r" * 32).text()
    note = signer.sign(text)
    verifier = NoteVerifier.parse(str(signer.verifier))
    assert verifier.open(note) == text
    assert Checkpoint.parse(text) == Checkpoint("example.org/log", 7, b"r" * 32)
    foreign = NoteSigner("example.org/log", Ed25519PrivateKey.generate())
    for wrong in (note.replace("\n7\n", "\n8\n"), foreign.sign(text), text, "", note[:-10], note.replace("—", "-")):
        with pytest.raises(NoteError):
            verifier.open(wrong)


@pytest.mark.parametrize(
    "text", ["", "o\n1\n", "o\n01\nAAAA\n", "o\n-1\nAAAA\n", "o\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n"]
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Missing lines, sizes in another form, hashes of another length."""
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_verifier_keys_are_checked() -> None:
    """Their form, their algorithm and their id."""
    good = str(NoteSigner("example.org/log", Ed25519PrivateKey.generate()).verifier)
    name, key_id, key = good.split("+", 2)
    for wrong in ("", name, f"{name}+00000000+{key}", f"other+{key_id}+{key}", f"{name}+{key_id}+AAAA", good[:-8]):
        with pytest.raises(NoteError):
            NoteVerifier.parse(wrong)


def test_tiles_are_numbered_in_groups_of_three() -> None:
    """c2sp.org/tlog-tiles: x001/x234/067 is tile 1234067."""
    assert tiles.bundle_path(Path("log"), 1_234_067) == Path("log/tile/entries/x001/x234/067")
    assert tiles.hashes_path(Path("log"), 5) == Path("log/tile/0/005")


@given(st.lists(st.binary(max_size=300), max_size=20), st.data())
def test_a_bundle_gives_back_its_entries_and_names_where_it_was_cut(entries: list[bytes], data: st.DataObject) -> None:
    """Cut anywhere, what is whole is still there."""
    packed = b"".join(map(tiles.pack, entries))
    assert tiles.unpack(packed) == entries
    cut = data.draw(st.integers(0, len(packed)))
    found, whole = _unpacked(packed[:cut])
    assert found == entries[: len(found)]
    assert len(b"".join(map(tiles.pack, found))) == whole


def _unpacked(data: bytes) -> tuple[list[bytes], int]:
    try:
        return tiles.unpack(data), len(data)
    except tiles.BundleError as torn:
        return torn.entries, torn.whole_bytes
