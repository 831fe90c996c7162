"""AuditService."""
# ruff: noqa: N802 - methods are named as the RPCs are

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from jigsmith.names import InvocationName
from jigsmith.tlog import leaf_hash
from jigsmith.v1 import audit_pb2, audit_pb2_grpc

from jigsmith_runtime import clock, pages, receipts
from jigsmith_runtime.audit import AuditLog
from jigsmith_runtime.audit.entries import EntryWriter
from jigsmith_runtime.audit.filters import EntryFilter
from jigsmith_runtime.audit.payloads import Part, PayloadStore
from jigsmith_runtime.errors import NotFoundError, RequestInvalidError
from jigsmith_runtime.interceptors.context import Context
from jigsmith_runtime.interceptors.identity import caller
from jigsmith_runtime.releases import rules
from jigsmith_runtime.services import wire

_SCANNED_MAX: Final = 4_096
"""Entries looked at for one page of a filtered list; the page may come out short, its token leads on."""
_PAGE_BYTES_MAX: Final = 3 * 1_048_576
"""Below the 4 MiB that gRPC clients accept by default."""
_TAILED_AT_ONCE: Final = 256
_KINDS_MAX: Final = 64


class AuditService(audit_pb2_grpc.AuditServiceServicer):
    """Reads the audit log and the payloads of this node."""

    def __init__(self, log: AuditLog, entries: EntryWriter, payloads: PayloadStore, witnessed: Path) -> None:
        """`witnessed` is where the newest cosigned checkpoint is kept, if there is a witness."""
        self._log = log
        self._entries = entries
        self._payloads = payloads
        self._witnessed = witnessed

    async def ListAuditEntries(
        self, request: audit_pb2.ListAuditEntriesRequest, _context: Context
    ) -> audit_pb2.ListAuditEntriesResponse:
        """List entries in the order of the log."""
        wanted = request.filter
        wanted.invocation = wanted.invocation or request.invocation
        if request.start_index < 0:
            raise RequestInvalidError.of("start_index", "must not be negative")
        of = f"audit/{hashlib.sha256(wanted.SerializeToString(deterministic=True)).hexdigest()}"
        start = pages.cursor(of, request.page_token, request.start_index)
        limit, entry_filter = pages.size(request.page_size), _filter(wanted)
        found, following = await asyncio.to_thread(self._page, start, limit, entry_filter)
        return audit_pb2.ListAuditEntriesResponse(audit_entries=found, next_page_token=pages.token(of, following))

    async def TailAuditEntries(
        self, request: audit_pb2.TailAuditEntriesRequest, _context: Context
    ) -> AsyncIterator[audit_pb2.TailAuditEntriesResponse]:
        """Send what is there, then what comes, until the caller goes away or the log ends."""
        wanted = _filter(request.filter)
        position = self._log.size if request.start_index < 0 else request.start_index
        while True:
            read = await asyncio.to_thread(self._log.read, position, _TAILED_AT_ONCE)
            for index, data in read:
                if wanted.is_empty or wanted.fits(json.loads(data)):
                    yield audit_pb2.TailAuditEntriesResponse(audit_entry=_message(index, data))
            position += len(read)
            if not read and not await self._log.grown(position):
                return

    async def GetCheckpoint(self, _request: audit_pb2.GetCheckpointRequest, _context: Context) -> audit_pb2.Checkpoint:
        """Return a signed checkpoint that covers everything acknowledged before."""
        await self._log.signed()
        witnessed = await asyncio.to_thread(self._read_witnessed)
        return audit_pb2.Checkpoint(note=self._log.checkpoint(), witnessed_note=witnessed)

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
            proof_text=proof.text(),
        )

    async def GetConsistencyProof(
        self, request: audit_pb2.GetConsistencyProofRequest, _context: Context
    ) -> audit_pb2.ConsistencyProof:
        """Return the proof that the log only grew."""
        await self._log.signed()
        old, new = request.old_size, request.new_size or self._log.signed_size
        try:
            hashes = await asyncio.to_thread(self._log.consistency_proof, old, new)
        except IndexError as error:
            raise RequestInvalidError.of("old_size", str(error)) from None
        return audit_pb2.ConsistencyProof(old_size=old, new_size=new, hashes=hashes)

    async def GetPayload(self, request: audit_pb2.GetPayloadRequest, _context: Context) -> audit_pb2.Payload:
        """Return what is kept of an invocation; the log says who read it before they can."""
        name = wire.parse_name(InvocationName.parse, "invocation", request.invocation)
        rules.check_reason(request.reason)
        if not await self._payloads.is_kept(name):
            raise NotFoundError(f"a payload of {name}")
        entry = self._entries.payload("read", caller().name, invocation=str(name), reason=request.reason)
        receipts.note(await self._log.append(entry))
        arguments = await self._payloads.find(name, Part.ARGUMENTS)
        result = await self._payloads.find(name, Part.RESULT)
        return audit_pb2.Payload(
            invocation=str(name),
            arguments_json="" if arguments is None else arguments.text,
            arguments_salt=b"" if arguments is None else arguments.salt,
            result_json="" if result is None else result.text,
            result_salt=b"" if result is None else result.salt,
        )

    async def ErasePayload(
        self, request: audit_pb2.ErasePayloadRequest, _context: Context
    ) -> audit_pb2.ErasePayloadResponse:
        """Erase what is kept of an invocation. Where the runtime stops in between, asking again finishes it."""
        name = wire.parse_name(InvocationName.parse, "invocation", request.invocation)
        rules.check_reason(request.reason)
        if not await self._payloads.is_kept(name):
            raise NotFoundError(f"a payload of {name}")
        if not request.validate_only:
            entry = self._entries.payload("erased", caller().name, invocation=str(name), reason=request.reason)
            receipts.note(await self._log.append(entry))
            await self._payloads.erase(name)
        return audit_pb2.ErasePayloadResponse()

    def _read_witnessed(self) -> str:
        try:
            return self._witnessed.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def _page(self, start: int, limit: int, wanted: EntryFilter) -> tuple[list[audit_pb2.AuditEntry], int | None]:
        """Return the entries of a page and where the next one begins."""
        found: list[audit_pb2.AuditEntry] = []
        size = 0
        scanned = self._log.read(start, limit if wanted.is_empty else _SCANNED_MAX)
        for index, data in scanned:
            if not wanted.is_empty and not wanted.fits(json.loads(data)):
                continue
            if len(found) == limit or size + len(data) > _PAGE_BYTES_MAX:
                return found, index
            size += len(data)
            found.append(_message(index, data))
        following = start + len(scanned)
        return found, following if scanned and following < self._log.size else None


def _message(index: int, data: bytes) -> audit_pb2.AuditEntry:
    return audit_pb2.AuditEntry(index=index, entry_json=data.decode(), leaf_hash=leaf_hash(data))


def _filter(message: audit_pb2.AuditFilter) -> EntryFilter:
    """Return the filter that a message describes. Raises RequestInvalidError."""
    if message.invocation:
        wire.parse_name(InvocationName.parse, "filter.invocation", message.invocation)
    if len(message.kinds) > _KINDS_MAX:
        raise RequestInvalidError.of("filter.kinds", f"may have {_KINDS_MAX} items")
    try:
        times = {
            name: clock.to_text(getattr(message, name).ToDatetime(clock.UTC)) if message.HasField(name) else ""
            for name in ("start_time", "end_time")
        }
    except (ValueError, OverflowError):
        raise RequestInvalidError.of("filter.start_time", "must be a time, and so must end_time") from None
    return EntryFilter(
        invocation=message.invocation,
        kinds=tuple(message.kinds),
        principal=message.principal,
        resource=message.resource.rstrip("/"),
        outcome=message.outcome,
        **times,
    )
