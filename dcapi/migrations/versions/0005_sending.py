"""What is being sent of a member stands beside what arrived before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pushed_member") as table:
        table.add_column(sa.Column("sending", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("pushed_member") as table:
        table.drop_column("sending")
