"""What other sites say of a group, and whether this one may go on to migrate it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcapi.peers.address import PeerAddress
from dcapi.peers.remote import RemoteGroup
from dcapi.sync.leftover import Leftover
from dcapi.sync.snapshot import Destination
from dcapi.sync.takeover.claim import Lost, Other, View, judge
from dcapi.sync.takeover.originals import Shown
from tests.groups import group_values

UUID = "11111111-2222-4333-8444-555555555555"
ADDRESS = PeerAddress(1, UUID, "site-c", "http://c/v3", "admin", "c2VjcmV0", "10.0.0.1", enabled=True)


def view(
    priority: int = 0,
    status: str | None = None,
    leader: str = UUID,
    *,
    associated: bool = True,
    rehomes: bool = False,
) -> View:
    values = group_values(priority=priority, migration_status=status, leader_id=leader)
    group = RemoteGroup(id=3, **vars(values))
    return View(other(associated=associated), answered=True, group=group, rehomes=rehomes)


def other(*, associated: bool) -> Other:
    return Other(ADDRESS, Destination(1, ADDRESS, 7, group_values(), 1, 3, 4) if associated else None)


def may_go_on(seen: View, priority: int, *, told: bool = False, tells: bool = False) -> bool:
    try:
        judge([seen], priority=priority, told=told, tells=tells)
    except Lost:
        return False
    return True


def test_an_associated_leader_that_is_alive_is_no_obstacle() -> None:
    assert may_go_on(view(), 1)


def test_a_site_without_the_group_is_no_obstacle() -> None:
    assert may_go_on(View(other(associated=False), answered=True), 1)
    assert may_go_on(View(other(associated=True), answered=False), 1)


@pytest.mark.parametrize(("mine", "theirs", "goes_on"), [(0, 1, True), (1, 0, False), (7, 0, False)])
def test_of_two_sites_that_migrate_the_lower_number_goes_on(mine: int, theirs: int, goes_on: bool) -> None:
    assert may_go_on(view(theirs, "migrating", rehomes=True), mine) is goes_on


def test_site_that_says_migrating_and_rehomes_nothing_decides_itself() -> None:
    """It may have heard of this very migration before it was told: an audit reads what is committed here."""
    assert may_go_on(view(0, "migrating"), 1)


@pytest.mark.parametrize("priority", [0, 1])
def test_a_site_that_had_said_so_before_and_still_migrates_is_let_be(priority: int) -> None:
    theirs = 1 - priority
    assert not may_go_on(view(theirs, "migrating"), priority, told=True)
    assert may_go_on(view(theirs, None), priority, told=True)


def test_after_a_restart_the_site_that_may_have_been_told_decides_itself() -> None:
    assert may_go_on(view(0, "migrating", rehomes=True), 1, tells=True)


@pytest.mark.parametrize("status", [None, "complete"])
def test_a_stranger_that_leads_a_group_of_this_name_keeps_it(status: str | None) -> None:
    assert not may_go_on(view(0, status, associated=False), 1)
    assert not may_go_on(view(0, status, UUID.upper(), associated=False), 1)


def test_a_stranger_that_migrates_a_group_of_this_name_keeps_it() -> None:
    assert not may_go_on(view(1, "migrating", "somebody-else", associated=False), 0)


def test_stranger_with_a_copy_led_elsewhere_is_no_obstacle() -> None:
    assert may_go_on(view(2, None, "somebody-else", associated=False), 1)


# -- An original --


def why_not(seen: View, shown: Shown, priority: int = 1) -> str:
    with pytest.raises(Lost) as lost:
        judge([replace(seen, shown=shown)], priority=priority, told=False, tells=True)
    return str(lost.value)


@pytest.mark.parametrize(("mine", "theirs"), [(0, 1), (1, 0)])
@pytest.mark.parametrize("known", [Leftover.NONE, Leftover.PERHAPS])
def test_original_that_migrates_is_given_way_to_whatever_the_priorities(
    mine: int, theirs: int, known: Leftover
) -> None:
    text = why_not(view(theirs, "migrating"), Shown(known), mine)
    assert text == "Site site-c is migrating the peer group."


def test_original_that_takes_no_reset_is_for_its_operator() -> None:
    text = why_not(view(0, "migrating"), Shown(Leftover.STUCK))
    assert text.endswith("cannot be told otherwise: run migrate there.")


def test_a_stale_migration_of_an_original_is_no_obstacle() -> None:
    assert may_go_on(replace(view(0, "migrating"), shown=Shown(Leftover.STALE)), 1, told=True)


def test_original_that_manages_what_was_let_go_for_it_is_named() -> None:
    text = why_not(view(0), Shown(kept=("edge-1", "edge-2")))
    assert text == "Site site-c manages edge-1, edge-2: migrate there again."


@pytest.mark.parametrize("status", [None, "complete"])
def test_an_original_that_leads_is_no_obstacle(status: str | None) -> None:
    assert may_go_on(replace(view(0, status), shown=Shown()), 1)
