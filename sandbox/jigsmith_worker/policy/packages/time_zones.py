"""Time zones without files: their data is read before the fork, and a call under the policy finds them there."""

import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from jigsmith_worker.policy import doors, imports

_data: Final[dict[str, bytes]] = {}
"""Of each zone, by its name. Many are one zone under several names, and share it."""


def available_timezones() -> set[str]:
    """Take the place of `zoneinfo.available_timezones`, which looks into directories."""
    return set(_data)


imports.replace("zoneinfo.available_timezones", available_timezones)


def replace() -> None:
    """Read all time zones of this sandbox, and have `zoneinfo` take them from here in a call under the policy."""
    zoneinfo = importlib.import_module("zoneinfo")
    common: Any = importlib.import_module("zoneinfo._common")
    paths: Any = importlib.import_module("zoneinfo._tzpath")
    read_of_package = common.load_tzdata
    shared: dict[bytes, bytes] = {}
    for name in zoneinfo.available_timezones():
        file = paths.find_tzfile(name)
        if file is None:
            with read_of_package(name) as opened:
                content = opened.read()
        else:
            content = Path(file).read_bytes()
        _data[name] = shared.setdefault(content, content)

    def load_tzdata(name: Any) -> Any:
        if not doors.guarding():
            return read_of_package(name)
        if name not in _data:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {name}")
        return io.BytesIO(_data[name])

    common.load_tzdata = load_tzdata
    paths.TZPATH = _SearchPath(paths.TZPATH)


class _SearchPath(tuple[str, ...]):
    """The directories that `zoneinfo` looks for files in: none in a call under the policy."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return iter(()) if doors.guarding() else super().__iter__()
