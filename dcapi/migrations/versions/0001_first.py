"""The first tables: peers, groups, associations, subclouds, leases, ledger, operations."""

import sqlalchemy as sa
from alembic import op

from dcapi.models.base import utc_now_text
from dcapi.models.subcloud_group import DEFAULT_GROUP_ID, DEFAULT_GROUP_NAME

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "operation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_operation_kind_subject_id")),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
    )
    op.create_table(
        "subcloud_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("update_apply_type", sa.String(length=16), nullable=False),
        sa.Column("max_parallel_subclouds", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(length=26), nullable=False),
        sa.Column("updated_at", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subcloud_group")),
        sa.UniqueConstraint("name", name=op.f("uq_subcloud_group_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subcloud_peer_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("peer_group_name", sa.String(length=255), nullable=False),
        sa.Column("group_priority", sa.Integer(), nullable=False),
        sa.Column("group_state", sa.String(length=16), nullable=False),
        sa.Column("max_subcloud_rehoming", sa.Integer(), nullable=False),
        sa.Column("system_leader_id", sa.String(length=36), nullable=False),
        sa.Column("system_leader_name", sa.String(length=255), nullable=False),
        sa.Column("migration_status", sa.String(length=16), nullable=True),
        sa.Column("created_at", sa.String(length=26), nullable=False),
        sa.Column("updated_at", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subcloud_peer_group")),
        sa.UniqueConstraint("peer_group_name", name=op.f("uq_subcloud_peer_group_peer_group_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "system_peer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("peer_uuid", sa.String(length=36), nullable=False),
        sa.Column("peer_name", sa.String(length=255), nullable=False),
        sa.Column("manager_endpoint", sa.String(length=255), nullable=False),
        sa.Column("manager_username", sa.String(length=255), nullable=False),
        sa.Column("manager_password", sa.Text(), nullable=False),
        sa.Column("peer_controller_gateway_address", sa.String(length=255), nullable=False),
        sa.Column("administrative_state", sa.String(length=16), nullable=False),
        sa.Column("heartbeat_interval", sa.Integer(), nullable=False),
        sa.Column("heartbeat_failure_threshold", sa.Integer(), nullable=False),
        sa.Column("heartbeat_failure_policy", sa.String(length=16), nullable=False),
        sa.Column("heartbeat_maintenance_timeout", sa.Integer(), nullable=False),
        sa.Column("availability_state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.String(length=26), nullable=False),
        sa.Column("updated_at", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_system_peer")),
        sa.UniqueConstraint("peer_name", name=op.f("uq_system_peer_peer_name")),
        sa.UniqueConstraint("peer_uuid", name=op.f("uq_system_peer_peer_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "peer_group_association",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("peer_group_id", sa.Integer(), nullable=False),
        sa.Column("system_peer_id", sa.Integer(), nullable=False),
        sa.Column("peer_group_priority", sa.Integer(), nullable=True),
        sa.Column("association_type", sa.String(length=16), nullable=False),
        sa.Column("sync_status", sa.String(length=16), nullable=False),
        sa.Column("sync_message", sa.Text(), nullable=False),
        sa.Column("sync_cause", sa.String(length=16), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sync_asked", sa.Integer(), nullable=False),
        sa.Column("sync_served", sa.Integer(), nullable=False),
        sa.Column("told_status", sa.String(length=16), nullable=True),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("remote_group_id", sa.BigInteger(), nullable=True),
        sa.Column("remote_association_id", sa.BigInteger(), nullable=True),
        sa.Column("runs_begun", sa.Integer(), nullable=False),
        sa.Column("members_done", sa.Integer(), nullable=False),
        sa.Column("members_total", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(length=26), nullable=False),
        sa.Column("updated_at", sa.String(length=26), nullable=True),
        sa.ForeignKeyConstraint(
            ["peer_group_id"],
            ["subcloud_peer_group.id"],
            name=op.f("fk_peer_group_association_peer_group_id_subcloud_peer_group"),
        ),
        sa.ForeignKeyConstraint(
            ["system_peer_id"],
            ["system_peer.id"],
            name=op.f("fk_peer_group_association_system_peer_id_system_peer"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_peer_group_association")),
        sa.UniqueConstraint(
            "peer_group_id",
            "system_peer_id",
            name=op.f("uq_peer_group_association_peer_group_id_system_peer_id"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_peer_group_association_peer_group_id"),
        "peer_group_association",
        ["peer_group_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_peer_group_association_system_peer_id"),
        "peer_group_association",
        ["system_peer_id"],
        unique=False,
    )
    op.create_table(
        "subcloud",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=True),
        sa.Column("location", sa.String(length=255), nullable=True),
        sa.Column("software_version", sa.String(length=255), nullable=False),
        sa.Column("management_state", sa.String(length=16), nullable=False),
        sa.Column("availability_status", sa.String(length=16), nullable=False),
        sa.Column("deploy_status", sa.String(length=64), nullable=False),
        sa.Column("backup_status", sa.String(length=64), nullable=True),
        sa.Column("backup_datetime", sa.String(length=26), nullable=True),
        sa.Column("error_description", sa.Text(), nullable=False),
        sa.Column("region_name", sa.String(length=255), nullable=False),
        sa.Column("management_subnet", sa.String(length=64), nullable=False),
        sa.Column("management_start_ip", sa.String(length=64), nullable=False),
        sa.Column("management_end_ip", sa.String(length=64), nullable=False),
        sa.Column("management_gateway_ip", sa.String(length=64), nullable=False),
        sa.Column("openstack_installed", sa.Boolean(), nullable=False),
        sa.Column("prestage_status", sa.String(length=64), nullable=True),
        sa.Column("prestage_versions", sa.String(length=255), nullable=True),
        sa.Column("systemcontroller_gateway_ip", sa.String(length=64), nullable=False),
        sa.Column("oam_floating_ip", sa.String(length=64), nullable=True),
        sa.Column("data_install", sa.Text(), nullable=True),
        sa.Column("data_upgrade", sa.Text(), nullable=True),
        sa.Column("rehome_data", sa.Text(), nullable=True),
        sa.Column("deploy_values", sa.Text(), nullable=True),
        sa.Column("secrets", sa.Text(), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("peer_group_id", sa.Integer(), nullable=True),
        sa.Column("deploy_due_at", sa.Double(), nullable=True),
        sa.Column("created_at", sa.String(length=26), nullable=False),
        sa.Column("updated_at", sa.String(length=26), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"], ["subcloud_group.id"], name=op.f("fk_subcloud_group_id_subcloud_group")
        ),
        sa.ForeignKeyConstraint(
            ["peer_group_id"],
            ["subcloud_peer_group.id"],
            name=op.f("fk_subcloud_peer_group_id_subcloud_peer_group"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subcloud")),
        sa.UniqueConstraint("name", name=op.f("uq_subcloud_name")),
        sa.UniqueConstraint("region_name", name=op.f("uq_subcloud_region_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_subcloud_deploy_status"), "subcloud", ["deploy_status"], unique=False)
    op.create_index(op.f("ix_subcloud_group_id"), "subcloud", ["group_id"], unique=False)
    op.create_index(op.f("ix_subcloud_peer_group_id"), "subcloud", ["peer_group_id"], unique=False)
    op.create_table(
        "pushed_member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("association_id", sa.Integer(), nullable=False),
        sa.Column("region_name", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["association_id"],
            ["peer_group_association.id"],
            name=op.f("fk_pushed_member_association_id_peer_group_association"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushed_member")),
        sa.UniqueConstraint(
            "association_id", "region_name", name=op.f("uq_pushed_member_association_id_region_name")
        ),
    )
    op.create_table(
        "subcloud_endpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subcloud_id", sa.Integer(), nullable=False),
        sa.Column("endpoint_type", sa.String(length=32), nullable=False),
        sa.Column("sync_status", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["subcloud_id"],
            ["subcloud.id"],
            name=op.f("fk_subcloud_endpoint_subcloud_id_subcloud"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subcloud_endpoint")),
        sa.UniqueConstraint(
            "subcloud_id", "endpoint_type", name=op.f("uq_subcloud_endpoint_subcloud_id_endpoint_type")
        ),
    )
    _insert_default_group()


def _insert_default_group() -> None:
    """The subcloud group that exists from the start. PostgreSQL's sequence must not offer its id again."""
    groups = sa.table(
        "subcloud_group",
        sa.column("id"),
        sa.column("name"),
        sa.column("description"),
        sa.column("update_apply_type"),
        sa.column("max_parallel_subclouds"),
        sa.column("created_at"),
    )
    op.execute(
        groups.insert().values(
            id=DEFAULT_GROUP_ID,
            name=DEFAULT_GROUP_NAME,
            description="Subclouds that are in no other group",
            update_apply_type="parallel",
            max_parallel_subclouds=2,
            created_at=utc_now_text(),
        )
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"SELECT setval('subcloud_group_id_seq', {DEFAULT_GROUP_ID})")


def downgrade() -> None:
    op.drop_table("subcloud_endpoint")
    op.drop_table("pushed_member")
    op.drop_index(op.f("ix_subcloud_peer_group_id"), table_name="subcloud")
    op.drop_index(op.f("ix_subcloud_group_id"), table_name="subcloud")
    op.drop_index(op.f("ix_subcloud_deploy_status"), table_name="subcloud")
    op.drop_table("subcloud")
    op.drop_index(op.f("ix_peer_group_association_system_peer_id"), table_name="peer_group_association")
    op.drop_index(op.f("ix_peer_group_association_peer_group_id"), table_name="peer_group_association")
    op.drop_table("peer_group_association")
    op.drop_table("system_peer")
    op.drop_table("subcloud_peer_group")
    op.drop_table("subcloud_group")
    op.drop_table("site")
    op.drop_table("operation")
    op.drop_table("lease")
