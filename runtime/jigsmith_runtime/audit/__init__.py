"""The tamper-evident log of everything that ran and changed: docs/audit-log.md has the format."""

from jigsmith_runtime.audit.keys import load_or_create_signer
from jigsmith_runtime.audit.log import AuditLog, Receipt
from jigsmith_runtime.audit.recovery import LogCorruptError, OpenCall

__all__ = ["AuditLog", "LogCorruptError", "OpenCall", "Receipt", "load_or_create_signer"]
