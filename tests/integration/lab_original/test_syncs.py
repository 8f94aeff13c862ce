"""A sync of a stand-in, request by request, and which copies it leaves alone."""

from __future__ import annotations

import json

import pytest
import yaml

from dcapi.lab.faults import Answer
from dcapi.lab.operator import RefusedError
from dcapi.lab.original.version import Version
from dcapi.lab.polling import wait_until
from tests.integration.lab_original.originals import GROUP, Originals

FAILED = ["rehome-failed", "rehome-prep-failed"]


@pytest.fixture
def quiet(originals: Originals) -> Originals:
    originals.hold_heartbeats()
    return originals


def sync(originals: Originals) -> tuple[str, str]:
    """Ask A for a sync and wait for its end; returns status and message."""
    originals.at_a.sync(originals.a.association(GROUP).id)
    ended = wait_until(
        "the end", lambda: originals.a.association(GROUP), lambda it: it.sync_status != "syncing"
    )
    return ended.sync_status, ended.sync_message


def test_sync_asks_in_its_order(quiet: Originals) -> None:
    begin = quiet.mark()

    assert sync(quiet) == ("in-sync", "None")

    per_member = ["GET subclouds/{}/detail", "PATCH subclouds/{}", "PATCH subclouds/{}"]
    wanted = [
        "GET system-peers/A",
        "GET subcloud-peer-groups/coast",
        "GET peer-group-associations",
        "PATCH association",
        "PATCH subcloud-peer-groups/coast",
        *(line.format("r0") for line in per_member),
        *(line.format("r1") for line in per_member),
        "GET subcloud-peer-groups/31/subclouds",
        "PATCH association",
    ]
    assert quiet.story(begin) == [f"A→B {line}" for line in wanted]
    assert len(quiet.b.record.entries("served", "GET", "/v1/isystems")) == 2
    told = quiet.served("PATCH", "peer-group-associations/31", begin)
    assert [each.body for each in told] == [{"sync_status": "syncing"}, {"sync_status": "in-sync"}]
    (attributes,) = quiet.served("PATCH", f"subcloud-peer-groups/{GROUP}", begin)
    assert attributes.body == {
        "group-priority": 3,
        "group-state": "enabled",
        "system-leader-id": quiet.a.uuid,
        "system-leader-name": "A",
        "max-subcloud-rehoming": 1,
    }


def test_copy_has_the_values_with_the_gateway_of_its_site(quiet: Originals) -> None:
    (created,) = quiet.b.record.entries("served", "POST", "/v1.0/subclouds")[:1]

    values = yaml.safe_load(created.body["bootstrap_values"])

    assert values["systemcontroller_gateway_address"] == "10.33.0.1"
    own = quiet.a.members(GROUP)["r0"].saved_payload
    assert own is not None
    sent = own | {"systemcontroller_gateway_address": "10.33.0.1"}
    assert values | {"bootstrap-address": created.body["bootstrap-address"]} == sent
    shown = quiet.at_b.one("subclouds", "r0")
    assert json.loads(shown["rehome_data"])["saved_payload"]["bootstrap-address"] == sent["bootstrap-address"]


def test_copy_of_a_member_that_is_secondary_here_is_deleted(quiet: Originals) -> None:
    with quiet.a.rows() as rows:
        rows.members(1)[0].change(management_state="unmanaged", deploy_status="secondary")

    assert sync(quiet) == ("in-sync", "None")

    assert sorted(quiet.b.members(GROUP)) == ["r1"]
    assert sorted(quiet.a.members(GROUP)) == ["r0", "r1"]


@pytest.mark.parametrize("version", list(Version), ids=lambda version: str(version.name))
@pytest.mark.parametrize("status", FAILED)
def test_copies_that_failed_are_changed_and_deleted_by_later_versions(version: Version, status: str) -> None:
    with Originals(version) as originals:
        originals.share()
        originals.hold_heartbeats()
        with originals.b.rows() as rows:
            for each in rows.subclouds:
                each.change(deploy_status=status)
        with originals.a.rows() as rows:
            rows.members(1)[0].change(management_state="unmanaged", deploy_status="secondary")

        ended = sync(originals)

        if version is Version.V1:
            assert ended == ("failed", "Subcloud r1 is not in the right state for sync.")
            assert sorted(originals.b.members(GROUP)) == ["r0", "r1"]
        else:
            assert ended == ("in-sync", "None")
            assert sorted(originals.b.members(GROUP)) == ["r1"]


def test_copy_that_is_managed_there_makes_the_sync_fail_and_stays(quiet: Originals) -> None:
    with quiet.b.rows() as rows:
        for each in rows.subclouds:
            each.change(management_state="managed", deploy_status="complete")
    before = quiet.members(quiet.b)

    status, message = sync(quiet)

    assert status == "failed"
    assert message.splitlines() == [
        f"Subcloud {name} is not in the right state for sync." for name in ("r0", "r1")
    ]
    assert quiet.members(quiet.b) == before
    other = quiet.b.association(GROUP)
    assert (other.sync_status, other.sync_message) == (
        "failed",
        "Primary association sync to current site failed.",
    )


def test_sync_is_for_the_primary_site_while_it_leads(quiet: Originals) -> None:
    with pytest.raises(RefusedError, match="But the peer monitor notify was triggered"):
        quiet.at_b.sync(quiet.b.association(GROUP).id)
    with quiet.a.rows() as rows:
        for group in rows.groups:
            group.change(leader_id=quiet.b.uuid)
    with pytest.raises(RefusedError, match="system_leader_id is not the current system controller UUID"):
        quiet.at_a.sync(quiet.a.association(GROUP).id)


def test_sync_with_a_site_of_another_uuid_fails(quiet: Originals) -> None:
    quiet.b.fail(Answer(200, b'{"isystems": [{"uuid": "another"}]}', "GET", "/v1/isystems"))
    begin = quiet.mark()

    assert sync(quiet) == ("failed", "Peer site B has another UUID.")
    assert quiet.story(begin) == []


def test_sync_that_a_kill_cut_off_has_failed(quiet: Originals) -> None:
    with quiet.a.rows() as rows:
        for association in rows.associations:
            association.change(sync_status="syncing")
    quiet.a.kill()

    quiet.a.start()

    assert quiet.a.association(GROUP).sync_status == "failed"


def test_change_of_a_member_puts_both_sites_out_of_sync(quiet: Originals) -> None:
    quiet.at_a.update_subcloud("r0", {"location": "Skagen"})

    assert [site.association(GROUP).sync_status for site in (quiet.a, quiet.b)] == ["out-of-sync"] * 2


def test_primary_that_cannot_tell_a_status_has_failed(quiet: Originals) -> None:
    quiet.b.fail(Answer(500, b"", "PATCH", "/v1.0/peer-group-associations/.*"))

    quiet.at_a.update_subcloud("r0", {"location": "Skagen"})

    association = quiet.a.association(GROUP)
    assert (association.sync_status, association.sync_message) == (
        "failed",
        "Failed to update peer site 'B' association sync_status to 'out-of-sync'",
    )
