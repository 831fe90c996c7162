"""What each kind of audit entry must have: the tables of docs/audit-log.md. Kinds that are not listed have the envelope only.

A newer runtime may log kinds and fields that this verifier does not know; it checks what it knows.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from jigsmith.canonical import JsonValue

Check = Callable[[JsonValue], bool]

_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


class FieldError(ValueError):
    """An entry lacks a field of its kind, or has it in another form."""


def _text(value: JsonValue) -> bool:
    return isinstance(value, str) and value != ""


def _any_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _time(value: JsonValue) -> bool:
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def _sha256(value: JsonValue) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _trace_id(value: JsonValue) -> bool:
    return isinstance(value, str) and _TRACE_ID.fullmatch(value) is not None


def _counts(value: JsonValue) -> bool:
    return isinstance(value, Mapping) and all(map(_count, value.values()))


def _object(value: JsonValue) -> bool:
    return isinstance(value, Mapping)


def _texts(value: JsonValue) -> bool:
    return isinstance(value, list) and all(map(_text, value)) and len(set(map(str, value))) == len(value)


def _refusals(value: JsonValue) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, Mapping) and _text(one.get("method")) and _text(one.get("reason")) and _count(one.get("count"))
        for one in value
    )


def _flag(value: JsonValue) -> bool:
    return isinstance(value, bool)


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


ENVELOPE: Final[Mapping[str, Check]] = MappingProxyType(
    {"kind": _text, "time": _time, "node": _text, "principal": _text}
)

_RELEASE: Final[Mapping[str, Check]] = MappingProxyType(
    {"release": _text, "channel": _text, "revision": _text, "revision_digest": _sha256, "reason": _any_text}
)

KINDS: Final[Mapping[str, Mapping[str, Check]]] = MappingProxyType(
    {
        "runtime.started": {"version": _text, "backend": _text},
        "call.accepted": {
            "invocation": _text,
            "target": _text,
            "function_version": _text,
            "revision": _or_null(_text),
            "release": _or_null(_text),
            "request_id": _or_null(_text),
            "payload_level": _text,
            "arguments_commitment": _sha256,
            "limits": _counts,
            "backend": _text,
            "policy": _text,
        },
        "call.finished": {
            "invocation": _text,
            "accepted_index": _count,
            "outcome": _text,
            "result_commitment": _or_null(_sha256),
            "wall_us": _count,
            "cpu_us": _count,
            "memory_peak_bytes": _count,
        },
        "function_version.created": {"function_version": _text, "provenance": _object, "envelope_sha256": _sha256},
        "function_version.quarantined": {"function_version": _text, "reason": _text, "now": _flag},
        "revision.quarantined": {"revision": _text, "reason": _text, "now": _flag},
        "revision.deprecated": {"revision": _text, "digest": _sha256, "reason": _text},
        "revision.retired": {"revision": _text, "digest": _sha256, "reason": _text},
        "function_set.created": {"function_set": _text},
        "function_set.policy_allowed": {"function_set": _text, "policy": _text, "reason": _text},
        "revision.created": {
            "revision": _text,
            "digest": _sha256,
            "parent_revision": _or_null(_text),
            "function_versions": _texts,
        },
        "release.requested": {**_RELEASE, "approvals_needed": _count},
        "release.evidence_attached": {
            **_RELEASE,
            "suite": _text,
            "result": _text,
            "passed": _count,
            "failed": _count,
            "envelope_sha256": _sha256,
        },
        "release.approved": {**_RELEASE, "activates": _flag, "expires": _time, "envelope_sha256": _sha256},
        "release.rejected": _RELEASE,
        "release.rolled_back": _RELEASE,
        "release.observed": {
            "release": _text,
            "channel": _text,
            "revision": _text,
            "revision_digest": _sha256,
            "function_versions": _texts,
            "requester": _text,
            "authors": _texts,
            "approvers": _texts,
            "approvals_needed": _count,
            "policy": _text,
            "active": _flag,
        },
        "function_set.policy_observed": {"function_set": _text, "policy": _text},
        "change.voided": {"voided_index": _count},
        "requests.refused": {"since": _time, "refusals": _refusals},
        "payloads.expired": {"before": _time, "count": _count},
        "payload.read": {"invocation": _text, "reason": _text},
        "payload.erased": {"invocation": _text, "reason": _text},
    }
)


ADDED: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "isolation": _text,
        "memory_scope": _text,
        "image": _or_null(_text),
        "profile": _text,
        "message": _any_text,
        "trace_id": _or_null(_trace_id),
        "profiles_sha256": _sha256,
        "limits_sha256": _sha256,
        "seccomp_sha256": _sha256,
        "policy_sha256": _sha256,
    }
)
"""Fields that older entries lack; checked where they are."""


def checked(entry: JsonValue) -> Mapping[str, JsonValue]:
    """Return an entry that has the envelope, and the fields of its kind if that is known. Raises FieldError."""
    if not isinstance(entry, Mapping):
        raise FieldError("it is not an object")
    _check(entry, ENVELOPE)
    _check(entry, KINDS.get(str(entry["kind"]), {}))
    _check(entry, {name: check for name, check in ADDED.items() if name in entry})
    return entry


def _check(entry: Mapping[str, JsonValue], checks: Mapping[str, Check]) -> None:
    for name, check in checks.items():
        if name not in entry:
            raise FieldError(f"it has no {name}")
        if not check(entry[name]):
            raise FieldError(f"its {name} does not have the form it must have")
