"""Subclouds: what may be done with them, and the one transaction in which it is done."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import NoReturn

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Phase
from dcapi.errors import Conflict, Gone
from dcapi.models import Subcloud
from dcapi.models.network_values import ShownNetwork, shown_network
from dcapi.models.shown_span import add_spans, write_columns
from dcapi.models.shown_span import show as show_networks
from dcapi.models.states import DEPLOYING_STATES, REHOMING_STATES, SUBCLOUD_TASKS, Deploy, Management
from dcapi.models.taken_networks import TakenNetworks
from dcapi.models.task import forget_tasks
from dcapi.runtime import Runtime
from dcapi.services import ceding
from dcapi.services.conflicts import flush
from dcapi.services.deploying import (
    deployment,
    enrolment,
    network_reconfiguration,
    redeployment,
    undeployment,
)
from dcapi.services.deploying.phases import deployment_phases, last_phase
from dcapi.services.inventory import (
    installation,
    management,
    membership,
    networks,
    renaming,
    stored_values,
)
from dcapi.services.inventory.activity import refuse_while_busy
from dcapi.services.inventory.inputs import DeployRequest, NewSubcloud, SubcloudChange
from dcapi.services.inventory.lookup import (
    NOT_FOUND,
    Reference,
    find,
    find_by_name,
    find_to_delete,
    subcloud_group_id,
)
from dcapi.services.inventory.member_request import CallerKind
from dcapi.services.inventory.situations import Groups, groups_of, situation_of
from dcapi.services.inventory.subcloud_answers import (
    Answer,
    detail_answer,
    list_subclouds,
    single_answer,
    subcloud_answer,
)
from dcapi.services.member_changes import commit_change, commit_deployment, deployed_situation
from dcapi.sync import changes
from dcapi.sync.endpoints import deploy_target
from dcapi.sync.subcloud_alarms import clear_let_go
from dcapi.sync.values.member import bootstrap_address

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
    "restore": "PATCH /v1.0/subcloud-backup/restore, which this service does not serve yet",
    "reconfigure": "PATCH /v1.0/phased-subcloud-deploy/{subcloud}/configure",
    "reinstall": "PATCH /v1.0/subclouds/{subcloud}/redeploy",
}


def show(session: Session, reference: Reference, caller: CallerKind, *, with_secrets: bool) -> Answer:
    """One subcloud with its endpoint statuses; raises NotFound."""
    return single_answer(session, find(session, reference, caller), with_secrets=with_secrets)


def show_detail(session: Session, reference: Reference, caller: CallerKind, *, with_secrets: bool) -> Answer:
    """One subcloud in detail; raises NotFound."""
    return detail_answer(session, find(session, reference, caller), with_secrets=with_secrets)


def create(session: Session, runtime: Runtime, new: NewSubcloud) -> Answer:
    """Create a subcloud: a secondary one as it is, any other one to be deployed by jobs.

    Raises BadRequest for networks that do not fit and Conflict for a name or region name that is taken.
    """
    if new.enrolment is not None:
        enrolment.check(new.enrolment, new.install_values, new.release or runtime.settings.SOFTWARE_VERSION)
        enrolment.check_nodes(new.bootstrap_values)
    group_id = subcloud_group_id(session, new.group)
    taken = TakenNetworks(session)
    _check_free(session, new)
    is_copy = new.secondary and new.from_peer
    networks.check_networks(new.bootstrap_values, taken, in_full=not is_copy)
    new, network = _completed(runtime, new), shown_network(new.bootstrap_values)
    row = _new_row(new, network, group_id)
    session.add(row)
    flush(session, lambda: _check_free(session, new))
    add_spans(session, row, network)
    session.add_all(management.new_endpoints(row.id))
    if new.enrolment is not None:
        enrolment.keep(session, row, new.enrolment)
    if not new.secondary:
        deployment.start(session, runtime, row, new)
    session.flush()
    answer = subcloud_answer(row)
    session.commit()
    if not new.secondary:
        deployment.TASK.hint(runtime, answer["id"])
    return answer


def reread(session: Session, subcloud_id: int) -> Answer | None:
    """A subcloud as it is by now; None when it was deleted meanwhile."""
    row = session.get(Subcloud, subcloud_id, populate_existing=True)
    return None if row is None else subcloud_answer(row)


def has_outcome(session: Session, subcloud_id: int) -> bool:
    """Whether the deployment of a subcloud has come to its end, or the subcloud is gone."""
    status = session.scalar(select(Subcloud.deploy_status).where(Subcloud.id == subcloud_id))
    return status not in DEPLOYING_STATES | REHOMING_STATES


def _completed(runtime: Runtime, new: NewSubcloud) -> NewSubcloud:
    """A new subcloud with its release, and with the address at which it is deployed, if it is."""
    release = new.release or runtime.settings.SOFTWARE_VERSION
    install = new.install_values
    if install is not None and not (new.secondary and new.from_peer):
        install = installation.fitted(install, new.bootstrap_values, release)
    address = new.bootstrap_address
    if not new.secondary:
        address = bootstrap_address({}, None, asked=address, install_asked=install)
    return replace(new, release=release, install_values=install, bootstrap_address=address)


def _new_row(new: NewSubcloud, network: ShownNetwork, group_id: int) -> Subcloud:
    row = Subcloud(
        name=new.name,
        description=new.description,
        location=new.location,
        software_version=new.release,
        region_name=new.region_name or uuid.uuid4().hex,
        group_id=group_id,
    )
    if new.secondary:
        row.deploy_status = Deploy.SECONDARY
    else:
        deployment.enter(row, _phases(new))
    write_columns(row, network)
    stored_values.write_new(row, new)
    return row


def _phases(new: NewSubcloud) -> tuple[str, ...]:
    """What a new subcloud goes through by itself."""
    if new.migrate:
        return (Phase.REHOME,)
    if new.in_phases:
        return (Phase.CREATE,)
    configures = new.deploy_config is not None
    if new.enrolment is not None:
        enrolled = enrolment.phases_of(new.enrolment)
        return (Phase.CREATE, *enrolled, last_phase(configures=configures))
    installs = new.install_values is not None
    return (Phase.CREATE, *deployment_phases(installs=installs, configures=configures))


def _check_free(session: Session, new: NewSubcloud) -> None:
    # Other sites find a subcloud by its name or its region name, so no name may be another one's region name.
    named = or_(Subcloud.name == new.name, Subcloud.region_name == new.name)
    if session.scalar(select(exists().where(named))):
        raise Conflict(f"Subcloud with name={new.name} already exists")
    region = Subcloud.region_name == new.region_name
    if new.region_name is not None and session.scalar(select(exists().where(region))):
        raise Conflict(f"Subcloud with region_name={new.region_name} already exists")


def update(
    session: Session,
    runtime: Runtime,
    reference: Reference,
    change: SubcloudChange,
    caller: CallerKind,
    *,
    may_modify: bool = True,
) -> Answer:
    """Change a subcloud, and move the associations that the change concerns.

    ``may_modify``: the caller may do more than manage and unmanage, and so set a managed copy right.
    Raises NotFound, BadRequest for a rule that is broken, Unprocessable for a management state that is not
    possible now.
    """
    row = find(session, reference, caller, lock=True)
    group_id = row.group_id if change.group is None else subcloud_group_id(session, change.group)
    groups = groups_of(session, runtime, row, change)
    situation = situation_of(row, caller, groups, change)
    if situation.is_asked_for:
        return ceding.cede(session, runtime, reference, change)
    _check_not_busy(row, change, caller)
    if not (may_modify and situation.sets_copy_right):
        membership.check_update(situation)
    if change.network is not None:
        return network_reconfiguration.begin(session, runtime, row, change)
    stored_values.check_change(session, row, change, caller, joins=situation.joins)
    moved = _move(session, row, groups) if situation.moves else set()
    if _write_values(session, row, change, group_id, caller) and groups.current is not None:
        moved.add(groups.current.id)
    _write_state(session, row, change)
    return commit_change(session, runtime, row, situation, moved)


def _check_not_busy(row: Subcloud, change: SubcloudChange, caller: CallerKind) -> None:
    """What waits for the end of what goes on, before the rules of members, one of which knows a rehoming too.

    Of one that is managed a rename says that, whatever goes on.
    """
    renames = _renames(row, change, caller) and row.management_state != Management.MANAGED
    if renames or change.network is not None:
        refuse_while_busy(row)


def _renames(row: Subcloud, change: SubcloudChange, caller: CallerKind) -> bool:
    """Whether a change asks for a rename: another site sends the name along, and means none by it."""
    return change.name is not None and not (caller is CallerKind.PEER and change.name == row.name)


def redeploy(session: Session, runtime: Runtime, reference: Reference, wanted: DeployRequest) -> Answer:
    """Deploy a subcloud again; raises NotFound, BadRequest, and Conflict while something else goes on."""
    row = find(session, reference, CallerKind.OPERATOR, lock=True)
    situation = deployed_situation(session, runtime, row)
    membership.check_update(situation)
    changed = redeployment.redeploy(session, runtime, row, wanted)
    return commit_deployment(session, runtime, row, situation, changed=changed)


def _write_state(session: Session, row: Subcloud, change: SubcloudChange) -> None:
    """Manage or unmanage a subcloud, let it be rehomed elsewhere, or both in this order."""
    if change.management_state is not None:
        force = bool(change.force)
        management.set_management_state(session, row, change.management_state, force=force)
    if change.migrate:
        management.await_rehoming(row)


def _move(session: Session, row: Subcloud, groups: Groups) -> set[int]:
    row.peer_group_id = None if groups.target is None else groups.target.id
    if groups.target is not None:
        clear_let_go(session, row)
    return {group.id for group in (groups.current, groups.target) if group is not None}


def _write_values(
    session: Session, row: Subcloud, change: SubcloudChange, group_id: int, caller: CallerKind
) -> bool:
    """Put the given values into the row; returns whether one differs that is a change for secondaries."""
    if caller is CallerKind.OPERATOR and change.install_values is not None:
        values = change.bootstrap_values or stored_values.stored_payload(row)
        install = installation.fitted(change.install_values, values, row.software_version)
        change = replace(change, install_values=install)
    changed = stored_values.write_change(row, change)
    if changed and change.bootstrap_values is not None:
        show_networks(session, row, stored_values.stored_payload(row))
    changed = stored_values.write_texts(row, change) or changed
    if group_id != row.group_id:
        row.group_id = group_id
        changed = True
    if _renames(row, change, caller):
        assert change.name is not None
        renaming.rename(session, row, change.name, foreign=caller is CallerKind.PEER)
        changed = True
    # Only another site may say the release of a subcloud.
    if caller is CallerKind.PEER and change.release not in (None, row.software_version):
        row.software_version = change.release
        changed = True
    return changed


def delete(
    session: Session, runtime: Runtime, reference: Reference, caller: CallerKind, *, force: bool = False
) -> None:
    """Delete a subcloud; raises NotFound, BadRequest and Unprocessable.

    With ``force`` an operator ends what is being done with it.
    """
    row = find_to_delete(session, reference, caller)
    groups = groups_of(session, runtime, row, SubcloudChange())
    situation = situation_of(row, caller, groups, SubcloudChange())
    if force and caller is CallerKind.OPERATOR:
        situation = replace(situation, is_worked_on=False)
    membership.check_deletion(situation)
    target = deploy_target(row)
    forget_tasks(session, row.id, SUBCLOUD_TASKS)
    clear_let_go(session, row)
    is_torn_down = undeployment.leave(session, runtime, row)
    session.delete(row)
    session.flush()
    concerned = changes.group_changed(session, {groups.current.id}) if groups.current else []
    ids = [association.id for association in concerned]
    session.commit()
    if is_torn_down:
        undeployment.TASK.hint(runtime, target.subcloud_id)
    else:
        runtime.deployer.delete(target)
    changes.hint(runtime, ids)


def update_endpoint_status(session: Session, reference: Reference, endpoint: str, status: str) -> None:
    """Enter what a subcloud tells of one of its endpoints; raises NotFound."""
    row = find(session, reference, CallerKind.OPERATOR, lock=True)
    management.set_endpoint_status(session, row, endpoint, status)
    session.commit()


def refuse_verb(session: Session, reference: Reference, verb: str) -> NoReturn:
    """Answer a verb that is gone; raises NotFound first, then Gone."""
    find(session, reference, CallerKind.OPERATOR)
    raise Gone(f"The call {verb} is no longer offered. Please use {GONE_VERBS[verb]}")


def simulate(session: Session, name: str, availability: str) -> None:
    """Note that a subcloud is off the air or on it, which no deployer finds out by itself.

    Raises NotFound, and BadRequest for one that is not deployed.
    """
    row = find_by_name(session, name)
    management.simulate_availability(session, row, availability)
    session.commit()
