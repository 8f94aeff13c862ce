"""What taking a group over needs in its rows: who migrates it, how far a member is, which audits are due."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def columns() -> dict[str, tuple[sa.Column, ...]]:
    """Table → its new columns, made anew for each use: a column belongs to one table of one run."""
    return {
        "subcloud_peer_group": (
            sa.Column("migrating_here", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("members_begun", sa.Boolean(), nullable=False, server_default=sa.false()),
        ),
        "subcloud": (
            sa.Column("rehome_step", sa.String(length=16), nullable=True),
            sa.Column("prestage_due_at", sa.Double(), nullable=True),
        ),
        "peer_group_association": (
            sa.Column("audit_asked", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("audit_served", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("audit_to_ask", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("peer_migrates", sa.Boolean(), nullable=False, server_default=sa.false()),
        ),
    }


def upgrade() -> None:
    for table, added in columns().items():
        for column in added:
            # Not in batch mode: see the revision before.
            op.add_column(table, column)


def downgrade() -> None:
    for table, added in columns().items():
        for column in added:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column.name}")
