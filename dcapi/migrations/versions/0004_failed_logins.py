"""Failed logins in a row, and the addresses that users have logged in from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "failed_login",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.Double(), nullable=False),
        sa.Column("waits_until", sa.Double(), nullable=False),
        sa.Column("known_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_failed_login")),
    )


def downgrade() -> None:
    op.drop_table("failed_login")
