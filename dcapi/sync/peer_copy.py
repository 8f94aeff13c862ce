"""A look at a peer: who it is, which group is the copy, who leads that, and which association is ours.

Every piece of work that decides by what another site has looks through this module, so all decide alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dcapi.models.limits import TEXT_LENGTH
from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import PeerError
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteAssociation, RemoteGroup
from dcapi.peers.texts import clean
from dcapi.runtime import Site
from dcapi.sync.snapshot import Destination


class CannotSync(Exception):
    """The two sites do not fit together: the message tells the operator what to mend."""


class AnotherSystem(CannotSync):
    """The system over there is not the one that the system peer names: nothing that it says counts."""


class AnotherLeads(Exception):
    """The peer's copy is led by another site than this one, or is being migrated: nothing may be written."""


@dataclass(frozen=True)
class Copies:
    """Both copies at the peer: the group as it was read, and the association with this site."""

    group: RemoteGroup
    association_id: int


# -- Who is it --


def check_identity(client: PeerPort, peer: PeerAddress) -> None:
    """Make sure that the system over there is the one that the system peer names; raises AnotherSystem."""
    found = client.system_uuid()
    if found.lower() != peer.uuid.lower():
        raise AnotherSystem(
            f"The system at {peer.endpoint} is {clean(found)}, not {peer.uuid} as system peer "
            f"{peer.name} says: correct its UUID or its endpoint."
        )


# -- Which group is it --


def is_copy(group: RemoteGroup, target: Destination) -> bool:
    """Whether a group can be the other copy of this one: exactly one of the two is primary."""
    return group.is_primary is not target.is_primary


def pick_group(groups: Sequence[RemoteGroup], target: Destination) -> RemoteGroup | None:
    """The group there that has the name, else the one of last time's id if it can be a copy.

    A group of the name that is no copy is returned as well: it is in the way of one.
    """
    named = next((group for group in groups if group.name == target.group.name), None)
    known = (group for group in groups if group.id == target.remote_group_id and is_copy(group, target))
    return named or next(known, None)


def known_group(groups: Sequence[RemoteGroup], target: Destination) -> RemoteGroup | None:
    """The picked group if it has the id of last time: nobody knows what another one was sent."""
    group = pick_group(groups, target)
    return group if group is not None and group.id == target.remote_group_id else None


def find_group(client: PeerPort, site: Site, target: Destination) -> RemoteGroup | None:
    """The group there, picked from the peer's list; one request, unless it may have been renamed.

    A peer that was set up anew gives ids again: a group of another name counts only if its association is the
    one of last time, or, at the primary site, is with this site.
    """
    group = pick_group(client.groups(), target)
    if group is None or group.name == target.group.name:
        return group
    association = find_association(client, target, group.id, client.system_peer_id(site.uuid))
    if association is None or (target.is_primary and association.id != target.remote_association_id):
        return None
    return group


def find_copy(client: PeerPort, site: Site, target: Destination) -> RemoteGroup | None:
    """The group there if it is a copy, not one that happens to have the name."""
    group = find_group(client, site, target)
    return group if group is not None and is_copy(group, target) else None


# -- Who leads it --


def check_leader(group: RemoteGroup, site: Site) -> None:
    """Raises AnotherLeads unless the copy says that this site leads it and nobody migrates it.

    ``complete`` under this site's own leadership is left over from a migration and no obstacle.
    """
    if group.is_migrating:
        raise AnotherLeads("The peer is migrating the group.")
    if not group.is_led_by(site.uuid):
        leader = clean(group.leader_name) or "another site"
        raise AnotherLeads(f"The peer's copy of the group is led by {leader}.")


def leader_name(group: RemoteGroup, peer_name: str) -> str:
    """What the copy at a peer that leads calls the leader, fit to be stored; the peer's name when nothing."""
    return clean(group.leader_name)[:TEXT_LENGTH] or peer_name


# -- Which association is it --


def find_association(
    client: PeerPort, target: Destination, group_id: int, own_peer_id: int | None
) -> RemoteAssociation | None:
    """The association of a group there with this site, by the id of last time if it fits.

    ``own_peer_id``: of the system peer there that stands for this site.
    """
    if own_peer_id is None:
        return None
    known_id = target.remote_association_id
    known = None if known_id is None else client.association(known_id)
    if known is not None and (known.group_id, known.peer_id) == (group_id, own_peer_id):
        return known
    return _look_for_association(client, group_id, own_peer_id)


def _look_for_association(client: PeerPort, group_id: int, own_peer_id: int) -> RemoteAssociation | None:
    pairs = {(one.group_id, one.peer_id): one for one in client.associations()}
    return pairs.get((group_id, own_peer_id))


def _create_association(client: PeerPort, group_id: int, own_peer_id: int) -> RemoteAssociation:
    """Create it; a creation whose answer was lost is looked for: nobody could tell it a status otherwise."""
    try:
        return client.create_association(group_id, own_peer_id)
    except PeerError as error:
        made = _look_for_association(client, group_id, own_peer_id) if error.maybe_sent else None
        if made is None:
            raise
        return made


# -- What a run makes of it --


def find_or_create(client: PeerPort, site: Site, target: Destination) -> Copies:
    """Find both copies at the peer, or create them; raises CannotSync, AnotherLeads and peer errors."""
    if not target.group.is_led_by(site.uuid):
        raise AnotherLeads(f"The group is led by {target.group.leader_name}.")
    if target.group.is_migrating:
        raise AnotherLeads("The group is being migrated.")
    check_identity(client, target.peer)
    own_peer_id = client.system_peer_id(site.uuid)
    if own_peer_id is None:
        raise CannotSync(
            f"Peer {target.peer.name} does not know this site: create a system peer for {site.uuid} there."
        )
    group = find_group(client, site, target) or client.create_group(target.wanted)
    if not is_copy(group, target):
        raise CannotSync(
            f"Peer {target.peer.name} has a primary peer group {target.group.name} of its own (priority 0): "
            "rename or delete one of the two."
        )
    check_leader(group, site)
    association = find_association(client, target, group.id, own_peer_id)
    if association is None:
        association = _create_association(client, group.id, own_peer_id)
    return Copies(group, association.id)


def make_equal(client: PeerPort, group: RemoteGroup, target: Destination) -> None:
    """Send the attributes in which the copy differs; one request, none when it is equal."""
    differing = target.wanted.missing_in(group)
    if differing:
        client.update_group(group.id, **differing)
