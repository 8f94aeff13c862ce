"""Sends changed attributes of a group to its peers before they count here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from dcapi.jobs.hold import Hold, take_hold
from dcapi.log import carrying_ids
from dcapi.models import PeerGroupAssociation, operations
from dcapi.parts import Parts
from dcapi.peers.errors import PeerError
from dcapi.sync.changes import group_changed
from dcapi.sync.remote_group import AnotherLeads, CannotSync, check_identity, check_leader, find_group
from dcapi.sync.snapshot import Target

OPERATION = "group-attributes"


def group_lease(group_id: int) -> str:
    """One attribute change of a group at a time holds this."""
    return f"group:{group_id}"


def hold_group(parts: Parts, group_id: int) -> Hold | None:
    """Take the right to change what a group shares with its copies; None while somebody else does."""
    owner = f"{parts.owner}/{uuid.uuid4().hex[:8]}"
    return take_hold(parts.unit_of_work, group_lease(group_id), owner, parts.settings.LEASE_SECONDS)


@dataclass(frozen=True)
class Reply:
    """What became of an offer to one peer. ``uncertain``: it may hold the values and did not say so."""

    association_id: int
    taken: bool
    uncertain: bool = False
    reason: str = ""


def offer(parts: Parts, hold: Hold, targets: Iterable[Target], values: dict[str, Any]) -> list[Reply]:
    """Send ``values`` (in the request's spelling) to the copy at each peer, side by side.

    Raises LeaseLost. A peer that another site leads, that has no copy or that does not answer took nothing.
    """
    with ThreadPoolExecutor(parts.settings.PEER_MEMBER_THREADS, "attributes") as pool:
        offer_one = carrying_ids(partial(_offer_one, parts, hold, values))
        return list(pool.map(offer_one, targets))


def _offer_one(parts: Parts, hold: Hold, values: dict[str, Any], target: Target) -> Reply:
    try:
        send_attributes(parts, hold, target, values)
    except PeerError as error:
        return Reply(target.association_id, taken=False, uncertain=error.maybe_sent, reason=error.message)
    except (AnotherLeads, CannotSync) as error:
        return Reply(target.association_id, taken=False, reason=str(error))
    return Reply(target.association_id, taken=True)


def send_attributes(parts: Parts, hold: Hold, target: Target, values: dict[str, Any]) -> None:
    """Change the copy at one peer, after reading who leads it; raises PeerError, AnotherLeads, CannotSync."""
    if not target.peer.enabled:
        raise CannotSync(f"System peer {target.peer.name} is disabled.")
    client = parts.peers.client(target.peer)
    client.before_request = lambda: hold.ensure(client.request_limit)
    check_identity(client, target)
    group = find_group(client, parts.site, target)
    if group is None or group["group_priority"] == 0:
        raise CannotSync(f"Peer {target.peer.name} has no copy of the group: sync it first.")
    check_leader(group, parts.site)
    client.update_group(group["id"], values)


def begin_change(session: Session, parts: Parts, group_id: int, values: dict[str, Any]) -> None:
    """Note what is about to be sent, so that a crash leaves a trace of what peers may hold."""
    recover_change(session, group_id)
    operations.add(session, OPERATION, group_id, values, parts.settings.OPERATION_SECRET_TTL)


def end_change(session: Session, group_id: int) -> None:
    operations.forget(session, OPERATION, group_id)


def recover_change(session: Session, group_id: int) -> list[PeerGroupAssociation]:
    """Give up a change that was left half done: peers may hold what never counted here, so a sync is due."""
    if not operations.exists(session, OPERATION, group_id):
        return []
    end_change(session, group_id)
    return group_changed(session, [group_id])
