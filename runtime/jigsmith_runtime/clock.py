"""Wall-clock times as the registry and the audit log write them: RFC 3339, UTC, microseconds."""

import datetime as dt
from typing import Final

UTC: Final = dt.UTC


def now() -> dt.datetime:
    """Return the time, UTC."""
    return dt.datetime.now(dt.UTC)


def to_text(time: dt.datetime) -> str:
    """Return `2030-01-02T03:04:05.000006Z`; such texts sort like the times they stand for."""
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> dt.datetime:
    """Return the time that `to_text` wrote."""
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
