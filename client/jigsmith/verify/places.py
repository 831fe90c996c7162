"""Single entries in a log's folder, proved by its tiles up to the signed root, without reading the rest of it."""

from pathlib import Path

from jigsmith.tlog import InclusionProof, NoteVerifier, ProofError, TiledTree, leaf_hash, tiles
from jigsmith.verify.hashes import read_checkpoint, read_entries, read_hashes
from jigsmith.verify.report import Fault
from jigsmith.verify.story import BadEntryError


class SignedLog:
    """A log's folder and the checkpoint in it. Everything raises BadEntryError for what does not fit."""

    def __init__(self, directory: Path, key: NoteVerifier) -> None:
        self._directory = directory
        self._key = key
        self.checkpoint = read_checkpoint(directory, key)
        self._note = (directory / tiles.CHECKPOINT).read_bytes().decode()
        widths = {(level, number): width for level, number, width in tiles.edge(self.checkpoint.size)}
        self._tree = TiledTree(
            self.checkpoint.size,
            lambda level, number: read_hashes(directory, level, number, widths.get((level, number), tiles.WIDTH)),
        )

    def entry(self, index: int) -> bytes:
        """Return an entry that is in the signed tree at that index."""
        if not 0 <= index < self.checkpoint.size:
            raise BadEntryError(
                index, Fault.TRUNCATED, f"the log has {self.checkpoint.size} entries, and no entry {index}"
            )
        number, offset = divmod(index, tiles.WIDTH)
        start = number * tiles.WIDTH
        entries = list(read_entries(self._directory, min(self.checkpoint.size, start + tiles.WIDTH), start))
        if offset >= len(entries):
            raise BadEntryError(index, Fault.TRUNCATED, f"entry {index} is missing")
        data = entries[offset][1]
        self.prove(index, leaf_hash(data))
        return data

    def prove(self, index: int, leaf: bytes) -> InclusionProof:
        """Return the proof that a leaf hash stands at an index of the signed tree."""
        try:
            proof = InclusionProof(index, tuple(self._tree.inclusion_proof(index)), self._note)
            proof.verify(leaf, self._key)
        except ProofError as error:
            raise BadEntryError(
                index, Fault.ALTERED, f"entry {index} is not the one that was logged: {error}"
            ) from error
        return proof
