"""What the last writer left: checked against its checkpoint, completed, and searched for calls that never ended.

The unfinished bundle is hashed again; of what is full only the right edge of the tree is looked at, whose root the checkpoint
signs, so that a log of a million entries opens at once. Whether the older entries are what they were is the verifier's matter.
"""

import json
from dataclasses import dataclass

from jigsmith.tlog import Checkpoint, GrowingTree, NoteError, NoteVerifier, Tile, leaf_hash, tiles

from jigsmith_runtime.audit.storage import LogStorage


class LogCorruptError(Exception):
    """What is on disk is not what was signed. Nothing is repaired: the log must be looked at (`jigsmith audit verify`)."""


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that was accepted and, because of a crash, has no terminal entry."""

    index: int
    invocation: str
    principal: str


def recover_tree(storage: LogStorage, key: NoteVerifier) -> GrowingTree:
    """Return the tree over all whole entries, which begins with the one that was signed last.

    A torn last write, which nobody was told of, is cut off. Raises LogCorruptError, OSError.
    """
    tail, whole_bytes = _whole_entries(storage.tail())
    total = storage.sealed * tiles.WIDTH + len(tail)
    note = storage.read_checkpoint()
    signed = Checkpoint(key.name, 0, GrowingTree().root()) if note is None else _opened(note, key)
    if total < signed.size:
        raise LogCorruptError(f"the checkpoint speaks of {signed.size} entries, only {total} are there")
    leaves = [leaf_hash(entry) for entry in tail]
    tree = _signed_tree(storage, signed, leaves)
    for number in range(signed.size // tiles.WIDTH, storage.sealed):  # what became full after the checkpoint
        used = tree.size - number * tiles.WIDTH
        for entry in _whole_entries(storage.bundle(number))[0][used:]:
            tree.append(leaf_hash(entry))
    for leaf in leaves[tree.size - storage.sealed * tiles.WIDTH :]:
        tree.append(leaf)
    if tree.size != total:
        raise LogCorruptError(
            f"a bundle before entry {storage.sealed * tiles.WIDTH} does not hold {tiles.WIDTH} entries"
        )
    storage.begin(len(tail), whole_bytes)
    return tree


def _opened(note: str, key: NoteVerifier) -> Checkpoint:
    try:
        signed = Checkpoint.parse(key.open(note))
    except NoteError as error:
        raise LogCorruptError(f"the checkpoint does not fit this node's key: {error}") from error
    if signed.origin != key.name:
        raise LogCorruptError(f"the checkpoint is of the log {signed.origin}, not of {key.name}")
    return signed


def _whole_entries(data: bytes) -> tuple[list[bytes], int]:
    """Return the whole entries of a bundle and how many bytes they take. Raises LogCorruptError if it holds too many."""
    try:
        entries, whole_bytes = tiles.unpack(data), len(data)
    except tiles.BundleError as torn:
        entries, whole_bytes = torn.entries, torn.whole_bytes
    if len(entries) > tiles.WIDTH:
        raise LogCorruptError(f"a bundle holds {len(entries)} entries; something was added to it")
    return entries, whole_bytes


def _signed_tree(storage: LogStorage, signed: Checkpoint, tail: list[bytes]) -> GrowingTree:
    """Return the tree that the checkpoint speaks of. Tiles that a loss of power took are made again."""
    edge = [
        Tile(level, number, tuple(storage.hashes(level, number, width)))
        for level, number, width in tiles.edge(signed.size)
    ]
    tree = GrowingTree(edge)
    first = storage.sealed * tiles.WIDTH
    if (tree.size, tree.root()) == (signed.size, signed.root):
        known = edge[0].hashes if edge and edge[0].level == 0 and edge[0].number == storage.sealed else ()
        for offset, (leaf, stored) in enumerate(zip(tail, known, strict=False)):
            if leaf != stored:
                raise LogCorruptError(f"entry {first + offset} is not the one that was logged")
        return tree
    return _tree_of_entries(storage, signed, tail)


def _tree_of_entries(storage: LogStorage, signed: Checkpoint, tail: list[bytes]) -> GrowingTree:
    tree = GrowingTree()
    for number, count in tiles.bundles(signed.size):
        leaves = tail
        if number < storage.sealed:
            leaves = [leaf_hash(entry) for entry in _whole_entries(storage.bundle(number))[0]]
        for leaf in leaves[:count]:
            tree.append(leaf)
        storage.write_tiles(tree.full, ())
        tree.forget_full()
    if (tree.size, tree.root()) != (signed.size, signed.root):
        raise LogCorruptError(f"the first {signed.size} entries are not the ones that were signed")
    return tree


def find_open_calls(storage: LogStorage, size: int) -> list[OpenCall]:
    """Return the calls that have not ended, oldest first.

    Looks from where the last writer noted that all before had ended; where there is no note, back to the last start of a
    runtime, which closed whatever was open before it.
    """
    noted = storage.read_oldest_open()
    stop = noted if noted is not None and noted <= size else 0
    finished: set[int] = set()
    found: list[OpenCall] = []
    for number in reversed(range(stop // tiles.WIDTH, -(-size // tiles.WIDTH))):
        entries = _whole_entries(storage.bundle(number))[0]
        for index, data in reversed(list(enumerate(entries, number * tiles.WIDTH))):
            entry = json.loads(data)  # canonical or not is the verifier's matter
            if index < stop or not isinstance(entry, dict):
                continue
            match entry.get("kind"):
                case "runtime.started":
                    return found[::-1]
                case "call.finished":
                    finished.add(entry["accepted_index"])
                case "call.accepted" if index not in finished:
                    found.append(OpenCall(index, entry["invocation"], entry["principal"]))
    return found[::-1]
