"""Editing one byte of a copy of an audit log, as somebody would who has something to hide."""

import shutil
from pathlib import Path

from jigsmith.tlog import tiles


def edit_one_byte(audit: Path, copy: Path) -> int:
    """Copy the log and turn the CPU time of a finished call into another number; return the entry's index."""
    shutil.copytree(audit, copy)
    bundle = tiles.bundle_path(copy, 0)
    if not bundle.exists():  # not full yet
        bundle = copy / tiles.TAIL
    entries = tiles.unpack(bundle.read_bytes())
    finished = [index for index, entry in enumerate(entries) if b'"kind":"call.finished"' in entry]
    index = finished[len(finished) // 2]
    field = b'"cpu_us":'
    place = entries[index].index(field) + len(field)
    digit = entries[index][place : place + 1]
    entries[index] = entries[index][:place] + (b"1" if digit != b"1" else b"2") + entries[index][place + 1 :]
    bundle.write_bytes(b"".join(map(tiles.pack, entries)))
    return index
