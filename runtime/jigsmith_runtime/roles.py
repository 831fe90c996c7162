"""Who may call what: the one table of RPCs and roles. What is not in it is denied; finer rules build on it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What a principal may be; docs/design.md, "Identity and roles", says what each is for."""

    AGENT = "agent"
    OPTIMIZER = "optimizer"
    EVALUATOR = "evaluator"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMIN = "admin"


_READERS: Final = frozenset(
    {Role.OPTIMIZER, Role.EVALUATOR, Role.REVIEWER, Role.OPERATOR, Role.AUDITOR, Role.ADMIN},
)
_READERS_AND_AGENTS: Final = _READERS | {Role.AGENT}
_AUTHORS: Final = frozenset({Role.OPTIMIZER})
_RUNNERS: Final = frozenset({Role.AGENT, Role.OPTIMIZER, Role.EVALUATOR})
_AUDITORS: Final = frozenset({Role.AUDITOR, Role.ADMIN})

ROLES_OF_RPC: Final[Mapping[str, frozenset[Role]]] = MappingProxyType(
    {
        "/jigsmith.v1.FunctionService/CreateFunctionVersion": _AUTHORS,
        "/jigsmith.v1.FunctionService/GetFunctionVersion": _READERS_AND_AGENTS,
        "/jigsmith.v1.FunctionService/ListFunctionVersions": _READERS,
        "/jigsmith.v1.FunctionService/ListFunctions": _READERS,
        "/jigsmith.v1.FunctionSetService/CreateFunctionSet": _AUTHORS,
        "/jigsmith.v1.FunctionSetService/GetFunctionSet": _READERS,
        "/jigsmith.v1.FunctionSetService/ListFunctionSets": _READERS,
        "/jigsmith.v1.FunctionSetService/AllowPolicy": frozenset({Role.ADMIN}),
        "/jigsmith.v1.FunctionSetService/CreateRevision": _AUTHORS,
        "/jigsmith.v1.FunctionSetService/GetRevision": _READERS_AND_AGENTS,
        "/jigsmith.v1.FunctionSetService/ListRevisions": _READERS,
        "/jigsmith.v1.FunctionSetService/GetChannel": _READERS_AND_AGENTS,
        "/jigsmith.v1.FunctionSetService/ListChannels": _READERS,
        "/jigsmith.v1.ReleaseService/CreateRelease": _AUTHORS,
        "/jigsmith.v1.ReleaseService/GetRelease": _READERS,
        "/jigsmith.v1.ReleaseService/ListReleases": _READERS,
        "/jigsmith.v1.ReleaseService/AttachEvidence": frozenset({Role.EVALUATOR}),
        "/jigsmith.v1.ReleaseService/Quarantine": frozenset({Role.OPERATOR}),
        "/jigsmith.v1.ReleaseService/DeprecateRevision": frozenset({Role.OPERATOR}),
        "/jigsmith.v1.ReleaseService/RetireRevision": frozenset({Role.OPERATOR}),
        "/jigsmith.v1.ReleaseService/ApproveRelease": frozenset({Role.REVIEWER}),
        "/jigsmith.v1.ReleaseService/RejectRelease": frozenset({Role.REVIEWER}),
        "/jigsmith.v1.ReleaseService/RollbackRelease": frozenset({Role.OPERATOR}),
        "/jigsmith.v1.InvocationService/Invoke": _RUNNERS,
        "/jigsmith.v1.InvocationService/InvokeBatch": _RUNNERS,
        "/jigsmith.v1.AuditService/ListAuditEntries": _AUDITORS,
        "/jigsmith.v1.AuditService/GetCheckpoint": _AUDITORS,
        "/jigsmith.v1.AuditService/GetInclusionProof": _AUDITORS,
        "/jigsmith.v1.AuditService/GetConsistencyProof": _AUDITORS,
        "/jigsmith.v1.AuditService/TailAuditEntries": _AUDITORS,
        "/jigsmith.v1.AuditService/GetPayload": frozenset({Role.AUDITOR}),
        "/jigsmith.v1.AuditService/ErasePayload": frozenset({Role.ADMIN}),
    }
)

READERS: Final = _READERS
"""Who sees every function, set, revision, channel and release; agents see what their channels point at."""

DRAFT_RUNNERS: Final = frozenset({Role.OPTIMIZER, Role.EVALUATOR})
"""Who may run revisions and versions that no channel points at."""
