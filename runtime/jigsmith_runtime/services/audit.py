"""AuditService."""
# ruff: noqa: N802 - methods are named as the RPCs are

import asyncio
import json
from typing import Final

from jigsmith.names import InvocationName
from jigsmith.tlog import leaf_hash
from jigsmith.v1 import audit_pb2, audit_pb2_grpc

from jigsmith_runtime import pages
from jigsmith_runtime.audit import AuditLog
from jigsmith_runtime.errors import NotFoundError, RequestInvalidError
from jigsmith_runtime.interceptors.around import Context
from jigsmith_runtime.services import wire

_SCANNED_MAX: Final = 4_096
"""Entries looked at for one page of a filtered list; the page may come out short, its token leads on."""
_PAGE_BYTES_MAX: Final = 3 * 1_048_576
"""Below the 4 MiB that gRPC clients accept by default."""


class AuditService(audit_pb2_grpc.AuditServiceServicer):
    """Reads the audit log of this node."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    async def ListAuditEntries(
        self, request: audit_pb2.ListAuditEntriesRequest, _context: Context
    ) -> audit_pb2.ListAuditEntriesResponse:
        """List entries in the order of the log."""
        invocation = request.invocation and str(wire.parse_name(InvocationName.parse, "invocation", request.invocation))
        if request.start_index < 0:
            raise RequestInvalidError.of("start_index", "must not be negative")
        of, limit = f"audit/{invocation}", pages.size(request.page_size)
        start = pages.cursor(of, request.page_token, request.start_index)
        found, following = await asyncio.to_thread(self._page, start, limit, invocation)
        return audit_pb2.ListAuditEntriesResponse(audit_entries=found, next_page_token=pages.token(of, following))

    async def GetCheckpoint(self, _request: audit_pb2.GetCheckpointRequest, _context: Context) -> audit_pb2.Checkpoint:
        """Return a signed checkpoint that covers everything acknowledged before."""
        await self._log.signed()
        return audit_pb2.Checkpoint(note=self._log.checkpoint())

    async def GetInclusionProof(
        self, request: audit_pb2.GetInclusionProofRequest, _context: Context
    ) -> audit_pb2.InclusionProof:
        """Return the proof that an entry is in the log."""
        await self._log.signed()
        try:
            size, proof = await asyncio.to_thread(self._log.inclusion_proof, request.index)
        except IndexError:
            raise NotFoundError(f"audit entry {request.index}") from None
        return audit_pb2.InclusionProof(
            index=request.index,
            tree_size=size,
            hashes=proof.hashes,
            checkpoint=audit_pb2.Checkpoint(note=proof.note),
        )

    def _page(self, start: int, limit: int, invocation: str) -> tuple[list[audit_pb2.AuditEntry], int | None]:
        """Return the entries of a page and where the next one begins."""
        found: list[audit_pb2.AuditEntry] = []
        size = 0
        scanned = self._log.read(start, _SCANNED_MAX if invocation else limit)
        for index, data in scanned:
            if invocation and json.loads(data).get("invocation") != invocation:
                continue
            if len(found) == limit or size + len(data) > _PAGE_BYTES_MAX:
                return found, index
            size += len(data)
            found.append(audit_pb2.AuditEntry(index=index, entry_json=data.decode(), leaf_hash=leaf_hash(data)))
        following = start + len(scanned)
        return found, following if scanned and following < self._log.size else None
