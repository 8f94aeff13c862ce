"""Deployments say which phases are left, and may rest between two; tables of backups and of first starts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from dcapi.models.types import SecretUnreadable, decrypted_json

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SUBCLOUD = sa.table(
    "subcloud",
    sa.column("id", sa.Integer),
    sa.column("deploy_status", sa.String),
    sa.column("availability_status", sa.String),
    sa.column("error_description", sa.Text),
    sa.column("phases_left", sa.JSON),
    sa.column("data_install", sa.Text),
)
TASK = sa.table(
    "task", sa.column("kind", sa.String), sa.column("subject_id", sa.Integer), sa.column("payload", sa.Text)
)

PHASES = ("install", "bootstrap", "config")
# Status → the number of phases that were behind a deployment, or begun.
BEHIND = {
    "pre-deploy": 0,
    "creating": 0,
    "create-complete": 0,
    "pre-install": 1,
    "installing": 1,
    "install-complete": 1,
    "pre-bootstrap": 2,
    "bootstrapping": 2,
    "bootstrap-complete": 2,
}
COMPLETE = {"deploy_status": "complete", "availability_status": "online"}
# A deployment never rested there: it was about to begin the next phase.
ENDED = ("create-complete", "install-complete", "bootstrap-complete")
# What an older version knows none of, and what it says instead: the same phases can be resumed from there.
OLDER_WORDS = {
    "pre-install-failed": "install-failed",
    "aborting-install": "install-failed",
    "install-aborted": "install-failed",
    "pre-bootstrap-failed": "bootstrap-failed",
    "aborting-bootstrap": "bootstrap-failed",
    "bootstrap-aborted": "bootstrap-failed",
    "pre-config-failed": "config-failed",
    "aborting-config": "config-failed",
    "config-aborted": "config-failed",
    "pre-init-enroll": "install-failed",
    "pre-init-enroll-failed": "install-failed",
    "initiating-enroll": "install-failed",
    "init-enroll-complete": "install-failed",
    "init-enroll-failed": "install-failed",
    "pre-enroll": "install-failed",
    "pre-enroll-failed": "install-failed",
    "enrolling": "install-failed",
    "enroll-failed": "install-failed",
    "enroll-complete": "config-failed",
}
# Where a deployment has an end before the subcloud is complete: an older version would take it further.
ENDS_EARLY = {
    "pre-deploy": "create-failed",
    "creating": "create-failed",
    "create-complete": "install-failed",
    "pre-install": "install-failed",
    "installing": "install-failed",
    "install-complete": "bootstrap-failed",
    "pre-bootstrap": "bootstrap-failed",
    "bootstrapping": "bootstrap-failed",
    "bootstrap-complete": "config-failed",
}
NO_ERRORS = "No errors present"
NOT_KNOWN = "What was done with it is not known to this version: deploy the subcloud again."


def upgrade() -> None:
    op.add_column("subcloud", sa.Column("phases_left", sa.JSON(), nullable=True))
    op.add_column(
        "subcloud", sa.Column("initial_deployment", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.add_column("subcloud", sa.Column("vcsr", sa.Boolean(), nullable=False, server_default=sa.false()))
    _create_tables()
    _note_what_is_left(op.get_bind())


def _create_tables() -> None:
    op.create_table(
        "subcloud_backup",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subcloud_id", sa.Integer(), nullable=False),
        sa.Column("release", sa.String(64), nullable=False),
        sa.Column("place", sa.String(16), nullable=False),
        sa.Column("images", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.String(26), nullable=False),
        sa.ForeignKeyConstraint(
            ["subcloud_id"],
            ["subcloud.id"],
            name="fk_subcloud_backup_subcloud_id_subcloud",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_subcloud_backup"),
        sa.UniqueConstraint(
            "subcloud_id", "release", "place", name="uq_subcloud_backup_subcloud_id_release_place"
        ),
    )
    op.create_table(
        "cloud_init_config",
        sa.Column("subcloud_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        # Encrypted.
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subcloud_id"],
            ["subcloud.id"],
            name="fk_cloud_init_config_subcloud_id_subcloud",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subcloud_id", name="pk_cloud_init_config"),
    )


def _note_what_is_left(connection: sa.Connection) -> None:
    """Give the rows under way the rest of their chain, and let those that stand between two phases go on."""
    under_way = sa.and_(TASK.c.kind == "deploy", TASK.c.subject_id == SUBCLOUD.c.id)
    query = sa.select(SUBCLOUD, TASK.c.payload).join(TASK, under_way)
    for row in connection.execute(query.where(SUBCLOUD.c.deploy_status.in_(BEHIND))).mappings().all():
        left = _left(connection, row)
        news: dict[str, Any] = {"phases_left": left}
        if row["deploy_status"] in ENDED:
            following = left.pop(0)
            news |= COMPLETE if following == "complete" else {"deploy_status": f"pre-{following}"}
        connection.execute(sa.update(SUBCLOUD).where(SUBCLOUD.c.id == row["id"]).values(news))


def _left(connection: sa.Connection, row: sa.RowMapping) -> list[str]:
    """What a deployment has values for of the phases that it had left; all when these cannot be read."""
    try:
        values = decrypted_json(connection, row["payload"]) if row["payload"] else {}
    except SecretUnreadable:
        values = {}
    installs = values.get("install_values", row["data_install"]) is not None
    configures = values.get("deploy_config", "lost") is not None
    wanted = {"install": installs, "bootstrap": True, "config": configures}
    left = [phase for phase in PHASES[BEHIND[row["deploy_status"]] :] if wanted[phase]]
    return left if configures else [*left, "complete"]


def downgrade() -> None:
    connection = op.get_bind()
    left = sa.func.coalesce(sa.cast(SUBCLOUD.c.phases_left, sa.Text), "null")
    for word, older in OLDER_WORDS.items():
        _say(connection, older, SUBCLOUD.c.deploy_status == word)
    for word, older in ENDS_EARLY.items():
        ends_early = sa.or_(left.in_(("null", "[]")), left.like("%enroll%"))
        _say(connection, older, SUBCLOUD.c.deploy_status == word, ends_early)
    op.drop_table("cloud_init_config")
    op.drop_table("subcloud_backup")
    for name in ("vcsr", "initial_deployment", "phases_left"):
        op.drop_column("subcloud", name)


def _say(connection: sa.Connection, status: str, *which: sa.ColumnElement[bool]) -> None:
    """Let subclouds have a status that an older version knows, with a reason; one that is there stays."""
    old = SUBCLOUD.c.error_description
    reason = sa.case((old == NO_ERRORS, NOT_KNOWN), else_=old)
    values = {"deploy_status": status, "error_description": reason}
    connection.execute(sa.update(SUBCLOUD).where(*which).values(values))
