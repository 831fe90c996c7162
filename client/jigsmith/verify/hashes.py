"""The verifier's walk over a log's files: every entry is hashed, compared with what is stored, and led up to the signed root.

Entries and stored hashes are compared to name the place; what decides is the root. Every file that readers of the log may be
given is looked at: bundles, tiles of all levels, and what they were before they were full. A log in use may be verified:
entries behind the checkpoint are counted only.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from jigsmith.tlog import Checkpoint, GrowingTree, NoteError, NoteVerifier, Tile, leaf_hash, tiles
from jigsmith.verify.report import BadEntry, Fault, Report
from jigsmith.verify.story import BadEntryError, Story

_VOIDING: Final = b'"kind":"change.voided"'

Progress = Callable[[int, int], None]


def verify_log(directory: Path, key: NoteVerifier, progress: Progress | None = None) -> Report:
    """Verify the log in a folder. Never raises for what the log holds: that is in the report. Raises OSError.

    `progress` is called with (entries done, entries in the checkpoint) once for each bundle of 256.
    """
    signed: Checkpoint | None = None
    bad: BadEntry | None = None
    story = Story()
    try:
        signed = read_checkpoint(directory, key)
        story.to_be_voided = _to_be_voided(directory, signed.size)
        _walk(directory, signed, story, progress)
    except BadEntryError as error:
        bad = error.bad
    return Report(
        origin=signed.origin if signed else "",
        checkpoint_size=signed.size if signed else 0,
        entries=story.entries,
        unsigned=_unsigned(directory, signed.size) if signed else 0,
        accepted=story.accepted,
        finished=story.finished,
        interrupted=story.interrupted,
        open=len(story.open_calls),
        first_bad=bad,
    )


def read_checkpoint(directory: Path, key: NoteVerifier) -> Checkpoint:
    """Return what the log in a folder states about itself. Raises BadEntryError."""
    path = directory / tiles.CHECKPOINT
    try:
        # Bytes: reading as text would take other line endings for newlines.
        signed = Checkpoint.parse(key.open(path.read_bytes().decode()))
    except FileNotFoundError:
        raise BadEntryError(None, Fault.CHECKPOINT, f"there is no checkpoint: {path} is missing") from None
    except UnicodeDecodeError:
        raise BadEntryError(None, Fault.CHECKPOINT, "the checkpoint is not UTF-8") from None
    except NoteError as error:
        raise BadEntryError(None, Fault.CHECKPOINT, f"the checkpoint cannot be believed: {error}") from error
    if signed.origin != key.name:
        raise BadEntryError(None, Fault.CHECKPOINT, f"the checkpoint is of the log {signed.origin}, not {key.name}")
    return signed


def read_entries(directory: Path, size: int, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield entries up to `size`, from the bundle of `start` on, with their indexes, unverified; ends where one is missing."""
    for number, count in tiles.bundles(size):
        if number < start // tiles.WIDTH:
            continue
        entries = _entries(directory, number, count)[:count]
        yield from enumerate(entries, number * tiles.WIDTH)
        if len(entries) < count:
            return


def _walk(directory: Path, signed: Checkpoint, story: Story, progress: Progress | None) -> None:
    """Read each bundle once, oldest first. Raises BadEntryError for the first entry that does not fit."""
    tree = GrowingTree()
    for number, count in tiles.bundles(signed.size):
        first = number * tiles.WIDTH
        entries = _entries(directory, number, count)
        leaves = [leaf_hash(data) for data in entries]
        stored = read_hashes(directory, 0, number, count)
        for offset in range(min(count, len(entries))):
            index = first + offset
            if stored and stored[offset : offset + 1] != leaves[offset : offset + 1]:
                how = _how(leaves, stored, offset)
                raise BadEntryError(index, Fault.ALTERED, f"entry {index} is not the one that was logged: {how}")
            tree.append(leaves[offset])
            story.read(index, entries[offset])
        if len(entries) < count:
            index = first + len(entries)
            what = f"entry {index} is missing or cut off; {signed.size} entries were signed"
            raise BadEntryError(index, Fault.TRUNCATED, what)
        if len(entries) > count or len(stored) > count:
            index = first + count
            raise BadEntryError(index, Fault.ALTERED, f"something was added between entries {index - 1} and {index}")
        if not stored:
            raise BadEntryError(
                None, Fault.TILE, f"the hashes of the entries from {first} to {first + count - 1} are missing"
            )
        _check_upper(directory, tree.full)
        tree.forget_full()
        if progress:
            progress(first + count, signed.size)
    if tree.root() != signed.root:
        what = f"entries and leaf hashes fit each other, but not the signed root of {signed.size} entries: both were rewritten"
        raise BadEntryError(None, Fault.ROOT, what)
    _check_upper(directory, tree.edge())
    _check_partials(directory, tree.edge())


def _to_be_voided(directory: Path, size: int) -> frozenset[int]:
    """Look ahead for entries that take others back; whether they are what was logged, the walk finds out."""
    found: set[int] = set()
    for number, count in tiles.bundles(size):
        for data in _entries(directory, number, count):
            if _VOIDING in data:
                with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):
                    found.add(int(json.loads(data).get("voided_index")))
    return frozenset(found)


def _check_upper(directory: Path, computed: Sequence[Tile]) -> None:
    """Compare tiles above the leaves with what follows from those below. Raises BadEntryError."""
    for tile in computed:
        if tile.level and read_hashes(directory, tile.level, tile.number, len(tile.hashes)) != list(tile.hashes):
            what = f"tile {tile.number} of level {tile.level} does not follow from the entries below it"
            raise BadEntryError(None, Fault.TILE, what)


def _check_partials(directory: Path, edge: Sequence[Tile]) -> None:
    """Check that what unfinished tiles were at earlier checkpoints is how they begin now. Raises BadEntryError."""
    for tile in edge:
        whole = b"".join(tile.hashes)
        for width, data in _partials(tiles.hashes_path(directory, tile.level, tile.number)):
            if data != whole[: width * tiles.HASH_BYTES] and width <= len(tile.hashes):
                what = f"tile {tile.number} of level {tile.level}, as it was with {width} hashes, does not fit what it became"
                raise BadEntryError(None, Fault.TILE, what)
        for width, data in _partials(tiles.bundle_path(directory, tile.number)) if tile.level == 0 else ():
            leaves = tuple(map(leaf_hash, _unpacked(data)))
            if leaves != tile.hashes[:width] and width <= len(tile.hashes):
                what = f"bundle {tile.number}, as it was with {width} entries, does not fit what it became"
                raise BadEntryError(None, Fault.TILE, what)


def _partials(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (width, contents) of what a bundle or tile was before it was full."""
    folder = tiles.partials(path)
    for one in sorted(folder.iterdir()) if folder.is_dir() else ():
        if one.name.isascii() and one.name.isdecimal():
            yield int(one.name), _bytes(one)


def _entries(directory: Path, number: int, count: int) -> list[bytes]:
    """Return a bundle's entries, as many as the checkpoint speaks of, from wherever they stand just now.

    Of a full bundle, what does not belong there is returned behind them.
    """
    full, tail = tiles.bundle_path(directory, number), directory / tiles.TAIL
    if count == tiles.WIDTH:
        return _unpacked(_bytes(full))
    data = _bytes(tail) if tail.exists() else _bytes(tiles.bundle_path(directory, number, count))
    if full.exists():  # looked at last: the tail may just have become it
        data = _bytes(full)
    return _unpacked(data)[:count]


def read_hashes(directory: Path, level: int, number: int, count: int) -> list[bytes]:
    """Return the stored hashes of a tile that should have `count`, unverified, and what does not belong there behind them."""
    path = tiles.hashes_path(directory, level, number, count)
    if path.exists():
        return _split(_bytes(path))
    return _split(_bytes(tiles.hashes_path(directory, level, number)))[:count]


def _split(data: bytes) -> list[bytes]:
    return [data[start : start + tiles.HASH_BYTES] for start in range(0, len(data), tiles.HASH_BYTES)]


def _unpacked(data: bytes) -> list[bytes]:
    """Return the entries of a bundle; the beginning of one that is cut off stands last, and fits no hash."""
    try:
        return tiles.unpack(data)
    except tiles.BundleError as torn:
        return [*torn.entries, data[torn.whole_bytes :]]


def _bytes(path: Path) -> bytes:
    """Return a file's bytes; none if it is missing, which is found out by what it lacks."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _unsigned(directory: Path, size: int) -> int:
    """Count the whole entries behind the first `size`."""
    number, used = divmod(size, tiles.WIDTH)
    total = -used
    while tiles.bundle_path(directory, number).exists():
        total, number = total + len(_unpacked(_bytes(tiles.bundle_path(directory, number)))), number + 1
    try:
        return max(0, total + len(tiles.unpack(_bytes(directory / tiles.TAIL))))
    except tiles.BundleError as torn:  # a write is under way
        return max(0, total + len(torn.entries))


def _how(leaves: list[bytes], stored: list[bytes], place: int) -> str:
    """Say, for people, what seems to have been done at a place where entries and stored hashes part."""
    if place >= len(stored):
        return "no hash of it is stored"
    shifted_up = leaves[place + 1 : place + 2] == stored[place : place + 1]
    shifted_down = leaves[place : place + 1] == stored[place + 1 : place + 2]
    match shifted_up, shifted_down:
        case True, True:
            return "it and its successor changed places"
        case True, False:
            return "something was inserted before it"
        case False, True:
            return "it was deleted, and its successor stands there"
        case _:
            return "its hash differs from the one that was stored"
