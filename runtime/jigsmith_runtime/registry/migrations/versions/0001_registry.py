"""The registry's first tables, and triggers that keep immutable rows as they are."""

import sqlalchemy as sa
from alembic import op
from jigsmith_runtime.registry.migrations.triggers import forbid

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_IMMUTABLE = {
    "function_versions": "",
    "function_sets": (
        "OLD.function_set IS NOT NEW.function_set OR OLD.description IS NOT NEW.description "
        "OR OLD.creator IS NOT NEW.creator OR OLD.create_time IS NOT NEW.create_time"
    ),
    "revision_versions": "",
    "revisions": (
        "OLD.function_set IS NOT NEW.function_set OR OLD.revision IS NOT NEW.revision OR OLD.parent IS NOT NEW.parent "
        "OR OLD.message IS NOT NEW.message OR OLD.digest IS NOT NEW.digest OR OLD.creator IS NOT NEW.creator "
        "OR OLD.create_time IS NOT NEW.create_time"
    ),
}


def upgrade() -> None:
    """Create everything."""

    op.create_table(
        "answers",
        sa.Column("principal", sa.String(length=80), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("create_time", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("principal", "request_id", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_create_time"), "answers", ["create_time"], unique=False)
    op.create_table(
        "function_sets",
        sa.Column("function_set", sa.String(length=63), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("policy", sa.String(length=16), nullable=False),
        sa.Column("creator", sa.String(length=80), nullable=False),
        sa.Column("create_time", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("function_set", name=op.f("pk_function_sets")),
    )
    op.create_table(
        "function_versions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("function", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("creator", sa.String(length=80), nullable=False),
        sa.Column("create_time", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_function_versions")),
        sa.UniqueConstraint("function", "digest", name=op.f("uq_function_versions_function")),
    )
    op.create_table(
        "intents",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("log_size", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("writes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intents")),
    )
    op.create_table(
        "revisions",
        sa.Column("function_set", sa.String(length=63), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("creator", sa.String(length=80), nullable=False),
        sa.Column("create_time", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["function_set", "parent"],
            ["revisions.function_set", "revisions.revision"],
        ),
        sa.ForeignKeyConstraint(
            ["function_set"],
            ["function_sets.function_set"],
        ),
        sa.PrimaryKeyConstraint("function_set", "revision", name=op.f("pk_revisions")),
    )
    op.create_table(
        "releases",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("function_set", sa.String(length=63), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=63), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revision_digest", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("previous_revision", sa.Integer(), nullable=True),
        sa.Column("previous_release", sa.Integer(), nullable=True),
        sa.Column("requester", sa.String(length=80), nullable=False),
        sa.Column("reviewer", sa.String(length=80), nullable=False),
        sa.Column("review_reason", sa.Text(), nullable=False),
        sa.Column("create_time", sa.String(length=27), nullable=False),
        sa.Column("update_time", sa.String(length=27), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["function_set", "revision"],
            ["revisions.function_set", "revisions.revision"],
        ),
        sa.ForeignKeyConstraint(
            ["function_set"],
            ["function_sets.function_set"],
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
        sa.UniqueConstraint("function_set", "release", name=op.f("uq_releases_function_set")),
    )
    op.create_table(
        "revision_versions",
        sa.Column("function_set", sa.String(length=63), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("function", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["function", "digest"],
            ["function_versions.function", "function_versions.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["function_set", "revision"],
            ["revisions.function_set", "revisions.revision"],
        ),
        sa.PrimaryKeyConstraint("function_set", "revision", "function", name=op.f("pk_revision_versions")),
    )
    op.create_index("ix_revision_versions_function_digest", "revision_versions", ["function", "digest"], unique=False)
    op.create_table(
        "channels",
        sa.Column("function_set", sa.String(length=63), nullable=False),
        sa.Column("channel", sa.String(length=63), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("release", sa.Integer(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("update_time", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["function_set", "release"],
            ["releases.function_set", "releases.release"],
        ),
        sa.ForeignKeyConstraint(
            ["function_set", "revision"],
            ["revisions.function_set", "revisions.revision"],
        ),
        sa.ForeignKeyConstraint(
            ["function_set"],
            ["function_sets.function_set"],
        ),
        sa.PrimaryKeyConstraint("function_set", "channel", name=op.f("pk_channels")),
    )

    for table, changed in _IMMUTABLE.items():
        forbid(table, "UPDATE", name=f"{table}_immutable", when=changed)
        forbid(table, "DELETE", name=f"{table}_permanent")
