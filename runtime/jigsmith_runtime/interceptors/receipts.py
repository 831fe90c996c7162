"""Replies to changes carry the receipts of their audit entries, as trailing metadata; those of calls stand in the answer."""

from typing import Final

from jigsmith.v1 import invocation_pb2

from jigsmith_runtime.audit import Receipt
from jigsmith_runtime.interceptors.context import Context

METADATA_KEY: Final = "jigsmith-receipt-bin"
"""The key of a serialized `jigsmith.v1.Receipt`; once for each entry."""


def attach(noted: list[Receipt] | None, context: Context) -> None:
    """Give out receipts with the reply."""
    if noted:
        messages = (
            invocation_pb2.Receipt(log_origin=one.log_origin, index=one.index, leaf_hash=one.leaf_hash) for one in noted
        )
        context.set_trailing_metadata(tuple((METADATA_KEY, one.SerializeToString()) for one in messages))
