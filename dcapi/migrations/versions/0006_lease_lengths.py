"""A lease keeps the length for which it was taken; 0: it was taken before."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lease", sa.Column("seconds", sa.Double(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("lease") as table:
        table.drop_column("seconds")
