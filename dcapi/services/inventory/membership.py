"""What may happen to a subcloud because it is, becomes or was a member of a peer group.

Pure: a ``Situation`` (``member_request``) holds all that the rules look at, the rules are tables, and the
first one that is broken says why. The tables are ordered: whether the subcloud may go, where it may go to,
what it must be for that, and only then what may be changed in it. Source: the table of PATCH rules, and the
DELETE call, of the wire contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

from dcapi.errors import BadRequest, Conflict, DcapiError, Unprocessable
from dcapi.models.states import Deploy
from dcapi.services.inventory.management import IS_SECONDARY
from dcapi.services.inventory.member_request import (
    MANAGEMENT_FIELD,
    CallerKind,
    Situation,
)
from dcapi.sync.takeover.group_rows import MIGRATING_HERE

BOOTSTRAP_FIELDS = frozenset({"bootstrap_values", "bootstrap_address"})


@dataclass(frozen=True)
class MemberRule:
    """``is_broken`` tells when the request of ``caller`` is refused, with ``text``."""

    is_broken: Callable[[Situation], bool]
    caller: CallerKind
    text: str
    error: type[DcapiError] = BadRequest


def check_update(situation: Situation) -> None:
    """Raises BadRequest for the first rule of an update that is broken."""
    _check(UPDATE_RULES, situation)


class Ceding(Enum):
    """What becomes of a member that another site asks for."""

    DONE = auto()
    LET_GO = auto()
    # Nobody is known to migrate the group: its peers have to be read.
    LOOK = auto()


def judge_ceding(situation: Situation) -> Ceding:
    """What becomes of it, by what is known here; raises Conflict while this site migrates it or its group."""
    _check(CEDING_RULES, situation)
    if situation.has_been_let_go:
        return Ceding.DONE
    is_known = situation.group is not None and situation.group.is_migrating
    return Ceding.LET_GO if is_known else Ceding.LOOK


def check_deletion(situation: Situation) -> None:
    """Raises BadRequest or Unprocessable for the first rule of a deletion that is broken."""
    _check(DELETION_RULES, situation)


def is_change_at_secondary(situation: Situation) -> bool:
    """Whether an allowed change is one that the primary site does not know of and has to be told."""
    return (
        situation.caller is CallerKind.OPERATOR
        and _in_secondary(situation)
        and bool(situation.changed_fields & BOOTSTRAP_FIELDS)
    )


def _check(rules: Iterable[MemberRule], situation: Situation) -> None:
    for rule in rules:
        if situation.caller in rule.caller and rule.is_broken(situation):
            raise rule.error(rule.text)


def _is_no_copy(situation: Situation) -> bool:
    return not situation.is_copy


def _is_migrated_here(situation: Situation) -> bool:
    return situation.group is not None and situation.group.migrating_here


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
    MemberRule(
        _moves_from_secondary_to_another,
        CallerKind.ANYONE,
        "Cannot move subcloud to a new peer group if the original peer group is not primary "
        "(non-zero priority).",
    ),
    MemberRule(
        _leaves_group_led_elsewhere,
        CallerKind.ANYONE,
        "Removing subcloud from a peer group not led by the current site is prohibited.",
    ),
    MemberRule(
        _leaves_secondary_with_available_peer,
        CallerKind.ANYONE,
        "Removing subcloud from a peer group associated with an available system peer is prohibited.",
    ),
)

JOINING_RULES = (
    MemberRule(
        _joins_secondary,
        CallerKind.OPERATOR,
        "Cannot set the subcloud to a peer group with non-zero priority.",
    ),
    MemberRule(
        _joins_group_led_elsewhere,
        CallerKind.OPERATOR,
        "Update subcloud to a peer group that is not led by the current site is prohibited.",
    ),
    MemberRule(
        _joins_out_of_service,
        CallerKind.OPERATOR,
        "Only subclouds that are managed and online can be added to a peer group.",
    ),
    MemberRule(
        _joins_without_rehome_data,
        CallerKind.ANYONE,
        "Cannot update the subcloud peer group: must provide both the bootstrap-values and "
        "bootstrap-address.",
    ),
)

CHANGE_RULES = (
    MemberRule(
        _member_is_managed_by_hand,
        CallerKind.OPERATOR,
        "Cannot update the management state of a subcloud that is associated with a peer group.",
    ),
    MemberRule(
        _secondary_changes_no_bootstrap_field,
        CallerKind.OPERATOR,
        "Subcloud update is only allowed when its peer group priority value is 0.",
    ),
    MemberRule(
        _secondary_changes_more_than_bootstrap_fields,
        CallerKind.OPERATOR,
        "Only bootstrap values and address can be updated in the non-primary site",
    ),
    MemberRule(
        _secondary_changes_too_early,
        CallerKind.OPERATOR,
        "Subcloud bootstrap values or address update in the non-primary site is only allowed when rehome "
        "failed and the primary site is unavailable.",
    ),
    MemberRule(
        _changes_where_led_elsewhere,
        CallerKind.OPERATOR,
        "Updating subcloud from a peer group not led by the current site is prohibited.",
    ),
)

# Ours: whatever another site believes, what lives here is changed here, until that site takes it over.
NO_COPY = "Another site can only update or delete a secondary subcloud."

REHOMING_RULE = MemberRule(
    lambda situation: situation.is_rehoming,
    CallerKind.ANYONE,
    "The subcloud is being rehomed to this site: try again when it has finished",
    Conflict,
)

UPDATE_RULES = (
    MemberRule(lambda situation: situation.manages_copy, CallerKind.ANYONE, IS_SECONDARY),
    REHOMING_RULE,
    MemberRule(_is_no_copy, CallerKind.PEER, NO_COPY),
    *LEAVING_RULES,
    *JOINING_RULES,
    *CHANGE_RULES,
)

CEDING_RULES = (
    REHOMING_RULE,
    # Also of a member that has arrived, or never left: whoever takes it over meanwhile would have it twice.
    MemberRule(_is_migrated_here, CallerKind.PEER, MIGRATING_HERE, Conflict),
)

DELETION_RULES = (
    MemberRule(
        lambda situation: situation.is_managed,
        CallerKind.ANYONE,
        'Cannot delete a subcloud that is "managed" status',
    ),
    MemberRule(
        lambda situation: situation.is_online,
        CallerKind.ANYONE,
        "Cannot delete a subcloud that is online, take it offline first",
        Unprocessable,
    ),
    MemberRule(_is_no_copy, CallerKind.PEER, NO_COPY),
    MemberRule(
        lambda situation: situation.group is not None,
        CallerKind.OPERATOR,
        "Cannot delete a subcloud that is part of a peer group on this site",
    ),
    MemberRule(
        lambda situation: situation.is_worked_on,
        CallerKind.ANYONE,
        "Cannot delete a subcloud during an active operation.",
    ),
)
