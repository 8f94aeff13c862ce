"""The files that the configuration and the prestaging of a release take."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLE = "deploy_file"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release", sa.String(64), nullable=False),
        sa.Column("part", sa.String(32), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        # Encrypted.
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(26), nullable=False),
        sa.Column("updated_at", sa.String(26), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deploy_file"),
        sa.UniqueConstraint("release", "part", name="uq_deploy_file_release_part"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table(TABLE)
