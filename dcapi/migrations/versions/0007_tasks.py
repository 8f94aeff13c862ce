"""Long work is a task with a due time of its own; a task is made for each row that is under way.

A row whose operation is missing or cannot be read gets a task without a payload: its next step
fails it with that reason. What may be seen moves from the encrypted payloads to the details.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from alembic import op

from dcapi.models.types import EncryptedJSON, SecretUnreadable, decrypted_json

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Values = dict[str, Any]

DEPLOYING = (
    "pre-deploy",
    "creating",
    "create-complete",
    "pre-install",
    "installing",
    "install-complete",
    "pre-bootstrap",
    "bootstrapping",
    "bootstrap-complete",
    "pre-config",
    "configuring",
)
REHOMING = ("pre-rehome", "rehoming")
NOTES = {"told": False, "tells": False, "claimed": False, "away": []}

TASK = sa.table(
    "task",
    sa.column("kind", sa.String),
    sa.column("subject_id", sa.Integer),
    sa.column("created_at", sa.Double),
    sa.column("due_at", sa.Double),
    sa.column("tries", sa.Integer),
    sa.column("begun", sa.Boolean),
    sa.column("deadline", sa.Double),
    sa.column("details", sa.JSON),
    sa.column("payload", EncryptedJSON),
    sa.column("secret_until", sa.Double),
)
OPERATION = sa.table(
    "operation",
    sa.column("kind", sa.String),
    sa.column("subject_id", sa.Integer),
    sa.column("payload", EncryptedJSON),
    sa.column("created_at", sa.Double),
    sa.column("expires_at", sa.Double),
)
SUBCLOUD = sa.table(
    "subcloud",
    sa.column("id", sa.Integer),
    sa.column("deploy_status", sa.String),
    sa.column("deploy_due_at", sa.Double),
    sa.column("rehome_step", sa.String),
    sa.column("prestage_status", sa.String),
    sa.column("prestage_due_at", sa.Double),
)
GROUP = sa.table("subcloud_peer_group", sa.column("id", sa.Integer), sa.column("migrating_here", sa.Boolean))


def upgrade() -> None:
    _create_task_table()
    connection = op.get_bind()
    operations = {(row["kind"], row["subject_id"]): row for row in _operations(connection)}
    tasks = [_task(work, operations.get(work[:2])) for work in _under_way(connection, operations)]
    if tasks:
        connection.execute(sa.insert(TASK), tasks)
    op.drop_table("operation")
    # Not in batch mode, which makes a table anew and would take the rows that refer to it along.
    for table, column in (
        ("subcloud", "deploy_due_at"),
        ("subcloud", "prestage_due_at"),
        ("peer_group_association", "sync_served"),
    ):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def _create_task_table() -> None:
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("begun", sa.Boolean(), nullable=False),
        sa.Column("deadline", sa.Double(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("secret_until", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_task_kind_subject_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_task_due_at"), "task", ["due_at"])


def _operations(connection: sa.Connection) -> list[Values]:
    """All operations; the payload is None where its key is gone."""
    raw = sa.type_coerce(OPERATION.c.payload, sa.Text)
    others = [column for column in OPERATION.c if column.name != "payload"]
    query = sa.select(*others, raw.label("payload"))
    found = []
    for row in connection.execute(query).mappings().all():
        payload = None
        with suppress(SecretUnreadable, ValueError):
            payload = decrypted_json(connection, row["payload"])
        found.append({**row, "payload": payload})
    return found


Work = tuple[str, int, float | None, float | None]


def _under_way(connection: sa.Connection, operations: dict[tuple[str, int], Values]) -> list[Work]:
    """Kind, subject, due time and deadline of all work that goes on, as the rows say."""
    subclouds = [work for row in connection.execute(sa.select(SUBCLOUD)) for work in _work_on(row)]
    groups = connection.scalars(sa.select(GROUP.c.id).where(GROUP.c.migrating_here)).all()
    kinds_of_themselves = ("undeploy", "group-attributes")
    others = [(kind, subject, None, None) for kind, subject in operations if kind in kinds_of_themselves]
    return [*subclouds, *(("migrate", group_id, None, None) for group_id in groups), *others]


def _work_on(row: Any) -> list[Work]:
    found: list[Work] = []
    status, step = row.deploy_status, row.rehome_step
    if status in DEPLOYING or (status in REHOMING and step is None):
        found.append(("deploy", row.id, row.deploy_due_at, None))
    if status == "reconfiguring-network":
        found.append(("reconfigure-network", row.id, row.deploy_due_at, None))
    if row.prestage_status == "prestaging":
        found.append(("prestage", row.id, row.prestage_due_at, None))
    if step == "coming-online":
        # Its due time was the end of its patience.
        found.append(("rehome", row.id, None, row.deploy_due_at))
    elif step not in (None, "waiting"):
        found.append(("rehome", row.id, row.deploy_due_at, None))
    return found


def _task(work: Work, operation: Values | None) -> Values:
    kind, subject_id, due_at, deadline = work
    now = time.time()
    before = (operation or {}).get("payload") or {}
    details, payload = SPLIT[kind](before)
    return {
        "kind": kind,
        "subject_id": subject_id,
        "created_at": operation["created_at"] if operation else now,
        "due_at": before.get("due_at", due_at) or now,
        "tries": before.get("tries", 0),
        "begun": bool(before.get("begun", False)),
        "deadline": deadline,
        "details": details,
        "payload": payload if before else None,
        "secret_until": operation["expires_at"] if operation else None,
    }


def _without(values: Values, *names: str) -> Values:
    return {name: value for name, value in values.items() if name not in names}


def _split_network(before: Values) -> tuple[Values, Values]:
    names = ("options", "bootstrap_address", "status_before")
    details = {name: before.get(name) for name in names}
    return details, _without(before, "options", "status_before", "begun")


# Kind → how a payload of before is split into what may be seen and what may not.
SPLIT: dict[str, Callable[[Values], tuple[Values, Values | None]]] = {
    "deploy": lambda before: ({}, before),
    "reconfigure-network": _split_network,
    "prestage": lambda before: ({"options": before.get("options")}, _without(before, "options", "begun")),
    "undeploy": lambda before: (
        {"name": before.get("target", {}).get("name", "(unknown)")},
        before.get("target"),
    ),
    "group-attributes": lambda before: (before, None),
    "migrate": lambda before: (
        {name: before.get(name, value) for name, value in NOTES.items()},
        _without(before, *NOTES),
    ),
    "rehome": lambda _before: ({}, None),
}


# -- The way back --


def downgrade() -> None:
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
    op.add_column("subcloud", sa.Column("deploy_due_at", sa.Double(), nullable=True))
    op.add_column("subcloud", sa.Column("prestage_due_at", sa.Double(), nullable=True))
    served = sa.Column("sync_served", sa.Integer(), nullable=False, server_default="0")
    op.add_column("peer_group_association", served)
    connection = op.get_bind()
    for row in _tasks(connection):
        _put_back(connection, row)
    op.drop_table("task")


def _tasks(connection: sa.Connection) -> list[Values]:
    raw = sa.type_coerce(TASK.c.payload, sa.Text).label("payload")
    others = [column for column in TASK.c if column.name != "payload"]
    found = []
    for row in connection.execute(sa.select(*others, raw)).mappings().all():
        payload = None
        if row["payload"] is not None:
            with suppress(SecretUnreadable, ValueError):
                payload = decrypted_json(connection, row["payload"])
        found.append({**row, "payload": payload})
    return found


def _put_back(connection: sa.Connection, row: Values) -> None:
    kind, subject_id = row["kind"], row["subject_id"]
    column = "prestage_due_at" if kind == "prestage" else "deploy_due_at"
    if kind not in ("undeploy", "migrate", "group-attributes"):
        due_at = row["deadline"] or row["due_at"]
        this = sa.update(SUBCLOUD).where(SUBCLOUD.c.id == subject_id)
        connection.execute(this.values({column: due_at}))
    if kind == "rehome":
        return
    payload = _joined(kind, row)
    connection.execute(
        sa.insert(OPERATION).values(
            kind=kind,
            subject_id=subject_id,
            payload=payload or {},
            created_at=row["created_at"],
            # What was lost is as good as expired.
            expires_at=0.0 if payload is None else row["secret_until"] or row["created_at"] + 3600,
        )
    )


def _joined(kind: str, row: Values) -> Values | None:
    """The payload as it was before; None when it was lost."""
    payload, details = row["payload"], row["details"]
    if kind == "group-attributes":
        return dict(details)
    if payload is None:
        return None
    if kind == "undeploy":
        names = ("tries", "begun", "due_at")
        return {"target": payload, **{name: row[name] for name in names}}
    begun = {"begun": True} if row["begun"] else {}
    return {**payload, **details, **begun}
