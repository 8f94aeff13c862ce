"""Tells the other sites that this one migrates a group, and finds out whether one of them does.

Whoever goes on has committed ``migrating`` before it reads the others, and has told each of them before it
touches a subcloud; who is told decides under its group's lock. So of two sites that begin at once, one gives
way. A site that does not answer is not waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.jobs.hold import Hold
from dcapi.log import carrying_ids
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import REHOMING_STATES, Migration
from dcapi.parts import Parts
from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import PeerError, PeerRefused
from dcapi.peers.port import Answer, PeerPort
from dcapi.peers.texts import clean
from dcapi.sync import changes, migrate_rows
from dcapi.sync.migrate_rows import Needs
from dcapi.sync.snapshot import address_of

logger = logging.getLogger(__name__)

THREADS = 10
CONFLICT = 409


class Lost(Exception):
    """Another site migrates or keeps the group; the message says which one. Nothing was touched here."""


@dataclass(frozen=True)
class Other:
    """A site with a system peer here."""

    peer: PeerAddress
    # It has an association of this group with this site, and there the group was found by this id.
    associated: bool
    remote_group_id: int | None = None


@dataclass(frozen=True)
class View:
    """What another site said; ``group`` None: it has none of this name, or does not tell."""

    other: Other
    answered: bool
    group: Answer | None = None
    # It says ``migrating``, and a member there is being rehomed.
    rehomes: bool = False


@dataclass(frozen=True)
class Mine:
    """The group here, as the others are asked about it."""

    group_id: int
    name: str
    priority: int
    needs: Needs
    others: tuple[Other, ...]


def claim(parts: Parts, hold: Hold, group_id: int) -> str | None:
    """Make sure, under the lease of the migration, that this site may go on with it.

    Returns why it may not: then the migration has ended. Returns None when it may, or is over. Raises
    LeaseLost.
    """
    mine = _read(parts, group_id)
    if mine is None or mine.needs.claimed:
        return None
    try:
        away = _tell_all(parts, hold, mine)
    except Lost as lost:
        logger.warning("group %s is not migrated: %s", mine.name, lost)
        with parts.unit_of_work() as session:
            hold.confirm(session)
            asked = migrate_rows.withdraw(session, group_id, still=mine.needs.told)
            session.commit()
        changes.hint(parts, asked)
        return str(lost)
    _note_claimed(parts, hold, group_id, away)
    return None


def _read(parts: Parts, group_id: int) -> Mine | None:
    """The group and the sites to ask; None when it is not migrated here, or what that needs is gone."""
    with parts.unit_of_work() as session:
        group = session.get(SubcloudPeerGroup, group_id)
        needs = migrate_rows.read_needs(session, group_id)
        if group is None or not group.migrating_here or needs is None:
            return None
        others = _others(session, group_id)
        return Mine(group_id, group.peer_group_name, group.group_priority, needs, others)


def _others(session: Session, group_id: int) -> tuple[Other, ...]:
    """Every site with a system peer, disabled ones too: what they manage must not be managed twice."""
    of_group = select(PeerGroupAssociation.system_peer_id, PeerGroupAssociation.remote_group_id).where(
        PeerGroupAssociation.peer_group_id == group_id
    )
    associated = {row.system_peer_id: row.remote_group_id for row in session.execute(of_group)}
    peers = session.scalars(select(SystemPeer).order_by(SystemPeer.id))
    return tuple(Other(address_of(peer), peer.id in associated, associated.get(peer.id)) for peer in peers)


def _note_claimed(parts: Parts, hold: Hold, group_id: int, away: Sequence[int]) -> None:
    with parts.unit_of_work() as session:
        hold.confirm(session)
        group = migrate_rows.lock_group(session, group_id)
        needs = migrate_rows.read_needs(session, group_id)
        # It may have given way meanwhile to another site that told it.
        if group is not None and group.migrating_here and needs is not None:
            migrate_rows.note_claimed(session, group_id, needs, away)
        session.commit()


# -- What the others say --


def _tell_all(parts: Parts, hold: Hold, mine: Mine) -> list[int]:
    """Read and tell every site; returns the ids of the associated ones that are away. Raises Lost."""
    views = _ask_all(parts, hold, mine)
    judge(views, priority=mine.priority, told=mine.needs.told, tells=mine.needs.tells)
    away = [view.other.peer.id for view in views if view.other.associated and not view.answered]
    copies = [view for view in views if view.other.associated and view.group is not None]
    if copies:
        _note_telling(parts, hold, mine)
    told: list[View] = []
    for view in copies:
        try:
            if not _tell(parts, hold, view):
                away.append(view.other.peer.id)
        except Lost:
            _take_back(parts, hold, told)
            raise
        told.append(view)
    return away


def _ask_all(parts: Parts, hold: Hold, mine: Mine) -> list[View]:
    if not mine.others:
        return []
    with ThreadPoolExecutor(min(THREADS, len(mine.others)), "migrate") as pool:
        return list(pool.map(carrying_ids(partial(_ask, parts, hold, mine)), mine.others))


def _ask(parts: Parts, hold: Hold, mine: Mine, other: Other) -> View:
    client = _client(parts, hold, other)
    try:
        groups = client.groups()
        if other.associated and client.system_uuid().lower() != other.peer.uuid.lower():
            logger.warning("peer %s is another system than it should be, it is not asked", other.peer.name)
            return View(other, answered=False)
        group = _find_group(groups, mine, other)
        return View(other, answered=True, group=group, rehomes=other.associated and _rehomes(client, group))
    except PeerError as error:
        logger.warning("group %s is migrated without asking: %s", mine.name, error.message)
        # Who answers, however badly, is there: its members are asked for one by one.
        return View(other, answered=error.status != 0)


def _find_group(groups: Sequence[Answer], mine: Mine, other: Other) -> Answer | None:
    """The other site's copy; it may have got another name there since its id was noted."""
    by_id = {group["id"]: group for group in groups}
    known = by_id.get(other.remote_group_id) if other.associated else None
    if known is not None and (known["group_priority"] == 0) != (mine.priority == 0):
        return known
    return next((group for group in groups if group["peer_group_name"] == mine.name), None)


def _rehomes(client: PeerPort, group: Answer | None) -> bool:
    """Whether a member is being rehomed there; so it is taken when a site answers and does not say."""
    if group is None or group["migration_status"] != Migration.MIGRATING:
        return False
    try:
        members = client.group_subclouds(group["id"])
    except PeerError as error:
        if error.status == 0:
            raise
        logger.warning("the members of the group could not be read: %s", error.message)
        return True
    return any(row["deploy-status"] in REHOMING_STATES for row in members)


def _client(parts: Parts, hold: Hold, other: Other) -> PeerPort:
    client = parts.peers.client(other.peer)
    client.before_request = lambda: hold.ensure(client.request_limit)
    return client


def judge(views: Sequence[View], *, priority: int, told: bool, tells: bool) -> None:
    """Raises Lost when what the others say forbids to go on.

    ``priority`` is the group's number here; ``told``: one of them had said before that it migrates the group;
    ``tells``: this migration may have told them already, before its process died.
    """
    for view in views:
        if view.group is None:
            continue
        if view.other.associated:
            _judge_associated(view, view.group, priority, told=told, tells=tells)
        else:
            _judge_stranger(view.other, view.group)


def _judge_associated(view: View, group: Answer, priority: int, *, told: bool, tells: bool) -> None:
    """What it says may be what it heard of this very migration, or of an earlier one of this site: unless a
    member there is on its way, it decides itself when it is told."""
    if group["migration_status"] != Migration.MIGRATING or tells:
        return
    if told or (view.rehomes and priority > group["group_priority"]):
        raise Lost(f"Site {view.other.peer.name} is migrating the peer group.")


def _judge_stranger(other: Other, group: Answer) -> None:
    name = other.peer.name
    shares = "which shares no association of it with this site"
    if group["migration_status"] == Migration.MIGRATING:
        raise Lost(f"Site {name}, {shares}, is migrating a peer group of this name.")
    if str(group["system_leader_id"]).lower() == other.peer.uuid.lower():
        raise Lost(f"Site {name}, {shares}, leads a peer group of this name and is alive.")


# -- What they are told --


def _note_telling(parts: Parts, hold: Hold, mine: Mine) -> None:
    """A process that dies after this may have told them: their ``migrating`` is no other migration."""
    with parts.unit_of_work() as session:
        hold.confirm(session)
        migrate_rows.write_needs(session, mine.group_id, replace(mine.needs, tells=True))
        session.commit()


def _tell(parts: Parts, hold: Hold, view: View) -> bool:
    """Tell one site that this one migrates the group; returns whether it may have heard. Raises Lost."""
    assert view.group is not None
    client = _client(parts, hold, view.other)
    try:
        client.update_group(view.group["id"], {"migration_status": Migration.MIGRATING.value})
    except PeerRefused as error:
        if error.status == CONFLICT:
            raise Lost(f"Site {view.other.peer.name} does not give way: {clean(error.text)}") from error
        # An older site: what was read of it has to do.
        logger.warning("a migration could not be told: %s", error.message)
    except PeerError as error:
        logger.warning("a migration could not be told: %s", error.message)
        return error.maybe_sent or error.status != 0
    return True


def _take_back(parts: Parts, hold: Hold, told: Sequence[View]) -> None:
    """Those that were told hear that it comes to nothing; who does not, finds out by reading this site."""
    for view in told:
        assert view.group is not None
        client = _client(parts, hold, view.other)
        try:
            client.update_group(view.group["id"], {"migration_status": Migration.NONE.value})
        except PeerError as error:
            logger.warning("the end of a migration could not be told: %s", error.message)
