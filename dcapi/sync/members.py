"""What may happen to a subcloud because it is, becomes or was a member of a peer group.

Pure: a ``Situation`` holds all that the rules look at, the rules are tables, and the first one that is broken
says why. The tables are ordered: whether the subcloud may go, where it may go to, what it must be for that,
and only then what may be changed in it. Source: the table of PATCH rules, and the DELETE call, of the wire
contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Flag

from dcapi.errors import BadRequest, Conflict, DcapiError, Unprocessable
from dcapi.models.states import COPY_STATES, Availability, Deploy, Management, PeerAvailability

MANAGEMENT_FIELD = "management_state"
MIGRATE_FIELD = "migrate"
PEER_GROUP_FIELD = "peer_group"
# What a site that takes a group over asks of the one that gives it away, for each member.
CEDING_FIELDS = frozenset({MANAGEMENT_FIELD, MIGRATE_FIELD})
BOOTSTRAP_FIELDS = frozenset({"bootstrap_values", "bootstrap_address"})


class Caller(Flag):
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

    caller: Caller
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
        """Whether another site asks for nothing but to let a member go."""
        return (
            self.caller is Caller.PEER
            and self.group is not None
            and self.given == CEDING_FIELDS
            and self.wanted_state == Management.UNMANAGED
        )

    @property
    def is_ceded(self) -> bool:
        """Whether the site that asks for the member is known to migrate the group."""
        return self.is_asked_for and self.group is not None and self.group.is_migrating

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


@dataclass(frozen=True)
class Rule:
    """``is_broken`` tells when the request of ``caller`` is refused, with ``text``."""

    is_broken: Callable[[Situation], bool]
    caller: Caller
    text: str
    error: type[DcapiError] = BadRequest


def check_update(situation: Situation) -> None:
    """Raises BadRequest for the first rule of an update that is broken."""
    _check(UPDATE_RULES, situation)


def check_deletion(situation: Situation) -> None:
    """Raises BadRequest or Unprocessable for the first rule of a deletion that is broken."""
    _check(DELETION_RULES, situation)


def is_change_at_secondary(situation: Situation) -> bool:
    """Whether an allowed change is one that the primary site does not know of and has to be told."""
    return (
        situation.caller is Caller.OPERATOR
        and _in_secondary(situation)
        and bool(situation.changed_fields & BOOTSTRAP_FIELDS)
    )


def _check(rules: Iterable[Rule], situation: Situation) -> None:
    for rule in rules:
        if situation.caller in rule.caller and rule.is_broken(situation):
            raise rule.error(rule.text)


def _is_no_copy(situation: Situation) -> bool:
    return not situation.is_copy


def _is_kept_here(situation: Situation) -> bool:
    return not (situation.is_copy or situation.is_ceded)


def _in_secondary(situation: Situation) -> bool:
    return situation.group is not None and situation.group.is_secondary


def _moves_from_secondary_to_another(situation: Situation) -> bool:
    return situation.joins and _in_secondary(situation)


def _leaves_group_led_elsewhere(situation: Situation) -> bool:
    return situation.leaves and situation.group is not None and not situation.group.led_here


def _leaves_secondary_with_available_peer(situation: Situation) -> bool:
    return (
        situation.leaves
        and _in_secondary(situation)
        and situation.group is not None
        and situation.group.has_available_peer
    )


def _joins_secondary(situation: Situation) -> bool:
    return situation.joins and situation.target is not None and situation.target.is_secondary


def _joins_group_led_elsewhere(situation: Situation) -> bool:
    return situation.joins and situation.target is not None and not situation.target.led_here


def _joins_out_of_service(situation: Situation) -> bool:
    return situation.joins and not situation.is_in_service


def _joins_without_rehome_data(situation: Situation) -> bool:
    return situation.joins and not (situation.has_rehome_data or situation.given >= BOOTSTRAP_FIELDS)


def _member_is_managed_by_hand(situation: Situation) -> bool:
    is_member = situation.group is not None or situation.joins
    return is_member and MANAGEMENT_FIELD in situation.given


def _secondary_changes_no_bootstrap_field(situation: Situation) -> bool:
    changed = situation.changed_fields
    return bool(changed) and _in_secondary(situation) and not changed & BOOTSTRAP_FIELDS


def _secondary_changes_more_than_bootstrap_fields(situation: Situation) -> bool:
    return _in_secondary(situation) and not situation.changed_fields <= BOOTSTRAP_FIELDS


def _secondary_changes_too_early(situation: Situation) -> bool:
    if not (_in_secondary(situation) and situation.changed_fields and situation.group is not None):
        return False
    failed = situation.deploy_status == Deploy.REHOME_FAILED
    return not (failed and situation.group.has_lost_its_primary)


def _changes_where_led_elsewhere(situation: Situation) -> bool:
    return bool(situation.changed_fields) and situation.group is not None and not situation.group.led_here


LEAVING_RULES = (
    Rule(
        _moves_from_secondary_to_another,
        Caller.ANYONE,
        "Cannot move subcloud to a new peer group if the original peer group is not primary "
        "(non-zero priority).",
    ),
    Rule(
        _leaves_group_led_elsewhere,
        Caller.ANYONE,
        "Removing subcloud from a peer group not led by the current site is prohibited.",
    ),
    Rule(
        _leaves_secondary_with_available_peer,
        Caller.ANYONE,
        "Removing subcloud from a peer group associated with an available system peer is prohibited.",
    ),
)

JOINING_RULES = (
    Rule(
        _joins_secondary,
        Caller.OPERATOR,
        "Cannot set the subcloud to a peer group with non-zero priority.",
    ),
    Rule(
        _joins_group_led_elsewhere,
        Caller.OPERATOR,
        "Update subcloud to a peer group that is not led by the current site is prohibited.",
    ),
    Rule(
        _joins_out_of_service,
        Caller.OPERATOR,
        "Only subclouds that are managed and online can be added to a peer group.",
    ),
    Rule(
        _joins_without_rehome_data,
        Caller.ANYONE,
        "Cannot update the subcloud peer group: must provide both the bootstrap-values and "
        "bootstrap-address.",
    ),
)

CHANGE_RULES = (
    Rule(
        _member_is_managed_by_hand,
        Caller.OPERATOR,
        "Cannot update the management state of a subcloud that is associated with a peer group.",
    ),
    Rule(
        _secondary_changes_no_bootstrap_field,
        Caller.OPERATOR,
        "Subcloud update is only allowed when its peer group priority value is 0.",
    ),
    Rule(
        _secondary_changes_more_than_bootstrap_fields,
        Caller.OPERATOR,
        "Only bootstrap values and address can be updated in the non-primary site",
    ),
    Rule(
        _secondary_changes_too_early,
        Caller.OPERATOR,
        "Subcloud bootstrap values or address update in the non-primary site is only allowed when rehome "
        "failed and the primary site is unavailable.",
    ),
    Rule(
        _changes_where_led_elsewhere,
        Caller.OPERATOR,
        "Updating subcloud from a peer group not led by the current site is prohibited.",
    ),
)

# Ours: whatever another site believes, what lives here is changed here, until that site takes it over.
NO_COPY = "Another site can only update or delete a secondary subcloud."

REHOMING_RULE = Rule(
    lambda situation: situation.is_rehoming,
    Caller.ANYONE,
    "The subcloud is being rehomed to this site: wait until that has come to its end",
    Conflict,
)

UPDATE_RULES = (
    REHOMING_RULE,
    Rule(_is_kept_here, Caller.PEER, NO_COPY),
    *LEAVING_RULES,
    *JOINING_RULES,
    *CHANGE_RULES,
)

DELETION_RULES = (
    REHOMING_RULE,
    Rule(
        lambda situation: situation.is_managed,
        Caller.ANYONE,
        'Cannot delete a subcloud that is "managed" status',
    ),
    Rule(
        lambda situation: situation.is_online,
        Caller.ANYONE,
        "Cannot delete a subcloud that is online, take it off the air first",
        Unprocessable,
    ),
    Rule(_is_no_copy, Caller.PEER, NO_COPY),
    Rule(
        lambda situation: situation.group is not None,
        Caller.OPERATOR,
        "Cannot delete a subcloud that is part of a peer group on this site",
    ),
)
