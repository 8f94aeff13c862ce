"""What one request refers to is deleted by another one at the same moment: one of the two is told why not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest

from dcapi.lab.operator import Json, Operator
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS
from tests.integration.concurrency.twins import Twins, at_once, outcome

ROUNDS = 6

Call = Callable[[Operator], object]


class Race(NamedTuple):
    """``prepare`` makes what is referred to, and returns the calls that refer to it and delete it.

    ``late`` is what the first one is answered when it comes too late, ``kept`` what the second one is.
    """

    prepare: Callable[[Twins], tuple[Call, Call]]
    late: tuple[int, str]
    kept: tuple[int, str]


def _into_a_subcloud_group(twins: Twins) -> tuple[Call, Call]:
    group, name = _subcloud_group(twins), twins.new_managed()
    return (
        lambda operator: operator.update_subcloud(name, {"group_id": group["id"]}),
        lambda operator: operator.delete("subcloud-groups", group["id"]),
    )


def _new_in_a_subcloud_group(twins: Twins) -> tuple[Call, Call]:
    group, new = _subcloud_group(twins), twins.pair.new_member("raced")
    return (
        lambda operator: operator.add_subcloud({**new.creation(), "group_id": group["id"]}),
        lambda operator: operator.delete("subcloud-groups", group["id"]),
    )


def _association_of_a_group(twins: Twins) -> tuple[Call, Call]:
    fields = _association(twins)
    return (
        lambda operator: operator.create(ASSOCIATIONS, fields),
        lambda operator: operator.delete(GROUPS, fields["peer_group_id"]),
    )


def _association_of_a_peer(twins: Twins) -> tuple[Call, Call]:
    fields = _association(twins)
    return (
        lambda operator: operator.create(ASSOCIATIONS, fields),
        lambda operator: operator.delete("system-peers", fields["system_peer_id"]),
    )


def _subcloud_group(twins: Twins) -> Json:
    fields = {
        "name": twins.new_name("short-lived"),
        "description": "deleted soon",
        "update_apply_type": "serial",
    }
    return twins.pair.at_a.create("subcloud-groups", fields)


def _association(twins: Twins) -> Json:
    """What associates a new group with a new peer, which nobody calls."""
    peer = {
        "peer_uuid": str(uuid.uuid4()),
        "peer_name": twins.new_name("peer"),
        "manager_endpoint": "http://127.0.0.1:9/v3",
        "manager_username": "admin",
        "manager_password": "c2VhbA==",
        "peer_controller_gateway_address": "10.69.9.1",
        "administrative_state": "disabled",
    }
    return {
        "peer_group_id": twins.pair.at_a.create(GROUPS, {"peer-group-name": twins.new_name("raced")})["id"],
        "system_peer_id": twins.pair.at_a.create("system-peers", peer)["id"],
        "peer_group_priority": 1,
    }


RACES = {
    "a subcloud into its group": Race(
        _into_a_subcloud_group, (400, "Invalid group"), (400, "Subcloud Group not empty")
    ),
    "a new subcloud in its group": Race(
        _new_in_a_subcloud_group, (400, "Invalid group"), (400, "Subcloud Group not empty")
    ),
    "an association of its group": Race(
        _association_of_a_group,
        (400, "Invalid peer_group_id"),
        (400, "Cannot delete a peer group which is associated with a system peer."),
    ),
    "an association of its peer": Race(
        _association_of_a_peer,
        (400, "Invalid system_peer_id"),
        (400, "Cannot delete a system peer which is associated with peer group."),
    ),
}


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_what_is_referred_to_stays_or_its_reference_is_refused(twins: Twins, race: Race) -> None:
    with twins.operators[0].twin() as first, twins.operators[1].twin() as second:
        for _ in range(ROUNDS):
            refer, delete = race.prepare(twins)
            referred, deleted = at_once(
                [partial(outcome, partial(refer, first)), partial(outcome, partial(delete, second))]
            )
            assert (referred == race.late and deleted == (200, None)) or (
                referred[0] == 200 and deleted == race.kept
            ), (referred, deleted)
