"""What may happen to a member of a peer group: every rule, for operators and for other sites."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dcapi.errors import BadRequest, Conflict, DcapiError
from dcapi.models.states import COPY_STATES, Deploy
from dcapi.services.inventory.member_request import CallerKind, GroupFacts, Situation
from dcapi.services.inventory.membership import (
    Ceding,
    check_deletion,
    check_update,
    is_change_at_secondary,
    judge_ceding,
)

HOME = GroupFacts(id=1, priority=0, led_here=True)
OTHER_HOME = GroupFacts(id=2, priority=0, led_here=True)
LED_ELSEWHERE = GroupFacts(id=3, priority=0, led_here=False)
SECONDARY = GroupFacts(id=4, priority=1, led_here=False)
TAKEN_OVER = GroupFacts(id=5, priority=1, led_here=True, peer_states=frozenset({"unavailable"}))
PEER_IS_THERE = GroupFacts(id=6, priority=1, led_here=True, peer_states=frozenset({"available"}))
NOT_HEARD_OF = GroupFacts(id=7, priority=1, led_here=True, peer_states=frozenset({"created"}))

RUNNING = Situation(
    caller=CallerKind.OPERATOR,
    management_state="managed",
    availability_status="online",
    deploy_status="complete",
    has_rehome_data=True,
)
COPY = Situation(
    caller=CallerKind.PEER,
    management_state="unmanaged",
    availability_status="offline",
    deploy_status="secondary",
    has_rehome_data=True,
)
FAILED_COPY = replace(COPY, caller=CallerKind.OPERATOR, deploy_status=Deploy.REHOME_FAILED, group=TAKEN_OVER)

ONLY_RUNNING = "Only subclouds that are managed and online can be added to a peer group."
BOTH_VALUES = (
    "Cannot update the subcloud peer group: must provide both the bootstrap-values and bootstrap-address."
)
NON_ZERO = "Cannot set the subcloud to a peer group with non-zero priority."
NOT_LED = "Update subcloud to a peer group that is not led by the current site is prohibited."
NO_WAY_OUT = "Removing subcloud from a peer group not led by the current site is prohibited."
PEER_AVAILABLE = "Removing subcloud from a peer group associated with an available system peer is prohibited."
NO_MOVE = (
    "Cannot move subcloud to a new peer group if the original peer group is not primary (non-zero priority)."
)
NOT_HERE = "Subcloud update is only allowed when its peer group priority value is 0."
ONLY_BOOTSTRAP = "Only bootstrap values and address can be updated in the non-primary site"
NOT_YET = (
    "Subcloud bootstrap values or address update in the non-primary site is only allowed when rehome failed "
    "and the primary site is unavailable."
)
UPDATE_NOT_LED = "Updating subcloud from a peer group not led by the current site is prohibited."
NOT_BY_HAND = "Cannot update the management state of a subcloud that is associated with a peer group."
NO_COPY = "Another site can only update or delete a secondary subcloud."


def asking(situation: Situation, *given: str, **changes: Any) -> Situation:
    return replace(situation, given=frozenset(given), **changes)


def joining(situation: Situation, target: GroupFacts, *given: str, **changes: Any) -> Situation:
    return asking(situation, "peer_group", *given, target=target, **changes)


REFUSED = {
    "unmanaged joins": (joining(RUNNING, HOME, management_state="unmanaged"), ONLY_RUNNING),
    "offline joins": (joining(RUNNING, HOME, availability_status="offline"), ONLY_RUNNING),
    "half deployed joins": (joining(RUNNING, HOME, deploy_status="bootstrapping"), ONLY_RUNNING),
    "joins without rehome data": (joining(RUNNING, HOME, has_rehome_data=False), BOTH_VALUES),
    "joins with values alone": (
        joining(RUNNING, HOME, "bootstrap_values", has_rehome_data=False),
        BOTH_VALUES,
    ),
    "joins with address alone": (
        joining(RUNNING, HOME, "bootstrap_address", has_rehome_data=False),
        BOTH_VALUES,
    ),
    "joins a secondary group": (joining(RUNNING, PEER_IS_THERE), NON_ZERO),
    "joins a group led elsewhere": (joining(RUNNING, LED_ELSEWHERE), NOT_LED),
    "moves to a group led elsewhere": (joining(RUNNING, LED_ELSEWHERE, group=HOME), NOT_LED),
    "leaves a group led elsewhere": (asking(RUNNING, "peer_group", group=LED_ELSEWHERE), NO_WAY_OUT),
    "moves from a group led elsewhere": (joining(RUNNING, HOME, group=LED_ELSEWHERE), NO_WAY_OUT),
    "leaves a secondary group with its peer there": (
        asking(RUNNING, "peer_group", group=PEER_IS_THERE),
        PEER_AVAILABLE,
    ),
    "moves from a secondary group": (joining(RUNNING, HOME, group=TAKEN_OVER), NO_MOVE),
    "described in a secondary group": (asking(RUNNING, "description", group=SECONDARY), NOT_HERE),
    "install values in a secondary group": (asking(RUNNING, "install_values", group=SECONDARY), NOT_HERE),
    "address and description in a secondary group": (
        asking(FAILED_COPY, "bootstrap_address", "description"),
        ONLY_BOOTSTRAP,
    ),
    "values in a secondary group before a failure": (
        asking(FAILED_COPY, "bootstrap_values", deploy_status="secondary"),
        NOT_YET,
    ),
    "values in a secondary group whose primary is there": (
        asking(FAILED_COPY, "bootstrap_values", group=PEER_IS_THERE),
        NOT_YET,
    ),
    "values in a secondary group whose primary was not heard of": (
        asking(FAILED_COPY, "bootstrap_values", group=NOT_HEARD_OF),
        NOT_YET,
    ),
    "values in a secondary group led elsewhere": (
        asking(FAILED_COPY, "bootstrap_values", group=replace(TAKEN_OVER, led_here=False)),
        UPDATE_NOT_LED,
    ),
    "located in a group led elsewhere": (asking(RUNNING, "location", group=LED_ELSEWHERE), UPDATE_NOT_LED),
    "unmanaged as a member": (asking(RUNNING, "management_state", group=HOME), NOT_BY_HAND),
    "unmanaged while it joins": (joining(RUNNING, HOME, "management_state"), NOT_BY_HAND),
    "unmanaged while it leaves": (asking(RUNNING, "peer_group", "management_state", group=HOME), NOT_BY_HAND),
    "a peer joins one without rehome data": (joining(COPY, SECONDARY, has_rehome_data=False), BOTH_VALUES),
    "a peer takes one out of a group led elsewhere": (
        asking(COPY, "peer_group", group=SECONDARY),
        NO_WAY_OUT,
    ),
    "a peer takes one out while it is there": (
        asking(COPY, "peer_group", group=PEER_IS_THERE),
        PEER_AVAILABLE,
    ),
    "a peer moves one": (joining(COPY, HOME, group=SECONDARY), NO_MOVE),
    "a peer changes one that is managed here": (
        asking(COPY, "location", management_state="managed"),
        NO_COPY,
    ),
    "a peer changes one that was deployed here": (
        asking(COPY, "location", deploy_status="complete"),
        NO_COPY,
    ),
}

ALLOWED = {
    "joins": joining(RUNNING, HOME),
    "joins with values": joining(
        RUNNING, HOME, "bootstrap_values", "bootstrap_address", has_rehome_data=False
    ),
    "moves between groups at home": joining(RUNNING, OTHER_HOME, group=HOME),
    "stays where it is": joining(RUNNING, SECONDARY, group=SECONDARY),
    "leaves": asking(RUNNING, "peer_group", group=HOME),
    "leaves a group that was taken over": asking(RUNNING, "peer_group", group=TAKEN_OVER),
    "is described": asking(RUNNING, "description", group=HOME),
    "is described and leaves": asking(RUNNING, "description", "peer_group", group=HOME),
    "is unmanaged outside of groups": asking(RUNNING, "management_state"),
    "gets an address after a failed rehoming": asking(FAILED_COPY, "bootstrap_address"),
    "gets values after a failed rehoming": asking(FAILED_COPY, "bootstrap_values", "bootstrap_address"),
    "a peer puts one into a secondary group": joining(COPY, SECONDARY),
    "a peer puts one with values": joining(
        COPY, SECONDARY, "bootstrap_values", "bootstrap_address", has_rehome_data=False
    ),
    "a peer describes one in a secondary group": asking(COPY, "description", group=SECONDARY),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_breaks_a_rule_is_refused_with_its_text(case: str) -> None:
    situation, text = REFUSED[case]
    with pytest.raises(BadRequest) as refusal:
        check_update(situation)
    assert refusal.value.message == text


@pytest.mark.parametrize("case", ALLOWED)
def test_a_request_that_keeps_the_rules_is_allowed(case: str) -> None:
    check_update(ALLOWED[case])


@pytest.mark.parametrize(
    "situation",
    [
        joining(RUNNING, HOME, management_state="unmanaged"),
        joining(RUNNING, SECONDARY),
        joining(RUNNING, LED_ELSEWHERE),
        asking(RUNNING, "description", group=SECONDARY),
        asking(RUNNING, "bootstrap_values", group=SECONDARY),
        asking(RUNNING, "description", group=LED_ELSEWHERE),
    ],
)
def test_what_is_refused_to_an_operator_is_allowed_to_the_site_that_leads(situation: Situation) -> None:
    with pytest.raises(BadRequest):
        check_update(situation)
    check_update(
        replace(situation, caller=CallerKind.PEER, management_state="unmanaged", deploy_status="secondary")
    )


MIGRATED_THERE = replace(HOME, is_migrating=True)
MIGRATED_HERE = replace(HOME, is_migrating=True, migrating_here=True)
# What another site that takes over asks of a member.
ASKED_FOR = replace(
    RUNNING,
    caller=CallerKind.PEER,
    group=HOME,
    given=frozenset({"management_state", "migrate"}),
    wanted_state="unmanaged",
    migrates=True,
)
ASKED_FOR_BY_ONE_FIELD = replace(
    ASKED_FOR, given=frozenset({"migrate"}), wanted_state=None, management_state="unmanaged"
)


def test_a_member_is_asked_for_by_these_fields_alone() -> None:
    assert ASKED_FOR.is_asked_for
    assert ASKED_FOR_BY_ONE_FIELD.is_asked_for
    for other in (
        replace(ASKED_FOR, caller=CallerKind.OPERATOR),
        replace(ASKED_FOR, group=None),
        replace(ASKED_FOR, migrates=False),
        replace(ASKED_FOR, wanted_state="managed"),
        replace(ASKED_FOR, given=ASKED_FOR.given | {"force"}),
        replace(ASKED_FOR_BY_ONE_FIELD, management_state="managed"),
        replace(ASKED_FOR_BY_ONE_FIELD, given=frozenset({"migrate", "location"})),
    ):
        assert not other.is_asked_for


@pytest.mark.parametrize("asked", [ASKED_FOR, ASKED_FOR_BY_ONE_FIELD])
@pytest.mark.parametrize("status", list(Deploy))
def test_what_becomes_of_a_member_that_is_asked_for(asked: Situation, status: Deploy) -> None:
    asked = replace(asked, deploy_status=status, management_state="unmanaged")
    gone = status in {"secondary", "secondary-failed", "rehome-pending"}
    assert judge_ceding(asked) is (Ceding.DONE if gone else Ceding.LOOK)
    there = replace(asked, group=MIGRATED_THERE)
    assert judge_ceding(there) is (Ceding.DONE if gone else Ceding.LET_GO)
    for busy in (replace(asked, group=MIGRATED_HERE), replace(there, is_rehoming=True)):
        with pytest.raises(Conflict):
            judge_ceding(busy)


def test_a_managed_member_is_let_go_whatever_its_status() -> None:
    for status in Deploy:
        asked = replace(ASKED_FOR, deploy_status=status, group=MIGRATED_THERE)
        assert judge_ceding(asked) is Ceding.LET_GO


DELETIONS = [
    (replace(RUNNING, group=HOME), 400, 'Cannot delete a subcloud that is "managed" status'),
    (replace(RUNNING, management_state="unmanaged"), 422, "online"),
    (replace(COPY, availability_status="online"), 422, "online"),
    (
        replace(COPY, caller=CallerKind.OPERATOR, group=SECONDARY),
        400,
        "Cannot delete a subcloud that is part of a peer group on this site",
    ),
    (replace(COPY, deploy_status="complete"), 400, NO_COPY),
]


@pytest.mark.parametrize(("situation", "code", "text"), DELETIONS)
def test_a_deletion_that_breaks_a_rule_is_refused(situation: Situation, code: int, text: str) -> None:
    with pytest.raises(DcapiError) as refusal:
        check_deletion(situation)
    assert refusal.value.code == code
    assert text in refusal.value.message


@pytest.mark.parametrize("status", sorted(COPY_STATES))
def test_another_site_deletes_its_copies_in_a_group(status: str) -> None:
    check_deletion(replace(COPY, group=SECONDARY, deploy_status=status))


def test_an_operator_deletes_what_is_off_the_air_and_in_no_group() -> None:
    check_deletion(replace(RUNNING, management_state="unmanaged", availability_status="offline"))


def test_only_bootstrap_values_changed_at_a_secondary_concern_its_primary() -> None:
    change = asking(FAILED_COPY, "bootstrap_values")
    assert is_change_at_secondary(change)
    assert not is_change_at_secondary(replace(change, caller=CallerKind.PEER))
    assert not is_change_at_secondary(replace(change, group=HOME))
    assert not is_change_at_secondary(asking(FAILED_COPY, "peer_group"))
