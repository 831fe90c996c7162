"""Which tasks runs keep sealed, so that no other command opens what a run that goes on must not have seen.

A run that begins leaves `sealed.json` in its folder: the sha256 of each question of its test split, and whether the split was
opened. Before tasks are rolled out, the registers of runs nearby are looked through. This is a guard against mistakes: who
copies tasks to where no run is, or removes the register, is not held up.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jigsmith_optimizer.tasks import SealedError

REGISTER: Final = "sealed.json"
_ANCESTORS: Final = 3
"""Folders above a file of tasks that are looked at: a run has its own copy of them in `tasks/`."""
_NEIGHBOURS_MAX: Final = 1_000
"""Folders beside a run that are looked at."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A run's sealed test split."""

    folder: Path
    """Of the run."""
    questions: frozenset[str]
    """Their sha256."""
    opened: bool
    """Whether training is over: nothing can be chosen by these tasks any more."""


def seal(folder: Path, questions: Iterable[str]) -> None:
    """Put down that a run keeps these questions sealed. Raises OSError. A register that is there stays as it is."""
    if not (folder / REGISTER).exists():
        _write(folder, sorted(map(_digest, questions)), opened=False)


def opened(folder: Path) -> None:
    """Put down that a run's training is over. Raises OSError."""
    found = _read(folder)
    if found is not None:
        _write(folder, sorted(found.questions), opened=True)


def check(questions: Iterable[str], *, files: Iterable[Path], out: Path | None = None) -> list[str]:
    """Raise SealedError if some questions are sealed by a run that is not over; return remarks on those that were opened.

    `files` are where the questions come from, `out` is the folder of whoever wants to read them.
    """
    wanted = frozenset(map(_digest, questions))
    remarks = []
    for found in _nearby(files, out):
        shared = len(wanted & found.questions)
        if not shared:
            continue
        whose = f"{shared} of {len(wanted)} tasks are in the test split of the run in {found.folder}"
        if not found.opened:
            raise SealedError(
                f"{whose}, which is not over: they are read once, at its end. Let it go on to its end "
                f"(`jigsmith-optimizer train --resume --out {found.folder}`), give it up by removing its folder, or take others"
            )
        remarks.append(f"{whose}, which has read them: whatever was chosen by its result has seen them, too")
    return remarks


def _nearby(files: Iterable[Path], out: Path | None) -> Iterator[Seal]:
    """Yield the seals of runs around files, beside `out` and in the working folder, but not that of `out` itself."""
    own = None if out is None else out.resolve()
    places: dict[Path, None] = {}
    for file in files:
        parents = file.resolve().parents[:_ANCESTORS]
        places.update(dict.fromkeys([*parents, *_folders_in(parents[0])]))
    for parent in (Path.cwd(), *(() if own is None else (own.parent,))):
        places.update(dict.fromkeys([parent, *_folders_in(parent)]))
    for place in places:
        if place != own and (found := _read(place)) is not None:
            yield found


def _folders_in(parent: Path) -> list[Path]:
    try:
        return sorted(one for one in parent.iterdir() if one.is_dir())[:_NEIGHBOURS_MAX]
    except OSError:  # a folder that nobody may look into has no run of ours
        return []


def _read(folder: Path) -> Seal | None:
    """Return a run's seal, or None if there is none. Raises SealedError for a register that cannot be understood."""
    path = folder / REGISTER
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Seal(folder, frozenset(value["questions"]), value["opened"] is True)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SealedError(f"{path} is no register of sealed tasks ({error}): remove it if it is not a run's") from error


def _write(folder: Path, questions: list[str], *, opened: bool) -> None:
    path = folder / REGISTER
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"opened": opened, "questions": questions}) + "\n", encoding="utf-8")
    new.replace(path)


def _digest(question: str) -> str:
    """Return a question's sha256, whatever its white space."""
    return hashlib.sha256(" ".join(question.split()).encode()).hexdigest()
