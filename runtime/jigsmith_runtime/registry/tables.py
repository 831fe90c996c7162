"""The tables. Versions, sets and revisions never change but for a revision's state and a set's policy: triggers hold it."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

function_versions = Table(
    "function_versions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("definition", Text, nullable=False),
    Column("provenance", Text, nullable=False),
    Column("provenance_envelope", Text, nullable=False, server_default=""),
    Column("creator", String(80), nullable=False),
    Column("create_time", String(27), nullable=False),
    UniqueConstraint("function", "digest"),
)

function_sets = Table(
    "function_sets",
    metadata,
    Column("function_set", String(63), primary_key=True),
    Column("description", Text, nullable=False),
    Column("policy", String(16), nullable=False),
    Column("creator", String(80), nullable=False),
    Column("create_time", String(27), nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("function_set", String(63), ForeignKey("function_sets.function_set"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer),
    Column("message", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("creator", String(80), nullable=False),
    Column("create_time", String(27), nullable=False),
    ForeignKeyConstraint(["function_set", "parent"], ["revisions.function_set", "revisions.revision"]),
)

revision_versions = Table(
    "revision_versions",
    metadata,
    Column("function_set", String(63), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("function", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    ForeignKeyConstraint(["function_set", "revision"], ["revisions.function_set", "revisions.revision"]),
    ForeignKeyConstraint(["function", "digest"], ["function_versions.function", "function_versions.digest"]),
    Index("ix_revision_versions_function_digest", "function", "digest"),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function_set", String(63), ForeignKey("function_sets.function_set"), nullable=False),
    Column("release", Integer, nullable=False),
    Column("channel", String(63), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("revision_digest", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("previous_revision", Integer),
    Column("previous_release", Integer),
    Column("requester", String(80), nullable=False),
    Column("reviewer", String(80), nullable=False),
    Column("review_reason", Text, nullable=False),
    Column("create_time", String(27), nullable=False),
    Column("update_time", String(27), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("approvals_needed", Integer, nullable=False, server_default="1"),
    Column("raised_limits", Text, nullable=False, server_default="[]"),
    UniqueConstraint("function_set", "release"),
    ForeignKeyConstraint(["function_set", "revision"], ["revisions.function_set", "revisions.revision"]),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function_set", String(63), nullable=False),
    Column("release", Integer, nullable=False),
    Column("reviewer", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("create_time", String(27), nullable=False),
    Column("expire_time", String(27), nullable=False),
    Column("envelope", Text, nullable=False),
    UniqueConstraint("function_set", "release", "reviewer"),
    ForeignKeyConstraint(["function_set", "release"], ["releases.function_set", "releases.release"]),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function_set", String(63), nullable=False),
    Column("release", Integer, nullable=False),
    Column("suite", Text, nullable=False),
    Column("suite_digest", String(64), nullable=False),
    Column("result", String(16), nullable=False),
    Column("passed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("evaluator", String(80), nullable=False),
    Column("create_time", String(27), nullable=False),
    Column("envelope", Text, nullable=False),
    ForeignKeyConstraint(["function_set", "release"], ["releases.function_set", "releases.release"]),
    Index("ix_evidence_function_set_release", "function_set", "release"),
)

quarantines = Table(
    "quarantines",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("principal", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("ends_running", Integer, nullable=False),
    Column("create_time", String(27), nullable=False),
)
"""Revisions and function versions that run nowhere any more. Rows are only ever added."""

channels = Table(
    "channels",
    metadata,
    Column("function_set", String(63), ForeignKey("function_sets.function_set"), primary_key=True),
    Column("channel", String(63), primary_key=True),
    Column("revision", Integer),
    Column("release", Integer),
    Column("generation", Integer, nullable=False),
    Column("update_time", String(27), nullable=False),
    Column("envelope", Text, nullable=False, server_default=""),
    ForeignKeyConstraint(["function_set", "revision"], ["revisions.function_set", "revisions.revision"]),
    ForeignKeyConstraint(["function_set", "release"], ["releases.function_set", "releases.release"]),
)

answers = Table(
    "answers",
    metadata,
    Column("principal", String(80), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("answer", Text),
    Column("create_time", String(27), nullable=False, index=True),
    Column("node", String(63), nullable=False, server_default=""),
)
"""What a request id was answered with; no answer yet means that the request is being served, or was when we stopped."""

intents = Table(
    "intents",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("log_size", BigInteger, nullable=False),
    Column("entry", Text, nullable=False),
    Column("writes", Text, nullable=False),
    Column("node", String(63), nullable=False, server_default=""),
    Column("state", String(16), nullable=False, server_default="pending"),
)
"""Changes between their decision and their execution; `changes` says how a crash in between is repaired."""

registry_state = Table(
    "registry_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
)
"""One row: what all runtimes watch (`state`)."""
