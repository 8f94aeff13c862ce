"""A site with many subclouds, put into its database before it starts: deploying them would take minutes."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from dcapi import prepare
from dcapi.lab.members import Member, member
from dcapi.lab.site import LabSite
from dcapi.models import Subcloud, SubcloudEndpoint
from dcapi.models.engine import make_engine
from dcapi.models.network_values import shown_network
from dcapi.models.secret_values import data_install, rehome_data, take_out
from dcapi.models.shown_span import show, write_columns
from dcapi.models.states import ENDPOINT_TYPES, Availability, Deploy, EndpointSync, Management
from dcapi.settings import Settings, settings_from

# Characters of JSON that a subcloud has at least, its passwords not counted.
REHOME_SIZE = 1500
INSTALL_SIZE = 1000


def fill(site: LabSite, count: int) -> Path:
    """Give a site that was never started so many deployed subclouds; returns its database file."""
    settings = settings_from(site.settings)
    prepared = prepare(settings)
    engine = make_engine(prepared.database_uri, settings, prepared.keyring)
    chance = random.Random(count)
    with Session(engine) as session:
        members = [member(number, f"edge-{number}", install=True) for number in range(count)]
        rows = [_subcloud(described, settings) for described in members]
        session.add_all(rows)
        session.flush()
        for row, described in zip(rows, members, strict=True):
            show(session, row, described.bootstrap_values)
            session.add_all(_endpoints(row.id, chance))
        session.commit()
    engine.dispose()
    return Path(prepared.database_uri.removeprefix("sqlite:///"))


def _subcloud(described: Member, settings: Settings) -> Subcloud:
    values = described.bootstrap_values
    row = Subcloud(
        name=described.name,
        description=values["description"],
        location=values["location"],
        software_version=settings.SOFTWARE_VERSION,
        management_state=Management.MANAGED,
        availability_status=Availability.ONLINE,
        deploy_status=Deploy.COMPLETE,
        region_name=uuid.uuid4().hex,
    )
    write_columns(row, shown_network(values))
    payload = _padded({**values, "bootstrap-address": described.bootstrap_address}, REHOME_SIZE)
    rehome_data.write(row, {"saved_payload": payload})
    install = {**(described.install_values or {}), "bmc_password": "TGlnaHRzaGlwIDc="}
    data_install.write(row, _padded(install, INSTALL_SIZE))
    return row


def _padded(values: dict[str, Any], size: int) -> dict[str, Any]:
    """The values with so many more images that they have ``size`` characters, secrets not counted."""
    images: list[str] = []
    padded = {**values, "additional_local_registry_images": images}
    while len(json.dumps(take_out(padded)[0])) < size:
        images.append(f"registry.windpark.example:9001/lamp/keeper:v1.{len(images)}")
    return padded


def _endpoints(subcloud_id: int, chance: random.Random) -> Iterator[SubcloudEndpoint]:
    """Statuses in every mixture: a site on which all subclouds are alike is less work to list."""
    for kind in ENDPOINT_TYPES:
        status = chance.choice(list(EndpointSync))
        yield SubcloudEndpoint(subcloud_id=subcloud_id, endpoint_type=kind, sync_status=status)
