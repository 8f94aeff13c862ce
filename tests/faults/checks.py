"""What must hold once things are quiet, asked of both sites over their API alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dcapi.lab.gateways import gateway_there
from dcapi.lab.operator import Json, Operator
from dcapi.lab.shared_group import SAME_FIELDS
from tests.faults.databases import Leftovers, leftovers
from tests.faults.fields import install_of, payload_of
from tests.faults.networks import GATEWAY_KEY
from tests.faults.world import World

# Attributes of a group that its copy shares.
SAME_ATTRIBUTES = ("peer_group_name", "group_state", "max_subcloud_rehoming", "system_leader_id")
GROUPS, ASSOCIATIONS = "subcloud-peer-groups", "peer-group-associations"


def member_differences(here: Json, there: Json, gateways: str) -> list[str]:
    """How a copy at B differs from the member at A."""
    name = here["name"]
    found = [
        f"{field} of {name} is {there[field]!r} at B, {here[field]!r} at A"
        for field in SAME_FIELDS
        if (there[field] or "") != (here[field] or "")
    ]
    if there["deploy-status"] != "secondary":
        found.append(f"{name} is {there['deploy-status']} at B")
    values = payload_of(here)
    wanted = {**values, GATEWAY_KEY: gateway_there(values, gateways)}
    found += _values_differ(name, "value", wanted, payload_of(there))
    return found + _values_differ(name, "install value", install_of(here), install_of(there))


def _values_differ(name: str, what: str, wanted: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    return [
        f"{what} {key} of {name} is {there.get(key)!r} at B, should be {value!r}"
        for key, value in wanted.items()
        if there.get(key) != value
    ]


def group_differences(at_a: Operator, at_b: Operator, group: Json, gateways: str) -> list[str]:
    """How the copy of a group, which there is at B, differs from the group: attributes and members."""
    copy = at_b.find(GROUPS, group["peer_group_name"])
    if copy is None:
        return [f"{group['peer_group_name']} is not at B"]
    found = [
        f"{name} of {group['peer_group_name']} is {copy[name]!r} at B, {group[name]!r} at A"
        for name in SAME_ATTRIBUTES
        if copy[name] != group[name]
    ]
    here = {each["region-name"]: each for each in at_a.members(group["id"])}
    there = {each["region-name"]: each for each in at_b.members(copy["id"])}
    for region in {**here, **there}:
        if region not in there:
            found.append(f"{here[region]['name']} is missing at B")
        elif region not in here:
            found.append(f"{there[region]['name']} is at B, no member at A")
        else:
            found += member_differences(here[region], there[region], gateways)
    return found


def association_at_a(at_a: Operator, group_id: int) -> Json | None:
    """The association of a group at A, with its message; None when there is none."""
    for each in at_a.listed(ASSOCIATIONS):
        if each["peer-group-id"] == group_id:
            return at_a.one(ASSOCIATIONS, each["id"])
    return None


def status_at_b(at_b: Operator, name: str) -> str | None:
    """The status of the copy's association; None when B has none of the two."""
    copy = at_b.find(GROUPS, name)
    if copy is None:
        return None
    found = [each["sync-status"] for each in at_b.listed(ASSOCIATIONS) if each["peer-group-id"] == copy["id"]]
    return ", ".join(found) or None


def unsettled(world: World) -> list[str]:
    """Why things are not quiet yet, of all that both databases show; empty when they are."""
    found = []
    for name, database in world.databases.items():
        left: Leftovers = leftovers(database, time.time())
        if not left.nothing:
            found.append(f"{name}: {left}")
    for operator, other in ((world.at_a, world.b), (world.at_b, world.a)):
        # A site without an association watches nobody.
        if operator.listed(ASSOCIATIONS):
            state = operator.one("system-peers", other.name)["availability-state"]
            if state != "available":
                found.append(f"{other.name} is {state} for the other site")
    return found


def group_unsettled(world: World, group: Json, gateways: str) -> list[str]:
    """What both sites say of one group and do not agree on, or what is said and is not true."""
    name, association = group["peer_group_name"], association_at_a(world.at_a, group["id"])
    if association is None:
        return [f"B still has {name}, A has no association"] if world.at_b.find(GROUPS, name) else []
    status, there = association["sync-status"], status_at_b(world.at_b, name)
    found = []
    # As long as no sync came to its end B may have nothing that could show a status.
    if there != status and (there is not None or status == "in-sync"):
        found.append(f"{name} is {status} at A ({association['sync-message']}), {there} at B")
    if status == "in-sync":
        differences = group_differences(world.at_a, world.at_b, group, gateways)
        differences += _priority_differs(world.at_b, name, association["peer-group-priority"])
        found += [f"in-sync, but {difference}" for difference in differences]
    elif status in ("failed", "unknown") and association["sync-message"] in (None, "", "None"):
        found.append(f"{name} is {status} without a reason")
    return found


def _priority_differs(at_b: Operator, name: str, wanted: int) -> list[str]:
    copy = at_b.find(GROUPS, name)
    there = copy and copy["group_priority"]
    return [] if there == wanted else [f"the priority of {name} is {there} at B, {wanted} for A"]


def strays_at_b(at_b: Operator) -> list[str]:
    """Subclouds that B has got and that are in no group there: nobody would ever remove them."""
    return [
        f"{one['name']} is left over at B" for one in at_b.listed("subclouds") if not one["peer_group_id"]
    ]


def left_at_b(at_b: Operator) -> list[str]:
    """What B has although A shares nothing with it any more."""
    names = [one["peer_group_name"] for one in at_b.listed(GROUPS)]
    names += [one["name"] for one in at_b.listed("subclouds")]
    return [f"{name} is left over at B" for name in names]
