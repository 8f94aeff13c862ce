"""What must hold once nothing is under way: at a quiet point both sites are looked at."""

from __future__ import annotations

import base64
import json
from typing import Any

from dcapi.models import PeerGroupAssociation
from tests.integration.sync.promises import Pair, copy_there, differences, is_led_elsewhere, rows
from tests.integration.sync.steps import Steps
from tests.integration.sync.world import PEERS

# Rounds of heartbeats, sweeps and jobs after which everything must be quiet.
ROUNDS = 8


class QuietPoints(Steps):
    """Lets everything that is under way come to its end, and compares both sites with what was promised."""

    def become_quiet(self) -> None:
        world = self.world
        world.steps_left = 0
        for peer in world.peers.values():
            peer.heal()
            peer.away = False
        for _ in range(ROUNDS):
            for peer_id in PEERS:
                self.attempt(lambda peer_id=peer_id: world.heartbeat(peer_id))  # type: ignore[misc]
            found = self.attempt(world.sweep)
            if not self.attempt(world.jobs.run_waiting) and not found:
                return

    def check_quiet(self) -> None:
        self.check_nothing_lost()
        disabled = self.disabled()
        for pair, row in rows(self.world).items():
            if row.deleting:
                blocked = is_led_elsewhere(self.world, copy_there(self.world, row))
                assert blocked or pair[1] in disabled, f"{pair} is half deleted"
                continue
            assert row.sync_status != "syncing", f"{pair} is syncing for ever"
            explained = row.sync_status in {"failed", "unknown"}
            assert not explained or row.sync_message != "None", f"{pair}: {row.sync_status} without a reason"
            if row.sync_status == "in-sync" and pair not in self.drifted and pair[1] not in disabled:
                assert differences(self.world, pair, row) == []
            if pair[1] not in disabled:
                self.check_told(pair, row)
        self.check_peers()

    def check_told(self, pair: Pair, row: PeerGroupAssociation) -> None:
        there = self.world.peers[pair[1]].site.associations
        if row.sync_status != "in-sync" and row.remote_association_id not in there:
            return  # never synced, or lost there and said so
        if pair not in self.drifted:
            shown = there.get(row.remote_association_id or 0, {}).get("sync-status")
            assert (row.sync_status, row.sync_cause) != ("failed", "untold")
            assert shown == row.sync_status, f"{pair}: {row.sync_status} here, {shown} there"

    def check_peers(self) -> None:
        raised = {alarm["entity_instance_id"] for alarm in self.world.get("/system-alarms")["system_alarms"]}
        watched = {pair[1] for pair in rows(self.world)} - self.disabled()
        for peer_id in watched:
            assert not self.is_away(peer_id)
            assert f"peer={PEERS[peer_id]}" not in raised

    def check_nothing_lost(self) -> None:
        for (member, field), value in self.acknowledged.items():
            row = self.world.get(f"/subclouds/{member}")
            assert shown(row, field) == value, f"{field} of {member} was acknowledged as {value!r}"

    def remove_leftovers(self) -> None:
        """What deletions by force left at the peers is for their operators to remove."""
        known = rows(self.world)
        for peer_id, peer in self.world.peers.items():
            ids = {row.remote_group_id for pair, row in known.items() if pair[1] == peer_id}
            there = peer.site
            for group_id in set(there.groups) - ids:
                for table, key in ((there.associations, "peer-group-id"), (there.subclouds, "peer_group_id")):
                    for one in [one for one in table.values() if one[key] == group_id]:
                        del table[one["id"]]
                del there.groups[group_id]


def shown(row: dict[str, Any], field: str) -> str:
    """How an answer shows a field that was changed."""
    saved = json.loads(row["rehome_data"])["saved_payload"]
    install = json.loads(row["data_install"])
    values = {
        "description": row["description"] or "",
        "location": row["location"],
        "bootstrap_address": saved["bootstrap-address"],
        "bmc_username": install["bmc_username"],
        "group_id": row["group_id"],
        "peer_group": row["peer_group_id"] or "none",
        "admin_password": base64.b64decode(saved["admin_password"]).decode(),
    }
    return str(values[field])
