"""Rows that the tests of system peers and subcloud groups begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from dcapi.api.database import db
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import AssociationType, SyncStatus
from tests.site_client import SiteClient

Made = dict[str, Any]


def peer_values(number: int, **more: Any) -> Made:
    """Values that suffice for a system peer."""
    return {
        "peer_uuid": f"0b4fb1b2-6c9e-4a8e-9d5e-{number:012x}",
        "peer_name": f"site-{number}",
        "manager_endpoint": f"http://192.0.2.{number}:5000/v3",
        "manager_username": "keeper",
        "manager_password": "VHVsaXA0NDQh",
        "peer_controller_gateway_address": f"192.0.2.{number}",
        **more,
    }


@pytest.fixture
def peer(operator: SiteClient) -> Made:
    answer = operator.post("/system-peers", json=peer_values(1))
    assert answer.status_code == 200, answer.text
    made: Made = answer.get_json()
    return made


@pytest.fixture
def associate(app: Flask) -> Callable[..., int]:
    """Puts an association of a new group with a peer into the database."""

    def add(peer_id: int, name: str = "windmills", kind: str = AssociationType.PRIMARY, **more: Any) -> int:
        with app.app_context():
            session = db.session
            group = SubcloudPeerGroup(
                peer_group_name=name, system_leader_id="x", system_leader_name="y", group_priority=0
            )
            association = PeerGroupAssociation(
                group=group,
                peer=session.get(SystemPeer, peer_id),
                association_type=kind,
                sync_status=more.pop("sync_status", SyncStatus.IN_SYNC),
                **more,
            )
            session.add(association)
            session.commit()
            return association.id

    return add
