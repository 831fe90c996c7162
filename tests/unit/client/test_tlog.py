"""Merkle trees, notes and tiles against published values and against a second, slower way to compute them."""

import contextlib
import functools
import hashlib
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from jigsmith.tlog import (
    Checkpoint,
    GrowingTree,
    InclusionProof,
    NoteError,
    NoteSigner,
    NoteVerifier,
    ProofError,
    TiledTree,
    leaf_hash,
    node_hash,
    root_from_consistency,
    root_from_inclusion,
    tiles,
    tree_root,
)

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
    assert GrowingTree().root() == TiledTree(0, tile_of([])).root() == tree_root([]) == hashlib.sha256(b"").digest()


SIZES = 1_100
MANY = [leaf_hash(f"{number}".encode()) for number in range(SIZES)]


@functools.cache
def naive_root(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 6962, section 2.1, word for word, over MANY."""
    if end - start == 1:
        return MANY[start]
    split = start + largest_power_below(end - start)
    return node_hash(naive_root(start, split), naive_root(split, end))


def naive_path(index: int, start: int, end: int) -> list[bytes]:
    """PATH(index, D[start:end]) of RFC 6962, section 2.1.1, word for word."""
    if end - start == 1:
        return []
    split = start + largest_power_below(end - start)
    if index < split:
        return [*naive_path(index, start, split), naive_root(split, end)]
    return [*naive_path(index, split, end), naive_root(start, split)]


def naive_subproof(old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    """SUBPROOF(old, D[start:end], whole) of RFC 6962, section 2.1.2, word for word; `old` counts from the tree's start."""
    if old == end:
        return [] if whole else [naive_root(start, end)]
    split = start + largest_power_below(end - start)
    if old <= split:
        return [*naive_subproof(old, start, split, whole=whole), naive_root(split, end)]
    return [*naive_subproof(old, split, end, whole=False), naive_root(start, split)]


def largest_power_below(size: int) -> int:
    """Return k with k < size <= 2k."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def tile_of(leaves: list[bytes]):
    """Return the look-up of tiles of a tree over leaves, computed from nothing but the definition of a tile."""

    def lookup(level: int, number: int) -> list[bytes]:
        span = 256**level
        starts = range(number * 256 * span, len(leaves) - span + 1, span)
        return [leaves[start] if level == 0 else tree_root(leaves[start : start + span]) for start in starts[:256]]

    return functools.cache(lookup)


class RememberingTree(TiledTree):
    """A tree that hashes each complete subtree once: what makes trying every proof affordable."""

    remembered: ClassVar[dict[tuple[int, int], bytes]] = {}

    def _complete(self, start: int, count: int) -> bytes:
        if (start, count) not in self.remembered:
            self.remembered[start, count] = super()._complete(start, count)
        return self.remembered[start, count]


def test_roots_of_every_size_are_those_of_the_definition() -> None:
    """Grown leaf by leaf, resumed from its edge, looked up in tiles and hashed at once: 1 to 1,100 leaves."""
    tree, lookup = GrowingTree(), tile_of(MANY)
    for size in range(1, SIZES + 1):
        tree.append(MANY[size - 1])
        resumed = GrowingTree(tree.edge())
        found = {tree.root(), resumed.root(), TiledTree(size, lookup).root(), tree_root(MANY[:size])}
        assert found == {naive_root(0, size)}, size
        assert (tree.size, resumed.size) == (size, size)
        assert [(one.level, one.number, len(one.hashes)) for one in tree.edge()] == list(tiles.edge(size))


def test_proofs_of_every_leaf_in_every_size_are_those_of_the_definition() -> None:
    """Both kinds, for every pair of sizes and of index and size up to 1,100; each leads to the root."""
    lookup = tile_of(MANY)
    for size in range(1, SIZES + 1):
        tree, root = RememberingTree(size, lookup), naive_root(0, size)
        for index in range(size):
            proof = tree.inclusion_proof(index)
            if index % 7 == size % 7:  # the definition is slow
                assert proof == naive_path(index, 0, size)
            assert root_from_inclusion(MANY[index], index, size, proof) == root
        for old in range(1, size):
            proof = tree.consistency_proof(old)
            if old % 7 == size % 7:
                assert proof == naive_subproof(old, 0, size, whole=True)
            old_root = naive_root(0, old)
            assert root_from_consistency(old_root, old, size, proof) == (old_root, root)


@given(TREES, st.data())
def test_altered_inclusion_proofs_do_not_lead_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    """A changed, missing or added hash, another leaf fails."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = TiledTree(len(leaves), tile_of(leaves)).inclusion_proof(index), slow_root(leaves)
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
def test_no_consistency_proof_holds_for_a_rewritten_past(leaves: list[bytes], data: st.DataObject) -> None:
    """Whatever the sizes."""
    old = data.draw(st.integers(1, len(leaves)))
    rewritten = [leaf_hash(leaves[0]), *leaves[1:]]
    proof = TiledTree(len(leaves), tile_of(rewritten)).consistency_proof(old)
    old_root = slow_root(leaves[:old])
    assert root_from_consistency(old_root, old, len(leaves), proof) != (old_root, slow_root(rewritten))


def test_a_proof_file_says_what_was_proved_and_nothing_else_is_read_as_one() -> None:
    """c2sp.org/tlog-proof: written, read, verified; altered in any line, refused."""
    signer = NoteSigner("example.org/log", Ed25519PrivateKey.generate())
    note = signer.sign(Checkpoint("example.org/log", 700, naive_root(0, 700)).text())
    proof = InclusionProof(300, tuple(TiledTree(700, tile_of(MANY)).inclusion_proof(300)), note)
    text = proof.text()
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 300\n")
    assert InclusionProof.parse(text) == proof
    assert InclusionProof.parse(text.replace("\nindex", "\nextra Zm9v\nindex")) == proof
    assert proof.verify(MANY[300], signer.verifier).size == 700
    with pytest.raises(ProofError):
        proof.verify(MANY[301], signer.verifier)
    with pytest.raises(NoteError):
        proof.verify(MANY[300], NoteSigner("example.org/log", Ed25519PrivateKey.generate()).verifier)
    lines = text.split("\n")
    for number in range(lines.index("")):
        for wrong in ("", "index 0300", "AAAA", lines[number] + "x"):
            with pytest.raises((ProofError, NoteError)):
                InclusionProof.parse("\n".join([*lines[:number], wrong, *lines[number + 1 :]])).verify(
                    MANY[300], signer.verifier
                )
    with pytest.raises(ProofError):
        InclusionProof.parse(text + " " * 100_000)


@given(st.text(max_size=300))
def test_no_text_harms_the_reader_of_proofs(text: str) -> None:
    """It is a proof, or it is refused."""
    head = "c2sp.org/tlog-proof@v1\n"
    for candidate in (text, f"{head}{text}", f"{head}index {text}\n\n", f"{head}index 0\n{text}\n\n"):
        with contextlib.suppress(ProofError):
            InclusionProof.parse(candidate)


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
    assert tiles.hashes_path(Path("log"), 0, 5) == Path("log/tile/0/005")
    assert tiles.hashes_path(Path("log"), 1, 1_001, 17) == Path("log/tile/1/x001/001.p/17")


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
