"""A migration of a stand-in: what it asks for each member, what spoils one, and what a kill leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcapi.lab.faults import Answer, Close, Delay, Stall
from dcapi.lab.members import member
from dcapi.lab.operator import RefusedError
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.original.record import Entry
from dcapi.lab.original.rows import Subcloud
from dcapi.lab.polling import wait_until
from tests.integration.lab_original.originals import GROUP, PASSWORD, Originals

REGION = "/v1.0/subclouds/[0-9a-f]{32}"
DETAIL = f"{REGION}/detail"

LETTING_GO = {"management-state": "unmanaged", "migrate": "true"}
TAKEN = ("managed", "complete")
UNTOUCHED = ("unmanaged", "secondary")


@pytest.fixture
def pair() -> Iterator[Originals]:
    """Two sites with a group of one member."""
    with Originals() as made:
        made.share(count=1)
        yield made


def asked_for(site: OriginalSite) -> list[Entry]:
    """What a site asked for a member, in the order of its asking."""
    return [it for it in site.record.entries("sent", path=f"{REGION}.*") if it.user_agent == "dcmanager/1.0"]


def state(subcloud: Subcloud) -> tuple[str, str]:
    return subcloud.management_state, subcloud.deploy_status


def only(originals: Originals, site: OriginalSite) -> tuple[str, str]:
    (found,) = originals.states(site)
    return found


def test_managed_member_is_asked_for_with_both_fields(pair: Originals) -> None:
    pair.migrate(pair.b)

    look, request = asked_for(pair.b)
    assert (look.method, request.method) == ("GET", "PATCH")
    assert request.body == LETTING_GO
    assert only(pair, pair.b) == TAKEN


def test_unmanaged_member_is_asked_for_with_migrate_alone(pair: Originals) -> None:
    with pair.a.rows() as rows:
        for each in rows.subclouds:
            each.management_state = "unmanaged"

    pair.migrate(pair.b)

    assert [each.body for each in asked_for(pair.b)] == [None, {"migrate": "true"}]
    assert only(pair, pair.b) == TAKEN


def test_member_that_was_let_go_is_not_asked_for(pair: Originals) -> None:
    with pair.a.rows() as rows:
        for each in rows.subclouds:
            each.let_go()

    pair.migrate(pair.b)

    assert [each.method for each in asked_for(pair.b)] == ["GET"]
    assert only(pair, pair.b) == TAKEN


def test_member_that_the_peer_lacks_is_taken_over(pair: Originals) -> None:
    with pair.a.rows() as rows:
        for each in rows.subclouds:
            each.region_name = "0" * 32

    pair.migrate(pair.b)

    assert [(each.method, each.code) for each in asked_for(pair.b)] == [("GET", 404)]
    assert only(pair, pair.b) == TAKEN


def test_refused_member_is_spoiled_though_a_later_try_succeeds(pair: Originals) -> None:
    pair.a.fail(Answer(400, b"{}", "PATCH", REGION, times=1))

    pair.migrate(pair.b)

    tries = asked_for(pair.b)
    assert [(each.method, each.code) for each in tries] == [
        ("GET", 200),
        ("PATCH", 400),
        ("GET", 200),
        ("PATCH", 200),
    ]
    assert only(pair, pair.b) == UNTOUCHED
    assert pair.b.group(GROUP).leader_id == pair.b.uuid
    # Nobody manages it, and the old leader follows all the same.
    assert only(pair, pair.a) == ("unmanaged", "rehome-pending")
    wait_until("A follows", lambda: pair.a.group(GROUP).leader_id == pair.b.uuid)


@pytest.mark.parametrize("fault", [Answer(200, b"[]", "PATCH", REGION), Close("PATCH", REGION)], ids=str)
def test_three_refusals_come_without_a_pause(pair: Originals, fault: Answer | Close) -> None:
    # A pause would be a minute.
    pair.b.switches.clock = Clock(1 / 60)
    pair.b.switches.playbook_seconds = 0
    pair.a.fail(fault)

    pair.migrate(pair.b)

    assert [each.method for each in asked_for(pair.b)] == ["GET", "PATCH"] * 3
    assert only(pair, pair.b) == UNTOUCHED
    assert only(pair, pair.a) == TAKEN


def test_late_answer_does_no_harm(pair: Originals) -> None:
    pair.a.fail(Delay(0.5, "PATCH", REGION, on_answer=True))

    pair.migrate(pair.b)

    assert [each.method for each in asked_for(pair.b)] == ["GET", "PATCH"]
    assert only(pair, pair.b) == TAKEN


def test_answer_that_does_not_come_within_the_limit_spoils_the_member(pair: Originals) -> None:
    pair.hold_heartbeats()
    # Six hundred seconds of waiting are one.
    pair.b.switches.clock = Clock(600)
    stall = pair.a.fail(Stall("PATCH", REGION, times=1))

    pair.migrate(pair.b)
    stall.release()

    assert [(each.method, each.code) for each in asked_for(pair.b)] == [
        ("GET", 200),
        ("PATCH", None),
        ("GET", 200),
        ("PATCH", 200),
    ]
    assert only(pair, pair.b) == UNTOUCHED


@pytest.mark.parametrize("code", [401, 404, 500, 503])
def test_three_failing_looks_lead_to_a_takeover_unasked(pair: Originals, code: int) -> None:
    pair.a.fail(Answer(code, b"{}", "GET", DETAIL))

    pair.migrate(pair.b)

    looks = [each for each in asked_for(pair.b) if each.code == code]
    # A refused token is renewed once for each try.
    assert len(looks) == (6 if code == 401 else 3)
    assert looks[-1].began - looks[0].began >= 2 * pair.b.switches.clock.real(1)
    assert only(pair, pair.b) == TAKEN
    assert [each.method for each in asked_for(pair.b) if each.method == "PATCH"] == []


def test_peer_that_is_not_available_is_neither_asked_nor_told(pair: Originals) -> None:
    pair.hold_heartbeats()
    with pair.b.rows() as rows:
        for peer in rows.peers:
            peer.availability = "unavailable"

    pair.migrate(pair.b)
    wait_until("it is managed", lambda: only(pair, pair.b) == TAKEN)

    assert asked_for(pair.b) == []
    assert pair.b.record.entries("sent", "PATCH") == []
    assert pair.b.group(GROUP).migration_status == "complete"


def test_failing_takeovers_have_their_statuses_and_end() -> None:
    with Originals() as originals:
        originals.share(count=4, side_by_side=4)
        names = sorted(originals.b.members(GROUP))
        switches = originals.b.switches
        switches.failing_playbooks, switches.failing_preparations = {names[0]}, {names[1]}
        switches.never_online, switches.online_seconds = {names[2]}, 1
        # Nine hundred seconds of waiting are half a second.
        switches.clock = Clock(1800)

        originals.migrate(originals.b)

        assert [state(each) for _, each in sorted(originals.b.members(GROUP).items())] == [
            ("unmanaged", "rehome-failed"),
            ("unmanaged", "rehome-prep-failed"),
            ("unmanaged", "complete"),
            ("managed", "complete"),
        ]
        wait_until("A follows", lambda: originals.a.group(GROUP).leader_id == originals.b.uuid)
        wait_until("B is reset", lambda: originals.b.group(GROUP).migration_status is None)
        assert [state(each) for _, each in sorted(originals.a.members(GROUP).items())] == [
            ("unmanaged", "rehome-failed"),
            ("unmanaged", "rehome-failed"),
            ("unmanaged", "rehome-pending"),
            ("unmanaged", "secondary"),
        ]


def test_members_are_taken_over_side_by_side_up_to_the_limit() -> None:
    with Originals() as originals:
        originals.share(count=3, side_by_side=2)
        stall = originals.a.fail(Stall("PATCH", REGION))
        originals.at_b.migrate(GROUP, PASSWORD)

        stall.wait_taken(2)
        assert len([each for each in asked_for(originals.b) if each.method == "GET"]) == 2
        stall.release()
        wait_until("all are managed", lambda: originals.states(originals.b) == {TAKEN})


# -- The call --


def refusal(originals: Originals, group: str = GROUP) -> tuple[int, str]:
    with pytest.raises(RefusedError) as refused:
        originals.at_b.migrate(group, PASSWORD)
    return refused.value.code, refused.value.text


def test_second_call_while_a_member_moves_is_refused(pair: Originals) -> None:
    pair.b.switches.playbook_seconds = 10
    pair.at_b.migrate(GROUP, PASSWORD)
    wait_until("it moves", lambda: only(pair, pair.b)[1] == "rehoming")

    assert refusal(pair)[0] == 500


def test_migration_of_another_group_meanwhile_is_answered_and_dropped(pair: Originals) -> None:
    pair.at_b.create("subcloud-peer-groups", {"peer-group-name": "hills"})
    taken = pair.b.add_member("hills", member(9))
    with pair.b.rows() as rows:
        rows.subclouds[taken.id].change(management_state="unmanaged", deploy_status="secondary")
    pair.b.switches.playbook_seconds = 10
    pair.at_b.migrate(GROUP, PASSWORD)
    wait_until("it moves", lambda: only(pair, pair.b)[1] == "rehoming")

    assert len(pair.at_b.migrate("hills", PASSWORD)) == 1

    wait_until("the first one ends", lambda: only(pair, pair.b) == TAKEN)
    assert pair.b.group("hills").migration_status is None
    assert state(pair.b.members("hills")[taken.name]) == UNTOUCHED


def test_leader_has_nothing_to_migrate_nor_has_who_let_go(pair: Originals) -> None:
    with pytest.raises(RefusedError, match="Nothing to migrate, no secondary subcloud") as refused:
        pair.at_a.migrate(GROUP, PASSWORD)
    assert refused.value.code == 400
    with pair.b.rows() as rows:
        for each in rows.subclouds:
            each.let_go()

    assert refusal(pair) == (400, "Nothing to migrate, no secondary subcloud in peer group coast")


def test_migration_needs_the_password(pair: Originals) -> None:
    path = f"/v1.0/subcloud-peer-groups/{GROUP}/migrate"
    with pytest.raises(
        RefusedError, match="Unable to migrate subcloud peer group: 31 need sysadmin_password"
    ):
        pair.at_b.call("PATCH", path, json={"sysadmin_password": ""})


# -- The audit that is asked for at the end --


def test_audit_that_fails_is_not_asked_for_again(pair: Originals) -> None:
    pair.hold_heartbeats()
    pair.a.fail(Answer(500, b"", "PATCH", ".*/audit"))

    pair.migrate(pair.b)
    pair.quiet_story()

    assert len(pair.b.record.entries("sent", "PATCH", ".*/audit")) == 1
    assert pair.b.group(GROUP).migration_status == "complete"
    assert only(pair, pair.a) == ("unmanaged", "rehome-pending")


# -- A kill in the middle --


def test_killed_migration_leaves_the_group_migrating(pair: Originals) -> None:
    pair.b.switches.playbook_seconds = 1000
    pair.at_b.migrate(GROUP, PASSWORD)
    wait_until("it moves", lambda: only(pair, pair.b)[1] == "rehoming")
    pair.b.kill()
    sent = len(pair.b.record)

    pair.b.start()

    assert only(pair, pair.b) == ("unmanaged", "rehome-failed")
    group = pair.b.group(GROUP)
    assert (group.migration_status, group.leader_id) == ("migrating", pair.a.uuid)
    assert pair.b.record.entries("sent", "PATCH", since=sent) == []


def test_kill_while_the_peer_is_asked_leaves_the_member_as_it_was(pair: Originals) -> None:
    stall = pair.a.fail(Stall("PATCH", REGION))
    pair.at_b.migrate(GROUP, PASSWORD)
    stall.wait_taken()
    pair.b.kill()

    stall.release()
    wait_until("A has answered", lambda: only(pair, pair.a) == ("unmanaged", "rehome-pending"))
    pair.b.start()

    wait_until("a heartbeat", lambda: pair.b.record.entries("sent", path=".*/subcloud-peer-groups"))
    assert only(pair, pair.b) == UNTOUCHED
    assert pair.b.group(GROUP).migration_status == "migrating"


def test_group_that_is_left_migrating_ignores_audits_until_it_is_reset(pair: Originals) -> None:
    with pair.b.rows() as rows:
        for group in rows.groups:
            group.change(migration_status="migrating")
    with pair.a.rows() as rows:
        for group in rows.groups:
            group.change(migration_status="complete")
    before, begin, sent = pair.b.members(GROUP), pair.mark(), len(pair.b.record)

    heartbeats = "/v1.0/subcloud-peer-groups"
    wait_until("heartbeats", lambda: len(pair.b.record.entries("sent", path=heartbeats, since=sent)) > 4)
    assert [line for line in pair.story(begin) if line.startswith("B→A")] == []
    assert pair.b.members(GROUP) == before
    with pair.b.rows() as rows:
        for group in rows.groups:
            group.change(migration_status=None)

    wait_until("B audits", lambda: pair.a.group(GROUP).migration_status is None)
