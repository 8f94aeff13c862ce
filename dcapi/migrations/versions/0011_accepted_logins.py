"""Whether a peer ever accepted a login at its endpoint: until then nothing that it says is shown."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PEER = "system_peer"


def upgrade() -> None:
    op.add_column(PEER, sa.Column("login_accepted", sa.Boolean(), nullable=False, server_default=sa.false()))
    # Who is available has let this site in; the others do so again.
    op.execute("UPDATE system_peer SET login_accepted = true WHERE availability_state = 'available'")


def downgrade() -> None:
    op.execute(f"ALTER TABLE {PEER} DROP COLUMN login_accepted")
