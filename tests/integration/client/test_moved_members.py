"""A member that moved into another network, at both of two real sites."""

from __future__ import annotations

import pytest
import yaml

from dcapi.lab.members import Member
from dcapi.lab.operator import Operator, RefusedError
from dcapi.lab.pair import Pair
from dcapi.lab.shared_group import shared_group
from tests.integration.subclouds.test_samples import sample
from tests.subcloud_forms import Values, bootstrap_values

NEW_SUBNET = "10.99.10.0/24"
NEW = {
    "management_subnet": NEW_SUBNET,
    "management_start_address": "10.99.10.40",
    "management_end_address": "10.99.10.50",
    "management_gateway_address": "10.99.10.1",
}


def add(operator: Operator, name: str, network: Values) -> None:
    """A secondary subcloud with this management network."""
    values = {**bootstrap_values(name=name), **network}
    operator.add_subcloud({"bootstrap_values": values, "secondary": "true"})


def guarded(operator: Operator, member: Member) -> bool:
    with pytest.raises(RefusedError) as refusal:
        add(operator, f"{member.name}-beside", NEW)
    text = f"Management address range overlaps with that of subcloud {member.name}"
    return (refusal.value.code, refusal.value.text) == (400, text)


def test_both_sites_show_and_guard_its_new_network_and_the_old_one_is_free(pair: Pair) -> None:
    member = pair.new_member("mover")
    shared = shared_group(pair, "movers", [member])
    values = yaml.safe_load(sample("10-member-moved").replace(b"%(name)s", member.name.encode()))
    answer = pair.at_a.update_subcloud(member.name, {"bootstrap_values": values})
    shared.expect_informed(answer)
    shared.expect_status("out-of-sync")
    shared.sync()
    old = {key: value for key, value in member.bootstrap_values.items() if key.startswith("management")}
    for operator in (pair.at_a, pair.at_b):
        assert operator.one("subclouds", member.name)["management-subnet"] == NEW_SUBNET
        assert guarded(operator, member)
        add(operator, f"{member.name}-after", old)
        operator.delete("subclouds", f"{member.name}-after")
