"""Signed approvals, evidence and channels; quarantines; signed provenance."""

import sqlalchemy as sa
from alembic import op
from jigsmith_runtime.registry.migrations.triggers import forbid

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PERMANENT = ("approvals", "evidence", "quarantines")


def upgrade() -> None:
    """Add columns and tables. What was approved before has no signature, so it has to be approved again."""

    op.add_column("function_versions", sa.Column("provenance_envelope", sa.Text(), nullable=False, server_default=""))
    op.add_column("releases", sa.Column("approvals_needed", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("releases", sa.Column("raised_limits", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("channels", sa.Column("envelope", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("function_set", sa.String(length=63), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("create_time", sa.String(length=27), nullable=False),
        sa.Column("expire_time", sa.String(length=27), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["function_set", "release"], ["releases.function_set", "releases.release"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("function_set", "release", "reviewer", name=op.f("uq_approvals_function_set")),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("function_set", sa.String(length=63), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("suite_digest", sa.String(length=64), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("evaluator", sa.String(length=80), nullable=False),
        sa.Column("create_time", sa.String(length=27), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["function_set", "release"], ["releases.function_set", "releases.release"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index("ix_evidence_function_set_release", "evidence", ["function_set", "release"], unique=False)
    op.create_table(
        "quarantines",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("principal", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ends_running", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_quarantines")),
    )
    for table in _PERMANENT:
        for change in ("UPDATE", "DELETE"):
            forbid(table, change, name=f"{table}_no_{change.lower()}")
