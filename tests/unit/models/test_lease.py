"""A lease that ends later than any holder can have meant: the clock was ahead when it was taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcapi.models.lease import LONGEST_SECONDS, LeaseRow
from dcapi.settings import LIMITS
from dcapi.sync.watch.monitor import LEASE_INTERVALS

NOW = 1_700_000_000.0
HOUR = 3600.0


def row(*, taken_at: float, seconds: float, kept: bool = True) -> LeaseRow:
    return LeaseRow("association:1", "one", 1, taken_at + seconds, seconds if kept else 0.0)


@given(
    seconds=st.floats(1, LONGEST_SECONDS),
    clock_ahead=st.floats(-1, 1),
    reading_age=st.floats(0, 30),
    passed=st.floats(0, LONGEST_SECONDS),
    kept=st.booleans(),
)
def test_no_lease_that_was_just_taken_or_renewed_ends_too_late(
    seconds: float, clock_ahead: float, reading_age: float, passed: float, kept: bool
) -> None:
    taken = row(taken_at=NOW + clock_ahead, seconds=seconds, kept=kept)

    assert not taken.ends_too_late(NOW + passed - reading_age)


@given(seconds=st.floats(1, 0.9 * LONGEST_SECONDS), ahead=st.floats(62, 10**9))
def test_a_lease_that_was_taken_by_a_clock_ahead_ends_too_late(seconds: float, ahead: float) -> None:
    assert row(taken_at=NOW + ahead, seconds=seconds).ends_too_late(NOW)


@pytest.mark.parametrize(("days", "too_late"), [(1, False), (16, False), (18, True)])
def test_a_lease_of_unknown_length_is_believed_up_to_the_longest(days: float, *, too_late: bool) -> None:
    found = LeaseRow("peer:1", "one", 1, NOW + days * 24 * HOUR, 0.0)

    assert found.ends_too_late(NOW) == too_late


def test_no_setting_makes_a_lease_longer_than_the_longest() -> None:
    highest = {name: limit for name, _, limit in LIMITS}

    assert highest["LEASE_SECONDS"] <= LONGEST_SECONDS
    assert highest["HEARTBEAT_INTERVAL_MAX"] * LEASE_INTERVALS <= LONGEST_SECONDS
