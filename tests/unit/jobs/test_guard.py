"""The bound on what request threads may do at once."""

from __future__ import annotations

import pytest

from dcapi.errors import TooBusy
from dcapi.jobs.quota import KeyedQuota, Quota


def test_there_is_room_up_to_the_limit_and_again_after_leaving() -> None:
    guard = Quota(2)
    with guard.attempt() as first, guard.attempt() as second:
        with guard.attempt() as third:
            assert (first, second, third) == (True, True, False)
        with guard.attempt() as fourth:
            assert not fourth
    with guard.attempt() as first, guard.attempt() as second:
        assert (first, second) == (True, True)


def test_whoever_needs_room_is_told_when_to_come_back() -> None:
    guard = Quota(1)
    with guard.require("the first one gets in"):
        with pytest.raises(TooBusy, match="too many") as raised, guard.require("too many", retry_after=7):
            pytest.fail("there was no room")
        assert raised.value.headers == {"Retry-After": "7"}


def test_an_error_inside_frees_the_room() -> None:
    guard = Quota(1)
    with pytest.raises(ZeroDivisionError), guard.require("full"):
        raise ZeroDivisionError
    with guard.attempt() as entered:
        assert entered


def test_a_guard_of_nobody_lets_nobody_in() -> None:
    with Quota(0).attempt() as entered:
        assert not entered


def test_each_thing_has_a_share_of_its_own_that_is_given_back() -> None:
    shares = KeyedQuota(1)
    with shares.attempt(1) as first, shares.attempt(1) as second, shares.attempt(2) as other:
        assert (first, second, other) == (True, False, True)
    with shares.attempt(1) as again:
        assert again
