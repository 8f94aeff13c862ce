"""Sends changed attributes of a group to its peers before they count here."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from dcapi.log import carrying_ids
from dcapi.models import Task, task
from dcapi.models.states import TaskName
from dcapi.peers.errors import GROUP_NAME_TAKEN, PeerError, PeerRefused
from dcapi.runtime import Runtime
from dcapi.sync.changes import group_changed, hint
from dcapi.sync.peer_copy import AnotherLeads, CannotSync, check_identity, check_leader, find_copy
from dcapi.sync.snapshot import Destination
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import client_of, group_lease
from dcapi.tasks.runner import Step, TaskKind


@dataclass(frozen=True)
class Reply:
    """What became of an offer to one peer. ``uncertain``: it may hold the values and did not say so.

    ``told``: what the operator is told of a refusal; of most only the log says why.
    """

    association_id: int
    taken: bool
    uncertain: bool = False
    reason: str = ""
    told: str = ""


def offer(
    runtime: Runtime, hold: Hold, targets: Iterable[Destination], values: dict[str, Any]
) -> list[Reply]:
    """Send ``values`` (named as in GroupValues) to the copy at each peer, side by side.

    Raises LeaseLost. A peer that another site leads, that has no copy or that does not answer took nothing.
    """
    with ThreadPoolExecutor(runtime.settings.PEER_MEMBER_THREADS, "attributes") as pool:
        offer_one = carrying_ids(partial(_offer_one, runtime, hold, values))
        return list(pool.map(offer_one, targets))


def _offer_one(runtime: Runtime, hold: Hold, values: dict[str, Any], target: Destination) -> Reply:
    try:
        send_attributes(runtime, hold, target, values)
    except PeerError as error:
        taken = isinstance(error, PeerRefused) and error.name_taken()
        told = f"peer {target.peer.name}: {GROUP_NAME_TAKEN}" if taken else ""
        return Reply(
            target.association_id, taken=False, uncertain=error.maybe_sent, reason=error.message, told=told
        )
    except (AnotherLeads, CannotSync) as error:
        return Reply(target.association_id, taken=False, reason=str(error))
    return Reply(target.association_id, taken=True)


def send_attributes(runtime: Runtime, hold: Hold, target: Destination, values: dict[str, Any]) -> None:
    """Change the copy at one peer, after reading who leads it; raises PeerError, AnotherLeads, CannotSync."""
    if not target.peer.enabled:
        raise CannotSync(f"System peer {target.peer.name} is disabled.")
    client = client_of(runtime, target.peer, hold)
    check_identity(client, target.peer)
    group = find_copy(client, runtime.site, target)
    if group is None:
        raise CannotSync(f"Peer {target.peer.name} has no copy of the group: sync it first.")
    check_leader(group, runtime.site)
    client.update_group(group.id, **values)


def begin_change(session: Session, runtime: Runtime, group_id: int, values: dict[str, Any]) -> None:
    """Note what is about to be sent, so that a crash leaves a trace of what peers may hold."""
    if task.find(session, TASK.name, group_id) is not None:
        # One that was left half done: what peers hold of it never counted here, so a sync is due.
        group_changed(session, [group_id])
    TASK.start(session, runtime, group_id, details=values)


def end_change(session: Session, group_id: int) -> None:
    task.forget(session, TASK.name, group_id)


class AttributeChange(TaskKind[int, None]):
    """A change of a group whose process died: while that lives, it holds the lease of the group."""

    name = TaskName.GROUP_ATTRIBUTES

    def lease(self, subject_id: int) -> str:
        return group_lease(subject_id)

    def look(self, session: Session, runtime: Runtime, found: Task) -> int:  # noqa: ARG002
        return found.subject_id

    def ask(self, runtime: Runtime, hold: Hold, view: int) -> None:
        """Nobody is asked: what the peers hold, a sync finds out."""

    def write(self, session: Session, runtime: Runtime, view: int, answer: None) -> Step:  # noqa: ARG002
        """Give the change up: peers may hold what never counted here, so a sync is due."""
        moved = [association.id for association in group_changed(session, [view])]
        return Step(None, then=(partial(hint, runtime, moved),))


TASK = AttributeChange()
