"""What other sites say of a group, and whether this one may go on to migrate it."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.peers.address import PeerAddress
from dcapi.sync.migrate_claim import Lost, Other, View, judge

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
    group: dict[str, Any] = {
        "group_priority": priority,
        "migration_status": status,
        "system_leader_id": leader,
    }
    return View(Other(ADDRESS, associated), answered=True, group=group, rehomes=rehomes)


def may_go_on(seen: View, priority: int, *, told: bool = False, tells: bool = False) -> bool:
    try:
        judge([seen], priority=priority, told=told, tells=tells)
    except Lost:
        return False
    return True


def test_an_associated_leader_that_is_alive_is_no_obstacle() -> None:
    assert may_go_on(view(), 1)


def test_a_site_without_the_group_is_no_obstacle() -> None:
    assert may_go_on(View(Other(ADDRESS, associated=False), answered=True), 1)
    assert may_go_on(View(Other(ADDRESS, associated=True), answered=False), 1)


@pytest.mark.parametrize(("mine", "theirs", "goes_on"), [(0, 1, True), (1, 0, False), (7, 0, False)])
def test_of_two_sites_that_migrate_the_lower_number_goes_on(mine: int, theirs: int, goes_on: bool) -> None:
    assert may_go_on(view(theirs, "migrating", rehomes=True), mine) is goes_on


def test_a_site_that_says_so_and_rehomes_nothing_is_told_and_decides_itself() -> None:
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


def test_a_stranger_with_a_copy_of_a_group_that_another_site_leads_is_no_obstacle() -> None:
    assert may_go_on(view(2, None, "somebody-else", associated=False), 1)
