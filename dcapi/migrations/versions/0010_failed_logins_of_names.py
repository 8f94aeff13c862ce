"""From how many addresses a user name has failed to log in."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rows from before that stand for a name know no address: they count no more until there are some.
    with op.batch_alter_table("failed_login") as table:
        table.add_column(sa.Column("addresses", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    with op.batch_alter_table("failed_login") as table:
        table.drop_column("addresses")
