"""The changes that an operator can make to a member of a group: what is sent, one kind of field at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dcapi.lab.members import BMC_PASSWORD, Member
from dcapi.lab.operator import Json, base64_text
from dcapi.lab.pair import Pair

# The subcloud group, beside the one that exists from the start, that a member can be put in.
OTHER_GROUP = "coast"


@dataclass(frozen=True)
class Change:
    """One kind of change: the parts of a PATCH that makes it, from the member as it was added.

    The member is an IPv4 one with install values. ``travels``: the other site is to show it after a sync.
    """

    what: str
    parts: Callable[[Member], Json]
    travels: bool = True


def _description(member: Member) -> Json:
    return {"description": f"{member.bootstrap_values['description']}, moved to the cellar, før jul"}


def _location(member: Member) -> Json:
    return {"location": f"{member.bootstrap_values['location']}, harbour side"}


def _bootstrap_values(member: Member) -> Json:
    return {"bootstrap_values": {**member.bootstrap_values, "dns_servers": ["10.128.0.7"], "timezone": "CET"}}


def _second_network(member: Member) -> Json:
    """The management network gets a second IP version."""
    values = member.bootstrap_values
    prefix = f"fd41:0:{values['management_subnet'].split('.')[2]}::"
    ends = {"subnet": "/64", "start_address": "2", "end_address": "40", "gateway_address": "1"}
    dual = {
        f"management_{name}": f"{values[f'management_{name}']},{prefix}{end}" for name, end in ends.items()
    }
    return {"bootstrap_values": {**values, **dual}}


def _bootstrap_password(member: Member) -> Json:
    return {"bootstrap_values": {**member.bootstrap_values, "admin_password": "Ebb&flow 11"}}


def _bootstrap_address(member: Member) -> Json:
    head, _, last = member.bootstrap_address.rpartition(".")
    return {"bootstrap_address": f"{head}.{int(last) + 1}"}


def _install_values(member: Member) -> Json:
    values = {**(member.install_values or {}), "hw_settle": 45, "console_type": "ttyS0,9600"}
    return {"install_values": values, "bmc_password": base64_text(BMC_PASSWORD)}


def _bmc_password(member: Member) -> Json:
    return {"install_values": member.install_values, "bmc_password": base64_text("Spring*tide 9")}


def _group(_: Member) -> Json:
    return {"group_id": OTHER_GROUP}


CHANGES = (
    Change("description", _description),
    Change("location", _location),
    Change("bootstrap values", _bootstrap_values),
    Change("a second IP version in the bootstrap values", _second_network),
    Change("a password in the bootstrap values", _bootstrap_password),
    Change("bootstrap address", _bootstrap_address),
    Change("install values", _install_values),
    Change("the BMC's password", _bmc_password),
    Change("subcloud group", _group, travels=False),
)


def make_other_group(pair: Pair) -> None:
    """Let the subcloud group exist that members are put in."""
    if pair.at_a.find("subcloud-groups", OTHER_GROUP) is None:
        group = {"name": OTHER_GROUP, "description": "Everything near the sea"}
        pair.at_a.create("subcloud-groups", {**group, "update_apply_type": "parallel"})
