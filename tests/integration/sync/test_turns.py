"""A subcloud that was moved between two groups of one peer: one run after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.sync.attend import attend
from dcapi.sync.run.order import has_begun, is_attended
from dcapi.tasks import leases
from dcapi.tasks.hold import take_hold
from dcapi.tasks.leases import association_lease
from tests.integration.dead_holders import dead_owner
from tests.integration.sync.conftest import Site
from tests.integration.sync.moves import add_group, associate, status_of


@pytest.fixture
def moved(quiet: Site) -> Site:
    quiet.change(Subcloud, 1, peer_group_id=add_group(quiet))
    associate(quiet, 2)
    quiet.peer.calls.clear()
    return quiet


@pytest.fixture
def running(moved: Site) -> Iterator[Site]:
    """The run of the first association goes on."""
    hold = leases.take(moved.runtime, leases.association_lease(1))
    assert hold is not None
    moved.change(PeerGroupAssociation, 1, runs_begun=1)
    with hold:
        yield moved


def test_the_second_run_waits_for_the_first(running: Site) -> None:
    running.run_jobs()
    assert running.peer.calls == []
    assert status_of(running, 2) == "syncing"


def test_a_run_whose_process_is_dead_goes_on_at_once_and_holds_nobody_up(moved: Site) -> None:
    moved.good(moved.operator.patch("/peer-group-associations/1/sync"))
    assert take_hold(moved.runtime.unit_of_work, association_lease(1), dead_owner(), 60) is not None
    moved.change(PeerGroupAssociation, 1, runs_begun=1)
    with moved.runtime.unit_of_work() as session:
        assert not is_attended(session, 1)
        assert not has_begun(session, [session.get_one(PeerGroupAssociation, 1)])
    attend(moved.runtime, 1)
    attend(moved.runtime, 2)
    assert (status_of(moved, 1), status_of(moved, 2)) == ("in-sync", "in-sync")


def test_the_second_run_goes_on_when_the_first_ended(moved: Site) -> None:
    for association_id in (1, 2):
        moved.good(moved.operator.patch(f"/peer-group-associations/{association_id}/sync"))
    attend(moved.runtime, 1)
    attend(moved.runtime, 2)
    assert (status_of(moved, 1), status_of(moved, 2)) == ("in-sync", "in-sync")
    group = moved.there.group_named("buses")
    assert moved.there.subcloud_in("region-of-edge-1")["peer_group_id"] == group["id"]


def test_runs_that_share_nothing_go_side_by_side(running: Site) -> None:
    running.add_member("tram-1", group_id=add_group(running, "tramways"))
    associate(running, 3)
    attend(running.runtime, 3)
    assert status_of(running, 3) == "in-sync"
