"""One request about one subcloud, as the rules of membership see it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag

from dcapi.models.states import (
    COPY_STATES,
    SECONDARY_STATES,
    Availability,
    Deploy,
    Management,
    PeerAvailability,
)

MANAGEMENT_FIELD = "management_state"
MIGRATE_FIELD = "migrate"
PEER_GROUP_FIELD = "peer_group"
# What a site that takes a group over asks of the one that gives it away, for each member.
CEDING_FIELDS = frozenset({MANAGEMENT_FIELD, MIGRATE_FIELD})
# An unmanaged member in one of these states is not this site's to keep.
LET_GO_STATES = SECONDARY_STATES | {Deploy.REHOME_PENDING}


class CallerKind(Flag):
    """Whom a rule holds for."""

    OPERATOR = 1
    PEER = 2
    ANYONE = OPERATOR | PEER


@dataclass(frozen=True)
class GroupFacts:
    """A peer group as the rules see it; ``peer_states`` are the availabilities of its system peers."""

    id: int
    priority: int
    led_here: bool
    is_migrating: bool = False
    # It is this site that migrates it.
    migrating_here: bool = False
    peer_states: frozenset[str] = frozenset()

    @property
    def is_secondary(self) -> bool:
        return self.priority > 0

    @property
    def has_available_peer(self) -> bool:
        return PeerAvailability.AVAILABLE in self.peer_states

    @property
    def has_lost_its_primary(self) -> bool:
        return self.peer_states == {PeerAvailability.UNAVAILABLE}


@dataclass(frozen=True)
class Situation:
    """One request about one subcloud.

    ``given`` names the fields that the request carries; ``target`` is the group that it names, None when it
    names none or says that the subcloud is to leave.
    """

    caller: CallerKind
    management_state: str
    availability_status: str
    deploy_status: str
    has_rehome_data: bool = False
    # This site is taking it over: it is neither the other site's any more nor quite this one's.
    is_rehoming: bool = False
    group: GroupFacts | None = None
    target: GroupFacts | None = None
    given: frozenset[str] = frozenset()
    # The management state that the request asks for, if any.
    wanted_state: str | None = None
    # It asks that the subcloud be rehomed elsewhere.
    migrates: bool = False
    # Something is being done with the subcloud, or is about to be.
    is_worked_on: bool = False

    @property
    def moves(self) -> bool:
        """Whether the request changes the group that the subcloud is in."""
        return PEER_GROUP_FIELD in self.given and _id(self.group) != _id(self.target)

    @property
    def joins(self) -> bool:
        return self.moves and self.target is not None

    @property
    def leaves(self) -> bool:
        return self.moves and self.group is not None

    @property
    def is_copy(self) -> bool:
        """Whether the subcloud belongs to the site that leads its group."""
        return self.management_state != Management.MANAGED and self.deploy_status in COPY_STATES

    @property
    def is_asked_for(self) -> bool:
        """Whether another site asks to let a member go, and for nothing else."""
        if self.caller is not CallerKind.PEER or self.group is None or not self.migrates:
            return False
        if self.given == CEDING_FIELDS:
            return self.wanted_state == Management.UNMANAGED
        return self.given == {MIGRATE_FIELD} and not self.is_managed

    @property
    def manages_copy(self) -> bool:
        """Whether it asks that two sites manage one subcloud.

        A copy whose rehoming failed may be managed where it was: no other site can know that it is not.
        """
        is_other_sites = self.caller is CallerKind.PEER and self.is_copy
        is_secondary = self.deploy_status in SECONDARY_STATES
        return self.wanted_state == Management.MANAGED and (is_secondary or is_other_sites)

    @property
    def sets_copy_right(self) -> bool:
        """Whether it asks to unmanage what is another site's, and for nothing else."""
        is_unmanaging = self.wanted_state == Management.UNMANAGED and self.given == {MANAGEMENT_FIELD}
        return is_unmanaging and self.deploy_status in SECONDARY_STATES

    @property
    def has_been_let_go(self) -> bool:
        """Whether it is another site's, or waits for one: then there is nothing to let go."""
        return not self.is_managed and self.deploy_status in LET_GO_STATES

    @property
    def is_managed(self) -> bool:
        return self.management_state == Management.MANAGED

    @property
    def is_online(self) -> bool:
        return self.availability_status == Availability.ONLINE

    @property
    def is_in_service(self) -> bool:
        return self.is_managed and self.is_online and self.deploy_status == Deploy.COMPLETE

    @property
    def changed_fields(self) -> frozenset[str]:
        """Fields of the subcloud itself that the request carries."""
        return self.given - {PEER_GROUP_FIELD}


def _id(group: GroupFacts | None) -> int | None:
    return None if group is None else group.id
