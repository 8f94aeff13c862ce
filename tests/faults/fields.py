"""The values of a member that an operator can change: what is sent, and where it shows."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dcapi.lab.members import BMC_PASSWORD, Member
from dcapi.lab.operator import Json, Operator, base64_text
from tests.faults.networks import network_of, with_network

# Bootstrap values that follow a marker: one that everybody sees, one that is a secret.
PLAIN_KEY, SECRET_KEY = "timezone", "admin_password"
ADDRESS_KEY = "bootstrap-address"
# A marker that is a number in the install values lies above the default of every member.
SETTLE_BASE = 100
# Names of fields.
VALUES, NETWORK, ADDRESS = "bootstrap values", "network", "bootstrap address"


@dataclass(frozen=True)
class Field:
    """``parts`` of a PATCH that sets it to the value of a marker, and how to ``read`` it.

    A marker is a whole number (``tests/faults/networks.py``, ``random_marker``).
    """

    name: str
    parts: Callable[[Member, int], Json]
    read: Callable[[Json], Any]
    value: Callable[[Member, int], Any]

    @property
    def touches_values(self) -> bool:
        """Whether its request changes the bootstrap values, or the address beside them."""
        return self.name in (VALUES, NETWORK, ADDRESS)

    @property
    def beside(self) -> tuple[Field, ...]:
        """All fields that the same request sets."""
        return tuple(field for field in FIELDS if field.parts is self.parts)


def payload_of(subcloud: Json) -> Json:
    """The saved bootstrap values that a subcloud shows; empty when it shows none."""
    text = subcloud.get("rehome_data")
    return dict(json.loads(text)["saved_payload"]) if text else {}


def install_of(subcloud: Json) -> Json:
    text = subcloud.get("data_install")
    return dict(json.loads(text)) if text else {}


def _values(member: Member, marker: int) -> Json:
    changed = {PLAIN_KEY: f"Zone/{marker}", SECRET_KEY: f"Ebb&flow {marker}"}
    return {"bootstrap_values": {**with_network(member, marker), **changed}}


def _read_values(subcloud: Json) -> Any:
    payload = payload_of(subcloud)
    return payload.get(PLAIN_KEY), payload.get(SECRET_KEY)


def _shown_values(_: Member, marker: int) -> Any:
    return f"Zone/{marker}", base64.b64encode(f"Ebb&flow {marker}".encode()).decode()


def _read_network(subcloud: Json) -> Json:
    return network_of(payload_of(subcloud))


def _network(member: Member, marker: int) -> Json:
    return network_of(with_network(member, marker))


def _address(member: Member, marker: int) -> str:
    return f"{member.bootstrap_address.rpartition('.')[0]}.{marker % 200 + 10}"


def _install(member: Member, marker: int) -> Json:
    values = {**(member.install_values or {}), "hw_settle": SETTLE_BASE + marker}
    return {"install_values": values, "bmc_password": base64_text(BMC_PASSWORD)}


def give_network(operator: Operator, member: Member, marker: int) -> None:
    """Give a member, and its passwords, what a marker stands for, and let it be managed if it is not."""
    shown = operator.update_subcloud(member.name, _values(member, marker))
    if shown["management-state"] == "unmanaged":
        operator.update_subcloud(member.name, {"management-state": "managed"})


FIELDS = (
    Field(
        "description",
        lambda _, marker: {"description": f"Painted {marker} times"},
        lambda subcloud: subcloud["description"],
        lambda _, marker: f"Painted {marker} times",
    ),
    Field(
        "location",
        lambda _, marker: {"location": f"Pier {marker}"},
        lambda subcloud: subcloud["location"],
        lambda _, marker: f"Pier {marker}",
    ),
    # Both come in one request.
    Field(VALUES, _values, _read_values, _shown_values),
    Field(NETWORK, _values, _read_network, _network),
    Field(
        ADDRESS,
        lambda member, marker: {"bootstrap_address": _address(member, marker)},
        lambda subcloud: payload_of(subcloud).get(ADDRESS_KEY),
        _address,
    ),
    Field(
        "install values",
        _install,
        lambda subcloud: install_of(subcloud).get("hw_settle"),
        lambda _, marker: SETTLE_BASE + marker,
    ),
    Field(
        # The one that exists from the start, and the two that the world makes.
        "subcloud group",
        lambda _, marker: {"group_id": marker % 3 + 1},
        lambda subcloud: subcloud["group_id"],
        lambda _, marker: marker % 3 + 1,
    ),
)
