"""What a claim makes of a peer that runs the original: it is told nothing, and it gives way to nobody.

So a claim on it is a reading, and the requests for each member (``cede``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import Subcloud
from dcapi.models.states import Deploy, Management
from dcapi.peers.errors import PeerError
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteGroup, RemoteSubcloud
from dcapi.peers.texts import clean
from dcapi.runtime import Runtime
from dcapi.sync import leftover, stale_status, status
from dcapi.sync.changes import lock_association
from dcapi.sync.leftover import Leftover
from dcapi.sync.snapshot import Destination
from dcapi.sync.status import Event
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import transaction

logger = logging.getLogger(__name__)

# So many subclouds are named in a message.
NAMED = 10


@dataclass(frozen=True)
class MemberHere:
    """A member of the group at this site; ``let_go``: for a migration of another one."""

    name: str
    region_name: str
    let_go: bool


@dataclass(frozen=True)
class Shown:
    """What an original shows of a group, besides the group itself; subclouds by their names.

    ``kept``: managed there though this site let them go for it; ``unknown``: in the group there alone.
    """

    leftover: Leftover = Leftover.NONE
    kept: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def read_members(session: Session, group_id: int) -> tuple[MemberHere, ...]:
    query = select(Subcloud.name, Subcloud.region_name, Subcloud.management_state, Subcloud.deploy_status)
    rows = session.execute(query.where(Subcloud.peer_group_id == group_id).order_by(Subcloud.id))
    return tuple(
        MemberHere(
            row.name,
            row.region_name,
            row.management_state == Management.UNMANAGED and row.deploy_status == Deploy.REHOME_PENDING,
        )
        for row in rows
    )


def look(
    runtime: Runtime,
    hold: Hold,
    client: PeerPort,
    target: Destination,
    group: RemoteGroup,
    members: Sequence[MemberHere],
) -> Shown:
    """Read the members of a group there, and note what they show of its migration. Raises LeaseLost."""
    try:
        there = client.group_subclouds(group.id)
    except PeerError as error:
        logger.warning("the members of the group could not be read: %s", error.message)
        return Shown(Leftover.PERHAPS if group.is_migrating else Leftover.NONE)
    with transaction(runtime, hold) as session:
        association = lock_association(session, target.association_id)
        reading = leftover.reading_of(group, there)
        found = (
            Leftover.NONE
            if association is None
            else stale_status.take_reading(session, runtime, association, reading)
        )
    # One that leads keeps what it took: this site follows it.
    kept = () if group.is_led_by(target.peer.uuid) else _kept(members, there)
    return Shown(found, kept, _unknown(members, there))


def _kept(members: Iterable[MemberHere], there: Iterable[RemoteSubcloud]) -> tuple[str, ...]:
    managed = {copy.region_name for copy in there if copy.management_state == Management.MANAGED}
    return tuple(member.name for member in members if member.let_go and member.region_name in managed)


def _unknown(members: Iterable[MemberHere], there: Iterable[RemoteSubcloud]) -> tuple[str, ...]:
    known = {member.region_name for member in members}
    return tuple(copy.name for copy in there if copy.region_name not in known)


def why_lost(peer_name: str, group: RemoteGroup, shown: Shown) -> str | None:
    """Why an original keeps the group, whoever has which priority; None when it does not."""
    if group.is_migrating and shown.leftover is Leftover.STUCK:
        return leftover.stuck_text(peer_name)
    if group.is_migrating and shown.leftover is not Leftover.STALE:
        return f"Site {peer_name} is migrating the peer group."
    if shown.kept:
        return kept_text(peer_name, shown.kept)
    return None


def kept_text(peer_name: str, names: Sequence[str]) -> str:
    return f"Site {peer_name} manages {_listed(names)}: migrate there again."


def warn_of_unknown(session: Session, target: Destination, names: Sequence[str]) -> None:
    """Say which subclouds an original deletes when it follows this site. The caller commits."""
    text = (
        f"Site {target.peer.name} deletes what this site does not have in the group when it follows: "
        f"{_listed(names)}."
    )
    logger.warning("group %s: %s", target.group.name, text)
    association = lock_association(session, target.association_id)
    if association is not None:
        status.show_finding(association, Event.AUDIT_DIFFERENT, text)


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*(clean(name) for name in names[:NAMED]), *more])
