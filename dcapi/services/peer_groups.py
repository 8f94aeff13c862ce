"""Subcloud peer groups: what may be done to them here, and what their peers must hear of first."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Conflict, Forbidden, NotFound
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.models.locks import locked
from dcapi.models.states import (
    REHOMING_STATES,
    AssociationType,
    Deploy,
    Management,
    Migration,
    PeerKind,
)
from dcapi.peers.errors import GROUP_NAME_TAKEN
from dcapi.peers.remote import GROUP_KEYS, SHARED
from dcapi.runtime import Runtime
from dcapi.services.conflicts import TOO_MANY_CALLS, flush
from dcapi.services.inventory.subcloud_answers import group_subclouds, shows_mask
from dcapi.services.row_answers import PEER_GROUP, Answer
from dcapi.sync import attributes
from dcapi.sync.attributes import Reply
from dcapi.sync.changes import association_changed, hint, lock_associations
from dcapi.sync.peer_kind import known_kind
from dcapi.sync.snapshot import Destination, destination_of
from dcapi.sync.takeover import group_rows
from dcapi.sync.takeover.rehome_steps import PREPARING
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold

logger = logging.getLogger(__name__)

NOT_FOUND = "Subcloud Peer Group not found"
NAME_TAKEN = GROUP_NAME_TAKEN
REFUSED = "Unable to sync the update to the peer site(s)"
BEING_CHANGED = (
    "Another change of this peer group is being sent to its peer site(s): try again when it has finished."
)

# Seconds that a change waits for whoever works on its associations.
CHANGE_PATIENCE = 1.0

# Column → attribute, of those that are sent to peers before they count here.
SHARED_ATTRIBUTES = {GROUP_KEYS[name]: name for name in SHARED}
# What the operator cannot change while associations pass the group on.
FIXED_BY_ASSOCIATIONS = ("group_priority", "system_leader_id", "system_leader_name")


def list_groups(session: Session, *, to_site: bool = False) -> list[Answer]:
    """All subcloud peer groups; ``to_site``: as another site may see them."""
    groups = PEER_GROUP.all(session)
    return [_without_notes(session, group) for group in groups] if to_site else groups


def show_group(session: Session, reference: int | str, *, to_site: bool = False) -> Answer:
    """A group by id or name; ``to_site``: as another site may see it. Raises NotFound."""
    group = PEER_GROUP.of(find_group(session, reference))
    return _without_notes(session, group) if to_site else group


def _without_notes(session: Session, group: Answer) -> Answer:
    """A group without the note that an original, and no site of ours, migrates it.

    An original takes that for this site's own migration, and lets go what it has just taken over: then
    neither site manages the members, nor can migrate them.
    """
    if group["migration_status"] != Migration.MIGRATING:
        return group
    noted = select(PeerGroupAssociation).join(PeerGroupAssociation.group)
    noted = noted.where(SubcloudPeerGroup.id == group["id"], SubcloudPeerGroup.migrating_here.is_(False))
    found = session.scalars(noted.where(PeerGroupAssociation.peer_migrates))
    is_of_originals = {known_kind(one.peer) for one in found} == {PeerKind.ORIGINAL}
    return {**group, "migration_status": None} if is_of_originals else group


def list_subclouds(session: Session, reference: int | str, *, with_secrets: bool) -> list[Answer]:
    """The members of a group; with their secrets for another site, which compares them. Raises NotFound."""
    return group_subclouds(session, find_group(session, reference).id, with_secrets=with_secrets)


def warn_of_masks(session: Session, reference: int | str, members: Sequence[Answer], user: str) -> None:
    """Say in the log that a site got masks, as this user, if it may be one that takes masks for values."""
    if not any(shows_mask(member) for member in members):
        return
    group = find_group(session, reference)
    associations = session.scalars(
        select(PeerGroupAssociation).where(PeerGroupAssociation.peer_group_id == group.id)
    )
    peers = [one.peer for one in associations if known_kind(one.peer) is PeerKind.ORIGINAL]
    if peers:
        logger.warning(
            "a site reads the members of group %s as user %s, who may not see secrets: peer %s may take the "
            "masks for passwords; give that user the role admin",
            group.peer_group_name,
            user,
            ", ".join(peer.peer_name for peer in peers),
        )


def find_group(session: Session, reference: int | str, *, lock: bool = False) -> SubcloudPeerGroup:
    """The row of a group, by id or name; raises NotFound. ``lock`` keeps other writers off it."""
    column = SubcloudPeerGroup.id if isinstance(reference, int) else SubcloudPeerGroup.peer_group_name
    query = select(SubcloudPeerGroup).where(column == reference)
    if lock:
        query = locked(query).execution_options(populate_existing=True)
    group = session.scalar(query)
    if group is None:
        raise NotFound(NOT_FOUND)
    return group


def create_group(session: Session, runtime: Runtime, values: Mapping[str, Any]) -> Answer:
    """Create a group, led by this site unless the values name another; raises Conflict for a taken name."""
    _check_name(session, values)
    own = {"system_leader_id": runtime.site.uuid, "system_leader_name": runtime.site.name}
    group = SubcloudPeerGroup(**{**own, **values})
    session.add(group)
    flush(session, lambda: _check_name(session, values))
    answer = PEER_GROUP.of(group)
    session.commit()
    return answer


def delete_group(session: Session, reference: int | str) -> None:
    """Delete a group that no association names; its subclouds stay, without a group."""
    group_id = find_group(session, reference).id
    # Before their group, like everybody who changes a member: else both would wait for each other.
    members = select(Subcloud.id).where(Subcloud.peer_group_id == group_id).order_by(Subcloud.id)
    session.execute(locked(members))
    group = find_group(session, group_id, lock=True)
    check_not_migrating(group)
    if _associations(session, group.id):
        raise BadRequest("Cannot delete a peer group which is associated with a system peer.")
    session.execute(update(Subcloud).where(Subcloud.peer_group_id == group.id).values(peer_group_id=None))
    session.delete(group)
    session.commit()


def _associations(session: Session, group_id: int) -> list[PeerGroupAssociation]:
    return lock_associations(session, PeerGroupAssociation.peer_group_id == group_id)


def update_group(
    session: Session, runtime: Runtime, reference: int | str, values: Mapping[str, Any], *, from_peer: bool
) -> Answer:
    """Change a group. Shared attributes go to the peers of its associations first.

    Raises BadRequest for what may not be changed, Conflict for a taken name or while another change is being
    sent, Forbidden when no peer took the values: then nothing changed here.
    """
    asked = _take_claim(session, reference, values) if from_peer and "migration_status" in values else []
    group = find_group(session, reference, lock=True)
    if from_peer and group.migrating_here:
        values = _without_late_reset(values)
    changes = _real_changes(group, values)
    if not changes:
        return _commit(session, runtime, group, asked)
    check = _check_peer_update if from_peer else _check_operator_update
    check(session, group, changes)
    shared = {SHARED_ATTRIBUTES[name]: value for name, value in changes.items() if name in SHARED_ATTRIBUTES}
    associations = [] if from_peer or not shared else _primary_associations(session, group.id)
    if not _callable(associations):
        # A deletion that comes to nothing leaves a peer that does not have the change.
        for association in associations:
            association_changed(association)
        return _update_here(session, runtime, group, changes, asked)
    return _update_with_peers(session, runtime, group, changes, shared)


def _take_claim(session: Session, reference: int | str, values: Mapping[str, Any]) -> list[int]:
    """Another site says how far its migration is; returns the associations to be read for it."""
    group_id = find_group(session, reference).id
    wanted = values["migration_status"]
    return group_rows.take_claim(session, group_id, None if wanted == Migration.NONE else wanted)


def _without_late_reset(values: Mapping[str, Any]) -> dict[str, Any]:
    """While this site migrates the group, a peer's reset is that of the migration before, and no news."""
    resets = (None, Migration.NONE)
    return {key: value for key, value in values.items() if key != "migration_status" or value not in resets}


def check_not_migrating(group: SubcloudPeerGroup) -> None:
    """Raises Conflict while this site migrates a group: then nobody changes anything else about it."""
    if group.migrating_here:
        raise Conflict(group_rows.MIGRATING_HERE)


def _commit(session: Session, runtime: Runtime, group: SubcloudPeerGroup, asked: Sequence[int]) -> Answer:
    answer = PEER_GROUP.of(group)
    session.commit()
    hint(runtime, asked)
    return answer


def _update_here(
    session: Session,
    runtime: Runtime,
    group: SubcloudPeerGroup,
    changes: Mapping[str, Any],
    asked: Sequence[int],
) -> Answer:
    group_id = group.id
    _check_name(session, changes, but=group_id)
    _apply(group, changes)
    flush(session, lambda: _check_name(session, changes, but=group_id))
    return _commit(session, runtime, group, asked)


def _real_changes(group: SubcloudPeerGroup, values: Mapping[str, Any]) -> dict[str, Any]:
    """What would differ afterwards; ``none`` is how a request spells no migration."""
    wanted = dict(values)
    if wanted.get("migration_status") == Migration.NONE:
        wanted["migration_status"] = None
    return {name: value for name, value in wanted.items() if getattr(group, name) != value}


def _check_peer_update(_session: Session, group: SubcloudPeerGroup, changes: Mapping[str, Any]) -> None:
    if group.is_primary and set(changes) - {"migration_status"}:
        raise BadRequest("Cannot update a primary peer group from another site.")
    check_not_migrating(group)


def _check_operator_update(session: Session, group: SubcloudPeerGroup, changes: Mapping[str, Any]) -> None:
    if not group.is_primary:
        raise BadRequest("Cannot update a peer group from a non-primary site.")
    check_not_migrating(group)
    fixed = [name.replace("_", "-") for name in FIXED_BY_ASSOCIATIONS if name in changes]
    if fixed and _associations(session, group.id):
        raise BadRequest(
            f"Cannot update {', '.join(fixed)} of a peer group which is associated with a system peer."
        )


def _apply(group: SubcloudPeerGroup, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(group, name, value)


def _primary_associations(session: Session, group_id: int) -> list[PeerGroupAssociation]:
    return lock_associations(
        session,
        PeerGroupAssociation.peer_group_id == group_id,
        PeerGroupAssociation.association_type == AssociationType.PRIMARY,
    )


def _callable(associations: Sequence[PeerGroupAssociation]) -> list[PeerGroupAssociation]:
    """Those whose peers are asked; from one that is being deleted the copy is about to go."""
    return [association for association in associations if not association.deleting]


def _update_with_peers(
    session: Session,
    runtime: Runtime,
    group: SubcloudPeerGroup,
    changes: Mapping[str, Any],
    shared: Mapping[str, Any],
) -> Answer:
    group_id = group.id
    _check_name(session, changes, but=group_id)
    session.rollback()  # no transaction stays open while peers are called
    hold = leases.take(runtime, leases.group_lease(group_id))
    if hold is None:
        raise Conflict(BEING_CHANGED)
    with ExitStack() as held:
        held.enter_context(hold)
        held.enter_context(runtime.peer_callers.require(TOO_MANY_CALLS))
        with runtime.unit_of_work() as beginning:
            targets = _begin(beginning, runtime, group_id, shared)
        kept = _keep_runs_away(held, runtime, targets)
        answers = attributes.offer(runtime, hold, targets, dict(shared))
        with leases.transaction(runtime, hold) as settling:
            changed = _settle(settling, group_id, changes, answers, leases.still_held(settling, kept))
    # Also those that nothing happened to: what came up meanwhile found their leases taken.
    hint(runtime, [target.association_id for target in targets])
    if not changed:
        logger.warning("group %d stays as it was: %s", group_id, "; ".join(reply.reason for reply in answers))
        told = "; ".join(reply.told for reply in answers if reply.told)
        raise Forbidden(f"{REFUSED}: {told}" if told else REFUSED)
    return PEER_GROUP.of(find_group(session, group_id))


def _check_name(session: Session, values: Mapping[str, Any], but: int | None = None) -> None:
    """Raises Conflict when another group than ``but`` has the name that the values give."""
    name = values.get("peer_group_name")
    taken = select(SubcloudPeerGroup.id).where(
        SubcloudPeerGroup.peer_group_name == name, SubcloudPeerGroup.id != but
    )
    if name is not None and session.scalar(taken) is not None:
        raise Conflict(NAME_TAKEN)


def _begin(session: Session, runtime: Runtime, group_id: int, shared: Mapping[str, Any]) -> list[Destination]:
    find_group(session, group_id, lock=True)
    attributes.begin_change(session, runtime, group_id, dict(shared))
    targets = [
        destination_of(association) for association in _callable(_primary_associations(session, group_id))
    ]
    session.commit()
    return targets


def _keep_runs_away(held: ExitStack, runtime: Runtime, targets: Sequence[Destination]) -> dict[int, Hold]:
    """Hold the associations that nobody works on for long; returns what is held, by their ids.

    A run that goes on beside the change may have read the old values and send them after the new ones, so
    what the other associations' peers have in the end is not known.
    """
    kept: dict[int, Hold] = {}
    deadline = time.monotonic() + CHANGE_PATIENCE
    for target in targets:
        association_hold = leases.take_by(runtime, leases.association_lease(target.association_id), deadline)
        if association_hold is not None:
            held.enter_context(association_hold)
            kept[target.association_id] = association_hold
    return kept


def _settle(
    session: Session,
    group_id: int,
    changes: Mapping[str, Any],
    answers: Sequence[Reply],
    undisturbed: set[int],
) -> bool:
    """Apply the change if a peer took it, and note which peers do not have what is true here.

    Returns whether it was applied. ``undisturbed``: the associations that were held all the while; a peer may
    take longer to answer than a lease lives.
    """
    group = find_group(session, group_id, lock=True)
    applied = any(answer.taken for answer in answers)
    if applied:
        _apply(group, changes)
        flush(session, lambda: _check_name(session, changes, but=group_id))
    replies = {answer.association_id: answer for answer in answers}
    for association in _primary_associations(session, group_id):
        if _is_missed(association.id, replies.get(association.id), applied, undisturbed):
            association_changed(association)
    attributes.end_change(session, group_id)
    return applied


def _is_missed(association_id: int, reply: Reply | None, applied: bool, undisturbed: set[int]) -> bool:
    """Whether a peer may hold something else than what is true here; one that was not asked gave no reply."""
    if not applied:
        return reply is not None and reply.uncertain
    return reply is None or not reply.taken or association_id not in undisturbed


def group_status(session: Session, reference: int | str) -> dict[str, Any]:
    """Counts of a group's subclouds by where they stand; a member is counted in at most one of the first."""
    group = find_group(session, reference)
    rows = session.execute(
        select(Subcloud.deploy_status, Subcloud.rehome_step, Subcloud.management_state).where(
            Subcloud.peer_group_id == group.id
        )
    ).all()
    counted = Counter(_place(row.deploy_status, row.rehome_step) for row in rows)
    managed = Counter(row.management_state for row in rows)
    return {
        "peer_group_id": group.id,
        "peer_group_name": group.peer_group_name,
        "total_subclouds": len(rows),
        **{name: counted[name] for name in COUNTED_STATES},
        "managed": managed[Management.MANAGED],
        "unmanaged": managed[Management.UNMANAGED],
    }


# Count of the status answer → the deploy statuses that it counts.
COUNTED_STATES = {
    "complete": frozenset({Deploy.COMPLETE}),
    "waiting_for_migrate": frozenset({Deploy.SECONDARY}),
    "rehoming": REHOMING_STATES,
    "rehome_failed": frozenset({Deploy.REHOME_FAILED, Deploy.REHOME_PREP_FAILED}),
}
PLACES = {str(status): name for name, statuses in COUNTED_STATES.items() for status in statuses}


def _place(deploy_status: str, rehome_step: str | None) -> str | None:
    """The count that a member is part of; one that failed earlier and is tried again waits like others."""
    if rehome_step in PREPARING:
        return "waiting_for_migrate"
    return PLACES.get(deploy_status)
