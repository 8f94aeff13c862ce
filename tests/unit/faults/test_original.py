"""The pure parts of the fault runs beside an original: what an operator does next, and what is a storm."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from dcapi.lab.original.record import SERVED, Entry
from dcapi.lab.original.version import Version
from tests.faults.original.checks import (
    STORM_AUDITS,
    STORM_SECONDS,
    group_unsettled,
    log_problems,
    most_within,
    plain,
    storms,
)
from tests.faults.original.picture import BY_HAND, Half, Picture, Seat, due_call, held_twice
from tests.faults.original.session import Shared

MANAGED = Seat("managed", "complete", held=True, waits=False)
COPY = Seat("unmanaged", "secondary", held=False, waits=True)
LET_GO = Seat("unmanaged", "rehome-pending", held=False, waits=False)


def half(site: str, seat: Seat, *, leader: str = "D", **values: Any) -> Half:
    given = {"status": None, "works": False, "sync_status": "in-sync", "message": "None"} | values
    return Half(leader=leader, leads=leader == site, members={"mill-1": seat}, **given)


def picture(d: Half, o: Half, primary: str = "D") -> Picture:
    return Picture(Shared("coast", primary, ("mill-1",)), d, o)


AT_HOME = picture(half("D", MANAGED), half("O", COPY))


def test_at_home_nothing_is_left_to_operators() -> None:
    assert due_call(AT_HOME) is None
    assert group_unsettled(AT_HOME, Version.V3) == []


@pytest.mark.parametrize(
    ("d", "o", "expected"),
    [
        (half("D", COPY, leader="O"), half("O", MANAGED, leader="O"), "D"),
        (half("D", LET_GO), half("O", COPY, status="migrating"), "O"),
        (half("D", COPY), half("O", LET_GO, status="migrating"), "D"),
        (half("D", LET_GO), half("O", LET_GO, status="migrating"), BY_HAND),
        (half("D", MANAGED, message="Site o … did not take over: mill-1."), half("O", COPY), "O"),
        (half("D", LET_GO, message="Site o manages it: migrate there again."), half("O", MANAGED), BY_HAND),
        (half("D", COPY, message="Not taken over from site o: mill-1."), half("O", LET_GO), "D"),
        (half("D", LET_GO, leader="O"), half("O", COPY, leader="O"), "O"),
        (half("D", MANAGED), half("O", COPY, leader="O"), "O"),
    ],
)
def test_operator_migrates_where_states_and_messages_say(d: Half, o: Half, expected: str) -> None:
    assert due_call(picture(d, o)) == expected


def test_member_that_o_took_and_died_over_is_abandoned() -> None:
    assert picture(half("D", LET_GO), half("O", MANAGED)).abandoned == ["mill-1"]
    assert picture(half("D", LET_GO), half("O", MANAGED, leader="O")).abandoned == []
    assert picture(half("D", LET_GO), half("O", MANAGED, works=True)).abandoned == []
    assert picture(half("D", LET_GO), half("O", COPY)).abandoned == []


def test_complete_may_stay_at_the_oldest_original_alone() -> None:
    seen = picture(half("D", MANAGED), half("O", COPY, status="complete"))
    assert group_unsettled(seen, Version.V1) == []
    assert group_unsettled(seen, Version.V2) == ["coast is complete at O"]


def test_member_that_nobody_manages_is_not_in_sync() -> None:
    seen = picture(half("D", LET_GO), half("O", COPY))
    assert group_unsettled(seen, Version.V3) == ["coast is in-sync at D, and nobody manages ['mill-1']"]


def test_handover_between_two_readings_is_no_double() -> None:
    here, gone, there = half("O", MANAGED), half("O", COPY), half("D", MANAGED)
    assert held_twice(here, there, here) == ["mill-1"]
    assert held_twice(here, there, gone) == []
    assert held_twice(gone, there, here) == []


@pytest.mark.parametrize(("moments", "most"), [([], 0), ([1], 1), ([5, 1, 2, 3], 3), ([0, 10, 20], 1)])
def test_most_of_the_moments_that_lie_within_a_time(moments: list[float], most: int) -> None:
    assert most_within(moments, 2.0) == most


def test_storm_is_more_requests_than_the_pauses_allow() -> None:
    def asked(count: int, code: int = 200) -> list[Entry]:
        apart = STORM_SECONDS / (count + 1)
        return [
            Entry(SERVED, "PATCH", "/audit", "", code=code, began=number * apart) for number in range(count)
        ]

    assert storms(asked(STORM_AUDITS)) == []
    assert len(storms(asked(STORM_AUDITS + 1))) == 1
    assert storms(asked(STORM_AUDITS + 1, code=503)) == []


def test_password_is_plain_however_often_it_was_encoded() -> None:
    once = base64.b64encode(b"Ebb&flow").decode()
    twice = base64.b64encode(once.encode()).decode()
    assert {plain(text) for text in ("Ebb&flow", once, twice)} == {"Ebb&flow"}


def test_traceback_and_answer_500_are_problems_of_the_log() -> None:
    access = "2026-11-30T15:00:37.732Z INFO 7 gunicorn.access [-] answered status={} "
    assert log_problems([access.format(503), access.format(409)]) == []
    assert len(log_problems([access.format(500), "Traceback (most recent call last):"])) == 2


def test_home_has_nothing_to_take_so_the_other_site_takes_first() -> None:
    """Each took one member over, and let the other one go for it."""
    shared = Shared("coast", "O", ("mill-1", "mill-2"))
    d = replace(half("D", MANAGED, leader="O"), members={"mill-1": MANAGED, "mill-2": COPY})
    o = replace(half("O", MANAGED, leader="O"), members={"mill-1": LET_GO, "mill-2": MANAGED})
    assert due_call(Picture(shared, d, o)) == "D"


def test_what_an_original_told_before_it_was_killed_stays_at_d() -> None:
    seen = picture(
        half("D", COPY, leader="O", sync_status="out-of-sync"), half("O", MANAGED, leader="O"), primary="O"
    )
    assert group_unsettled(seen, Version.V2, o_was_killed=True) == []
    [found] = group_unsettled(seen, Version.V2)
    assert found == "coast is out-of-sync at D, in-sync at O, and neither says why"
