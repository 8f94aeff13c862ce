"""Subclouds: what may be done with them, and the one transaction in which it is done."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from typing import NoReturn

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Conflict, Gone
from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.models.network_values import CONTROLLER_GATEWAY, address_of
from dcapi.models.states import DEPLOYING_STATES, REHOMING_STATES, Deploy
from dcapi.parts import Parts
from dcapi.services import (
    deployment,
    group_audit,
    network_reconfiguration,
    prestaging,
    redeployment,
    subcloud_management,
    subcloud_networks,
    subcloud_renaming,
    subcloud_values,
    undeployment,
)
from dcapi.services.saving import flush
from dcapi.services.subcloud_answers import (
    Answer,
    detail_answer,
    list_subclouds,
    single_answer,
    subcloud_answer,
)
from dcapi.services.subcloud_lookup import (
    NOT_FOUND,
    UNKNOWN_PEER_GROUP,
    Reference,
    find,
    find_by_name,
    find_to_delete,
    group_facts,
    peer_group_named,
    subcloud_group_id,
)
from dcapi.services.subcloud_requests import NewSubcloud, Redeployment, SubcloudChange
from dcapi.services.taken_subnets import taken_subnets
from dcapi.sync import changes, members
from dcapi.sync.members import Caller, GroupFacts, Situation

__all__ = [
    "NOT_FOUND",
    "create",
    "delete",
    "has_outcome",
    "list_subclouds",
    "redeploy",
    "refuse_verb",
    "reread",
    "show",
    "show_detail",
    "simulate",
    "update",
    "update_endpoint_status",
]

# Verb → the call that took its place.
GONE_VERBS = {
    "restore": "PATCH /v1.0/subcloud-backup/restore",
    "reconfigure": "PATCH /v1.0/phased-subcloud-deploy/{subcloud}/configure",
    "reinstall": "PATCH /v1.0/subclouds/{subcloud}/redeploy",
}

# What a redeployment asks for, as the rules for members see it.
REDEPLOYED = frozenset({"redeploy"})

# Attributes that a change sets as they are; each of them is something that a secondary gets.
PLAIN_FIELDS = ("description", "location")


def show(session: Session, reference: Reference, caller: Caller, *, with_secrets: bool) -> Answer:
    """One subcloud with its endpoint statuses; raises NotFound."""
    return single_answer(session, find(session, reference, caller), with_secrets=with_secrets)


def show_detail(session: Session, reference: Reference, caller: Caller, *, with_secrets: bool) -> Answer:
    """One subcloud in detail; raises NotFound."""
    return detail_answer(session, find(session, reference, caller), with_secrets=with_secrets)


def create(session: Session, parts: Parts, new: NewSubcloud) -> Answer:
    """Create a subcloud: a secondary one as it is, any other one to be deployed by jobs.

    Raises BadRequest for networks that do not fit and Conflict for a name or region name that is taken.
    """
    group_id = subcloud_group_id(session, new.group)
    taken = taken_subnets(session)
    _check_free(session, new)
    subcloud_networks.check_networks(new.bootstrap_values, taken)
    row = _new_row(parts, new, group_id)
    session.add(row)
    flush(session, lambda: _check_free(session, new))
    session.add_all(subcloud_management.new_endpoints(row.id))
    if not new.secondary:
        deployment.start(session, parts, row, new)
    session.flush()
    answer = subcloud_answer(row)
    session.commit()
    if not new.secondary:
        deployment.hint(parts, answer["id"])
    return answer


def reread(session: Session, subcloud_id: int) -> Answer | None:
    """A subcloud as it is by now; None when it was deleted meanwhile."""
    row = session.get(Subcloud, subcloud_id, populate_existing=True)
    return None if row is None else subcloud_answer(row)


def has_outcome(session: Session, subcloud_id: int) -> bool:
    """Whether the deployment of a subcloud has come to its end, or the subcloud is gone."""
    status = session.scalar(select(Subcloud.deploy_status).where(Subcloud.id == subcloud_id))
    return status not in DEPLOYING_STATES | REHOMING_STATES


def _new_row(parts: Parts, new: NewSubcloud, group_id: int) -> Subcloud:
    network = subcloud_networks.shown_network(new.bootstrap_values)
    row = Subcloud(
        name=new.name,
        description=new.description,
        location=new.location,
        software_version=new.release or parts.settings.SOFTWARE_VERSION,
        deploy_status=_first_status(new),
        deploy_due_at=None if new.secondary else time.time(),
        region_name=new.region_name or uuid.uuid4().hex,
        management_subnet=network.subnet,
        management_start_ip=network.start,
        management_end_ip=network.end,
        management_gateway_ip=network.gateway,
        systemcontroller_gateway_ip=_controller_gateway(new.bootstrap_values),
        group_id=group_id,
    )
    if not new.secondary:
        row.oam_floating_ip = str(address_of(new.bootstrap_values, "external_oam_floating_address"))
    subcloud_values.write_new(row, new)
    return row


def _first_status(new: NewSubcloud) -> Deploy:
    if new.secondary:
        return Deploy.SECONDARY
    return Deploy.PRE_REHOME if new.migrate else Deploy.PRE_DEPLOY


def _controller_gateway(values: subcloud_values.Values) -> str:
    return str(address_of(values, CONTROLLER_GATEWAY))


def _check_free(session: Session, new: NewSubcloud) -> None:
    # Other sites find a subcloud by its name or its region name, so no name may be another one's region name.
    named = or_(Subcloud.name == new.name, Subcloud.region_name == new.name)
    if session.scalar(select(exists().where(named))):
        raise Conflict(f"Subcloud with name={new.name} already exists")
    region = Subcloud.region_name == new.region_name
    if new.region_name is not None and session.scalar(select(exists().where(region))):
        raise Conflict(f"Subcloud with region_name={new.region_name} already exists")


@dataclass(frozen=True)
class Groups:
    """The peer group that a subcloud is in and the one that it is to be in."""

    current: GroupFacts | None
    target: GroupFacts | None


def update(
    session: Session, parts: Parts, reference: Reference, change: SubcloudChange, caller: Caller
) -> Answer:
    """Change a subcloud, and move the associations that the change concerns.

    Raises NotFound, BadRequest for a rule that is broken, Unprocessable for a management state that is not
    possible now.
    """
    row = find(session, reference, caller, lock=True)
    group_id = row.group_id if change.group is None else subcloud_group_id(session, change.group)
    groups = _groups(session, parts, row, change)
    situation = _situation(row, caller, groups, change)
    if situation.is_asked_for and not situation.is_ceded:
        group_audit.look_who_migrates(session, parts, row.peer_group_id)
    members.check_update(situation)
    if change.network is not None:
        return network_reconfiguration.begin(session, parts, row, change, taken_subnets(session, but=row))
    moved = _move(row, groups) if situation.moves else set()
    if _write_values(session, row, change, group_id, caller) and groups.current is not None:
        moved.add(groups.current.id)
    _write_state(session, parts, row, change, situation)
    return _commit_change(session, parts, row, situation, moved)


def _commit_change(
    session: Session, parts: Parts, row: Subcloud, situation: Situation, moved: set[int]
) -> Answer:
    """Commit with the associations of the groups that the change concerns, and tell the caller of these."""
    # Written together with the subcloud: a second flush would cost a change of a member a tenth of its time.
    with session.no_autoflush:
        concerned, message = _move_associations(session, situation, moved)
    session.flush()
    ids = [association.id for association in concerned]
    answer = subcloud_answer(row)
    session.commit()
    changes.hint(parts, ids, delay=changes.TELL_DELAY)
    return answer if message is None else {**answer, "info_message": message}


def _move_associations(
    session: Session, situation: Situation, moved: set[int]
) -> tuple[list[PeerGroupAssociation], str | None]:
    """Move what a change concerns; returns the associations that have news, and what the caller is told."""
    if members.is_change_at_secondary(situation):
        told = [one for group_id in moved for one in changes.member_changed_here(session, group_id)]
        return [], _message_at_secondary(told)
    concerned = changes.group_changed(session, moved) if moved else []
    return concerned, changes.info_message(concerned)


def _message_at_secondary(associations: list[PeerGroupAssociation]) -> str | None:
    if not associations:
        return None
    ids = ", ".join(str(association.id) for association in associations)
    return (
        f"Peer group association {ids} is out-of-sync now: the primary site takes this change over when it "
        "is available again and audits the group."
    )


def redeploy(session: Session, parts: Parts, reference: Reference, wanted: Redeployment) -> Answer:
    """Deploy a subcloud again; raises NotFound, BadRequest, and Conflict while something else goes on."""
    row = find(session, reference, Caller.OPERATOR, lock=True)
    groups = _groups(session, parts, row, SubcloudChange())
    situation = replace(_situation(row, Caller.OPERATOR, groups, SubcloudChange()), given=REDEPLOYED)
    members.check_update(situation)
    changed = redeployment.redeploy(session, parts, row, wanted, taken_subnets(session, but=row))
    moved = {groups.current.id} if changed and groups.current is not None else set()
    answer = _commit_change(session, parts, row, situation, moved)
    deployment.hint(parts, answer["id"])
    return answer


def _write_state(
    session: Session, parts: Parts, row: Subcloud, change: SubcloudChange, situation: Situation
) -> None:
    """Manage or unmanage a subcloud, let it be rehomed elsewhere, or both in this order."""
    if situation.is_ceded:
        subcloud_management.cede(session, row)
        return
    if change.management_state is not None:
        force = bool(change.force)
        subcloud_management.set_management_state(session, parts, row, change.management_state, force=force)
    if change.migrate:
        subcloud_management.await_rehoming(row)


def _groups(session: Session, parts: Parts, row: Subcloud, change: SubcloudChange) -> Groups:
    current = row.peer_group_id
    target = current if change.peer_group is None else peer_group_named(session, change.peer_group)
    facts = group_facts(session, parts.site, {one for one in (current, target) if one is not None})
    if target is not None and target not in facts:
        raise BadRequest(UNKNOWN_PEER_GROUP)  # deleted since its name was looked up
    return Groups(
        None if current is None else facts.get(current), None if target is None else facts.get(target)
    )


def _situation(row: Subcloud, caller: Caller, groups: Groups, change: SubcloudChange) -> Situation:
    return Situation(
        caller=caller,
        management_state=row.management_state,
        availability_status=row.availability_status,
        deploy_status=row.deploy_status,
        has_rehome_data=row.rehome_data is not None,
        is_rehoming=row.rehome_step is not None or row.deploy_status in REHOMING_STATES,
        group=groups.current,
        target=groups.target,
        given=change.given(),
        wanted_state=change.management_state,
    )


def _move(row: Subcloud, groups: Groups) -> set[int]:
    row.peer_group_id = None if groups.target is None else groups.target.id
    return {group.id for group in (groups.current, groups.target) if group is not None}


def _write_values(
    session: Session, row: Subcloud, change: SubcloudChange, group_id: int, caller: Caller
) -> bool:
    """Put the given values into the row; returns whether one differs that is a change for secondaries."""
    changed = subcloud_values.write_change(row, change)
    for name in PLAIN_FIELDS:
        value = getattr(change, name)
        if value is not None and value != (getattr(row, name) or ""):
            setattr(row, name, value)
            changed = True
    if group_id != row.group_id:
        row.group_id = group_id
        changed = True
    # Another site sends the name along in an update, and means no rename by it.
    if change.name is not None and not (caller is Caller.PEER and change.name == row.name):
        subcloud_renaming.rename(session, row, change.name)
        changed = True
    if caller is Caller.PEER:
        changed = _write_peer_values(row, change) or changed
    return changed


def _write_peer_values(row: Subcloud, change: SubcloudChange) -> bool:
    """What only another site may say of its subcloud: the release, and this site's gateway to it."""
    changed = False
    if change.release is not None and change.release != row.software_version:
        row.software_version = change.release
        changed = True
    if (change.bootstrap_values or {}).get(CONTROLLER_GATEWAY):
        row.systemcontroller_gateway_ip = _controller_gateway(change.bootstrap_values or {})
    return changed


def delete(session: Session, parts: Parts, reference: Reference, caller: Caller) -> None:
    """Delete a subcloud; raises NotFound, BadRequest and Unprocessable."""
    row = find_to_delete(session, reference, caller)
    groups = _groups(session, parts, row, SubcloudChange())
    members.check_deletion(_situation(row, caller, groups, SubcloudChange()))
    target = subcloud_management.target_of(row)
    forget_work(session, row.id)
    is_torn_down = undeployment.leave(session, parts, row)
    session.delete(row)
    session.flush()
    concerned = changes.group_changed(session, {groups.current.id}) if groups.current else []
    ids = [association.id for association in concerned]
    session.commit()
    if is_torn_down:
        undeployment.hint(parts, target.subcloud_id)
    else:
        parts.deployer.delete(target)
    changes.hint(parts, ids)


def forget_work(session: Session, subcloud_id: int) -> None:
    """Delete what was to be done with a subcloud that goes; the caller commits."""
    deployment.forget(session, subcloud_id)
    network_reconfiguration.WORK.forget(session, subcloud_id)
    prestaging.WORK.forget(session, subcloud_id)


def update_endpoint_status(session: Session, reference: Reference, endpoint: str, status: str) -> None:
    """Enter what a subcloud tells of one of its endpoints; raises NotFound."""
    row = find(session, reference, Caller.OPERATOR, lock=True)
    subcloud_management.set_endpoint_status(session, row, endpoint, status)
    session.commit()


def refuse_verb(session: Session, reference: Reference, verb: str) -> NoReturn:
    """Answer a verb that is gone; raises NotFound first, then Gone."""
    find(session, reference, Caller.OPERATOR)
    raise Gone(f"The call {verb} is no longer offered. Please use {GONE_VERBS[verb]}")


def simulate(session: Session, parts: Parts, name: str, availability: str) -> None:
    """Note that a subcloud is off the air or on it, which no deployer finds out by itself.

    Raises NotFound, and BadRequest for one that is not deployed.
    """
    row = find_by_name(session, name)
    subcloud_management.simulate_availability(session, parts, row, availability)
    session.commit()
