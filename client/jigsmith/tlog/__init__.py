"""Transparency-log arithmetic: Merkle trees (RFC 6962), signed notes and tiles (C2SP). Pure functions, no network."""

from jigsmith.tlog.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_from_consistency,
    root_from_inclusion,
    tree_root,
)
from jigsmith.tlog.note import Checkpoint, NoteError, NoteSigner, NoteVerifier

__all__ = [
    "EMPTY_ROOT",
    "Checkpoint",
    "NoteError",
    "NoteSigner",
    "NoteVerifier",
    "Tree",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_from_consistency",
    "root_from_inclusion",
    "tree_root",
]
