"""What two originals do when one takes a group over from the other, request by request."""

from __future__ import annotations

import pytest

from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.original.rows import LED_ELSEWHERE, PEER_DISCONNECTED
from dcapi.lab.original.version import Version
from dcapi.lab.polling import wait_until
from tests.integration.lab_original.originals import GROUP, Originals

MANAGED = {("managed", "complete")}
COPIES = {("unmanaged", "secondary")}

RESET = {"migration_status": None}


def requests_for(member: str, taker: str, giver: str) -> list[str]:
    """What a site asks before it takes over a member that the other one manages."""
    way = f"{taker}→{giver}"
    return [f"{way} GET subclouds/{member}/detail", f"{way} PATCH subclouds/{member}"]


def audit(follower: str, leader: str, version: Version, *, primary: bool) -> list[str]:
    """What a site asks in an audit after which it follows the other one."""
    way = f"{follower}→{leader}"
    status = [f"{way} GET system-peers/{follower}", f"{way} GET peer-group-associations"]
    return [
        f"{way} GET subcloud-peer-groups/coast/subclouds",
        *(status if version.value.reads_sync_status else []),
        f"{way} PATCH subcloud-peer-groups/coast",
        *(status if primary else []),
    ]


def expect_led(originals: Originals, leader: OriginalSite, follower: OriginalSite) -> None:
    """Expect both to name the leader, which alone manages the members, and the alarm to say the same."""
    version = leader.switches.version
    assert {site.group(GROUP).leader_id for site in (leader, follower)} == {leader.uuid}
    assert originals.states(leader) == MANAGED
    assert originals.states(follower) == COPIES
    assert {each.availability for each in originals.members(follower)} == {"offline"}
    statuses = [site.group(GROUP).migration_status for site in (leader, follower)]
    assert statuses[0] == (None if version.value.stores_lone_status else "complete")
    if version.value.stores_lone_status:
        assert statuses[1] is None
    expect_led_elsewhere(originals, leader is originals.b)


def expect_led_elsewhere(originals: Originals, raised: bool) -> None:
    """Expect A to have, or not to have, the alarm that its group is led elsewhere; B never has it."""
    wanted = {(LED_ELSEWHERE, f"peer_group={GROUP},peer={originals.b.uuid}")} if raised else set()
    wait_until(
        "the alarm",
        lambda: {alarm for alarm in originals.a.alarms() if alarm[0] == LED_ELSEWHERE},
        lambda seen: seen == wanted,
    )
    assert LED_ELSEWHERE not in {alarm for alarm, _ in originals.b.alarms()}


def expect_in_sync(originals: Originals) -> None:
    for site in (originals.a, originals.b):
        wait_until(
            f"in-sync at {site.name}",
            lambda site=site: site.association(GROUP).sync_status,  # type: ignore[misc]
            lambda status: status == "in-sync",
        )


def wait_followed(originals: Originals, follower: OriginalSite, leader: OriginalSite, since: int) -> None:
    """Wait until a site has followed the other one, and has reset it since that moment."""
    wait_until(
        f"{follower.name} to follow",
        lambda: follower.group(GROUP).leader_id == leader.uuid and originals.states(follower) == COPIES,
    )
    wait_until(
        f"{follower.name} to reset {leader.name}",
        lambda: [
            (it.body, it.code) for it in originals.served("PATCH", f"subcloud-peer-groups/{GROUP}", since)
        ],
        lambda seen: (RESET, 200) in seen,
    )


def test_lost_site_follows_the_one_that_took_over(originals_of_each: Originals) -> None:
    originals, a, b = originals_of_each, originals_of_each.a, originals_of_each.b
    version = a.switches.version
    a.kill()
    originals.wait_unavailable(b, "A")
    assert {alarm for alarm, _ in b.alarms()} == {PEER_DISCONNECTED}
    begin = originals.mark()

    movers = originals.migrate(b)
    assert {each["deploy-status"] for each in movers} == {"secondary"}
    wait_until("B manages them", lambda: originals.states(b) == MANAGED)
    assert b.group(GROUP).migration_status == "complete"
    assert b.record.entries("sent", "PATCH", ".*/audit") == []
    # Both manage them until A has seen it.
    assert originals.states(a) == MANAGED
    # An audit of A ends between two heartbeats; the second version sends the first one after an interval.
    originals.set_interval(a, 30)
    a.start()

    wait_followed(originals, a, b, begin)
    expect_led(originals, b, a)
    expect_in_sync(originals)
    steps = audit("A", "B", version, primary=True)
    if version is Version.V1:
        # It ignores being reset, so A audits it at each heartbeat.
        assert wait_until("audits", lambda: originals.story(begin), lambda it: len(it) >= 8)[:8] == steps * 2
    else:
        assert originals.quiet_story(begin) == steps
    wait_until("A is there for B", lambda: b.alarms() == set())


def test_living_site_lets_go_and_follows(originals_of_each: Originals) -> None:
    originals, a, b = originals_of_each, originals_of_each.a, originals_of_each.b
    originals.hold_heartbeats()
    begin = originals.mark()

    originals.migrate(b)

    wait_followed(originals, a, b, begin)
    expect_led(originals, b, a)
    expect_in_sync(originals)
    assert originals.quiet_story(begin) == [
        *requests_for("r0", "B", "A"),
        *requests_for("r1", "B", "A"),
        "B→A PATCH subcloud-peer-groups/coast/audit",
        *audit("A", "B", a.switches.version, primary=True),
    ]


def test_audit_is_carried_out_before_its_answer(originals: Originals) -> None:
    originals.hold_heartbeats()
    begin = originals.mark()

    originals.migrate(originals.b)
    originals.quiet_story(begin)

    (asked,) = originals.served("PATCH", f"subcloud-peer-groups/{GROUP}/audit", begin)
    (reset,) = originals.served("PATCH", f"subcloud-peer-groups/{GROUP}", begin)
    assert asked.ended is not None
    assert reset.ended is not None
    assert asked.began < reset.began < reset.ended < asked.ended
    assert asked.body == {
        "id": originals.b.group(GROUP).id,
        "peer_group_name": GROUP,
        "group_priority": 3,
        "group_state": "enabled",
        "max_subcloud_rehoming": 1,
        "system_leader_id": originals.b.uuid,
        "system_leader_name": "B",
        "migration_status": "complete",
        "peer_uuid": originals.b.uuid,
    }


def test_calls_are_made_under_their_names(originals: Originals) -> None:
    originals.migrate(originals.b)
    originals.quiet_story()

    for site in (originals.a, originals.b):
        for entry in site.record.entries("sent", path="/v1.0/.*"):
            is_update = entry.method in ("POST", "PATCH", "DELETE") and "/subclouds" in entry.path
            is_reset = entry.method == "PATCH" and entry.path.endswith(f"/{GROUP}")
            is_look = site is originals.b and entry.path.endswith("/detail")
            assert (entry.user_agent == "dcmanager/1.0") == (is_update or is_reset or is_look), entry


def test_living_site_that_has_to_audit_lets_all_go_at_once(originals: Originals) -> None:
    originals.b.switches.playbook_seconds = 40
    begin = originals.mark()
    originals.at_b.migrate(GROUP, "Lamp*lighter6")
    wait_until("r0 is being rehomed", lambda: originals.b.members(GROUP)["r0"].deploy_status == "rehoming")

    originals.a.require_audits()

    pending = {("unmanaged", "rehome-pending")}
    wait_until("A lets all go", lambda: originals.states(originals.a) == pending)
    wait_until("A knows", lambda: originals.b.association(GROUP).sync_status == "out-of-sync")
    wait_followed(originals, originals.a, originals.b, begin)
    story = originals.quiet_story(begin)
    assert "B→A PATCH subclouds/r0" in story
    assert "B→A GET subclouds/r1/detail" in story
    assert "B→A PATCH subclouds/r1" not in story
    expect_led(originals, originals.b, originals.a)
    expect_in_sync(originals)


def test_group_comes_home_while_both_live(originals_of_each: Originals) -> None:
    originals, a, b = originals_of_each, originals_of_each.a, originals_of_each.b
    lead_elsewhere(originals)
    originals.hold_heartbeats()
    begin = originals.mark()

    originals.migrate(a)

    wait_followed(originals, b, a, begin)
    expect_led(originals, a, b)
    assert originals.quiet_story(begin) == [
        *requests_for("r0", "A", "B"),
        *requests_for("r1", "A", "B"),
        "A→B PATCH subcloud-peer-groups/coast/audit",
        *audit("B", "A", a.switches.version, primary=False),
    ]
    assert a.association(GROUP).sync_status == "in-sync"
    originals.sync()
    expect_in_sync(originals)


# Not V1: B would come back still ``complete``, so that either of them follows the other one.
@pytest.mark.parametrize("version", [Version.V2, Version.V3], ids=["V2", "V3"])
def test_group_comes_home_from_a_lost_site(version: Version) -> None:
    with Originals(version) as originals:
        originals.share()
        a, b = originals.a, originals.b
        lead_elsewhere(originals)
        b.kill()
        originals.wait_unavailable(a, "B")
        assert a.association(GROUP).sync_status == "unknown"
        assert (PEER_DISCONNECTED, f"peer={b.uuid}") in a.alarms()
        begin = originals.mark()

        originals.migrate(a)
        assert originals.story(begin) == []
        originals.set_interval(b, 30)
        b.start()

        wait_followed(originals, b, a, begin)
        expect_in_sync(originals)
        expect_led(originals, a, b)
        story = originals.quiet_story(begin)
        assert [line for line in story if line.startswith("B→A")] == audit("B", "A", version, primary=False)
        assert [line for line in story if line.startswith("A→B")] == [
            "A→B GET subcloud-peer-groups/coast",
            "A→B GET system-peers/A",
            "A→B GET peer-group-associations",
        ]
        assert a.alarms() == set()


def lead_elsewhere(originals: Originals) -> None:
    """Have B lead the group, and nothing due."""
    originals.migrate(originals.b)
    wait_followed(originals, originals.a, originals.b, 0)
    if originals.a.switches.version is not Version.V1:
        wait_until("nothing due", lambda: originals.b.group(GROUP).migration_status is None)
        originals.quiet_story()
    originals.settle()


def test_first_version_stays_complete_and_nothing_changes() -> None:
    with Originals(Version.V1) as originals:
        originals.share()
        lead_elsewhere(originals)
        expect_in_sync(originals)
        begin, before = originals.mark(), originals.a.group(GROUP)
        members = originals.members(originals.a)

        wait_until("audits", lambda: len(originals.story(begin)) > 12)

        assert originals.b.group(GROUP).migration_status == "complete"
        assert originals.a.group(GROUP) == before
        assert originals.members(originals.a) == members
