"""The list of subclouds without any of the project's code: the bare driver, dicts, orjson."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson

# Key of an answer → column, in the order of the wire contract; none of the project's own tables is used.
COLUMNS = {
    "id": "id",
    "name": "name",
    "description": "description",
    "location": "location",
    "software-version": "software_version",
    "management-state": "management_state",
    "availability-status": "availability_status",
    "deploy-status": "deploy_status",
    "backup-status": "backup_status",
    "backup-datetime": "backup_datetime",
    "error-description": "error_description",
    "region-name": "region_name",
    "management-subnet": "management_subnet",
    "management-start-ip": "management_start_ip",
    "management-end-ip": "management_end_ip",
    "management-gateway-ip": "management_gateway_ip",
    "openstack-installed": "openstack_installed",
    "prestage-status": "prestage_status",
    "prestage-versions": "prestage_versions",
    "systemcontroller-gateway-ip": "systemcontroller_gateway_ip",
    "data_install": "data_install",
    "data_upgrade": "data_upgrade",
    "created-at": "created_at",
    "updated-at": "updated_at",
    "group_id": "group_id",
    "peer_group_id": "peer_group_id",
    "rehome_data": "rehome_data",
}
SUBCLOUDS = f"SELECT {', '.join(COLUMNS.values())} FROM subcloud ORDER BY id"
ENDPOINTS = "SELECT subcloud_id, endpoint_type, sync_status FROM subcloud_endpoint ORDER BY id"


class BareList:
    """Reads the database of a site; ``body`` makes what the site answers."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(database)

    def close(self) -> None:
        self._connection.close()

    def body(self) -> bytes:
        """The answer to GET /v1.0/subclouds, as JSON."""
        endpoints = defaultdict(list)
        for subcloud_id, kind, status in self._connection.execute(ENDPOINTS).fetchall():
            endpoints[subcloud_id].append({"endpoint_type": kind, "sync_status": status})
        keys = tuple(COLUMNS)
        subclouds = []
        for row in self._connection.execute(SUBCLOUDS).fetchall():
            subcloud: dict[str, Any] = dict(zip(keys, row, strict=True))
            subcloud["openstack-installed"] = bool(subcloud["openstack-installed"])
            of_this = endpoints.get(row[0], [])
            subcloud["endpoint_sync_status"] = of_this
            subcloud["sync_status"] = common({endpoint["sync_status"] for endpoint in of_this})
            subclouds.append(subcloud)
        return orjson.dumps({"subclouds": subclouds})


def common(statuses: set[str]) -> str:
    """What the statuses of a subcloud's endpoints have in common."""
    if not statuses:
        return "unknown"
    return statuses.pop() if len(statuses) == 1 else "out-of-sync"
