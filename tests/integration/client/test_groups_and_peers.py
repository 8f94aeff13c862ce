"""System peers, groups and alarms, as the official client handles them."""

from __future__ import annotations

import re
import uuid

import pytest

from dcapi.lab.pair import Pair
from tests.integration.client.official import APIError, OfficialClient

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")


def refused(error: pytest.ExceptionInfo[APIError]) -> tuple[int, str]:
    return error.value.code, error.value.message


def test_a_system_peer_is_added_shown_listed_changed_and_deleted(client: OfficialClient) -> None:
    wanted = str(uuid.uuid4())
    added = client.system_peer_add(
        peer_uuid=wanted,
        peer_name="north",
        manager_endpoint="http://10.44.0.2:5000/v3",
        manager_username="admin",
        manager_password="Not*told1",
        peer_controller_gateway_address="10.44.0.1",
        # As its parser of arguments leaves them.
        administrative_state="disabled",
        heartbeat_interval="60",
        heartbeat_failure_threshold="3",
        heartbeat_failure_policy="alarm",
        heartbeat_maintenance_timeout="600",
    )
    reference = str(added["id"])
    assert TIME.fullmatch(added.pop("created_at"))
    assert added == {
        "id": int(reference),
        "peer_uuid": wanted,
        "peer_name": "north",
        "manager_endpoint": "http://10.44.0.2:5000/v3",
        "manager_username": "admin",
        "peer_controller_gateway_address": "10.44.0.1",
        "administrative_state": "disabled",
        "heartbeat_interval": 60,
        "heartbeat_failure_threshold": 3,
        "heartbeat_failure_policy": "alarm",
        "heartbeat_maintenance_timeout": 600,
        "availability_state": "created",
        "updated_at": None,
    }
    for way in (reference, wanted, "north"):
        assert client.system_peer_show(way)["peer_uuid"] == wanted
    assert [peer["id"] for peer in client.system_peer_list()].count(added["id"]) == 1
    assert client.system_peer_list_subcloud_peer_groups("north") == []
    changed = client.system_peer_update(
        reference, heartbeat_interval="90", heartbeat_failure_policy="delegate"
    )
    assert (changed["heartbeat_interval"], changed["heartbeat_failure_policy"]) == (90, "delegate")
    assert TIME.fullmatch(changed["updated_at"])
    client.system_peer_delete("north")
    with pytest.raises(APIError) as error:
        client.system_peer_show("north")
    assert refused(error) == (404, "System Peer not found")


def test_the_client_reads_what_is_wrong_with_a_system_peer(client: OfficialClient, pair: Pair) -> None:
    with pytest.raises(APIError) as error:
        client.system_peer_update(pair.b.uuid, heartbeat_interval="soon")
    assert refused(error) == (400, "Invalid peer heartbeat_interval")
    with pytest.raises(APIError) as error:
        client.system_peer_update(pair.b.uuid)
    assert refused(error) == (400, "Body required")


def test_a_peer_group_is_added_shown_listed_changed_and_deleted(client: OfficialClient, pair: Pair) -> None:
    added = client.subcloud_peer_group_add(
        peer_group_name="river", group_state="disabled", max_subcloud_rehoming="20"
    )
    reference = str(added["id"])
    assert TIME.fullmatch(added.pop("created_at"))
    assert added == {
        "id": int(reference),
        "peer_group_name": "river",
        "group_priority": 0,
        "group_state": "disabled",
        "max_subcloud_rehoming": 20,
        "system_leader_id": pair.a.uuid,
        "system_leader_name": "site-a",
        "migration_status": None,
        "updated_at": None,
    }
    assert client.subcloud_peer_group_show("river")["id"] == added["id"]
    assert added["id"] in [group["id"] for group in client.subcloud_peer_group_list()]
    assert client.subcloud_peer_group_list_subclouds("river") == []
    status = client.subcloud_peer_group_status(reference)
    assert (status.pop("peer_group_id"), status.pop("peer_group_name")) == (added["id"], "river")
    assert set(status.values()) == {0}
    changed = client.subcloud_peer_group_update("river", peer_group_name="stream", group_state="enabled")
    assert (changed["peer_group_name"], changed["group_state"]) == ("stream", "enabled")
    client.subcloud_peer_group_delete("stream")
    with pytest.raises(APIError) as error:
        client.subcloud_peer_group_show(reference)
    assert refused(error) == (404, "Subcloud Peer Group not found")


def test_the_client_reads_what_is_wrong_with_a_peer_group(client: OfficialClient) -> None:
    client.subcloud_peer_group_add(peer_group_name="lake")
    with pytest.raises(APIError) as error:
        client.subcloud_peer_group_add(peer_group_name="lake")
    assert refused(error) == (409, "A subcloud peer group with this name already exists")
    with pytest.raises(APIError) as error:
        client.subcloud_peer_group_update("lake", max_subcloud_rehoming="251")
    assert refused(error) == (400, "Invalid max-subcloud-rehoming")
    client.subcloud_peer_group_delete("lake")


def test_a_subcloud_group_is_added_shown_listed_changed_and_deleted(client: OfficialClient) -> None:
    added = client.subcloud_group_add(
        name="cranes",
        description="All <cranes> & 'more'",
        update_apply_type="serial",
        max_parallel_subclouds="4",
    )
    assert TIME.fullmatch(added.pop("created_at"))
    reference = added.pop("id")
    assert added == {
        "name": "cranes",
        "description": "All <cranes> & 'more'",
        "update_apply_type": "serial",
        "max_parallel_subclouds": 4,
        "updated_at": None,
    }
    assert client.subcloud_group_show("cranes")["id"] == reference
    counts = {group["name"]: group["subcloud_count"] for group in client.subcloud_group_list()}
    assert (next(iter(counts)), counts["cranes"]) == ("Default", 0)
    assert client.subcloud_group_list_subclouds(str(reference)) == []
    assert client.subcloud_group_update("cranes", max_parallel_subclouds="9")["max_parallel_subclouds"] == 9
    client.subcloud_group_delete("cranes")
    with pytest.raises(APIError) as error:
        client.subcloud_group_show("cranes")
    assert refused(error) == (404, "Subcloud Group not found")
    with pytest.raises(APIError) as error:
        client.subcloud_group_delete("Default")
    assert refused(error) == (400, "Default Subcloud Group may not be deleted")
