"""A peer that was set up anew gives the ids that it gave before to other things."""

from __future__ import annotations

import pytest

from tests.integration.sync.conftest import Site
from tests.integration.sync.moves import add_group, associate, change, status_of, sweep

OTHER = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
def anew(quiet: Site) -> Site:
    """The peer forgot all; another group of this site came there first and got the ids of the first."""
    there = quiet.there
    for kept in (there.system_peers, there.groups, there.associations, there.subclouds):
        kept.clear()
    there._last_id = 0
    there.put_system_peer(quiet.runtime.site.uuid)
    quiet.add_member("bus-1", group_id=add_group(quiet))
    associate(quiet, 2)
    quiet.run_jobs()
    assert status_of(quiet, 2) == "in-sync"
    assert [group["peer_group_name"] for group in there.groups.values()] == ["buses"]
    return quiet


def test_a_deletion_leaves_the_copy_of_another_group_alone(anew: Site) -> None:
    before = anew.there.digest()
    assert anew.operator.delete("/peer-group-associations/1").status_code == 200
    assert anew.there.digest() == before


def test_a_sync_leaves_the_copy_of_another_group_alone(anew: Site) -> None:
    anew.ask_for_sync()
    anew.run_jobs()
    assert status_of(anew, 1) == "in-sync"
    names = sorted(group["peer_group_name"] for group in anew.there.groups.values())
    assert names == ["buses", "trains"]


def test_a_status_is_not_told_to_the_association_of_another_group(anew: Site) -> None:
    change(anew)
    sweep(anew)
    assert [shown["sync-status"] for shown in anew.there.associations.values()] == ["in-sync"]


def test_the_group_of_a_third_site_is_no_copy_that_was_renamed(quiet: Site) -> None:
    there = quiet.there
    [group], [association] = there.groups.values(), there.associations.values()
    group |= {"peer_group_name": "of-site-c", "system_leader_id": OTHER}
    association["system-peer-id"] = there.put_system_peer(OTHER, "site-c")
    quiet.ask_for_sync()
    quiet.run_jobs()
    assert group["peer_group_name"] == "of-site-c"
    assert quiet.association()["sync-status"] == "failed"  # its copy of the member stands in that group
    assert there.group_named("trains")
