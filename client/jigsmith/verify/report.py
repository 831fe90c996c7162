"""What the verifier of an audit log finds."""

from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """What is wrong with a log."""

    CHECKPOINT = "checkpoint"
    """The checkpoint is missing, malformed, or not signed by the key."""
    TRUNCATED = "truncated"
    """There are fewer entries than were signed."""
    ALTERED = "altered"
    """An entry is not the one that was logged: edited, deleted, inserted or moved."""
    ROOT = "root"
    """Entries and stored hashes agree with each other, but not with what was signed."""
    TILE = "tile"
    """A tile of the tree's upper levels, or what a tile was at an earlier checkpoint, does not follow from the entries."""
    MALFORMED = "malformed"
    """An entry is not canonical JSON, or lacks what its kind must have."""
    PAIRING = "pairing"
    """A call has no end, two ends, or an end that is not its own."""
    UNAPPROVED = "unapproved"
    """A channel was moved, or something was run through it, without the approval that this needs."""


@dataclass(frozen=True, slots=True)
class BadEntry:
    """The first entry that does not fit."""

    index: int | None
    """Its index; None if the fault is not one entry's."""
    kind: Fault
    explanation: str
    """One sentence for people."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the verifier found. The counts are of the entries before the first bad one."""

    origin: str = ""
    checkpoint_size: int = 0
    """How many entries the checkpoint speaks for; 0 if it cannot be believed."""
    entries: int = 0
    """How many entries were read and fit."""
    unsigned: int = 0
    """Whole entries behind those that were signed: the newest ones of a log in use. They are counted, not checked."""
    accepted: int = 0
    finished: int = 0
    interrupted: int = 0
    """How many of the finished calls were ended by a restart instead of by themselves."""
    open: int = 0
    """Calls that were accepted and have not ended: running, or cut off by a crash that no start has followed yet."""
    first_bad: BadEntry | None = None

    @property
    def ok(self) -> bool:
        """Whether everything fits."""
        return self.first_bad is None
