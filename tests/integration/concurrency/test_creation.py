"""Of two requests that create the same thing at once one succeeds, and the other is told why it does not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest

from dcapi.lab.operator import Json, Operator
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS
from tests.integration.concurrency.twins import Twins, at_once, outcome

# Races of each kind: not every one is close.
ROUNDS = 5

Create = Callable[[Operator], Json]


class Race(NamedTuple):
    """``prepare`` makes a call that creates; ``code`` and ``text`` are what the loser is told."""

    prepare: Callable[[Twins], Create]
    code: int
    text: str


def _new_peer(twins: Twins) -> Create:
    fields = _peer_fields(twins)
    return lambda operator: operator.create("system-peers", fields)


def _new_group(twins: Twins) -> Create:
    fields = {"peer-group-name": twins.new_name("raced")}
    return lambda operator: operator.create(GROUPS, fields)


def _new_subcloud_group(twins: Twins) -> Create:
    fields = {
        "name": twins.new_name("raced"),
        "description": "wanted by two",
        "update_apply_type": "serial",
    }
    return lambda operator: operator.create("subcloud-groups", fields)


def _new_association(twins: Twins) -> Create:
    peer = twins.pair.at_a.create("system-peers", _peer_fields(twins))
    group = twins.pair.at_a.create(GROUPS, {"peer-group-name": twins.new_name("raced")})
    fields = {"peer_group_id": group["id"], "system_peer_id": peer["id"], "peer_group_priority": 1}
    return lambda operator: operator.create(ASSOCIATIONS, fields)


def _peer_fields(twins: Twins) -> Json:
    return {
        "peer_uuid": str(uuid.uuid4()),
        "peer_name": twins.new_name("peer"),
        "manager_endpoint": "http://127.0.0.1:9/v3",
        "manager_username": "admin",
        "manager_password": "c2VhbA==",
        "peer_controller_gateway_address": "10.69.9.1",
        # Nobody calls it then: what a run does there is not the matter here.
        "administrative_state": "disabled",
    }


def _new_subcloud(twins: Twins) -> Create:
    fields = twins.pair.new_member("raced").creation()
    return lambda operator: operator.add_subcloud(fields)


def _new_secondary(twins: Twins) -> Create:
    new = twins.pair.new_member("raced")
    fields = {"bootstrap_values": new.bootstrap_values, "bootstrap-address": new.bootstrap_address}
    return lambda operator: operator.add_subcloud({**fields, "secondary": "true"})


def _new_range(twins: Twins) -> Create:
    """Two subclouds that want one range, each asked for once."""
    first, second = (twins.pair.new_member("raced") for _ in range(2))
    wanted = {key: value for key, value in first.bootstrap_values.items() if key.startswith("management_")}
    both = iter([first.bootstrap_values, {**second.bootstrap_values, **wanted}])
    return lambda operator: operator.add_subcloud({"bootstrap_values": next(both), "secondary": "true"})


RACES = {
    "system peer": Race(_new_peer, 409, "already exists"),
    "subcloud peer group": Race(_new_group, 409, "A subcloud peer group with this name already exists"),
    "association": Race(
        _new_association,
        400,
        "A Peer group association with same peer_group_id, system_peer_id already exists",
    ),
    "subcloud": Race(_new_subcloud, 409, "already exists"),
    "range of addresses": Race(
        _new_range, 400, "Management address range overlaps with that of subcloud raced-"
    ),
    "secondary subcloud": Race(_new_secondary, 409, "already exists"),
    "subcloud group": Race(_new_subcloud_group, 400, "A subcloud group with this name already exists"),
}


@pytest.mark.parametrize("servers", [(0, 0), (0, 1)], ids=["one process", "two processes"])
@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_of_two_that_create_the_same_at_once_one_succeeds(
    twins: Twins, race: Race, servers: tuple[int, int]
) -> None:
    operators = [twins.operators[number].twin() for number in servers]
    for _ in range(ROUNDS):
        create = race.prepare(twins)
        answers = at_once([partial(outcome, partial(create, by)) for by in operators])
        (good, made), (bad, said) = sorted(answers, key=lambda answer: answer[0])
        assert (good, bad) == (200, race.code), answers
        assert race.text in said
        assert isinstance(made, dict)
    for operator in operators:
        operator.close()
