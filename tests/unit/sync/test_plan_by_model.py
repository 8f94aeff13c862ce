"""A plan that was done leaves nothing to do: random members, copies and ledgers at a peer that is a dict."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from dcapi.models.states import COPY_STATES, Deploy
from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values.member import Member
from dcapi.sync.values.plan import Plan, Pushed, make_plan
from tests.subcloud_forms import bootstrap_values
from tests.unit.sync.builders import copy_of, member

GROUP = 3
INSTALL_KINDS = {
    "none": None,
    "with a password": {"bmc_password": "c2VjcmV0"},
    "with a name": {"bmc_username": "mate"},
}
REGIONS = ["north", "south", "east", "west"]

texts = st.sampled_from(["", "rack 4", "rack 5"])
passwords = st.sampled_from(["c2VjcmV0", "b3RoZXI="])
regions = st.sampled_from(REGIONS)


@st.composite
def members_of(draw: st.DrawFn, region: str) -> Member:
    name = draw(st.sampled_from([region, f"{region}-renamed"]))
    return made(name, region, draw(texts), draw(passwords), draw(st.sampled_from(sorted(INSTALL_KINDS))))


@cache
def made(name: str, region: str, description: str, password: str, install: str) -> Member:
    """One of the few members that there are: each is digested once."""
    return member(
        name,
        region_name=region,
        description=description,
        bootstrap_values=bootstrap_values(admin_password=password),
        install_values=INSTALL_KINDS[install],
    )


@st.composite
def copies_of(draw: st.DrawFn, region: str, states: list[str]) -> RemoteSubcloud:
    return copy_of(
        draw(members_of(region)),
        deploy_status=draw(st.sampled_from(states)),
        peer_group_id=draw(st.sampled_from([GROUP, GROUP, None])),
    )


@st.composite
def ledgers_of(draw: st.DrawFn, region: str) -> Pushed:
    wanted = draw(members_of(region))
    return Pushed(wanted.name, draw(st.sampled_from([None, wanted.digest])), draw(st.booleans()))


def some(draw: st.DrawFn) -> list[str]:
    return sorted(draw(st.sets(regions)))


@st.composite
def situations(
    draw: st.DrawFn, states: list[str]
) -> tuple[list[Member], list[RemoteSubcloud], dict[str, Pushed]]:
    return (
        [draw(members_of(region)) for region in some(draw)],
        [draw(copies_of(region, states)) for region in some(draw)],
        {region: draw(ledgers_of(region)) for region in some(draw)},
    )


def arrived(wanted: Member, before: RemoteSubcloud | None) -> RemoteSubcloud:
    """What a peer shows of a member that it was sent; install values that are not sent stay."""
    shown = copy_of(wanted, peer_group_id=GROUP)
    kept = before.install_values if before is not None else None
    return replace(shown, install_values=wanted.payload.install_values or kept)


def done(plan: Plan, there: dict[str, RemoteSubcloud], ledger: dict[str, Pushed]) -> None:
    """Do a plan at a peer that takes everything."""
    for removal in plan.remove:
        name = ledger[removal.region_name].name
        there.pop(removal.region_name, None)
        ledger[removal.region_name] = Pushed(name, None, removed=True)
    for wanted, copy in plan.replace:
        assert there.pop(wanted.region_name) == copy
    for wanted in [*plan.create, *plan.update, *(one for one, _ in plan.replace)]:
        there[wanted.region_name] = arrived(wanted, there.get(wanted.region_name))
        ledger[wanted.region_name] = Pushed(wanted.name, wanted.digest)


def listed(there: dict[str, RemoteSubcloud]) -> list[RemoteSubcloud]:
    """What the group's list shows; a copy may stand outside of the group."""
    return [copy for copy in there.values() if copy.peer_group_id == GROUP]


def regions_in(plan: Plan) -> list[str]:
    """Of all subclouds that a plan touches."""
    sent = [*plan.create, *plan.update, *(one for one, _ in plan.replace)]
    return [one.region_name for one in sent] + [one.region_name for one in plan.remove]


@given(situations([Deploy.SECONDARY]))
def test_done_plan_leaves_only_what_was_not_sent_from_here(
    situation: tuple[list[Member], list[RemoteSubcloud], dict[str, Pushed]],
) -> None:
    members, copies, ledger = situation
    there = {copy.region_name: copy for copy in copies}
    plan = make_plan(members, listed(there), ledger)
    done(plan, there, ledger)
    left = make_plan(members, listed(there), ledger)
    assert left.changes == 0
    assert left.problems == plan.problems
    assert {one.region_name for one in members} <= set(there)


@given(situations([status for status in Deploy if status not in COPY_STATES]))
def test_what_is_no_secondary_is_never_touched(
    situation: tuple[list[Member], list[RemoteSubcloud], dict[str, Pushed]],
) -> None:
    members, copies, ledger = situation
    shown = [copy for copy in copies if copy.peer_group_id == GROUP]
    plan = make_plan(members, shown, ledger)
    touched = set(regions_in(plan))
    assert not touched & {copy.region_name for copy in shown}


@given(situations([Deploy.SECONDARY]))
def test_every_subcloud_is_in_one_part_of_a_plan_alone(
    situation: tuple[list[Member], list[RemoteSubcloud], dict[str, Pushed]],
) -> None:
    members, copies, ledger = situation
    plan = make_plan(members, [copy for copy in copies if copy.peer_group_id == GROUP], ledger)
    regions_named = regions_in(plan)
    assert len(regions_named) == len(set(regions_named))
