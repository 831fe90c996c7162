"""Many runtimes on one registry: whose intents and requests these are, and a number that grows with every change."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and a table of one row. What is there belongs to the one runtime that there was: node ''."""

    op.add_column("intents", sa.Column("node", sa.String(length=63), nullable=False, server_default=""))
    op.add_column("intents", sa.Column("state", sa.String(length=16), nullable=False, server_default="pending"))
    op.add_column("answers", sa.Column("node", sa.String(length=63), nullable=False, server_default=""))
    state = op.create_table(
        "registry_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_state")),
    )
    op.bulk_insert(state, [{"id": 1, "epoch": 0}])
