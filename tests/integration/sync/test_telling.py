"""Both sites show the same status once things are quiet: what was not told is told again."""

from __future__ import annotations

from dcapi.models import PeerGroupAssociation, SystemPeer
from dcapi.models.states import FailureCause
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from tests.integration.sync.conftest import Site
from tests.integration.sync.moves import change, sweep

GONE = PeerUnavailable("no answer")
NOT_FOUND = PeerRefused("404", 404, "Peer Group Association not found")


def test_a_change_is_told_even_when_its_hint_was_lost(quiet: Site) -> None:
    change(quiet)
    assert quiet.standing() == ("out-of-sync", "in-sync")
    assert sweep(quiet) == 1
    assert quiet.standing() == ("out-of-sync", "out-of-sync")


def test_a_quiet_site_has_nothing_for_the_reconciler_to_do(quiet: Site) -> None:
    assert sweep(quiet) == 0
    assert quiet.peer.calls == []


def test_a_change_with_the_peer_down_fails_and_says_why(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    change(quiet)
    sweep(quiet)
    association = quiet.association()
    assert association["sync-status"] == "failed"
    assert "no answer" in association["sync-message"]
    assert quiet.row().sync_cause == FailureCause.UNTOLD


def test_a_peer_that_is_back_is_told_without_anyone_asking(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    change(quiet)
    sweep(quiet)
    quiet.peer.heal()
    sweep(quiet)
    assert quiet.standing() == ("out-of-sync", "out-of-sync")
    assert quiet.association()["sync-message"] == "None"


def test_an_outcome_that_could_not_be_told_is_told_later(site: Site) -> None:
    site.add_member("edge-1")
    site.peer.fail(GONE, on="tell_association", at=2)
    site.associate()
    site.run_jobs()
    assert site.standing() == ("in-sync", "syncing")
    sweep(site)
    assert site.standing() == ("in-sync", "in-sync")


def test_a_told_status_whose_answer_was_lost_is_told_again(quiet: Site) -> None:
    quiet.peer.fail(PeerUnavailable("lost", maybe_sent=True), on="tell_association", after=True)
    change(quiet)
    sweep(quiet)
    assert quiet.standing() == ("failed", "out-of-sync")
    sweep(quiet)
    assert quiet.standing() == ("out-of-sync", "out-of-sync")


def test_a_crash_while_telling_leaves_it_to_be_told_again(quiet: Site) -> None:
    quiet.change(PeerGroupAssociation, 1, told_status=None)
    assert sweep(quiet) == 1
    assert quiet.row().told_status == "in-sync"


def test_a_peer_that_lost_its_side_is_named_and_synced_anew(quiet: Site) -> None:
    quiet.there.associations.clear()
    change(quiet)
    sweep(quiet)
    association = quiet.association()
    assert association["sync-status"] == "out-of-sync"
    assert "no association for this group any more" in association["sync-message"]
    assert sweep(quiet) == 0
    quiet.ask_for_sync()
    quiet.run_jobs()
    assert quiet.standing() == ("in-sync", "in-sync")


def test_a_disabled_peer_is_left_alone(quiet: Site) -> None:
    quiet.change(SystemPeer, 1, administrative_state="disabled")
    change(quiet)
    assert sweep(quiet) == 0
    assert quiet.peer.calls == []


def test_a_sync_whose_job_was_dropped_is_run(site: Site) -> None:
    site.add_member("edge-1")
    site.write(
        PeerGroupAssociation(
            peer_group_id=1,
            system_peer_id=1,
            peer_group_priority=1,
            association_type="primary",
            sync_status="syncing",
        )
    )
    assert site.run_jobs() == 0
    assert sweep(site) == 1
    assert site.standing() == ("in-sync", "in-sync")
