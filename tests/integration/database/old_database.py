"""A database as it was before work in steps had one row: revision 0005, written by plain statements."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic import command
from cryptography.fernet import Fernet
from sqlalchemy import Connection, Engine, MetaData, Table, insert, select, text

from dcapi import migrations
from dcapi.models.engine import make_engine
from dcapi.models.keyring import SECRETS_KEY_FILE, Keyring, fingerprint
from dcapi.settings import Settings
from tests.integration.beside_peer import PEER_UUID
from tests.integration.subclouds.verbs import NETWORK
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values

BEFORE = "0005"
SITE_UUID = "77777777-2222-4333-8444-555555555555"
CREATED = "2026-01-01 00:00:00.000000"
TTL = 3600.0
# Group of the peer that this site migrates, group that this site leads.
MIGRATED, OURS = 1, 2

# Work of which nothing but the operation tells.
ONLY_TRACE = ("undeploy", "group-attributes")

Row = dict[str, Any]


@dataclass
class OldDatabase:
    """Collects rows, and writes them into an empty database at revision 0005."""

    uri: str
    keyring: Keyring
    now: float = field(default_factory=time.time)
    subclouds: list[Row] = field(default_factory=list)
    operations: list[Row] = field(default_factory=list)
    peer: Row = field(default_factory=lambda: _peer())
    groups: dict[int, Row] = field(default_factory=lambda: {MIGRATED: _group(MIGRATED), OURS: _group(OURS)})

    def engine(self) -> Engine:
        return make_engine(self.uri, Settings(), self.keyring)

    # -- What a test puts there --

    def add_subcloud(self, deploy_status: str, **columns: Any) -> int:
        """A subcloud in this state; returns its id."""
        number = len(self.subclouds) + 1
        self.subclouds.append({**_subcloud(number), "deploy_status": deploy_status, **columns})
        return number

    def add_operation(self, kind: str, subject_id: int, payload: Row, **columns: Any) -> None:
        row = {"kind": kind, "subject_id": subject_id, "payload": self.encrypted(payload)}
        times = {"created_at": self.now, "expires_at": self.now + TTL}
        self.operations.append({**row, **times, **columns})

    def encrypted(self, payload: Row) -> str:
        return self.keyring.encrypt(json.dumps(payload).encode()).decode()

    def lose_operations(self, how: str) -> None:
        """Let what the work needs be lost: the rows (where others tell of the work), its time, or its key."""
        if how == "missing":
            self.operations = [one for one in self.operations if one["kind"] in ONLY_TRACE]
        for one in self.operations:
            if how == "expired":
                one["expires_at"] = self.now - 1
            if how == "lost key":
                one["payload"] = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()

    # -- What is written and read --

    def write(self) -> None:
        engine = self.engine()
        with engine.begin() as connection:
            command.upgrade(migrations._config(connection), BEFORE)
            tables = _tables(connection)
            _insert(connection, tables["site"], [self._site()])
            _insert(connection, tables["system_peer"], [self.peer | {"manager_password": self._password()}])
            _insert(connection, tables["subcloud_peer_group"], self.groups.values())
            _insert(connection, tables["peer_group_association"], map(_association, (MIGRATED, OURS)))
            _insert(connection, tables["subcloud"], self.subclouds)
            _insert(connection, tables["operation"], self.operations)
        engine.dispose()

    def _site(self) -> Row:
        return {"id": 1, "uuid": SITE_UUID, "key_fingerprint": fingerprint(self.keyring.keys[0])}

    def _password(self) -> str:
        return self.keyring.encrypt(b"c2VhbA==").decode()

    def go_to(self, revision: str) -> None:
        """Bring the tables up, or back, to a revision; ``head`` is the last one."""
        engine = self.engine()
        with engine.begin() as connection:
            is_back = revision < str(connection.scalar(text("SELECT version_num FROM alembic_version")))
            go = command.downgrade if is_back else command.upgrade
            go(migrations._config(connection), revision)
        engine.dispose()

    def execute(self, statement: str, **values: Any) -> None:
        """Execute a statement that changes rows."""
        engine = self.engine()
        with engine.begin() as connection:
            connection.execute(text(statement), values)
        engine.dispose()

    def read(self, table: str) -> list[Row]:
        """All rows of a table, with payloads in plain text where they can be read."""
        engine = self.engine()
        with engine.begin() as connection:
            found = connection.execute(select(_tables(connection)[table])).mappings().all()
        engine.dispose()
        return [dict(row) for row in found]

    def decrypted(self, payload: str) -> Row:
        plain: Row = json.loads(self.keyring.decrypt(payload.encode()))
        return plain

    def revision(self) -> str:
        [row] = self.read("alembic_version")
        return str(row["version_num"])


def keyring_of(instance: Path) -> Keyring:
    return Keyring.of_file(instance / SECRETS_KEY_FILE)


def _tables(connection: Connection) -> Mapping[str, Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return metadata.tables


def _insert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    for row in rows:
        connection.execute(insert(table).values(row))


def _subcloud(number: int) -> Row:
    values = bootstrap_values(number, admin_password=None, docker_registries=None)
    saved = {"saved_payload": {**values, "bootstrap-address": ADDRESS}}
    return {
        "id": number,
        "name": values["name"],
        "region_name": f"region-of-{values['name']}",
        "software_version": "24.09",
        "management_state": "unmanaged",
        "availability_status": "offline",
        "error_description": "No errors present",
        "management_subnet": values["management_subnet"],
        "management_start_ip": values["management_start_address"],
        "management_end_ip": values["management_end_address"],
        "management_gateway_ip": values["management_gateway_address"],
        "openstack_installed": False,
        "systemcontroller_gateway_ip": values["systemcontroller_gateway_address"],
        "rehome_data": json.dumps(saved),
        "group_id": 1,
        "created_at": CREATED,
    }


def _peer() -> Row:
    return {
        "id": 1,
        "peer_uuid": PEER_UUID,
        "peer_name": "site-a",
        "manager_endpoint": "http://127.0.0.1:9/v3",
        "manager_username": "admin",
        "peer_controller_gateway_address": "192.168.204.102",
        "administrative_state": "enabled",
        "heartbeat_interval": 60,
        "heartbeat_failure_threshold": 3,
        "heartbeat_failure_policy": "alarm",
        "heartbeat_maintenance_timeout": 600,
        "heartbeat_failures": 0,
        "availability_state": "available",
        "created_at": CREATED,
    }


def _group(group_id: int) -> Row:
    is_ours = group_id == OURS
    return {
        "id": group_id,
        "peer_group_name": "buses" if is_ours else "trains",
        "group_priority": 0 if is_ours else 1,
        "group_state": "enabled",
        "max_subcloud_rehoming": 10,
        "system_leader_id": SITE_UUID if is_ours else PEER_UUID,
        "system_leader_name": "site-b" if is_ours else "site-a",
        "created_at": CREATED,
    }


def _association(group_id: int) -> Row:
    return {
        "id": group_id,
        "peer_group_id": group_id,
        "system_peer_id": 1,
        "peer_group_priority": 1 if group_id == OURS else None,
        "association_type": "primary" if group_id == OURS else "non-primary",
        "sync_status": "in-sync",
        "sync_message": "None",
        "revision": 0,
        "sync_asked": 0,
        "sync_served": 0,
        "told_status": "in-sync",
        "deleting": False,
        "runs_begun": 0,
        "members_done": 0,
        "members_total": 0,
        "created_at": CREATED,
    }


# -- Payloads, as the operations of that time held them --

DEPLOYMENT: Row = {
    "bootstrap_values": bootstrap_values(),
    "bootstrap_address": ADDRESS,
    "install_values": None,
    "deploy_config": "kind: Host",
    "sysadmin_password": PASSWORD,
}
RECONFIGURATION: Row = {
    "bootstrap_address": "10.71.9.77",
    "bootstrap_values": bootstrap_values(),
    "sysadmin_password": PASSWORD,
    "options": NETWORK,
    "status_before": "complete",
}
PRESTAGING: Row = {
    "sysadmin_password": PASSWORD,
    "options": {"release": "25.09", "for_install": True, "for_sw_deploy": False},
}
MIGRATION: Row = {
    "sysadmin_password": PASSWORD,
    "told": False,
    "tells": True,
    "claimed": True,
    "away": [],
}


def teardown(name: str, **more: Any) -> Row:
    target = {
        "name": name,
        "region_name": f"region-of-{name}",
        "software_version": "24.09",
        "bootstrap_address": ADDRESS,
        "bootstrap_values": bootstrap_values(),
        "install_values": None,
    }
    return {"target": target, "tries": 0, "begun": False, "due_at": time.time() - 1, **more}
