"""The status table: what every event does, and what is said of it."""

from __future__ import annotations

from itertools import product

import pytest

from dcapi.models import PeerGroupAssociation, SystemPeer
from dcapi.models.states import (
    NO_MESSAGE,
    AssociationType,
    FailureCause,
    PeerAvailability,
    SyncStatus,
)
from dcapi.sync import status
from dcapi.sync.status import Event, ImpossibleMove

CELLS = list(product(Event, SyncStatus))
NEVER = [
    (event, before)
    for event, before in CELLS
    if status.TABLE[event][status.STATUSES.index(before)] is status.NEVER
]
RUN_ENDS = [
    Event.RUN_ENDED_WELL,
    Event.RUN_ENDED_STALE,
    Event.RUN_ENDED_ASKED_AGAIN,
    Event.RUN_GAVE_WAY,
    Event.RUN_FAILED,
]


def association(before: SyncStatus, cause: FailureCause | None = None) -> PeerGroupAssociation:
    return PeerGroupAssociation(
        association_type=AssociationType.PRIMARY,
        sync_status=before,
        sync_cause=cause,
        sync_message=NO_MESSAGE,
        revision=0,
        remote_association_id=7,
        peer=SystemPeer(availability_state=PeerAvailability.CREATED, peer_name="b"),
    )


def test_every_event_has_an_outcome_for_every_status() -> None:
    assert set(status.TABLE) == set(Event)
    assert {len(row) for row in status.TABLE.values()} == {len(SyncStatus)}


def test_a_cell_that_cannot_occur_is_a_defect_of_the_caller() -> None:
    assert len(NEVER) == 7
    for event, before in NEVER:
        with pytest.raises(ImpossibleMove):
            status.next_standing(before, None, event)


def test_told_at_last_is_for_the_cause_untold_alone() -> None:
    with pytest.raises(ImpossibleMove):
        status.next_standing(SyncStatus.FAILED, FailureCause.SYNC, Event.TOLD_AT_LAST)
    told = status.next_standing(SyncStatus.FAILED, FailureCause.UNTOLD, Event.TOLD_AT_LAST)
    assert told == status.OUT_OF_SYNC


@pytest.mark.parametrize("event", RUN_ENDS)
def test_the_end_of_a_run_counts_in_every_status(event: Event) -> None:
    assert len({status.next_standing(before, None, event) for before in SyncStatus}) == 1


@pytest.mark.parametrize(
    "event",
    [Event.CHANGED, Event.CHANGED_PEER_AWAY, Event.PEER_UNAVAILABLE, Event.TELLING_UNANSWERED],
)
def test_only_the_end_of_a_run_or_a_migration_ends_syncing(event: Event) -> None:
    assert status.next_standing(SyncStatus.SYNCING, None, event) == status.SYNCING


def test_a_change_never_starts_a_run() -> None:
    for before in set(SyncStatus) - {SyncStatus.SYNCING, SyncStatus.UNKNOWN}:
        assert status.next_standing(before, None, Event.CHANGED).status is not SyncStatus.SYNCING


def test_a_failure_that_could_not_be_told_keeps_its_cause_and_its_message() -> None:
    failed = association(SyncStatus.SYNCING)
    status.move(failed, Event.RUN_FAILED, "the disk is full there")
    status.move(failed, Event.TELLING_UNANSWERED, "nobody answered")
    assert (failed.sync_status, failed.sync_cause) == (SyncStatus.FAILED, FailureCause.SYNC)
    assert failed.sync_message == "the disk is full there"


def test_the_message_goes_when_the_reason_goes() -> None:
    failed = association(SyncStatus.SYNCING)
    status.move(failed, Event.RUN_FAILED, "the disk is full there")
    status.move(failed, Event.SYNC_ASKED)
    assert failed.sync_message == NO_MESSAGE
    status.move(failed, Event.RUN_ENDED_WELL)
    assert failed.sync_message == NO_MESSAGE


def test_giving_way_and_a_lost_copy_say_why() -> None:
    for event in (Event.RUN_GAVE_WAY, Event.TELLING_NOT_FOUND):
        moved = association(SyncStatus.IN_SYNC)
        status.move(moved, event, "because")
        assert (moved.sync_status, moved.sync_message) == (SyncStatus.OUT_OF_SYNC, "because")


def test_out_of_sync_keeps_what_was_said_when_more_changes() -> None:
    moved = association(SyncStatus.IN_SYNC)
    status.move(moved, Event.RUN_GAVE_WAY, "because")
    status.move(moved, Event.CHANGED)
    assert moved.sync_message == "because"


def test_a_change_while_the_peer_is_away_fails_with_a_message() -> None:
    away = association(SyncStatus.UNKNOWN)
    away.peer.availability_state = PeerAvailability.UNAVAILABLE
    status.move(away, status.changed_event(away), "b is away")
    assert (away.sync_status, away.sync_cause) == (SyncStatus.FAILED, FailureCause.UNREACHABLE)
    assert away.sync_message == "b is away"


def test_what_was_not_told_is_told_as_out_of_sync() -> None:
    untold = association(SyncStatus.FAILED, FailureCause.UNTOLD)
    assert status.status_to_tell(untold) is SyncStatus.OUT_OF_SYNC
    failed = association(SyncStatus.FAILED, FailureCause.SYNC)
    assert status.status_to_tell(failed) is SyncStatus.FAILED


def test_there_is_nothing_to_tell_without_an_association_over_there() -> None:
    alone = association(SyncStatus.FAILED, FailureCause.SYNC)
    assert status.is_untold(alone)
    alone.remote_association_id = None
    assert not status.is_untold(alone)


def test_a_non_primary_association_says_that_the_sync_to_it_failed() -> None:
    other = association(SyncStatus.IN_SYNC)
    status.accept_told(other, SyncStatus.FAILED)
    assert other.sync_message == status.TOLD_FAILED
    status.accept_told(other, SyncStatus.IN_SYNC)
    assert other.sync_message == NO_MESSAGE
