"""Scenario 12: the other end runs the original; it is lost, its group is taken over and goes home again."""

from __future__ import annotations

from dcapi.lab.expectations import expect, expect_equal
from dcapi.lab.gateways import GATEWAYS_A, GATEWAYS_B, primary_address
from dcapi.lab.members import DUPLEX_DUAL, SIMPLEX, SYSADMIN_PASSWORD
from dcapi.lab.operator import Json, Operator
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.pair import OUTCOME_SECONDS, Pair, peer_fields
from dcapi.lab.polling import wait_until, wait_until_still
from dcapi.lab.scenarios.takeover import FOLLOWING, LED, expect_members, take_over, wait_members
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS, PRIORITY_AT_B

# Of the IP version of A's gateway that the original knows, one of both versions.
SAMPLES = (SIMPLEX, DUPLEX_DUAL)
# So many times faster than a site's clock goes that of the stand-in: its steps take seconds, not minutes.
HASTE = 20
# Its ids are unlike those of A, as they are between sites that did not begin on one day.
FIRST_ID = 31
# A storm would be several audits a second.
QUIET_SECONDS = 5.0
AUDITS = "/v1.0/subcloud-peer-groups/.*/audit"


def lost_original_is_taken_over(pair: Pair) -> None:
    """Scenario 12."""
    with (
        OriginalSite("original", clock=Clock(HASTE), first_id=FIRST_ID) as original,
        original.operator() as at_original,
    ):
        with pair.step(f"an original shares a group of {len(SAMPLES)} members with A: in sync on both sites"):
            name = _share_group(pair, original, at_original)
        with pair.step("the original is lost, and A takes the group over") as note:
            original.kill()
            take_over(pair.at_a, pair.a, name, note)
            expect_members(pair.at_a, name, LED)
        with pair.step("the original comes back and follows: its members are secondary"):
            original.start()
            _wait_following(at_original, pair.at_a, name)
            _expect_leader(pair, at_original, name, pair.a.uuid)
        with pair.step("both are quiet: nobody asks for one audit after another"):
            _expect_quiet(original)
        with pair.step("the original takes the group home, from an A that is alive"):
            at_original.migrate(name, SYSADMIN_PASSWORD)
            wait_members(at_original, name, LED)
            _wait_following(pair.at_a, at_original, name)
            _expect_leader(pair, at_original, name, original.uuid)
        with pair.step("both are quiet again, and a sync leaves both in sync"):
            _expect_quiet(original)
            _sync(pair, at_original, name)
        _part(pair, original)


def _share_group(pair: Pair, original: OriginalSite, at_original: Operator) -> str:
    """Introduce both sites, and let the original share a group with A; returns its name."""
    pair.at_a.create("system-peers", peer_fields(original, original.endpoint, GATEWAYS_B))
    # An original knows one gateway of a site.
    own = peer_fields(pair.a, f"{pair.a.url}/v3", primary_address(GATEWAYS_A))
    peer = at_original.create("system-peers", own)
    members = [pair.new_member("buoy", sample) for sample in SAMPLES]
    name = f"group-of-{members[0].name}"
    group = at_original.create(GROUPS, {"peer-group-name": name})
    for new in members:
        original.add_member(name, new)
    at_original.create(
        ASSOCIATIONS,
        {
            "peer_group_id": group["id"],
            "system_peer_id": peer["id"],
            "peer_group_priority": PRIORITY_AT_B,
        },
    )
    _wait_in_sync(pair, at_original, name)
    return name


def _associations(operator: Operator, name: str) -> list[Json]:
    """The associations of a group; none where the group, or its association, is not there yet."""
    group = operator.find(GROUPS, name)
    return [one for one in operator.listed(ASSOCIATIONS) if group and one["peer-group-id"] == group["id"]]


def _wait_in_sync(pair: Pair, at_original: Operator, name: str) -> None:
    wait_until(
        f"{name} to be in sync on both sites",
        lambda: [
            [one["sync-status"] for one in _associations(site, name)] for site in (at_original, pair.at_a)
        ],
        lambda seen: seen == [["in-sync"], ["in-sync"]],
        within=OUTCOME_SECONDS,
    )


def _wait_following(follower: Operator, leader: Operator, name: str) -> None:
    """Wait until a site follows, and the other one is told so: nothing is left of the migration."""
    wait_members(follower, name, FOLLOWING)
    wait_until(
        f"nobody to say more of a migration of {name}",
        lambda: [operator.one(GROUPS, name)["migration_status"] for operator in (follower, leader)],
        lambda seen: seen == [None, None],
        within=OUTCOME_SECONDS,
    )


def _expect_leader(pair: Pair, at_original: Operator, name: str, uuid: str) -> None:
    for operator in (pair.at_a, at_original):
        expect_equal("leader of the group", operator.one(GROUPS, name)["system_leader_id"], uuid)


def _expect_quiet(original: OriginalSite) -> None:
    """Expect at most one request for an audit, either way, once the sites have come to rest."""

    def asked() -> int:
        return len(original.record.entries(path=AUDITS))

    before = wait_until_still("requests for audits to come to an end", asked, seconds=QUIET_SECONDS / 5)
    wait_until_still("both sites to be quiet", asked, seconds=QUIET_SECONDS)
    expect(
        asked() - before <= 1, f"at most one request for an audit in {QUIET_SECONDS:g} s: {asked() - before}"
    )


def _sync(pair: Pair, at_original: Operator, name: str) -> None:
    at_original.sync(_associations(at_original, name)[0]["id"])
    _wait_in_sync(pair, at_original, name)


def _part(pair: Pair, original: OriginalSite) -> None:
    """Take the peer from A again: other scenarios follow, and this one's other site goes."""
    peer = pair.at_a.one("system-peers", original.name)
    for one in pair.at_a.listed(ASSOCIATIONS):
        if one["system-peer-id"] == peer["id"]:
            pair.at_a.delete(ASSOCIATIONS, one["id"])
    pair.at_a.delete("system-peers", peer["id"])
