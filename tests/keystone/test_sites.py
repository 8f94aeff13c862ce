"""Two real sites beside one real Keystone."""

from __future__ import annotations

from pathlib import Path

from dcapi.lab.faults import Stall
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import mixed_members, shared_group
from tests.keystone.cloud import PASSWORD, Cloud
from tests.keystone.pair import KeystonePair
from tests.keystone.server import Keystone


def test_two_sites_of_one_keystone_come_in_sync_and_find_each_other_again(
    tmp_path: Path, keystone: Keystone, cloud: Cloud
) -> None:
    settings = {"WORKERS": "2", "KEYSTONE_TOKEN_CACHE_SECONDS": "3", "RECONCILE_SECONDS": "2"}
    with KeystonePair(tmp_path, keystone, cloud, settings=settings) as pair:
        shared = shared_group(pair, "beehives", mixed_members(pair, "beehive", 3))
        shared.expect_same_members()
        name = next(iter(shared.members_at_a()))
        shared.expect_informed(pair.at_a.update_subcloud(name, {"description": "full of honey"}))
        shared.sync()

        pair.door_b.stop()
        shared.expect_status_at_a("unknown")
        pair.door_b.start()
        shared.expect_status("in-sync")

        logged = pair.a.log_file.read_text() + pair.b.log_file.read_text()
        assert PASSWORD not in logged
        assert "gAAAAA" not in logged, "a token of Keystone's"


def test_a_token_that_ends_in_the_middle_of_a_sync_is_replaced(
    tmp_path: Path, keystone: Keystone, cloud: Cloud
) -> None:
    settings = {"KEYSTONE_TOKEN_CACHE_SECONDS": "1", "PEER_READ_TIMEOUT": "40", "LEASE_SECONDS": "60"}
    with KeystonePair(tmp_path, keystone, cloud, settings=settings) as pair:
        pair.introduce()
        group = pair.at_a.create("subcloud-peer-groups", {"peer-group-name": "hourglasses"})
        pair.join_all(group["id"], mixed_members(pair, "hourglass", 3))
        with pair.proxy.add(Stall("POST", "/v1.0/subclouds/?", times=1)) as stall:
            association = pair.at_a.create(
                "peer-group-associations",
                {
                    "peer_group_id": group["id"],
                    "system_peer_id": pair.peer_at_a()["id"],
                    "peer_group_priority": 3,
                },
            )
            stall.wait_taken(within=120)
            cloud.end_tokens(pair.users[pair.a.name])
        wait_until(
            "the sync to end",
            lambda: pair.at_a.one("peer-group-associations", association["id"])["sync-status"],
            lambda status: status == "in-sync",
            within=120,
        )
        refused = [one for one in pair.proxy.exchanges if one.code == 401 and one.method == "POST"]
        assert refused, "B has refused the held request"
        assert len(pair.at_b.members("hourglasses")) == 3
