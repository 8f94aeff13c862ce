"""A group shared by two sites, built and looked at with the official client alone."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from dcapi.lab.members import SYSADMIN_PASSWORD, Member
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from tests.integration.client.official import APIError, OfficialClient
from tests.integration.client.test_subclouds import add, deployed


def share(
    client: OfficialClient, pair: Pair, name: str, members: list[Member], priority: str
) -> dict[str, Any]:
    """A group of these members, associated with the other site; returns the association."""
    group = client.subcloud_peer_group_add(peer_group_name=name)
    for member in members:
        add(client, member)
        deployed(client, member.name)
        client.subcloud_manage(member.name)
        joined = client.subcloud_update(
            member.name,
            {"bootstrap_values": member.bootstrap_values},
            peer_group=name,
            bootstrap_address=member.bootstrap_address,
        )
        assert joined["peer_group_id"] == group["id"]
        assert "info_message" not in joined
    peer = client.system_peer_show("site-b")
    return client.peer_group_association_add(
        peer_group_id=str(group["id"]), system_peer_id=str(peer["id"]), peer_group_priority=priority
    )


def test_a_group_is_shared_changed_synced_and_taken_back(
    client: OfficialClient, other_client: OfficialClient, pair: Pair
) -> None:
    members = [pair.new_member("shared"), pair.new_member("shared")]
    made = share(client, pair, "coast", members, "2")
    reference = str(made["id"])
    assert made["sync_status"] == "syncing"
    assert (made["type"], made["peer_group_priority"]) == ("primary", 2)
    wait_for(client, reference, "in-sync")
    groups = client.system_peer_list_subcloud_peer_groups("site-b")
    assert "coast" in [group["peer_group_name"] for group in groups]

    copy = other_client.subcloud_peer_group_show("coast")
    assert (copy["group_priority"], copy["system_leader_name"]) == (2, "site-a")
    copies = other_client.subcloud_peer_group_list_subclouds("coast")
    assert {each["name"] for each in copies} == {member.name for member in members}
    assert {each["deploy_status"] for each in copies} == {"secondary"}
    status = other_client.subcloud_peer_group_status("coast")
    assert (status["total_subclouds"], status["waiting_for_migrate"]) == (2, 2)
    there = next(
        row for row in other_client.peer_group_association_list() if row["peer_group_id"] == copy["id"]
    )
    assert there["type"] == "non-primary"
    wait_for(other_client, str(there["id"]), "in-sync")

    changed = client.subcloud_update(members[0].name, description="changed")
    assert reference in changed["info_message"]
    wait_for(client, reference, "out-of-sync")
    assert client.peer_group_association_sync(reference)["sync_status"] == "syncing"
    wait_for(client, reference, "in-sync")
    assert (
        client.peer_group_association_update(reference, peer_group_priority="3")["peer_group_priority"] == 3
    )
    assert other_client.subcloud_peer_group_show("coast")["group_priority"] == 3

    with pytest.raises(APIError) as error:
        other_client.peer_group_association_sync(str(there["id"]))
    assert error.value.message.startswith("Peer Group Association sync is not allowed when the association")
    with pytest.raises(APIError) as error:
        client.subcloud_peer_group_delete("coast")
    assert error.value.message == "Cannot delete a peer group which is associated with a system peer."
    client.peer_group_association_delete(reference)
    with pytest.raises(APIError) as error:
        other_client.subcloud_peer_group_show("coast")
    assert error.value.code == 404
    with pytest.raises(APIError) as error:
        client.peer_group_association_show(reference)
    assert error.value.message == "Peer Group Association not found"


def wait_for(client: OfficialClient, reference: str, status: str) -> None:
    def is_there() -> bool:
        return bool(client.peer_group_association_show(reference)["sync_status"] == status)

    wait_until(f"association {reference} to be {status}", is_there)


def test_a_group_is_taken_over_by_the_other_site(
    client: OfficialClient, other_client: OfficialClient, pair: Pair
) -> None:
    member = pair.new_member("taken")
    made = share(client, pair, "delta", [member], "1")
    wait_for(client, str(made["id"]), "in-sync")

    moving = other_client.subcloud_peer_group_migrate("delta", SYSADMIN_PASSWORD)
    assert [each["name"] for each in moving] == [member.name]

    def status() -> dict[str, Any]:
        return other_client.subcloud_peer_group_status("delta")

    wait_until("the member to be managed there", status, lambda seen: seen["managed"] == 1, within=60)
    wait_until(
        "the migration to be over",
        lambda: other_client.subcloud_peer_group_show("delta")["migration_status"],
        lambda seen: seen == "complete",
        within=60,
    )
    assert other_client.subcloud_peer_group_show("delta")["system_leader_name"] == "site-b"
    assert status()["complete"] == 1
    wait_until(
        "the first site to know who leads",
        lambda: client.subcloud_peer_group_show("delta")["system_leader_name"],
        lambda seen: seen == "site-b",
        within=60,
    )
    with pytest.raises(APIError) as error:
        other_client.subcloud_peer_group_migrate("delta", SYSADMIN_PASSWORD)
    assert error.value.code == 400


def test_the_client_reads_why_a_group_is_not_audited(client: OfficialClient) -> None:
    group = client.subcloud_peer_group_add(peer_group_name="alone")
    stranger = str(uuid.uuid4())
    # As another site sends it.
    message = client.subcloud_peer_group_audit(
        str(group["id"]),
        peer_uuid=stranger,
        peer_group_name="alone",
        group_priority=1,
        group_state="enabled",
        system_leader_id=stranger,
        system_leader_name="stranger",
        migration_status=None,
    )
    assert message
    client.subcloud_peer_group_delete("alone")


def test_the_client_reads_what_is_wrong_with_an_association(client: OfficialClient) -> None:
    with pytest.raises(APIError) as error:
        client.peer_group_association_show("coast")
    assert error.value.message == "Peer Group Association ID must be an integer"
    with pytest.raises(APIError) as error:
        client.peer_group_association_add(peer_group_id="999", system_peer_id="1", peer_group_priority="1")
    assert error.value.message == "Invalid peer_group_id"
