"""Releases: found by name, listed newest first, changed by compare-and-swap."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jigsmith.names import ChannelName, ReleaseName, RevisionName
from sqlalchemy import Row, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jigsmith_runtime import clock
from jigsmith_runtime.model import Approval, Evidence, EvidenceResult, Release, ReleaseState
from jigsmith_runtime.registry.tables import approvals, evidence, releases
from jigsmith_runtime.registry.writes import Scalar, Write


async def find(connection: AsyncConnection, name: ReleaseName) -> Release | None:
    """Return a release."""
    query = select(releases).where(releases.c.function_set == name.function_set, releases.c.release == name.release)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (await _complete(connection, [_release(row)]))[0]


async def list_releases(
    connection: AsyncConnection, function_set: str | None, limit: int, before: int | None
) -> tuple[list[Release], int | None]:
    """Return one page, newest first, of a set or of all, and where the next page begins."""
    query = select(releases).order_by(releases.c.id.desc()).limit(limit + 1)
    if function_set is not None:
        query = query.where(releases.c.function_set == function_set)
    if before is not None:
        query = query.where(releases.c.id < before)
    rows = (await connection.execute(query)).all()
    found = await _complete(connection, [_release(row) for row in rows[:limit]])
    return found, rows[limit - 1].id if len(rows) > limit else None


async def count_pending(connection: AsyncConnection, revision: RevisionName) -> int:
    """Return how many pending releases ask for a revision."""
    query = select(func.count()).where(
        releases.c.function_set == revision.function_set,
        releases.c.revision == revision.revision,
        releases.c.state == ReleaseState.PENDING.value,
    )
    return (await connection.execute(query)).scalar_one()


async def next_release(connection: AsyncConnection, function_set: str) -> ReleaseName:
    """Return the name of the set's next release. The caller holds the lock of all changes."""
    query = select(func.max(releases.c.release)).where(releases.c.function_set == function_set)
    return ReleaseName(function_set, ((await connection.execute(query)).scalar() or 0) + 1)


def insertion(value: Release) -> Write:
    """Return the write that records a new release."""
    return Write(
        releases.name,
        {
            "function_set": value.name.function_set,
            "release": value.name.release,
            "channel": value.channel.channel,
            "revision": value.revision.revision,
            "revision_digest": value.revision_digest,
            "reason": value.reason,
            "requester": value.requester,
            "approvals_needed": value.approvals_needed,
            "raised_limits": json.dumps(value.raised_limits),
            "create_time": clock.to_text(value.create_time),
            **_changing(value),
        },
    )


def replacement(old: Release, new: Release) -> Write:
    """Return the write that changes a release from exactly what was seen."""
    where: dict[str, Scalar] = {
        "function_set": old.name.function_set,
        "release": old.name.release,
        "state": old.state.value,
        "generation": old.generation,
    }
    return Write(releases.name, _changing(new), where)


def approval_insertion(name: ReleaseName, value: Approval) -> Write:
    """Return the write that records an approval; one reviewer approves a release once."""
    return Write(
        approvals.name,
        {
            "function_set": name.function_set,
            "release": name.release,
            "reviewer": value.reviewer,
            "reason": value.reason,
            "create_time": clock.to_text(value.create_time),
            "expire_time": clock.to_text(value.expire_time),
            "envelope": value.envelope,
        },
    )


def evidence_insertion(name: ReleaseName, value: Evidence) -> Write:
    """Return the write that records test results."""
    return Write(
        evidence.name,
        {
            "function_set": name.function_set,
            "release": name.release,
            "suite": value.suite,
            "suite_digest": value.suite_digest,
            "result": value.result.value,
            "passed": value.passed,
            "failed": value.failed,
            "note": value.note,
            "evaluator": value.evaluator,
            "create_time": clock.to_text(value.create_time),
            "envelope": value.envelope,
        },
    )


def _changing(value: Release) -> dict[str, Scalar]:
    return {
        "state": value.state.value,
        "previous_revision": None if value.previous_revision is None else value.previous_revision.revision,
        "previous_release": None if value.previous_release is None else value.previous_release.release,
        "reviewer": value.reviewer,
        "review_reason": value.review_reason,
        "update_time": clock.to_text(value.update_time),
        "generation": value.generation,
    }


def _release(row: Row[Any]) -> Release:  # Any: rows are typed by their query, which differs
    def revision(number: int | None) -> RevisionName | None:
        return None if number is None else RevisionName(row.function_set, number)

    return Release(
        name=ReleaseName(row.function_set, row.release),
        channel=ChannelName(row.function_set, row.channel),
        revision=RevisionName(row.function_set, row.revision),
        revision_digest=row.revision_digest,
        reason=row.reason,
        state=ReleaseState(row.state),
        previous_revision=revision(row.previous_revision),
        previous_release=None if row.previous_release is None else ReleaseName(row.function_set, row.previous_release),
        requester=row.requester,
        reviewer=row.reviewer,
        review_reason=row.review_reason,
        create_time=clock.from_text(row.create_time),
        update_time=clock.from_text(row.update_time),
        generation=row.generation,
        approvals_needed=row.approvals_needed,
        raised_limits=tuple(json.loads(row.raised_limits)),
    )


async def _complete(connection: AsyncConnection, found: Sequence[Release]) -> list[Release]:
    """Return releases with their approvals and evidence."""
    keys = [(one.name.function_set, one.name.release) for one in found]
    approved: defaultdict[tuple[str, int], list[Approval]] = defaultdict(list)
    tested: defaultdict[tuple[str, int], list[Evidence]] = defaultdict(list)
    for table in (approvals, evidence) if keys else ():
        query = select(table).where(tuple_(table.c.function_set, table.c.release).in_(keys)).order_by(table.c.id)
        for row in await connection.execute(query):
            key = row.function_set, row.release
            if table is approvals:
                approved[key].append(_approval(row))
            else:
                tested[key].append(_evidence(row))
    return [
        replace(one, approvals=tuple(approved[key]), evidence=tuple(tested[key]))
        for key, one in zip(keys, found, strict=True)
    ]


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        reviewer=row.reviewer,
        reason=row.reason,
        create_time=clock.from_text(row.create_time),
        expire_time=clock.from_text(row.expire_time),
        envelope=row.envelope,
    )


def _evidence(row: Row[Any]) -> Evidence:
    return Evidence(
        suite=row.suite,
        suite_digest=row.suite_digest,
        result=EvidenceResult(row.result),
        passed=row.passed,
        failed=row.failed,
        note=row.note,
        evaluator=row.evaluator,
        create_time=clock.from_text(row.create_time),
        envelope=row.envelope,
    )
