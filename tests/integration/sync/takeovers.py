"""A peer that took a group over, told by what its rows show; for the tests of audits."""

from __future__ import annotations

import json
from typing import Any

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.peers.errors import PeerUnavailable
from tests.integration.sync.conftest import Site
from tests.integration.sync.conftest import in_sync as in_sync  # the beginning of a takeover, too

GROUP = "trains"
GONE = PeerUnavailable("no answer")
# A member here, as ``states`` shows it.
LETTING_GO = ("unmanaged", "rehome-pending")
FOLLOWING = ("unmanaged", "secondary")
FAILED = ("unmanaged", "rehome-failed")
AT_HOME = ("managed", "complete")
# A member there.
LIVING = {"deploy-status": "complete", "management-state": "managed", "availability-status": "online"}


def take_over(
    site: Site, *, failed: dict[str, str] | None = None, status: str = "complete", name: str = GROUP
) -> None:
    """The peer migrates the group: its copies live there; ``failed`` names those that did not make it."""
    group = site.there.group_named(name)
    group |= {
        "system_leader_id": site.there.uuid,
        "system_leader_name": site.there.name,
        "migration_status": status,
    }
    for copy in site.there.group_members(group["id"]):
        if copy["name"] in (failed or {}):
            copy |= {"deploy-status": "rehome-failed", "error-description": (failed or {})[copy["name"]]}
        else:
            copy |= LIVING


def begin_migration(site: Site) -> None:
    """The peer is about to migrate the group: nothing of it is done."""
    site.there.group_named(GROUP)["migration_status"] = "migrating"


def body(site: Site, name: str = GROUP, /, **values: Any) -> dict[str, Any]:
    """What the peer sends when it asks for an audit."""
    group = site.there.group_named(name)
    names = (
        "peer_group_name",
        "group_priority",
        "group_state",
        "max_subcloud_rehoming",
        "system_leader_id",
        "system_leader_name",
        "migration_status",
    )
    return {"peer_uuid": site.there.uuid} | {name: group[name] for name in names} | values


def audit(site: Site, name: str = GROUP) -> None:
    """The peer asks for an audit, and the jobs of it are done."""
    answer = site.operator.patch(f"/subcloud-peer-groups/{name}/audit", json=body(site, name))
    assert site.good(answer) == {"message": None}
    site.run_jobs()


def come_home(site: Site) -> None:
    """This site took the group back, and the peer follows: as both rows show it then."""
    own = {"system_leader_id": site.runtime.site.uuid, "system_leader_name": site.runtime.site.name}
    site.change(SubcloudPeerGroup, 1, migration_status="complete", **own)
    for number in (1, 2):
        site.change(
            Subcloud,
            number,
            deploy_status="complete",
            management_state="managed",
            availability_status="online",
        )
    site.change(PeerGroupAssociation, 1, unfollowed=True, ask_mark=1, ask_heard=0, asked_at=None)
    follow_there(site)


def let_pause_pass(site: Site) -> None:
    """The time is over which the peer was given since it was asked."""
    site.change(PeerGroupAssociation, 1, asked_at=0.0)


def follow_there(site: Site) -> None:
    """The peer takes this site for the leader again, and its copies are secondary."""
    there = site.there.group_named(GROUP)
    there |= {
        "system_leader_id": site.runtime.site.uuid,
        "system_leader_name": site.runtime.site.name,
        "migration_status": None,
    }
    for copy in site.there.group_members(there["id"]):
        copy |= {
            "deploy-status": "secondary",
            "management-state": "unmanaged",
            "availability-status": "offline",
        }


def message(site: Site) -> str:
    text: str = site.association()["sync-message"]
    return text


def subcloud(site: Site, name: str = "edge-1") -> dict[str, Any]:
    return site.good(site.operator.get(f"/subclouds/{name}"))


def states(site: Site) -> dict[str, tuple[str, str]]:
    """Name → (management state, deploy status) of everything here."""
    listed = site.good(site.operator.get("/subclouds"))["subclouds"]
    return {one["name"]: (one["management-state"], one["deploy-status"]) for one in listed}


def group(site: Site) -> dict[str, Any]:
    return site.good(site.operator.get(f"/subcloud-peer-groups/{GROUP}"))


def saved(site: Site, name: str = "edge-1") -> dict[str, Any]:
    """The stored rehome values, with their secrets."""
    payload: dict[str, Any] = json.loads(subcloud(site, name)["rehome_data"])["saved_payload"]
    return payload


def change_there(site: Site, name: str = "edge-1", **values: Any) -> None:
    """The operator of the peer changes rehome values of a member there."""
    copy = site.there.subcloud_in(f"region-of-{name}")
    payload = json.loads(copy["rehome_data"])["saved_payload"]
    renamed = {key.replace("__", "-"): value for key, value in values.items()}
    copy["rehome_data"] = json.dumps({"saved_payload": payload | renamed})


def alarms(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.good(site.operator.get("/system-alarms"))["system_alarms"]
    return found


def everything(site: Site) -> list[dict[str, Any]]:
    """All rows here that an audit may write, as clients see them."""
    return [
        site.good(site.operator.get("/subclouds")),
        group(site),
        site.association(),
        {"alarms": alarms(site)},
        {"ledger": site.ledger()},
    ]
