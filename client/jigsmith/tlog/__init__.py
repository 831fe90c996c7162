"""Transparency-log arithmetic: Merkle trees (RFC 6962), signed notes, cosignatures, tiles and proofs (C2SP). No network."""

from jigsmith.tlog.cosignature import Cosignature, CosignatureSigner, CosignatureVerifier
from jigsmith.tlog.merkle import (
    EMPTY_ROOT,
    ProofError,
    leaf_hash,
    node_hash,
    root_from_consistency,
    root_from_inclusion,
    tree_root,
)
from jigsmith.tlog.note import Checkpoint, NoteError, NoteSigner, NoteVerifier
from jigsmith.tlog.proof import InclusionProof
from jigsmith.tlog.tiled import GrowingTree, Tile, TiledTree

__all__ = [
    "EMPTY_ROOT",
    "Checkpoint",
    "Cosignature",
    "CosignatureSigner",
    "CosignatureVerifier",
    "GrowingTree",
    "InclusionProof",
    "NoteError",
    "NoteSigner",
    "NoteVerifier",
    "ProofError",
    "Tile",
    "TiledTree",
    "leaf_hash",
    "node_hash",
    "root_from_consistency",
    "root_from_inclusion",
    "tree_root",
]
