"""What a peer is taken for, and how far it has heard and followed a takeover of this site."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PEER = "system_peer"
ASSOCIATION = "peer_group_association"


def upgrade() -> None:
    op.add_column(PEER, sa.Column("kind", sa.String(length=16), nullable=True))
    op.add_column(PEER, sa.Column("kind_read_at", sa.Double(), nullable=True))
    # Not in batch mode, which makes a table anew and would take the rows that refer to it along.
    op.execute(f"ALTER TABLE {ASSOCIATION} RENAME COLUMN audit_to_ask TO unfollowed")
    for name in ("ask_mark", "ask_heard", "ask_tries"):
        op.add_column(ASSOCIATION, sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column(ASSOCIATION, sa.Column("asked_at", sa.Double(), nullable=True))
    op.add_column(ASSOCIATION, sa.Column("ask_pause", sa.Double(), nullable=False, server_default="0"))
    op.add_column(ASSOCIATION, sa.Column("leftover_seen_at", sa.Double(), nullable=True))
    for name in ("leftover_changed_at", "reset_sent_for", "complete_heard"):
        op.add_column(ASSOCIATION, sa.Column(name, sa.String(length=128), nullable=True))
    # Who was still to be asked is asked once more.
    op.execute("UPDATE peer_group_association SET ask_mark = 1 WHERE unfollowed")


def downgrade() -> None:
    for name in (
        "complete_heard",
        "reset_sent_for",
        "leftover_changed_at",
        "leftover_seen_at",
        "ask_pause",
        "asked_at",
        "ask_tries",
        "ask_heard",
        "ask_mark",
    ):
        op.execute(f"ALTER TABLE {ASSOCIATION} DROP COLUMN {name}")
    op.execute(f"ALTER TABLE {ASSOCIATION} RENAME COLUMN unfollowed TO audit_to_ask")
    op.execute(f"ALTER TABLE {PEER} DROP COLUMN kind_read_at")
    op.execute(f"ALTER TABLE {PEER} DROP COLUMN kind")
