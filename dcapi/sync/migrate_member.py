"""Takes one subcloud over, in short steps: what is done next stands in its row.

A step reads the row, asks the other sites or the deployer outside of any transaction, and moves the row under
a lease. The job goes on to the next step while that is due at once, and asks for itself when it is due later.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Phase, Target
from dcapi.jobs.hold import Hold, LeaseLost, take_hold
from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.models.engine import read_only
from dcapi.models.locks import locked
from dcapi.models.secret_values import data_install
from dcapi.models.states import Availability, Deploy, Management, PeerAvailability, RehomeStep
from dcapi.models.types import SecretUnreadable
from dcapi.parts import Parts
from dcapi.peers.address import PeerAddress
from dcapi.sync import migrate_cede, migrate_rows, migrate_steps
from dcapi.sync.endpoints import take_endpoint_statuses
from dcapi.sync.member import ADDRESS_KEY, saved_payload_of
from dcapi.sync.migrate_rows import Needs
from dcapi.sync.migrate_steps import Move
from dcapi.sync.snapshot import address_of

logger = logging.getLogger(__name__)

MEMBER_JOB = "migrate-member"
GROUP_JOB = "migrate-group"

# Seconds between two looks whether a subcloud has come online.
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Seen:
    """A member at a step, as it was read."""

    group_id: int
    region_name: str
    step: RehomeStep
    status: Deploy
    online: bool
    due_at: float
    # Sites that are asked to give it away, and whether each is known to be away.
    others: tuple[tuple[PeerAddress, bool], ...] = ()
    # What the deployer takes; None when it was lost.
    target: Target | None = None

    def seconds_left(self) -> float:
        return max(self.due_at - time.time(), 0.0)


def subcloud_lease(subcloud_id: int) -> str:
    """The lease of a subcloud, and its jobs' key: it is deployed, taken over or torn down one at a time."""
    return f"subcloud:{subcloud_id}"


def hint_member(parts: Parts, subcloud_id: int, delay: float = 0.0) -> None:
    parts.jobs.submit(MEMBER_JOB, subcloud_lease(subcloud_id), delay=delay, subcloud_id=subcloud_id)


def hint_group(parts: Parts, group_id: int, delay: float = 0.0) -> None:
    key = migrate_rows.migration_lease(group_id)
    parts.jobs.submit(GROUP_JOB, key, delay=delay, group_id=group_id)


def take_over(parts: Parts, subcloud_id: int) -> None:
    """The job: take one member as far as it goes now. Nothing when somebody else is at it."""
    hold = take_hold(
        parts.unit_of_work, subcloud_lease(subcloud_id), parts.owner, parts.settings.LEASE_SECONDS
    )
    if hold is None:
        return
    following = None
    try:
        with ExitStack() as held:
            held.enter_context(hold)
            following = _go_on(parts, hold, subcloud_id)
            if following.released:
                held.pop_all()
    except LeaseLost:
        logger.warning("subcloud %d: the lease was lost, nothing more is written", subcloud_id)
        return
    if following.group_id is not None:
        hint_group(parts, following.group_id)
    if following.seconds is not None:
        hint_member(parts, subcloud_id, following.seconds)


@dataclass(frozen=True)
class Following:
    """What follows after a job: the next look at the member, in seconds, or at its group.

    ``released``: the lease was given back together with the last write, which spares a transaction.
    """

    seconds: float | None = None
    group_id: int | None = None
    released: bool = False


def _go_on(parts: Parts, hold: Hold, subcloud_id: int) -> Following:
    """Make the steps that are due."""
    seen = _look(parts, subcloud_id)
    while seen is not None and not parts.jobs.stopping:
        if seen.step is not RehomeStep.COMING_ONLINE and seen.seconds_left() > 0:
            return Following(seen.seconds_left())
        move = _next_move(parts, hold, seen)
        if move is None:
            return Following(LOOK_SECONDS)
        next_seen = _write(parts, hold, subcloud_id, seen, move)
        if _is_last(move):
            group_id = seen.group_id if move.step is None else None
            return Following(None if next_seen is None else move.seconds, group_id, released=True)
        seen = next_seen
    return Following()


def _is_last(move: Move) -> bool:
    """Whether nothing is due at once after a move."""
    return move.step is None or (move.step is not RehomeStep.COMING_ONLINE and move.seconds > 0)


def _look(parts: Parts, subcloud_id: int) -> Seen | None:
    """The member as it is; None when nothing is (any more) to be done with it here."""
    now = time.time()
    with parts.unit_of_work() as session:
        row = read_only(session).get(Subcloud, subcloud_id)
        if row is None or row.peer_group_id is None:
            return None
        if row.rehome_step is None or row.rehome_step == RehomeStep.WAITING:
            return None
        seen = _seen(row)
        if seen.due_at > now or seen.step is RehomeStep.COMING_ONLINE:
            return seen
        needs = migrate_rows.read_needs(session, seen.group_id)
        if needs is None:
            return seen
        others = _others(session, seen.group_id, needs)
        return replace(seen, others=others, target=_target(row, needs))


def _seen(row: Subcloud) -> Seen:
    assert row.peer_group_id is not None
    return Seen(
        group_id=row.peer_group_id,
        region_name=row.region_name,
        step=RehomeStep(row.rehome_step or ""),
        status=Deploy(row.deploy_status),
        online=row.availability_status == Availability.ONLINE,
        due_at=row.deploy_due_at or 0.0,
    )


def _others(session: Session, group_id: int, needs: Needs) -> tuple[tuple[PeerAddress, bool], ...]:
    associated = PeerGroupAssociation.peer_group_id == group_id
    peers = [one.peer for one in session.scalars(select(PeerGroupAssociation).where(associated))]
    return tuple(
        (address_of(peer), peer.availability_state == PeerAvailability.UNAVAILABLE)
        for peer in peers
        if peer.id not in needs.away
    )


def _target(row: Subcloud, needs: Needs) -> Target | None:
    """What the deployer takes: the values that the other site kept here, with their secrets."""
    try:
        saved = dict(saved_payload_of(row))
        install = data_install.read(row)
    except SecretUnreadable:
        return None
    address = saved.pop(ADDRESS_KEY, None)
    return Target(
        subcloud_id=row.id,
        name=row.name,
        region_name=row.region_name,
        software_version=row.software_version,
        bootstrap_address=address,
        bootstrap_values=saved,
        install_values=install,
        sysadmin_password=needs.sysadmin_password,
    )


def _next_move(parts: Parts, hold: Hold, seen: Seen) -> Move | None:
    """What becomes of a member; asks whoever has to be asked for that."""
    settings = parts.settings
    if seen.step is RehomeStep.COMING_ONLINE:
        late = seen.seconds_left() == 0
        return migrate_steps.after_look(online=seen.online, late=late, limit=settings.REHOME_ONLINE_SECONDS)
    if seen.target is None:
        return migrate_steps.failed(seen.step, migrate_steps.LOST)
    if seen.step in migrate_steps.TRIES:
        refusal = migrate_cede.ask_others(parts, hold, seen.others, seen.region_name, seen.step)
        return migrate_steps.after_ceding(seen.step, refusal, settings.REHOME_RETRY_SECONDS)
    if seen.status == Deploy.PRE_REHOME:
        return migrate_steps.after_begin(parts.deployer.begin(Phase.REHOME, seen.target))
    state = parts.deployer.poll(Phase.REHOME, seen.target)
    return migrate_steps.after_poll(state, settings.REHOME_ONLINE_SECONDS)


def _write(parts: Parts, hold: Hold, subcloud_id: int, seen: Seen, move: Move) -> Seen | None:
    """Write a move, if the lease is still ours and the row is as it was seen.

    Returns the member as it is then; None when it has arrived, or somebody else changed it.
    """
    with parts.unit_of_work() as session:
        hold.confirm(session)
        if _is_last(move):
            hold.release_in(session)
        row = session.scalar(locked(select(Subcloud).where(Subcloud.id == subcloud_id)))
        if row is None or (row.rehome_step, row.deploy_status) != (seen.step, seen.status):
            session.commit()
            return None
        migrate_rows.apply(row, move, time.time())
        if move.step is RehomeStep.REHOMING:
            # A playbook may take as long as the password is kept for.
            migrate_rows.keep_needs(session, seen.group_id, parts.settings.OPERATION_SECRET_TTL)
        if move.step is RehomeStep.COMING_ONLINE:
            # As at the end of a deployment: what was just deployed answers.
            row.availability_status = Availability.ONLINE
        if move.managed:
            row.management_state = Management.MANAGED
            take_endpoint_statuses(session, parts, row)
        following = None if move.step is None else _seen(row)
        session.commit()
    _log(subcloud_id, seen, move)
    return None if following is None else replace(following, others=seen.others, target=seen.target)


def _log(subcloud_id: int, seen: Seen, move: Move) -> None:
    is_bad = move.step is None and not move.managed
    arrived = "managed" if move.managed else move.step or move.status
    logger.log(
        logging.WARNING if is_bad else logging.INFO,
        "migration: subcloud %d: %s after %s%s",
        subcloud_id,
        arrived,
        seen.step,
        f": {move.error}" if is_bad else "",
    )
