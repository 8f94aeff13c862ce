"""What random operations and faults found, each as the short story of it."""

from __future__ import annotations

import pytest

from tests.integration.sync.conftest import Site
from tests.integration.sync.test_monitor import GONE, heartbeat, peer


@pytest.fixture
def away(site: Site) -> Site:
    """A site that was in sync with a peer that is known to be away; the next heartbeat finds it back."""
    site.add_member("edge-1")
    site.associate()
    site.run_jobs()
    heartbeat(site)
    assert site.standing() == ("in-sync", "in-sync")
    site.peer.fail(GONE, times=None)
    heartbeat(site, times=3)
    assert peer(site)["availability-state"] == "unavailable"
    site.peer.heal()
    return site


def test_a_peer_restored_from_a_backup_is_told_the_status_again(away: Site) -> None:
    [association] = away.there.associations.values()
    association["sync-status"] = "syncing"
    heartbeat(away)
    assert away.standing() == ("in-sync", "in-sync")


def test_a_peer_restored_without_its_association_is_no_longer_in_sync(away: Site) -> None:
    away.there.associations.clear()
    heartbeat(away)
    assert away.standing() == ("out-of-sync", None)
