"""Receipts of what an RPC changed: noted where the entry is logged, given out with the reply."""

from contextvars import ContextVar

from jigsmith_runtime.audit import Receipt

_noted: ContextVar[list[Receipt] | None] = ContextVar("receipts", default=None)


def begin() -> list[Receipt]:
    """Begin an RPC; return the list that its receipts will be in. Tasks that it starts note theirs there, too."""
    noted: list[Receipt] = []
    _noted.set(noted)
    return noted


def note(receipt: Receipt) -> None:
    """Note the receipt of an entry that the present RPC brought about; without an RPC, nothing happens."""
    noted = _noted.get()
    if noted is not None:
        noted.append(receipt)
