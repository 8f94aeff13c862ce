"""The site that the requests of the table meet: rows of every kind, in states that twins are accepted in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import update

from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.jobs.inline import InlineJobs
from dcapi.models import Base, PeerGroupAssociation, Subcloud
from dcapi.models.states import Availability, Deploy, Prestage, SyncStatus
from dcapi.sync.watch.recheck import RECHECK
from tests.integration.bad_input.calls import FORM_TYPE, File, form_bytes
from tests.site_client import SiteClient
from tests.subcloud_forms import (
    ADDRESS,
    PASSWORD,
    bootstrap_values,
    form,
    install_values,
    new_form,
    secondary_form,
)

FOREIGN_SITE = "5f0c5a0e-7d51-4a6c-9b53-6a3b0d3a9c11"

PEER = {
    "peer_uuid": "0b4fb1b2-6c9e-4a8e-9d5e-000000000009",
    "peer_name": "west",
    "manager_endpoint": "http://192.0.2.9:5000/v3",
    "manager_username": "keeper",
    "manager_password": "VHVsaXA0NDQh",
    "peer_controller_gateway_address": "192.0.2.9",
}
GROUP = {"peer-group-name": "ferries"}
SUBCLOUD_GROUP = {
    "name": "harbour",
    "description": "inside the breakwater",
    "update_apply_type": "serial",
}

# What build() makes, by the ids and names that it gives.
NORTH, SOUTH = 1, 2  # system peers; nothing is associated with the second one
LED, COPY, LOOSE = 1, 2, 3  # groups: led here with an association, led elsewhere, without an association
PRIMARY, NON_PRIMARY = 1, 2  # associations of LED and COPY with NORTH
MEMBER, FREE, OFFLINE, SECONDARY, PRESTAGED = "quay-1", "quay-2", "quay-3", "quay-4", "quay-5"
# In the middle of a deployment: created, with install values; bootstrapped; being installed.
CREATED, BOOTSTRAPPED, INSTALLING = "quay-6", "quay-7", "quay-8"
IN_PHASES = {
    CREATED: Deploy.CREATE_COMPLETE,
    BOOTSTRAPPED: Deploy.BOOTSTRAP_COMPLETE,
    INSTALLING: Deploy.INSTALLING,
}
COAST = 2  # a subcloud group without subclouds
NEW = 9  # the number of a subcloud that is not there yet
# Bytes; a setting of the site that the table is tried on.
LARGEST_BODY = 2 * 2**20


def build(app: Flask, operator: SiteClient, other_site: SiteClient) -> None:
    """Fill an empty site."""
    for number, name in ((NORTH, "north"), (SOUTH, "south")):
        _made(operator.post("/system-peers", json=_peer(number, name)))
    _made(operator.post("/subcloud-peer-groups", json={"peer-group-name": "led"}))
    copied = {"peer-group-name": "copied", "group-priority": 1, "system-leader-id": FOREIGN_SITE}
    _made(operator.post("/subcloud-peer-groups", json={**copied, "system-leader-name": "site-b"}))
    _made(operator.post("/subcloud-peer-groups", json={"peer-group-name": "loose"}))
    _made(operator.post("/subcloud-groups", json={**SUBCLOUD_GROUP, "name": "coast"}))
    for number in (1, 2, 3, 5):
        _made(operator.post("/subclouds", **new_form(number)))
    installed = {"install_values": install_values(), "bmc_password": PASSWORD}
    for number in (6, 7, 8):
        _made(operator.post("/subclouds", **new_form(number, **installed)))
    _run_jobs(app)
    for name in (MEMBER, FREE):
        _made(operator.patch(f"/subclouds/{name}", **form(management__state="managed")))
    joining = {"bootstrap_values": bootstrap_values(1), "bootstrap_address": ADDRESS, "peer_group": "led"}
    _made(operator.patch(f"/subclouds/{MEMBER}", **form(**joining)))
    _made(other_site.post("/subclouds", **secondary_form(4, region_name="quays-north")))
    _made(other_site.patch("/subclouds/quays-north", **form(peer_group="copied")))
    _made(operator.post("/peer-group-associations", json=_association(LED, peer_group_priority=5)))
    _made(operator.post("/peer-group-associations", json=_association(COPY)))
    _made(operator.post("/subcloud-deploy", **_deploy_files()))
    _settle(app)


def _deploy_files() -> dict[str, Any]:
    parts = {"deploy_playbook": File(b"- hosts: all"), "deploy_chart": File(b"chart")}
    return {"data": form_bytes(parts), "content_type": FORM_TYPE}


def _peer(number: int, name: str) -> dict[str, Any]:
    uuid = f"0b4fb1b2-6c9e-4a8e-9d5e-{number:012x}"
    return {
        **PEER,
        "peer_uuid": uuid,
        "peer_name": name,
        "manager_endpoint": f"http://192.0.2.{number}:5000/v3",
    }


def _association(group: int, **more: Any) -> dict[str, Any]:
    return {"peer_group_id": group, "system_peer_id": NORTH, **more}


def _made(answer: Any) -> None:
    assert answer.status_code == 200, answer.text


def _run_jobs(app: Flask) -> None:
    jobs = app.extensions[EXTENSION].jobs
    assert isinstance(jobs, InlineJobs)
    jobs.run_waiting()


def _settle(app: Flask) -> None:
    """Bring the rows into the states that only time or other sites bring them into."""
    with app.app_context():
        statuses = {PeerGroupAssociation.sync_status: SyncStatus.IN_SYNC}
        db.session.execute(update(PeerGroupAssociation).values(statuses))
        offline = {Subcloud.availability_status: Availability.OFFLINE}
        away = Subcloud.name.in_([OFFLINE, PRESTAGED, CREATED, BOOTSTRAPPED, INSTALLING])
        db.session.execute(update(Subcloud).where(away).values(offline))
        prestaging = {Subcloud.prestage_status: Prestage.PRESTAGING}
        db.session.execute(update(Subcloud).where(Subcloud.name == PRESTAGED).values(prestaging))
        for name, status in IN_PHASES.items():
            at_phase = {Subcloud.deploy_status: status}
            db.session.execute(update(Subcloud).where(Subcloud.name == name).values(at_phase))
        db.session.commit()


def digest(app: Flask) -> str:
    """A digest of every row of every table, encrypted columns as they are stored.

    But for how often watchers were woken: the contract wants that of two calls that are refused.
    """
    with app.app_context():
        connection = db.session.connection().connection
        summed = hashlib.sha256()
        for table in Base.metadata.sorted_tables:
            cursor = connection.cursor()
            cursor.execute(
                f"SELECT * FROM {table.name} ORDER BY {', '.join(table.primary_key.columns.keys())}"
            )
            rows = [row for row in cursor.fetchall() if RECHECK not in row]
            summed.update(json.dumps([table.name, rows], default=str).encode())
    return summed.hexdigest()


def snapshot(app: Flask, copy: Path) -> None:
    """Write the database of a site into a file."""
    copy.unlink(missing_ok=True)
    with app.app_context():
        db.session.commit()
        with db.engine.connect() as connection:
            driver = connection.connection.dbapi_connection
            assert driver is not None
            driver.execute("VACUUM INTO ?", (str(copy),))


def restore(app: Flask, copy: Path) -> None:
    """Put a snapshot in the place of a site's database, while nobody uses it."""
    with app.app_context():
        path = Path(str(db.engine.url.database))
        db.engine.dispose()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(copy.read_bytes())
