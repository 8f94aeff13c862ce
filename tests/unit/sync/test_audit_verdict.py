"""Who leads, by what two copies of a group say."""

from __future__ import annotations

from itertools import product

import pytest

from dcapi.models.states import Migration
from dcapi.sync.audit.verdict import Side, Verdict, judge
from tests.groups import group_values

A, B, C = (letter * 8 + "-2222-4333-8444-555555555555" for letter in "abc")
STATUSES = [None, Migration.MIGRATING, Migration.COMPLETE]


def primary(leader: str = A, status: str | None = None) -> Side:
    return Side(A, group_values(leader_id=leader, migration_status=status))


def secondary(leader: str = A, status: str | None = None) -> Side:
    return Side(B, group_values(priority=3, leader_id=leader, migration_status=status))


@pytest.mark.parametrize(
    ("here", "there", "verdict"),
    [
        # Nothing happens.
        (primary(), secondary(), Verdict.LEAD),
        (secondary(), primary(), Verdict.FOLLOW),
        # B migrates; A was told or not.
        (primary(), secondary(A, "migrating"), Verdict.CEDE),
        (primary(A, "migrating"), secondary(A, "migrating"), Verdict.CEDE),
        # B has taken over, A has not heard it; then it has.
        (primary(), secondary(B, "complete"), Verdict.FOLLOW),
        (secondary(B, "complete"), primary(), Verdict.WAIT),
        (primary(B), secondary(B, "complete"), Verdict.FOLLOW),
        (secondary(B, "complete"), primary(B), Verdict.LEAD),
        (secondary(B), primary(B), Verdict.LEAD),
        # A goes home.
        (secondary(B), primary(B, "migrating"), Verdict.CEDE),
        # Both know the leader: there is nothing to let go, and two notes must not keep each other alive.
        (secondary(A, "migrating"), primary(A, "migrating"), Verdict.FOLLOW),
        (primary(B), secondary(B, "migrating"), Verdict.FOLLOW),
        # Nor where B took over, A did not hear it, and each was told that the other one migrates.
        (primary(A, "migrating"), secondary(B, "migrating"), Verdict.FOLLOW),
        (secondary(B, "migrating"), primary(A, "migrating"), Verdict.CEDE),
        (primary(), secondary(B, "migrating"), Verdict.CEDE),
        (secondary(B, "migrating"), primary(A, "complete"), Verdict.FOLLOW),
        (primary(A, "complete"), secondary(B, "migrating"), Verdict.WAIT),
        (primary(A, "complete"), secondary(B), Verdict.WAIT),
        (primary(A, "complete"), secondary(A), Verdict.LEAD),
        # Both took it over: the lower number wins.
        (primary(A, "complete"), secondary(B, "complete"), Verdict.WAIT),
        (secondary(B, "complete"), primary(A, "complete"), Verdict.FOLLOW),
        # Who says complete wins over who still migrates.
        (secondary(B, "complete"), primary(B, "migrating"), Verdict.WAIT),
        # Complete under the other's leadership is stale.
        (primary(), secondary(A, "complete"), Verdict.LEAD),
        # A comes back from a backup: B's takeover was heard and reset long ago.
        (primary(), secondary(B), Verdict.FOLLOW),
        (secondary(B), primary(), Verdict.NOTHING),
        # A third site leads.
        (primary(C), secondary(A), Verdict.NOTHING),
        (secondary(A), primary(C), Verdict.NOTHING),
        (primary(C), secondary(B), Verdict.NOTHING),
        (primary(C), secondary(B, "complete"), Verdict.FOLLOW),
        # Each believes that the other leads.
        (primary(B), secondary(A), Verdict.NOTHING),
    ],
)
def test_the_copies_tell_who_leads(here: Side, there: Side, verdict: Verdict) -> None:
    assert judge(here, there) is verdict


def test_a_takeover_that_was_not_heard_yet_counts_as_complete() -> None:
    assert judge(primary(), secondary(B), unheard=True) is Verdict.WAIT
    assert judge(primary(B), secondary(B), unheard=True) is Verdict.FOLLOW


def test_a_site_that_migrates_looks_later_whatever_the_peer_says() -> None:
    for leader, status in product((A, B, C), STATUSES):
        assert judge(primary(), secondary(leader, status), migrating_here=True) is Verdict.LATER


def test_two_primary_groups_of_one_name_have_nothing_to_do_with_each_other() -> None:
    stranger = Side(B, group_values(leader_id=B, migration_status=Migration.COMPLETE))
    assert judge(primary(), stranger) is Verdict.NOTHING


def test_spelling_of_a_uuid_makes_no_leader() -> None:
    assert judge(primary(A.upper()), secondary(A)) is Verdict.LEAD


ALL = list(product(product((A, B), STATUSES), product((A, B), STATUSES)))


@pytest.mark.parametrize(("one", "other"), ALL)
def test_the_two_sites_never_both_follow_and_never_both_keep_the_other_off(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    at_a, at_b = primary(*one), secondary(*other)
    verdicts = {judge(at_a, at_b), judge(at_b, at_a)}
    assert verdicts != {Verdict.FOLLOW}
    assert verdicts != {Verdict.WAIT}
    assert verdicts != {Verdict.LEAD}


@pytest.mark.parametrize(("one", "other"), ALL)
def test_who_is_not_followed_is_not_left_waiting(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    """Where one site waits to be seen, the other one follows, or first has to end its own migration."""
    at_a, at_b = primary(*one), secondary(*other)
    for here, there in ((at_a, at_b), (at_b, at_a)):
        if judge(here, there) is Verdict.WAIT:
            assert judge(there, here) is Verdict.FOLLOW
