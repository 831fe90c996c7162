"""Audit entries as API Activity events of the Open Cybersecurity Schema Framework (schema.ocsf.io, 1.3.0, class 6003)."""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

SCHEMA_VERSION: Final = "1.3.0"

_CATEGORY: Final = 6  # Application Activity
_CLASS: Final = 6003  # API Activity
_INFORMATIONAL: Final = 1
_MEDIUM: Final = 3
_SUCCESS: Final = 1
_FAILURE: Final = 2
_USER: Final = 1
_SYSTEM: Final = 3

_CREATE, _READ, _UPDATE, _DELETE, _OTHER = 1, 2, 3, 4, 99
_ACTIVITIES: Final = MappingProxyType(
    {
        "function_version.created": _CREATE,
        "function_set.created": _CREATE,
        "revision.created": _CREATE,
        "release.requested": _CREATE,
        "function_set.policy_allowed": _UPDATE,
        "release.approved": _UPDATE,
        "release.rejected": _UPDATE,
        "release.rolled_back": _UPDATE,
        "payload.read": _READ,
        "payload.erased": _DELETE,
    }
)
_RESOURCES: Final = ("function_version", "function_set", "revision", "release", "channel", "target", "invocation")


def event(origin: str, index: int, entry: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    """Return an entry as an event; what has no place in the class stands under `unmapped`, as it was logged."""
    kind, principal = str(entry["kind"]), str(entry["principal"])
    activity = _ACTIVITIES.get(kind, _OTHER)
    failed = _failed(entry)
    outcome, trace_id = entry.get("outcome"), entry.get("trace_id")
    return {
        "category_uid": _CATEGORY,
        "class_uid": _CLASS,
        "activity_id": activity,
        "type_uid": _CLASS * 100 + activity,
        "time": _milliseconds(str(entry["time"])),
        "severity_id": _MEDIUM if failed else _INFORMATIONAL,
        "status_id": _FAILURE if failed else _SUCCESS,
        **({"status_code": outcome} if isinstance(outcome, str) else {}),
        "actor": {"user": {"name": principal, "type_id": _USER if principal.startswith("user:") else _SYSTEM}},
        "api": {"operation": kind, "service": {"name": "jigsmith.v1"}},
        "src_endpoint": {"svc_name": principal},
        "resources": [{"type": name, "name": entry[name]} for name in _RESOURCES if isinstance(entry.get(name), str)],
        "metadata": {
            "version": SCHEMA_VERSION,
            "uid": f"{origin}/{index}",
            "sequence": index,
            "product": {"name": "Jigsmith", "vendor_name": "Jigsmith"},
            "log_name": origin,
            **({"correlation_uid": trace_id} if isinstance(trace_id, str) else {}),
        },
        "unmapped": dict(entry),
    }


def _failed(entry: Mapping[str, Any]) -> bool:  # Any: JSON
    return entry["kind"] == "requests.refused" or str(entry.get("outcome", "OK")) != "OK"


def _milliseconds(time: str) -> int:
    """Return milliseconds since 1970 of an entry's time."""
    moment = dt.datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
    return int(moment.timestamp() * 1_000)
