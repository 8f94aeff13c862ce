"""A stand-in of the original, called by the client that sites of this project call their peers with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dcapi.lab.original.original_site import OriginalSite
from dcapi.peers.address import PeerAddress
from dcapi.peers.client import PeerClient
from dcapi.peers.directory import Peers
from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.remote import GroupValues
from dcapi.settings import Settings

OWN_UUID = "11111111-1111-4111-8111-111111111111"
REGION = "0123456789abcdef0123456789abcdef"
COAST = GroupValues(
    name="coast", priority=3, state="enabled", max_subcloud_rehoming=10, leader_id=OWN_UUID, leader_name="A"
)
MILL = SubcloudPayload(
    name="mill",
    region_name=REGION,
    bootstrap_values={"name": "mill", "management_subnet": "10.64.0.0/24"},
    bootstrap_address="10.128.0.20",
    location="Skagen",
)


@pytest.fixture
def original() -> Iterator[OriginalSite]:
    with OriginalSite("O", first_id=31) as site:
        with site.operator() as operator:
            operator.create("system-peers", own_site())
        yield site


@pytest.fixture
def client(original: OriginalSite) -> Iterator[PeerClient]:
    peers = Peers(replace(Settings(), PEER_CONNECT_TIMEOUT=10.0, PEER_READ_TIMEOUT=20.0))
    yield peers.client(address(original, original.admin_password))
    peers.close()


def own_site() -> dict[str, str]:
    """The caller's site as a system peer; nothing listens there."""
    return {
        "peer_uuid": OWN_UUID,
        "peer_name": "A",
        "manager_endpoint": "http://127.0.0.1:9/v3",
        "manager_username": "admin",
        "manager_password": "c2VjcmV0",
        "peer_controller_gateway_address": "10.32.0.1",
    }


def address(site: OriginalSite, password: str) -> PeerAddress:
    return PeerAddress(
        id=1,
        uuid=site.uuid,
        name=site.name,
        endpoint=site.endpoint,
        username="admin",
        password=base64.b64encode(password.encode()).decode(),
        gateway_address="10.33.0.1",
        enabled=True,
    )


def test_client_logs_in_and_reads_what_is_there(original: OriginalSite, client: PeerClient) -> None:
    assert client.system_uuid() == original.uuid
    assert client.groups() == []
    assert client.associations() == []
    assert client.subclouds() == []
    assert client.system_peer_id(OWN_UUID) == 31
    assert client.system_peer_id("22222222-2222-4222-8222-222222222222") is None
    assert client.subcloud(REGION) is None


def test_client_makes_a_copy_of_a_group_and_takes_it_away(client: PeerClient) -> None:
    group = client.create_group(COAST)
    association = client.create_association(group.id, 31)
    created = client.add_secondary(MILL)
    updated = client.update_subcloud(REGION, replace(MILL, peer_group=str(group.id), location="Esbjerg"))

    assert (group.id, group.priority, group.leader_id) == (31, 3, OWN_UUID)
    assert association.sync_status == "syncing"
    assert (created.deploy_status, updated.deploy_status) == ("not-deployed", "secondary")
    (listed,) = client.group_subclouds(group.id)
    assert (listed.region_name, listed.location, listed.peer_group_id) == (REGION, "Esbjerg", group.id)
    assert listed.saved_payload["management_subnet"] == "10.64.0.0/24"
    assert client.tell_association(association.id, "in-sync").sync_status == "in-sync"

    client.delete_subcloud("mill")
    client.delete_association(association.id)
    client.delete_group(group.id)

    assert (client.groups(), client.associations(), client.subclouds()) == ([], [], [])


def test_client_asks_for_a_member_and_for_an_audit(original: OriginalSite, client: PeerClient) -> None:
    group = client.create_group(COAST)
    client.create_association(group.id, 31)
    client.add_secondary(MILL)
    client.update_subcloud(REGION, replace(MILL, peer_group=str(group.id)))
    with original.rows() as rows:
        for each in rows.subclouds:
            each.change(management_state="managed", deploy_status="complete")

    given = client.cede_subcloud(REGION)
    message = client.audit_group("coast", OWN_UUID, 7, replace(COAST, migration_status=None))

    assert (given.management_state, given.deploy_status) == ("unmanaged", "rehome-pending")
    assert message is None


def test_client_logs_in_again_when_its_token_has_run_out(original: OriginalSite, client: PeerClient) -> None:
    assert client.groups() == []
    original.tokens.revoke_all()

    assert client.groups() == []

    assert len(original.record.entries("served", "POST", "/v3/auth/tokens")) == 3
