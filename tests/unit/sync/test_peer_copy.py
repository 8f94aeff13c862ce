"""A look at a peer: who it is, which group there is the copy, who leads it."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.runtime import Site
from dcapi.sync import peer_copy
from dcapi.sync.peer_copy import AnotherLeads, AnotherSystem, CannotSync
from dcapi.sync.snapshot import Destination
from tests.fakes.peer import FakePeer
from tests.groups import SITE_UUID, group_values

SITE = Site(SITE_UUID, "site-a")
OTHER = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
def peer() -> FakePeer:
    fake = FakePeer()
    fake.site.put_system_peer(SITE_UUID)
    return fake


def target(peer: FakePeer, priority: int = 1, **values: Any) -> Destination:
    """An association with the peer: the primary one, unless the group there is to have priority 0."""
    address = PeerAddress(
        1, peer.site.uuid, "site-b", "http://b/v3", "admin", "c2VjcmV0", "10.0.0.1", enabled=True
    )
    group = group_values(priority=0 if priority else 1)
    return Destination(
        **{
            "association_id": 1,
            "peer": address,
            "group_id": 7,
            "group": group,
            "priority": priority,
            "remote_group_id": None,
            "remote_association_id": None,
            **values,
        }
    )


def own_peer_id(peer: FakePeer) -> int:
    return next(iter(peer.site.system_peers))


def found(peer: FakePeer, wanted: Destination) -> int | None:
    group = peer_copy.find_group(peer, SITE, wanted)
    return None if group is None else group.id


class TestWhoIsThere:
    def test_a_uuid_in_capitals_is_the_same(self, peer: FakePeer) -> None:
        wanted = target(peer)
        peer.site.uuid = peer.site.uuid.upper()
        peer_copy.check_identity(peer, wanted.peer)

    def test_another_system_ends_a_run_before_any_of_its_groups_is_read(self, peer: FakePeer) -> None:
        wanted = target(peer)
        peer.site.uuid = OTHER
        with pytest.raises(AnotherSystem, match=f"is {OTHER}, not {wanted.peer.uuid}"):
            peer_copy.find_or_create(peer, SITE, wanted)
        assert peer.calls == [("system_uuid", ())]

    def test_who_cannot_sync_cannot_sync_with_another_system_either(self) -> None:
        assert issubclass(AnotherSystem, CannotSync)

    def test_a_peer_that_does_not_know_this_site_is_not_written_to(self, peer: FakePeer) -> None:
        peer.site.system_peers.clear()
        with pytest.raises(CannotSync, match="does not know this site"):
            peer_copy.find_or_create(peer, SITE, target(peer))
        assert peer.changes() == []


class TestWhichGroup:
    def test_a_group_of_the_name_is_found_without_an_id(self, peer: FakePeer) -> None:
        assert found(peer, target(peer)) is None
        copy = peer.site.put_group("edges")
        assert found(peer, target(peer)) == copy

    @pytest.mark.parametrize("priority", [1, 0])
    def test_the_name_comes_before_the_id_of_last_time(self, peer: FakePeer, priority: int) -> None:
        """A peer that was set up anew gives ids again."""
        stranger = peer.site.put_group("of-somebody", priority)
        peer.site.put_association(stranger, own_peer_id(peer))
        copy = peer.site.put_group("edges", priority)
        assert found(peer, target(peer, priority, remote_group_id=stranger)) == copy

    def test_a_renamed_copy_needs_the_association_of_last_time(self, peer: FakePeer) -> None:
        copy = peer.site.put_group("renamed")
        association = peer.site.put_association(copy, own_peer_id(peer))
        wanted = target(peer, remote_group_id=copy, remote_association_id=association)
        assert found(peer, wanted) == copy
        assert found(peer, target(peer, remote_group_id=copy)) is None
        peer.site.associations[association]["system-peer-id"] = 77
        assert found(peer, wanted) is None

    def test_a_renamed_primary_group_is_found_by_an_association_with_this_site(self, peer: FakePeer) -> None:
        group = peer.site.put_group("renamed", 0)
        assert found(peer, target(peer, 0, remote_group_id=group)) is None
        peer.site.put_association(group, own_peer_id(peer), **{"association-type": "primary"})
        assert found(peer, target(peer, 0, remote_group_id=group)) == group

    @pytest.mark.parametrize(("here", "there"), [(1, 0), (0, 3)])
    def test_a_group_of_the_same_kind_of_priority_is_no_renamed_copy(
        self, peer: FakePeer, here: int, there: int
    ) -> None:
        group = peer.site.put_group("renamed", there)
        association = peer.site.put_association(group, own_peer_id(peer))
        wanted = target(peer, here, remote_group_id=group, remote_association_id=association)
        assert found(peer, wanted) is None

    def test_a_group_of_the_same_kind_and_name_is_found_and_is_no_copy(self, peer: FakePeer) -> None:
        group = peer.site.put_group("edges", 0, SITE_UUID)
        assert found(peer, target(peer)) == group
        assert peer_copy.find_copy(peer, SITE, target(peer)) is None
        with pytest.raises(CannotSync, match="has a primary peer group edges of its own"):
            peer_copy.find_or_create(peer, SITE, target(peer))

    def test_a_heartbeat_knows_no_copy_but_that_of_the_last_sync(self, peer: FakePeer) -> None:
        copy = peer.site.put_group("edges")
        groups = peer.groups()
        assert peer_copy.known_group(groups, target(peer, remote_group_id=copy)) == groups[0]
        assert peer_copy.known_group(groups, target(peer, remote_group_id=copy + 1)) is None
        assert peer_copy.known_group(groups, target(peer)) is None

    def test_a_look_costs_one_request_whether_or_not_the_id_is_known(self, peer: FakePeer) -> None:
        copy = peer.site.put_group("edges")
        for known in (None, copy, 77):
            peer.calls.clear()
            found(peer, target(peer, remote_group_id=known))
            assert peer.calls == [("groups", ())]


class TestWhoLeads:
    def leads(self, peer: FakePeer, **values: Any) -> bool:
        peer.site.put_group("edges", **{"leader": SITE_UUID, **values})
        try:
            peer_copy.check_leader(peer.groups()[-1], SITE)
        except AnotherLeads:
            return False
        return True

    @pytest.mark.parametrize("leader", [SITE_UUID, "AAAAAAAA-1111-1111-1111-111111111111"])
    def test_a_leader_in_capitals_is_the_same(self, peer: FakePeer, leader: str) -> None:
        site = Site(leader.lower(), "site-a")
        peer.site.put_group("edges", leader=leader.upper())
        peer_copy.check_leader(peer.groups()[0], site)

    @pytest.mark.parametrize("leader", [OTHER, None])
    def test_another_leader_or_none_forbids_to_write(self, peer: FakePeer, leader: str | None) -> None:
        assert not self.leads(peer, system_leader_id=leader)

    def test_a_migration_forbids_to_write_whoever_leads(self, peer: FakePeer) -> None:
        assert not self.leads(peer, migration_status="migrating")

    def test_a_migration_that_is_complete_does_not(self, peer: FakePeer) -> None:
        assert self.leads(peer, migration_status="complete")

    def test_a_leader_without_a_name_is_another_site(self, peer: FakePeer) -> None:
        peer.site.put_group("edges", leader=OTHER, system_leader_name=None)
        with pytest.raises(AnotherLeads, match=r"led by another site\."):
            peer_copy.check_leader(peer.groups()[0], SITE)

    @pytest.mark.parametrize("values", [{"leader_id": OTHER}, {"migration_status": "migrating"}])
    def test_a_group_that_this_site_does_not_lead_is_brought_nowhere(
        self, peer: FakePeer, values: dict[str, str]
    ) -> None:
        with pytest.raises(AnotherLeads):
            peer_copy.find_or_create(peer, SITE, target(peer, group=group_values(**values)))
        assert peer.calls == []


class TestWhichAssociation:
    def test_one_of_last_times_id_counts_only_for_this_group_and_site(self, peer: FakePeer) -> None:
        own, group, other = own_peer_id(peer), peer.site.put_group("edges"), peer.site.put_group("others")
        foreign = peer.site.put_association(other, own)
        wanted = target(peer, remote_association_id=foreign)
        assert peer_copy.find_association(peer, wanted, group, own) is None
        mine = peer.site.put_association(group, own)
        association = peer_copy.find_association(peer, wanted, group, own)
        assert association is not None
        assert (association.id, association.sync_status) == (mine, "syncing")

    def test_a_peer_that_does_not_know_this_site_has_none(self, peer: FakePeer) -> None:
        assert peer_copy.find_association(peer, target(peer), 1, None) is None
        assert peer.calls == []

    def test_one_whose_creation_was_not_answered_is_looked_for(self, peer: FakePeer) -> None:
        lost = PeerUnavailable("no answer", maybe_sent=True)
        peer.fail(lost, on="create_association", after=True)
        copies = peer_copy.find_or_create(peer, SITE, target(peer))
        assert list(peer.site.associations) == [copies.association_id]

    def test_one_whose_creation_was_refused_is_not(self, peer: FakePeer) -> None:
        peer.fail(PeerRefused("no", 400), on="create_association")
        with pytest.raises(PeerRefused):
            peer_copy.find_or_create(peer, SITE, target(peer))
        assert peer.count["associations"] == 1


class TestMakingEqual:
    def test_a_copy_gets_its_own_priority_and_nothing_of_a_migration(self, peer: FakePeer) -> None:
        group = group_values(migration_status="complete")
        copies = peer_copy.find_or_create(peer, SITE, target(peer, 7, group=group))
        assert (copies.group.priority, copies.group.migration_status) == (7, None)
        assert copies.group.leader_id == SITE_UUID

    def test_an_equal_copy_costs_nothing(self, peer: FakePeer) -> None:
        wanted = target(peer)
        copies = peer_copy.find_or_create(peer, SITE, wanted)
        peer.calls.clear()
        peer_copy.make_equal(peer, copies.group, wanted)
        assert peer.calls == []

    def test_only_what_differs_is_sent(self, peer: FakePeer) -> None:
        copies = peer_copy.find_or_create(peer, SITE, target(peer))
        group = group_values(state="disabled", max_subcloud_rehoming=3)
        peer_copy.make_equal(peer, copies.group, target(peer, 2, group=group))
        sent = {"group-priority": 2, "group-state": "disabled", "max-subcloud-rehoming": 3}
        assert peer.calls[-1] == ("update_group", (copies.group.id, sent))
