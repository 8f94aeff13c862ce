"""Which servers serve the site of this database, under which name and URL."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site_process",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("site_name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("renewed_at", sa.Double(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("site_process")
