"""What a stand-in makes of what a peer says of its group."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.lab.faults import Answer, Delay, Stall
from dcapi.lab.operator import Json, RefusedError
from dcapi.lab.original.rows import Subcloud
from dcapi.lab.original.version import Version
from dcapi.lab.polling import wait_until
from tests.integration.lab_original.originals import GROUP, Originals

AUDIT = f"/v1.0/subcloud-peer-groups/{GROUP}/audit"
GATEWAY = "systemcontroller_gateway_address"


@pytest.fixture
def quiet(originals: Originals) -> Originals:
    """The pair without heartbeats: only what is asked for is audited."""
    originals.hold_heartbeats()
    return originals


def body(originals: Originals, **values: Any) -> Json:
    """What B would say, had it migrated the group."""
    group = originals.b.group(GROUP)
    return {
        "id": group.id,
        "peer_group_name": GROUP,
        "group_priority": group.priority,
        "group_state": group.state,
        "max_subcloud_rehoming": group.max_subcloud_rehoming,
        "system_leader_id": originals.b.uuid,
        "system_leader_name": "B",
        "migration_status": "complete",
        "peer_uuid": originals.b.uuid,
    } | values


def ask(originals: Originals, **values: Any) -> str | None:
    """Ask A for an audit, as B would; returns the message."""
    message: str | None = originals.at_a.call("PATCH", AUDIT, json=body(originals, **values))["message"]
    return message


def set_b(originals: Originals, **values: Any) -> None:
    with originals.b.rows() as rows:
        for each in rows.subclouds:
            each.change(**values)


def taken_by_b(originals: Originals) -> None:
    set_b(originals, management_state="managed", deploy_status="complete")


def of_a(originals: Originals) -> list[Subcloud]:
    return list(originals.a.members(GROUP).values())


# -- The request --


@pytest.mark.parametrize(
    "key",
    [
        "peer_uuid",
        "peer_group_name",
        "group_priority",
        "group_state",
        "system_leader_id",
        "system_leader_name",
        "migration_status",
    ],
)
def test_audit_without_a_demanded_key_is_refused(quiet: Originals, key: str) -> None:
    lacking = {name: value for name, value in body(quiet).items() if name != key}

    with pytest.raises(RefusedError) as refused:
        quiet.at_a.call("PATCH", AUDIT, json=lacking)

    assert (refused.value.code, refused.value.text) == (
        400,
        f"Unable to audit peer group coast, missing {key}",
    )


def test_audit_of_an_unknown_site_says_so(quiet: Originals) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    assert unknown in str(ask(quiet, peer_uuid=unknown))


def test_audit_of_a_peer_without_association_says_so(quiet: Originals) -> None:
    with quiet.a.rows() as rows:
        for each in rows.associations:
            rows.associations.remove(each)
    quiet.a.require_audits()

    message = ask(quiet)

    assert str(message).startswith(f"System peer with UUID={quiet.b.uuid} is not under monitoring. ")


def test_audit_of_a_group_without_association_says_so(quiet: Originals) -> None:
    quiet.at_a.create("subcloud-peer-groups", {"peer-group-name": "hills"})

    answer = quiet.at_a.call("PATCH", "/v1.0/subcloud-peer-groups/hills/audit", json=body(quiet))

    assert answer == {"message": "No peer group id coast found"}


@pytest.mark.parametrize("status", [None, "none"])
def test_peer_without_migration_changes_nothing(quiet: Originals, status: str | None) -> None:
    taken_by_b(quiet)
    begin = quiet.mark()

    assert ask(quiet, migration_status=status) is None

    assert quiet.story(begin) == []
    assert quiet.states(quiet.a) == {("managed", "complete")}


def test_site_that_migrates_ignores_every_audit(quiet: Originals) -> None:
    with quiet.a.rows() as rows:
        for group in rows.groups:
            group.change(migration_status="migrating")
    taken_by_b(quiet)
    begin = quiet.mark()

    assert ask(quiet) is None
    assert ask(quiet, migration_status="migrating") is None

    assert quiet.story(begin) == []
    assert quiet.states(quiet.a) == {("managed", "complete")}


def test_audit_that_lasts_too_long_is_answered_500_and_goes_on(quiet: Originals) -> None:
    taken_by_b(quiet)
    stall = quiet.b.fail(Stall("GET", "/v1.0/subcloud-peer-groups/.*/subclouds"))

    with pytest.raises(RefusedError) as refused:
        ask(quiet)
    stall.release()

    assert refused.value.code == 500
    wait_until("A follows", lambda: quiet.a.group(GROUP).leader_id == quiet.b.uuid)


def test_peer_that_cannot_be_read_is_the_message_of_the_audit(quiet: Originals) -> None:
    quiet.b.fail(Answer(503, b"busy", "GET", "/v1.0/subcloud-peer-groups/.*/subclouds"))
    assert "answered 503" in str(ask(quiet))


# -- A peer that migrates --


def test_every_member_is_let_go_while_the_peer_migrates(quiet: Originals) -> None:
    assert ask(quiet, migration_status="migrating") is None

    assert quiet.states(quiet.a) == {("unmanaged", "rehome-pending")}
    assert [site.association(GROUP).sync_status for site in (quiet.a, quiet.b)] == ["out-of-sync"] * 2
    assert quiet.a.group(GROUP).leader_id == quiet.a.uuid
    assert quiet.a.group(GROUP).migration_status is None


# -- A peer that has migrated --


def test_member_that_the_peer_lacks_is_deleted_though_it_was_managed(quiet: Originals) -> None:
    taken_by_b(quiet)
    with quiet.b.rows() as rows:
        rows.subclouds.remove(rows.members(quiet.b.group(GROUP).id)[0])

    assert ask(quiet) is None

    assert len(of_a(quiet)) == 1
    with quiet.a.rows() as rows:
        assert len(list(rows.subclouds)) == 1


def test_member_that_the_peer_did_not_take_stays_managed(quiet: Originals) -> None:
    assert ask(quiet) is None

    assert quiet.states(quiet.a) == {("managed", "complete")}
    assert quiet.a.group(GROUP).leader_id == quiet.b.uuid


def test_peer_is_reset_in_an_audit_that_changes_nothing(quiet: Originals) -> None:
    taken_by_b(quiet)
    assert ask(quiet) is None
    before, begin = (of_a(quiet), quiet.a.group(GROUP)), quiet.mark()

    assert ask(quiet) is None

    assert "A→B PATCH subcloud-peer-groups/coast" in quiet.story(begin)
    assert (of_a(quiet), quiet.a.group(GROUP)) == before


def test_leader_stays_when_the_peer_names_another_one(quiet: Originals) -> None:
    taken_by_b(quiet)

    assert ask(quiet, system_leader_id=quiet.a.uuid) is None

    assert quiet.a.group(GROUP).leader_id == quiet.a.uuid
    assert quiet.states(quiet.a) == {("unmanaged", "secondary")}
    assert quiet.a.alarms() == set()


def test_reset_that_is_refused_ends_the_audit_before_the_status_is_told(quiet: Originals) -> None:
    taken_by_b(quiet)
    quiet.b.fail(Answer(409, b"", "PATCH", f"/v1.0/subcloud-peer-groups/{GROUP}"))
    begin = quiet.mark()

    assert "answered 409" in str(ask(quiet))

    assert quiet.story(begin)[-1] == "A→B PATCH subcloud-peer-groups/coast"


def test_body_without_id_makes_the_association_fail(quiet: Originals) -> None:
    taken_by_b(quiet)
    without = {key: value for key, value in body(quiet).items() if key != "id"}

    assert quiet.at_a.call("PATCH", AUDIT, json=without) == {"message": None}

    association = quiet.a.association(GROUP)
    assert association.sync_status == "failed"
    assert association.sync_message == ("Failed to update peer site 'B' association sync_status to 'in-sync'")
    assert quiet.states(quiet.a) == {("unmanaged", "secondary")}


def test_slow_audit_of_a_peer_is_patiently_waited_for(quiet: Originals) -> None:
    quiet.a.fail(Delay(0.5, "PATCH", AUDIT))

    quiet.migrate(quiet.b)

    wait_until("the answer", lambda: [it.code for it in quiet.b.record.entries("sent", path=AUDIT)] == [200])


# -- What differs between the versions --


@pytest.mark.parametrize("version", list(Version), ids=lambda version: str(version.name))
def test_audit_pulls_values_of_a_peer_that_is_out_of_sync(version: Version) -> None:
    with Originals(version) as originals:
        originals.share(count=1)
        originals.hold_heartbeats()
        taken_by_b(originals)
        with originals.b.rows() as rows:
            for each in rows.subclouds:
                assert each.saved_payload is not None
                each.saved_payload["bootstrap-address"] = "10.128.0.99"
            for association in rows.associations:
                association.change(sync_status="out-of-sync")

        assert ask(originals) is None

        (member,) = of_a(originals)
        assert member.saved_payload is not None
        pulled = member.saved_payload["bootstrap-address"] == "10.128.0.99"
        assert pulled == (version is not Version.V1)
        gateway = "10.33.0.1" if version is Version.V2 else "10.32.0.1"
        assert member.saved_payload[GATEWAY] == gateway
        assert originals.b.association(GROUP).sync_status == "in-sync"


@pytest.mark.parametrize("version", list(Version), ids=lambda version: str(version.name))
@pytest.mark.parametrize("status", ["rehome-failed", "rehome-prep-failed"])
def test_audit_takes_over_what_failed_at_the_peer(version: Version, status: str) -> None:
    with Originals(version) as originals:
        originals.share(count=1)
        originals.hold_heartbeats()
        set_b(originals, deploy_status=status)
        with originals.b.rows() as rows:
            for association in rows.associations:
                association.change(sync_status="out-of-sync")

        assert ask(originals) is None

        first = version is Version.V1
        assert originals.states(originals.a) == {("managed", "complete" if first else "rehome-failed")}
        assert originals.b.association(GROUP).sync_status == ("in-sync" if first else "out-of-sync")
        # The first version follows only when a member changed.
        leader = originals.a if first else originals.b
        assert originals.a.group(GROUP).leader_id == leader.uuid


def test_values_without_a_gateway_end_the_audit(quiet: Originals) -> None:
    taken_by_b(quiet)
    with quiet.b.rows() as rows:
        for association in rows.associations:
            association.change(sync_status="out-of-sync")
        for each in rows.subclouds:
            assert each.saved_payload is not None
            del each.saved_payload[GATEWAY]
    begin = quiet.mark()

    assert GATEWAY in str(ask(quiet))

    assert "A→B PATCH subcloud-peer-groups/coast" not in quiet.story(begin)
