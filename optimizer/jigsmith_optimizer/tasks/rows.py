"""JSON lines from a file that nobody has vouched for: bounded, and every fault with its line."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jigsmith_optimizer.tasks.task import DatasetError
from jigsmith_optimizer.texts import well_formed

FILE_BYTES_MAX: Final = 512 * 1024 * 1024
ROWS_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line's object, and where it stands."""

    values: Mapping[str, Any]
    where: str
    folder: Path
    """Of the file: what a row names lies in there."""

    def text(self, name: str, *, default: str | None = None) -> str:
        """Return a text or number as text. Raises DatasetError if it is not there, or something else."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.fault(f"needs {name!r}, a text or number")
        return str(value)

    def list(self, name: str) -> list[Any]:  # JSON
        """Return a list. Raises DatasetError if there is none."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise self.fault(f"needs {name!r}, a list")
        return value

    def fault(self, message: str) -> DatasetError:
        """Return the error that says where this row is."""
        return DatasetError(f"{self.where}: {message}")


def rows(path: Path) -> Iterator[Row]:
    """Yield the objects of a file, line by line; empty lines are passed over. Raises DatasetError."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise DatasetError(f"{path}: is larger than {FILE_BYTES_MAX >> 20} MiB: split it")
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if number > ROWS_MAX:
                    raise DatasetError(f"{path}: has more than {ROWS_MAX:,} lines: split it")
                if line.strip():
                    yield _row(line, f"{path}, line {number}", path.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error


def _row(line: str, where: str, folder: Path) -> Row:
    try:
        value = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: not JSON: {error}") from error
    if "\\ud" in line.casefold() and not _is_text(value):
        raise DatasetError(f"{where}: holds half of a surrogate pair, which is no text")
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: needs an object, not {type(value).__name__}")
    return Row(value, where, folder)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _is_text(value: Any) -> bool:  # JSON
    text = json.dumps(value, ensure_ascii=False)
    return well_formed(text) == text
