"""The verifier's walk over a log's files: every entry is hashed, compared with what is stored, and led up to the signed root.

Entries and stored hashes are compared to name the place; what decides is the root. A log in use may be verified: entries
behind the checkpoint are counted only.
"""

from collections.abc import Callable
from pathlib import Path

from jigsmith.tlog import Checkpoint, NoteError, NoteVerifier, Tree, leaf_hash, tiles
from jigsmith.verify.report import BadEntry, Fault, Report
from jigsmith.verify.story import BadEntryError, Story

Progress = Callable[[int, int], None]


def verify_log(directory: Path, key: NoteVerifier, progress: Progress | None = None) -> Report:
    """Verify the log in a folder. Never raises for what the log holds: that is in the report. Raises OSError.

    `progress` is called with (entries done, entries in the checkpoint) once for each bundle of 256.
    """
    story = Story()
    signed: Checkpoint | None = None
    bad: BadEntry | None = None
    try:
        signed = _checkpoint(directory, key)
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


def _checkpoint(directory: Path, key: NoteVerifier) -> Checkpoint:
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


def _walk(directory: Path, signed: Checkpoint, story: Story, progress: Progress | None) -> None:
    """Read each bundle once, oldest first. Raises BadEntryError for the first entry that does not fit."""
    tree = Tree()
    for number, count in tiles.bundle_numbers(signed.size):
        first = number * tiles.WIDTH
        entries = _entries(directory, number)
        stored = _stored_hashes(directory, number)
        for index, data in enumerate(entries[:count], first):
            leaf = leaf_hash(data)
            if stored[index - first : index - first + 1] != [leaf]:
                how = _how([leaf_hash(one) for one in entries], stored, index - first)
                raise BadEntryError(index, Fault.ALTERED, f"entry {index} is not the one that was logged: {how}")
            tree.append(leaf)
            story.read(index, data)
        if len(entries) < count:
            index = first + len(entries)
            what = f"entry {index} is missing or cut off; {signed.size} entries were signed"
            raise BadEntryError(index, Fault.TRUNCATED, what)
        if len(entries) > tiles.WIDTH:
            index = first + tiles.WIDTH
            raise BadEntryError(index, Fault.ALTERED, f"something was added between entries {index - 1} and {index}")
        if progress:
            progress(first + count, signed.size)
    if tree.root() != signed.root:
        what = f"entries and leaf hashes fit each other, but not the signed root of {signed.size} entries: both were rewritten"
        raise BadEntryError(None, Fault.ROOT, what)


def _entries(directory: Path, number: int) -> list[bytes]:
    try:
        return tiles.unpack(tiles.bundle_path(directory, number).read_bytes())
    except FileNotFoundError:
        return []
    except tiles.BundleError as torn:
        # A torn tail behind the checkpoint is a write in progress; within it, the caller names the missing entry.
        return torn.entries


def _stored_hashes(directory: Path, number: int) -> list[bytes]:
    path = tiles.hashes_path(directory, number)
    data = path.read_bytes() if path.is_file() else b""
    return [data[start : start + tiles.HASH_BYTES] for start in range(0, len(data), tiles.HASH_BYTES)]


def _unsigned(directory: Path, size: int) -> int:
    """Count the whole entries behind the first `size`."""
    number, used = divmod(size, tiles.WIDTH)
    total = -used
    while found := len(_entries(directory, number)):
        total, number = total + found, number + 1
    return max(0, total)


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
