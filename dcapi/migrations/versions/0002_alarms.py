"""Alarms, and the heartbeats that a peer missed in a row."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alarm_id", sa.String(length=16), nullable=False),
        sa.Column("entity", sa.String(length=600), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_repair", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.String(length=26), nullable=False),
        sa.Column("updated_at", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
        sa.UniqueConstraint("alarm_id", "entity", name=op.f("uq_alarm_alarm_id_entity")),
    )
    # Not in batch mode, which makes the table anew and would take the rows that refer to it along.
    op.add_column(
        "system_peer", sa.Column("heartbeat_failures", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.execute("ALTER TABLE system_peer DROP COLUMN heartbeat_failures")
    op.drop_table("alarm")
