"""Takes one subcloud over, as a kind of task: what is done next stands in the subcloud's rehome step."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.audit_log import DONE, FAILED, tell_act
from dcapi.deploy.port import Phase, Target
from dcapi.models import PeerGroupAssociation, Subcloud, Task
from dcapi.models.commits import after_commit
from dcapi.models.locks import locked
from dcapi.models.secret_values import data_install
from dcapi.models.states import (
    Availability,
    Deploy,
    Management,
    PeerAvailability,
    PeerKind,
    RehomeStep,
    TaskName,
)
from dcapi.models.types import SecretUnreadable
from dcapi.peers.texts import clean
from dcapi.runtime import Runtime
from dcapi.sync.endpoints import deploy_target, take_endpoint_statuses
from dcapi.sync.snapshot import address_of
from dcapi.sync.takeover import cede, group_rows, rehome_steps
from dcapi.sync.takeover.cede import OtherSite
from dcapi.sync.takeover.rehome_steps import NextStep
from dcapi.sync.values.member import ADDRESS_KEY, bootstrap_address, keep_address, saved_payload_of
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import migration_lease
from dcapi.tasks.runner import Step, TaskKind, hint

logger = logging.getLogger(__name__)

# Seconds between two looks whether a subcloud has come online.
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class MemberView:
    """A member at a step, as it was read."""

    subcloud_id: int
    group_id: int
    region_name: str
    step: RehomeStep
    status: Deploy
    online: bool
    # When its patience ends, in seconds since the epoch.
    deadline: float
    # Sites that are asked to give it away.
    others: tuple[OtherSite, ...]
    # What the deployer takes; None when it was lost.
    target: Target | None


class Rehoming(TaskKind[MemberView, NextStep | None]):
    name = TaskName.REHOME

    def longest_wait(self, runtime: Runtime) -> float:
        return max(super().longest_wait(runtime), runtime.settings.REHOME_RETRY_SECONDS, LOOK_SECONDS)

    def look(self, session: Session, runtime: Runtime, found: Task) -> MemberView | None:
        row = session.get(Subcloud, found.subject_id)
        if row is None or row.peer_group_id is None or row.rehome_step in (None, RehomeStep.WAITING):
            return None
        return MemberView(
            subcloud_id=row.id,
            group_id=row.peer_group_id,
            region_name=row.region_name,
            step=RehomeStep(row.rehome_step or ""),
            status=Deploy(row.deploy_status),
            online=row.availability_status == Availability.ONLINE,
            deadline=rehome_steps.patience_end(
                found.deadline,
                due_at=found.due_at,
                now=time.time(),
                limit=runtime.settings.REHOME_ONLINE_SECONDS,
            ),
            others=_others(session, row.peer_group_id),
            target=_target(session, row),
        )

    def ask(self, runtime: Runtime, hold: Hold, view: MemberView) -> NextStep | None:
        """What becomes of a member; asks whoever has to be asked for that."""
        settings, deployer = runtime.settings, runtime.deployer
        if view.step is RehomeStep.COMING_ONLINE:
            late = view.deadline <= time.time()
            return rehome_steps.after_look(
                online=view.online, late=late, limit=settings.REHOME_ONLINE_SECONDS
            )
        if view.target is None:
            return rehome_steps.failed(view.step, rehome_steps.MIGRATION_LOST)
        if view.step in rehome_steps.CEDING_TRIES:
            return _ask_others(runtime, hold, view)
        if view.status == Deploy.PRE_REHOME:
            return rehome_steps.after_begin(deployer.begin(Phase.REHOME, view.target))
        state = deployer.poll(Phase.REHOME, view.target)
        return rehome_steps.after_poll(state, settings.REHOME_ONLINE_SECONDS)

    def write(
        self, session: Session, runtime: Runtime, view: MemberView, answer: NextStep | None
    ) -> Step | None:
        row = session.scalar(locked(select(Subcloud).where(Subcloud.id == view.subcloud_id)))
        if row is None or (row.rehome_step, row.deploy_status) != (view.step, view.status):
            return None
        if answer is None:
            return Step(LOOK_SECONDS, {"deadline": view.deadline})
        group_rows.apply(row, answer)
        if answer.step is RehomeStep.REHOMING:
            # A playbook may take as long as the password is kept for.
            group_rows.keep_password(session, view.group_id, self.secret_seconds(runtime))
            if view.target is not None:
                keep_address(row, view.target.bootstrap_address)
        if answer.step is RehomeStep.COMING_ONLINE:
            # As at the end of a deployment: what was just deployed answers.
            row.availability_status = Availability.ONLINE
        if answer.managed:
            row.management_state = Management.MANAGED
            take_endpoint_statuses(session, row.id)
        _log(view, answer)
        if answer.step is None:
            after_commit(session, partial(_tell_audit_log, runtime.site.name, row.name, view, answer))
        return _step(runtime, view, answer)


TASK = Rehoming()


def _ask_others(runtime: Runtime, hold: Hold, view: MemberView) -> NextStep:
    try:
        refusal = cede.ask_others(runtime, hold, view.others, view.region_name, view.step)
    except cede.RehomedThere as error:
        return rehome_steps.failed(view.step, str(error))
    return rehome_steps.after_ceding(view.step, refusal, runtime.settings.REHOME_RETRY_SECONDS)


def _others(session: Session, group_id: int) -> tuple[OtherSite, ...]:
    notes = group_rows.read_notes(session, group_id) or group_rows.MigrationNotes()
    associated = PeerGroupAssociation.peer_group_id == group_id
    peers = [one.peer for one in session.scalars(select(PeerGroupAssociation).where(associated))]
    return tuple(
        OtherSite(
            address_of(peer),
            known_away=peer.availability_state == PeerAvailability.UNAVAILABLE,
            kind=PeerKind.ORIGINAL if peer.id in notes.originals else PeerKind.OURS,
        )
        for peer in peers
        if peer.id not in notes.away
    )


def _target(session: Session, row: Subcloud) -> Target | None:
    """What the deployer takes: the values that the other site kept here, with their secrets."""
    assert row.peer_group_id is not None
    password = group_rows.read_password(session, row.peer_group_id)
    try:
        saved = dict(saved_payload_of(row))
        install = data_install.read(row)
    except SecretUnreadable:
        return None
    if password is None:
        return None
    address = bootstrap_address(saved, install)
    saved.pop(ADDRESS_KEY, None)
    values = {
        "bootstrap_address": address,
        "bootstrap_values": saved,
        "install_values": install,
        "sysadmin_password": password,
    }
    return deploy_target(row, values)


def _step(runtime: Runtime, view: MemberView, answer: NextStep) -> Step:
    if answer.step is None:
        # There is room for another member of the group, or it was the last one.
        group = partial(hint, runtime, TaskName.MIGRATE, migration_lease(view.group_id), view.group_id)
        return Step(None, then=(group,))
    deadline = None if answer.patience is None else time.time() + answer.patience
    return Step(answer.seconds, {"deadline": deadline})


def _log(view: MemberView, answer: NextStep) -> None:
    is_bad = answer.step is None and not answer.managed
    arrived = "managed" if answer.managed else answer.step or answer.status
    logger.log(
        logging.WARNING if is_bad else logging.INFO,
        "migration: subcloud %d: %s after %s%s",
        view.subcloud_id,
        arrived,
        view.step,
        f": {answer.error}" if is_bad else "",
    )


def _tell_audit_log(site: str, name: str, view: MemberView, answer: NextStep) -> None:
    """Tell what became of a member that this site was to take over, and from whom."""
    peers = ", ".join(clean(other.peer.name) for other in view.others)
    result = {"outcome": DONE} if answer.managed else {"outcome": FAILED, "reason": clean(answer.error or "")}
    tell_act("take over", "subcloud", view.subcloud_id, name, site=site, peer=peers, **result)
