"""Tells the other sites that this one migrates a group, and finds out whether one of them does.

Whoever goes on has committed ``migrating`` before it reads the others, and has told each of them before it
touches a subcloud; who is told decides under its group's lock. So of two sites that begin at once, one gives
way. A site that does not answer is not waited for. One that runs the original is read, and told nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.log import carrying_ids
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import REHOMING_STATES, Migration, PeerKind
from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import PeerError, PeerRefused, PeerUnavailable
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteGroup
from dcapi.peers.texts import clean
from dcapi.runtime import Runtime
from dcapi.sync import changes, stale_status
from dcapi.sync.leftover import Leftover
from dcapi.sync.peer_copy import AnotherSystem, check_identity, find_group
from dcapi.sync.peer_kind import kind_of
from dcapi.sync.snapshot import Destination, address_of, destination_of
from dcapi.sync.takeover import group_rows, originals
from dcapi.sync.takeover.group_rows import MigrationNotes
from dcapi.sync.takeover.originals import MemberHere, Shown
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import client_of, transaction

logger = logging.getLogger(__name__)

THREADS = 10
CONFLICT = 409


class Lost(Exception):
    """Another site migrates or keeps the group; the message says which one. Nothing was touched here."""


@dataclass(frozen=True)
class Other:
    """A site with a system peer here."""

    peer: PeerAddress
    # The association of this group with it; None: it is a stranger to the group.
    target: Destination | None


@dataclass(frozen=True)
class View:
    """What another site said; ``group`` None: it has none of this name, or does not tell."""

    other: Other
    answered: bool
    group: RemoteGroup | None = None
    # It says ``migrating``, and a member there is being rehomed.
    rehomes: bool = False
    # What an original shows of its members; None: the site is one of ours, or a stranger to the group.
    shown: Shown | None = None


@dataclass(frozen=True)
class Mine:
    """The group here, as the others are asked about it."""

    group_id: int
    name: str
    priority: int
    notes: MigrationNotes
    others: tuple[Other, ...]
    members: tuple[MemberHere, ...] = ()


def claim(runtime: Runtime, hold: Hold, group_id: int) -> str | None:
    """Make sure, under the lease of the migration, that this site may go on with it.

    Returns why it may not: then the migration has ended. Returns None when it may, or is over. Raises
    LeaseLost.
    """
    mine = _read(runtime, group_id)
    if mine is None or mine.notes.claimed:
        return None
    try:
        views = _tell_all(runtime, hold, mine)
    except Lost as lost:
        logger.warning("group %s is not migrated: %s", mine.name, lost)
        with transaction(runtime, hold) as session:
            asked = group_rows.withdraw(session, group_id, still=mine.notes.told)
        changes.hint(runtime, asked)
        return str(lost)
    _note_claimed(runtime, hold, group_id, views)
    return None


def why_kept(runtime: Runtime, hold: Hold, group_id: int) -> str | None:
    """Why a group without a member to migrate is not at rest: an original manages what was let go for it.

    Asks nobody unless a member was let go. Raises LeaseLost.
    """
    with runtime.unit_of_work() as session:
        group = session.get(SubcloudPeerGroup, group_id)
        mine = None if group is None else _mine(session, group, MigrationNotes())
    if mine is None or not any(member.let_go for member in mine.members):
        return None
    associated = tuple(other for other in mine.others if other.target is not None)
    for view in _ask_all(runtime, hold, replace(mine, others=associated)):
        if view.shown is not None and view.shown.kept:
            return originals.kept_text(view.other.peer.name, view.shown.kept)
    return None


def _read(runtime: Runtime, group_id: int) -> Mine | None:
    """The group and the sites to ask; None when it is not migrated here, or the password is gone."""
    with runtime.unit_of_work() as session:
        group = session.get(SubcloudPeerGroup, group_id)
        notes = group_rows.read_notes(session, group_id)
        if group is None or not group.migrating_here or notes is None:
            return None
        if group_rows.read_password(session, group_id) is None:
            return None
        return _mine(session, group, notes)


def _mine(session: Session, group: SubcloudPeerGroup, notes: MigrationNotes) -> Mine:
    others, members = _others(session, group.id), originals.read_members(session, group.id)
    return Mine(group.id, group.peer_group_name, group.group_priority, notes, others, members)


def _others(session: Session, group_id: int) -> tuple[Other, ...]:
    """Every site with a system peer, disabled ones too: what they manage must not be managed twice."""
    of_group = select(PeerGroupAssociation).where(PeerGroupAssociation.peer_group_id == group_id)
    targets = {row.system_peer_id: destination_of(row) for row in session.scalars(of_group)}
    peers = session.scalars(select(SystemPeer).order_by(SystemPeer.id))
    return tuple(Other(address_of(peer), targets.get(peer.id)) for peer in peers)


def _note_claimed(runtime: Runtime, hold: Hold, group_id: int, views: Sequence[View]) -> None:
    associated = [view for view in views if view.other.target is not None]
    away = tuple(view.other.peer.id for view in associated if not view.answered)
    of_originals = tuple(view.other.peer.id for view in associated if view.shown is not None)
    with transaction(runtime, hold) as session:
        group = group_rows.lock_group(session, group_id)
        notes = group_rows.read_notes(session, group_id)
        # It may have given way meanwhile to another site that told it.
        if group is not None and group.migrating_here and notes is not None:
            notes = replace(notes, away=away, originals=of_originals)
            group_rows.note_claimed(session, group_id, notes)
            for view in associated:
                if view.other.target is not None and view.shown is not None and view.shown.unknown:
                    originals.warn_of_unknown(session, view.other.target, view.shown.unknown)


# -- What the others say --


def _tell_all(runtime: Runtime, hold: Hold, mine: Mine) -> list[View]:
    """Read every site, and tell those of ours; returns what they said in the end. Raises Lost."""
    views = _ask_all(runtime, hold, mine)
    judge(views, priority=mine.priority, told=mine.notes.told, tells=mine.notes.tells)
    views = [_reset_stale(runtime, hold, mine, view) for view in views]
    judge(views, priority=mine.priority, told=mine.notes.told, tells=mine.notes.tells)
    if any(map(_is_to_be_told, views)):
        _note_telling(runtime, hold, mine)
    told: list[View] = []
    for view in filter(_is_to_be_told, views):
        try:
            told.append(replace(view, answered=_tell(runtime, hold, view)))
        except Lost:
            _take_back(runtime, hold, told)
            raise
    heard = {view.other.peer.id: view for view in told}
    return [heard.get(view.other.peer.id, view) for view in views]


def _is_to_be_told(view: View) -> bool:
    return view.other.target is not None and view.group is not None and view.shown is None


def _ask_all(runtime: Runtime, hold: Hold, mine: Mine) -> list[View]:
    if not mine.others:
        return []
    with ThreadPoolExecutor(min(THREADS, len(mine.others)), "migrate") as pool:
        return list(pool.map(carrying_ids(partial(_ask, runtime, hold, mine)), mine.others))


def _ask(runtime: Runtime, hold: Hold, mine: Mine, other: Other) -> View:
    client = client_of(runtime, other.peer, hold)
    kind: PeerKind | None = None
    try:
        if other.target is None:
            return View(other, answered=True, group=_group_named(client, mine.name))
        check_identity(client, other.peer)
        kind = kind_of(runtime, hold, client, other.peer.id)
        return _ask_associated(runtime, hold, client, mine, other, other.target, kind)
    except AnotherSystem as error:
        logger.warning("it is not asked about group %s: %s", mine.name, error)
        return View(other, answered=False)
    except PeerError as error:
        logger.warning("group %s is migrated without asking: %s", mine.name, error.message)
        # Who answers, however badly, is there: its members are asked for one by one.
        if kind is None and other.target is not None and error.status != 0:
            kind = kind_of(runtime, hold, client, other.peer.id)
        is_original = kind is PeerKind.ORIGINAL
        return View(other, is_original or error.status != 0, shown=Shown() if is_original else None)


def _ask_associated(
    runtime: Runtime,
    hold: Hold,
    client: PeerPort,
    mine: Mine,
    other: Other,
    target: Destination,
    kind: PeerKind,
) -> View:
    # Of any priority: two secondary sites may both want to take the group over.
    group = find_group(client, runtime.site, target)
    if kind is PeerKind.OURS:
        return View(other, answered=True, group=group, rehomes=_rehomes(client, group))
    if group is None:
        return View(other, answered=True, shown=Shown())
    shown = originals.look(runtime, hold, client, target, group, mine.members)
    return View(other, answered=True, group=group, shown=shown)


def _reset_stale(runtime: Runtime, hold: Hold, mine: Mine, view: View) -> View:
    """Reset a ``migrating`` that nothing stands behind, and read again: not every original hears it."""
    target, group, shown = view.other.target, view.group, view.shown
    if target is None or group is None or shown is None or shown.leftover is not Leftover.STALE:
        return view
    client = client_of(runtime, view.other.peer, hold)
    try:
        stale_status.reset(runtime, hold, client, target, group, stale_status.NOBODY_MIGRATES)
    except PeerUnavailable as error:
        logger.warning("the migration status of group %s was not reset: %s", mine.name, error.message)
        return replace(view, shown=replace(shown, leftover=Leftover.PERHAPS))
    again = _ask(runtime, hold, mine, view.other)
    # It answered this claim: what it manages is asked for, whatever it does from now on.
    return replace(again, answered=True, shown=again.shown or Shown())


def _group_named(client: PeerPort, name: str) -> RemoteGroup | None:
    """What a stranger has of this name. Whoever it is: its word can only end a migration."""
    return next((group for group in client.groups() if group.name == name), None)


def _rehomes(client: PeerPort, group: RemoteGroup | None) -> bool:
    """Whether a member is being rehomed there; so it is taken when a site answers and does not say."""
    if group is None or not group.is_migrating:
        return False
    try:
        members = client.group_subclouds(group.id)
    except PeerError as error:
        if error.status == 0:
            raise
        logger.warning("the members of the group could not be read: %s", error.message)
        return True
    return any(member.deploy_status in REHOMING_STATES for member in members)


def judge(views: Sequence[View], *, priority: int, told: bool, tells: bool) -> None:
    """Raises Lost when what the others say forbids to go on.

    ``priority`` is the group's number here; ``told``: one of them had said before that it migrates the group;
    ``tells``: this migration may have told them already, before its process died.
    """
    for view in views:
        if view.group is None:
            continue
        if view.other.target:
            _judge_associated(view, view.group, priority, told=told, tells=tells)
        else:
            _judge_stranger(view.other, view.group)


def _judge_associated(view: View, group: RemoteGroup, priority: int, *, told: bool, tells: bool) -> None:
    """What it says may be what it heard of this very migration, or of an earlier one of this site: unless a
    member there is on its way, it decides itself when it is told. An original is told nothing, so it is
    believed."""
    if view.shown is not None:
        reason = originals.why_lost(view.other.peer.name, group, view.shown)
        if reason is not None:
            raise Lost(reason)
        return
    if not group.is_migrating or tells:
        return
    if told or (view.rehomes and priority > group.priority):
        raise Lost(f"Site {view.other.peer.name} is migrating the peer group.")


def _judge_stranger(other: Other, group: RemoteGroup) -> None:
    name = other.peer.name
    unshared = "but has no association for it with this site"
    if group.is_migrating:
        raise Lost(f"Site {name} is migrating a peer group of this name, {unshared}.")
    if group.is_led_by(other.peer.uuid):
        raise Lost(f"Site {name} leads a peer group of this name and is alive, {unshared}.")


# -- What they are told --


def _note_telling(runtime: Runtime, hold: Hold, mine: Mine) -> None:
    """A process that dies after this may have told them: their ``migrating`` is no other migration."""
    with transaction(runtime, hold) as session:
        group_rows.write_notes(session, mine.group_id, replace(mine.notes, tells=True))


def _tell(runtime: Runtime, hold: Hold, view: View) -> bool:
    """Tell one site that this one migrates the group; returns whether it may have heard. Raises Lost."""
    assert view.group is not None
    client = client_of(runtime, view.other.peer, hold)
    try:
        client.update_group(view.group.id, migration_status=Migration.MIGRATING.value)
    except PeerRefused as error:
        if error.status == CONFLICT:
            raise Lost(f"Site {view.other.peer.name} does not give way: {clean(error.text)}") from error
        # An older site: what was read of it has to do.
        logger.warning("a migration could not be told: %s", error.message)
    except PeerError as error:
        logger.warning("a migration could not be told: %s", error.message)
        return error.maybe_sent or error.status != 0
    return True


def _take_back(runtime: Runtime, hold: Hold, told: Sequence[View]) -> None:
    """Those that were told hear that it comes to nothing; who does not, finds out by reading this site."""
    for view in told:
        assert view.group is not None
        client = client_of(runtime, view.other.peer, hold)
        try:
            client.update_group(view.group.id, migration_status=None)
        except PeerError as error:
            logger.warning("the end of a migration could not be told: %s", error.message)
