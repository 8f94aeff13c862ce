"""When ``migrating`` at an original is taken for left over."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.peers.remote import RemoteGroup
from dcapi.sync.leftover import Leftover, Note, Reading, date_of, judge, observe, reading_of
from tests.groups import group_values
from tests.unit.sync.builders import copy_of, member

PATIENCE = 10.0
MIGRATING = Reading(migrating=True, changed_at="monday")


def group(**values: Any) -> RemoteGroup:
    return RemoteGroup(id=3, **vars(group_values(migration_status="migrating", **values)))


def test_a_first_reading_is_noted_with_its_time_and_the_copys_date() -> None:
    assert observe(None, MIGRATING, 100.0) == Note(100.0, "monday")


def test_a_reading_of_the_same_keeps_the_time_of_the_first() -> None:
    first = Note(100.0, "monday")
    assert observe(first, MIGRATING, 500.0) is first


@pytest.mark.parametrize(
    "contradiction",
    [Reading(migrating=False, changed_at="monday"), Reading(migrating=True, changed_at="monday", moves=True)],
)
def test_what_contradicts_a_note_clears_it(contradiction: Reading) -> None:
    assert observe(Note(100.0, "monday"), contradiction, 200.0) is None


def test_a_copy_that_changed_begins_a_new_note() -> None:
    assert observe(Note(100.0, "sunday"), MIGRATING, 200.0) == Note(200.0, "monday")


def test_a_clock_that_was_set_back_begins_a_new_note() -> None:
    assert observe(Note(900.0, "monday"), MIGRATING, 200.0) == Note(200.0, "monday")


def test_a_note_from_before_the_clock_was_set_shows_nothing() -> None:
    """An hour ahead, a migration that has just begun looks like one that is left over."""
    note = Note(100.0, "monday")
    assert observe(note, MIGRATING, 3701.0, set_at=3700.0) == Note(3701.0, "monday")
    assert observe(note, MIGRATING, 500.0, set_at=100.0) is note


@pytest.mark.parametrize(
    ("now", "found"), [(100.0, Leftover.PERHAPS), (129.9, Leftover.PERHAPS), (130.0, Leftover.STALE)]
)
def test_a_note_is_stale_after_three_times_the_patience(now: float, found: Leftover) -> None:
    assert judge(Note(100.0, "monday"), None, now=now, patience=PATIENCE) is found


def test_a_copy_that_was_reset_and_kept_its_date_is_stuck() -> None:
    assert judge(Note(100.0, "monday"), "monday", now=100.0, patience=PATIENCE) is Leftover.STUCK
    assert judge(Note(100.0, "tuesday"), "monday", now=100.0, patience=PATIENCE) is Leftover.PERHAPS


def test_nothing_is_known_without_a_note() -> None:
    assert judge(None, "monday", now=900.0, patience=PATIENCE) is Leftover.NONE


@pytest.mark.parametrize(
    ("deploy", "management", "moves"),
    [
        ("pre-rehome", "unmanaged", True),
        ("rehoming", "unmanaged", True),
        ("complete", "unmanaged", True),
        ("complete", "managed", False),
        ("secondary", "unmanaged", False),
        ("rehome-failed", "unmanaged", False),
        ("rehome-prep-failed", "unmanaged", False),
        ("rehome-pending", "unmanaged", False),
    ],
)
def test_a_member_on_its_way_shows_that_the_group_is_migrated(
    deploy: str, management: str, moves: bool
) -> None:
    copies = [
        copy_of(member("edge-2")),
        copy_of(member(), deploy_status=deploy, management_state=management),
    ]
    assert reading_of(group(), copies).moves is moves


def test_a_copy_that_never_changed_has_a_date_too() -> None:
    assert date_of(group()) == ""
    assert judge(Note(0.0, ""), None, now=100.0, patience=PATIENCE) is Leftover.STALE
