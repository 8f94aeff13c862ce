"""What is read from answers, and how a group is spelled in requests."""

from __future__ import annotations

import pytest

from dcapi.peers.remote import (
    RemoteAssociation,
    RemoteGroup,
    audit_request,
    creation_request,
    group_request,
    remote_association,
    remote_group,
    remote_subcloud,
)
from tests.groups import SITE_UUID, group_values

GROUP = {
    "id": 3,
    "peer_group_name": "edges",
    "group_priority": 2,
    "group_state": "enabled",
    "max_subcloud_rehoming": 10,
    "system_leader_id": SITE_UUID,
    "system_leader_name": "site-a",
    "migration_status": "complete",
    "updated-at": "2026-01-01 00:00:00.000000",
}


def test_each_key_of_a_group_is_read() -> None:
    assert remote_group(GROUP) == RemoteGroup(
        id=3,
        name="edges",
        priority=2,
        state="enabled",
        max_subcloud_rehoming=10,
        leader_id=SITE_UUID,
        leader_name="site-a",
        migration_status="complete",
        changed_at="2026-01-01 00:00:00.000000",
    )


def test_a_group_without_a_leader_is_led_by_nobody() -> None:
    group = remote_group(GROUP | {"system_leader_id": None, "system_leader_name": None, "updated-at": None})
    assert (group.leader_id, group.leader_name, group.changed_at) == ("", "", None)
    assert not group.is_led_by(SITE_UUID)


def test_each_key_of_an_association_is_read() -> None:
    answer = {"id": 1, "peer-group-id": 2, "system-peer-id": 3, "sync-status": "failed"}
    assert remote_association(answer) == RemoteAssociation(id=1, group_id=2, peer_id=3, sync_status="failed")


def test_a_subcloud_that_does_not_say_who_manages_it_may_be_managed() -> None:
    answer = {"name": "edge-1", "region-name": "r", "deploy-status": "complete", "management-state": None}
    assert remote_subcloud(answer).management_state == ""


def test_a_request_spells_attributes_with_hyphens_and_the_migration_status_without() -> None:
    asked = group_request({"name": "edges", "max_subcloud_rehoming": 3, "migration_status": "none"})
    assert asked == {"peer-group-name": "edges", "max-subcloud-rehoming": 3, "migration_status": "none"}


def test_a_creation_says_nothing_of_a_migration() -> None:
    assert set(creation_request(group_values(migration_status="complete"))) == {
        "peer-group-name",
        "group-priority",
        "group-state",
        "max-subcloud-rehoming",
        "system-leader-id",
        "system-leader-name",
    }


def test_an_audit_is_asked_for_in_the_words_of_an_answer() -> None:
    asked = audit_request("u", 7, group_values(migration_status="complete"))
    assert (asked.pop("peer_uuid"), asked["id"]) == ("u", 7)
    assert set(asked) == set(GROUP) - {"updated-at"}
    assert asked["migration_status"] == "complete"


def test_an_unknown_attribute_cannot_be_sent() -> None:
    with pytest.raises(KeyError):
        group_request({"colour": "red"})


def test_a_copy_is_sent_each_attribute_in_which_it_differs() -> None:
    here = group_values()
    for name, value in {
        "name": "else",
        "priority": 4,
        "state": "disabled",
        "max_subcloud_rehoming": 1,
        "leader_id": "else",
        "leader_name": "else",
    }.items():
        copy = group_values(**{name: value})  # type: ignore[arg-type]
        assert here.missing_in(copy) == {name: getattr(here, name)}


def test_neither_a_leader_in_capitals_nor_a_migration_is_a_difference() -> None:
    leader = "aaaaaaaa-1111-1111-1111-111111111111"
    copy = group_values(leader_id=leader.upper(), migration_status="migrating")
    assert group_values(leader_id=leader).missing_in(copy) == {}


def test_an_operator_is_told_of_shared_attributes_alone() -> None:
    other = group_values("else", priority=5, state="disabled", leader_id="else", leader_name="else")
    assert group_values().differing_keys(other) == ["peer_group_name", "group_state"]
