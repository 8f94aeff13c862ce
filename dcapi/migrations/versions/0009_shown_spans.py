"""What a subcloud shows follows its stored bootstrap values, and stands in a table of spans besides."""

import ipaddress
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Values = dict[str, Any]

# Column → the end of the key that it shows, of the admin network where there is one.
POOL_COLUMNS = {
    "management_subnet": "subnet",
    "management_start_ip": "start_address",
    "management_end_ip": "end_address",
    "management_gateway_ip": "gateway_address",
}
OTHER_COLUMNS = {
    "systemcontroller_gateway_ip": "systemcontroller_gateway_address",
    "oam_floating_ip": "external_oam_floating_address",
}

SUBCLOUD = sa.table(
    "subcloud",
    sa.column("id", sa.Integer),
    sa.column("rehome_data", sa.Text),
    sa.column("deploy_values", sa.Text),
    *(sa.column(name, sa.String) for name in (*POOL_COLUMNS, *OTHER_COLUMNS)),
)


def upgrade() -> None:
    spans = op.create_table(
        "shown_span",
        sa.Column("subcloud_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("first", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subcloud_id"],
            ["subcloud.id"],
            name="fk_shown_span_subcloud_id_subcloud",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subcloud_id", "kind", "first", name="pk_shown_span"),
    )
    op.create_index("ix_shown_span_kind_first", "shown_span", ["kind", "first", "last"])
    connection = op.get_bind()
    for row in connection.execute(sa.select(SUBCLOUD)).mappings().all():
        news = _shown(_payload(row["rehome_data"]) or _payload(row["deploy_values"]))
        changed = {name: value for name, value in news.items() if value != row[name]}
        if changed:
            connection.execute(sa.update(SUBCLOUD).where(SUBCLOUD.c.id == row["id"]).values(changed))
        found = _spans({**row, **news})
        if found:
            connection.execute(sa.insert(spans), found)


def _payload(text: str | None) -> Values:
    try:
        stored = json.loads(text or "{}")
    except ValueError:
        return {}
    payload = stored.get("saved_payload") if isinstance(stored, dict) else None
    return payload if isinstance(payload, dict) else {}


def _shown(payload: Values) -> Values:
    """What the columns of a row show of its values; nothing of values that cannot be read."""
    pool = "admin" if payload.get("admin_subnet") else "management"
    keys = {column: f"{pool}_{end}" for column, end in POOL_COLUMNS.items()} | OTHER_COLUMNS
    try:
        return {column: _canonical(column, payload[key]) for column, key in keys.items()}
    except (KeyError, ValueError, TypeError):
        return {}


def _canonical(column: str, text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(text)
    if column == "management_subnet":
        return str(ipaddress.ip_network(text, strict=False))
    return str(ipaddress.ip_address(text))


def _spans(row: Values) -> list[Values]:
    try:
        subnet = ipaddress.ip_network(row["management_subnet"], strict=False)
        ends = [ipaddress.ip_address(row[f"management_{end}_ip"]) for end in ("start", "end")]
    except ValueError:
        return []
    bounds = {"subnet": (subnet.network_address, subnet.broadcast_address), "range": ends}
    return [
        {"subcloud_id": row["id"], "kind": kind, "first": _bytes(first), "last": _bytes(last)}
        for kind, (first, last) in bounds.items()
    ]


def _bytes(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    return bytes([address.version]) + int(address).to_bytes(16)


def downgrade() -> None:
    op.drop_table("shown_span")
