"""What a witness's signature shows: that a log still begins with the tree that the witness saw. Needs no network.

The log's own signature proves nothing against somebody who stole its key. A checkpoint that carries a witness's cosignature
does, as long as it comes from the witness's folder or another place that the node cannot write: a copy from the log's own
folder could be an older one.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from jigsmith.tlog import Checkpoint, CosignatureVerifier, GrowingTree, NoteError, NoteVerifier


class WitnessError(Exception):
    """A log is not shown to be what its witness saw."""


class NotCosignedError(WitnessError):
    """A checkpoint is not one that the log signed and the witness cosigned."""


class RewrittenError(WitnessError):
    """The log does not begin with the tree that the witness cosigned."""

    def __init__(self, message: str, *, witnessed_size: int, log_size: int) -> None:
        super().__init__(message)
        self.witnessed_size = witnessed_size
        """How many entries the witness cosigned."""
        self.log_size = log_size
        """How many of them the log has."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness vouches for."""

    size: int
    """How many entries, from the first on."""
    time_s: int
    """When it last saw that there were not more: POSIX time in seconds."""


def check_cosigned(note: str, witness: CosignatureVerifier) -> int:
    """Return the POSIX time in seconds at which a witness cosigned a checkpoint. Raises NotCosignedError."""
    try:
        return witness.verify(note)
    except NoteError as error:
        raise NotCosignedError(f"the checkpoint is not cosigned by {witness.name}: {error}") from error


def check_witness_state(
    leaves: Iterable[bytes], witnessed: str, log: NoteVerifier, witness: CosignatureVerifier
) -> Witnessed:
    """Check that a log begins with the tree of a checkpoint that a witness cosigned.

    `leaves` are the leaf hashes, in order, of the entries that the log's own checkpoint covers; those behind the witnessed
    tree are not read. Raises NotCosignedError if log or witness did not sign the checkpoint, RewrittenError.
    """
    time_s = check_cosigned(witnessed, witness)
    try:
        seen = Checkpoint.parse(log.open(witnessed))
    except NoteError as error:
        raise NotCosignedError(f"what {witness.name} cosigned is no checkpoint of {log.name}: {error}") from error
    if seen.origin != log.name:
        raise NotCosignedError(f"{witness.name} cosigned a checkpoint of the log {seen.origin}, not {log.name}")
    tree = GrowingTree()
    for leaf in islice(leaves, seen.size):
        tree.append(leaf)
        tree.forget_full()
    if tree.size < seen.size:
        what = f"the log was cut: {witness.name} cosigned {seen.size} entries, it has {tree.size}"
        raise RewrittenError(what, witnessed_size=seen.size, log_size=tree.size)
    if tree.root() != seen.root:
        what = (
            f"the log was rewritten: its first {seen.size} entries have the root {base64.b64encode(tree.root()).decode()}, "
            f"{witness.name} cosigned {base64.b64encode(seen.root).decode()}"
        )
        raise RewrittenError(what, witnessed_size=seen.size, log_size=tree.size)
    return Witnessed(seen.size, time_s)
